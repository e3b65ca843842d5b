//go:build !unix

package endpoint

import "syscall"

// errnoName knows no symbols here.
func errnoName(syscall.Errno) string { return "" }
