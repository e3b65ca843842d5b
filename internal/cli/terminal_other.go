//go:build !unix

package cli

import "os"

// terminal reports whether f is a terminal, as far as its mode tells.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
