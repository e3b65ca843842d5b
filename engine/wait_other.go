//go:build !linux

package engine

import "sock/socket"

// awaitReadable is not there: no socket can be made on this system.
func awaitReadable(*socket.Socket) error { return errNoProcess }
