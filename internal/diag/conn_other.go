//go:build !linux

package diag

import (
	"errors"
	"fmt"
	"runtime"
)

// Dial fails: only Linux has sock_diag(7).
func Dial() (*Conn, error) {
	return nil, wrap("dial", "", fmt.Errorf("%s has no sock_diag(7): %w", runtime.GOOS, errors.ErrUnsupported))
}
