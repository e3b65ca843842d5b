//go:build !linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"sock/socket"
)

// probeBackend knows no backend.
func probeBackend(b Backend) error {
	return fmt.Errorf("engine: backend %s on %s: %w", b, runtime.GOOS, errors.ErrUnsupported)
}

func (s *Server) onLoops(*socket.Socket) bool { return false }

func (s *Server) serveLoops(context.Context, []*socket.Socket) error { return errors.ErrUnsupported }
