//go:build !unix

package cli

import "syscall"

// errnoName is the symbol of an errno; elsewhere than on Unix there is none.
func errnoName(syscall.Errno) string { return "" }
