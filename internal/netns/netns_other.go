//go:build !linux

package netns

import (
	"errors"
	"fmt"
	"runtime"
)

// Do runs f when name is empty. Only Linux has network namespaces: any other
// name is an error that wraps errors.ErrUnsupported.
func Do(name string, f func() error) error {
	if name == "" {
		return f()
	}
	return &Error{name, fmt.Errorf("%s has no network namespaces: %w", runtime.GOOS, errors.ErrUnsupported)}
}
