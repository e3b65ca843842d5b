//go:build !unix

package socket

import "syscall"

// errnoSymbol has no names to give on this system.
func errnoSymbol(syscall.Errno) string { return "" }
