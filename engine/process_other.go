//go:build !linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"sock/socket"
)

// errNoProcess says what is missing elsewhere than on Linux.
var errNoProcess = fmt.Errorf("engine: the model process needs Linux, not %s: %w", runtime.GOOS, errors.ErrUnsupported)

type processes struct{}

func (c *Config) checkProcess() error { return errNoProcess }

func (s *Server) startProcesses() {}

func (s *Server) askSlot() bool { return s.takeSlot() }

func newChild(s *Server, sock *socket.Socket, peer socket.Addr) served {
	return newStream(s, sock, peer) // not reached: New refuses the model
}

// ServeChild serves one connection in a child process that a Server under
// [Process] has started. On this system it returns an error that wraps
// errors.ErrUnsupported.
func ServeChild(context.Context, Config) error { return errNoProcess }
