//go:build !linux

package up

import "sock/endpoint"

// isDatagramFD: no descriptor can be inherited here.
func isDatagramFD(endpoint.Endpoint) bool { return false }
