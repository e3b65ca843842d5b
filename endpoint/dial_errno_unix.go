//go:build unix

package endpoint

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// errnoName is the symbol of an error number, ECONNREFUSED.
func errnoName(errno syscall.Errno) string { return unix.ErrnoName(errno) }
