package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// widenPipe gives a pipe room for a whole buffer of ours: pipe(7) begins with
// 64 KiB, which would cut every read and write to that. What is not a pipe, or
// may not grow, stays as it is.
func widenPipe(f *os.File) {
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, streamBuffer)
}
