//go:build !linux

package inspect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
)

// Sockets gives one error, which wraps errors.ErrUnsupported: only Linux tells
// of its sockets through sock_diag(7).
func Sockets(context.Context, Query) iter.Seq2[Socket, error] {
	return func(yield func(Socket, error) bool) {
		yield(Socket{}, fmt.Errorf("inspect: %s has no sock_diag(7): %w", runtime.GOOS, errors.ErrUnsupported))
	}
}
