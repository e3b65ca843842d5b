//go:build unix

package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// errnoSymbol gives the C name of an errno, as in ECONNREFUSED, or "".
func errnoSymbol(errno syscall.Errno) string {
	if errno == syscall.EOPNOTSUPP {
		return "EOPNOTSUPP" // Linux has two names for it; this is the one for sockets
	}
	return unix.ErrnoName(errno)
}
