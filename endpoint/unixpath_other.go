//go:build !unix

package endpoint

import (
	"context"
	"io/fs"

	"sock/socket"
)

// lockDirectory locks nothing here.
func lockDirectory(context.Context, string) (unlock func(), err error) { return func() {}, nil }

// presetMode presets nothing here; the mode is set after bind.
func presetMode(*socket.Socket, fs.FileMode) error { return nil }
