package up

import (
	"strconv"

	"golang.org/x/sys/unix"

	"sock/endpoint"
)

// isDatagramFD reports whether an endpoint is an inherited descriptor of a
// datagram socket. What else is wrong with it shows when it is opened.
func isDatagramFD(e endpoint.Endpoint) bool {
	if !e.IsFD() {
		return false
	}
	fd, err := strconv.Atoi(e.Host)
	if err != nil {
		_, names := endpoint.Activated()
		var named bool
		if fd, named = names[e.Host]; !named {
			return false
		}
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_DGRAM
}
