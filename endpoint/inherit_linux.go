package endpoint

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// checkSocket reports whether fd is an open socket, and if not, what it is; a
// socket is then made to close on exec.
func checkSocket(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("it is not open: %w", os.NewSyscallError("fstat", err))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		target, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		return fmt.Errorf("it is not a socket but %s: %w", target, os.NewSyscallError("getsockopt", unix.ENOTSOCK))
	}
	closeOnExec(fd)
	return nil
}

func closeOnExec(fd int) { unix.CloseOnExec(fd) }
