//go:build !unix

package cli

import "os"

// terminalWidth is the usual one for a terminal, 0 for anything else.
func terminalWidth(f *os.File) int {
	if terminal(f) {
		return width
	}
	return 0
}
