//go:build unix

package cli

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// errnoName is the symbol of an errno, as in errno(3); empty where it has none.
func errnoName(errno syscall.Errno) string { return unix.ErrnoName(errno) }
