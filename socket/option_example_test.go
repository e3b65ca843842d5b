//go:build linux

package socket_test

import (
	"fmt"
	"time"

	"sock/socket"
)

// Options are typed: each has Set and Get.
func ExampleOpt() {
	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	if err := socket.UserTimeout.Set(s, 5*time.Second); err != nil {
		fmt.Println(err)
	}
	bound, err := socket.UserTimeout.Get(s)
	fmt.Println(bound, err)
	// Output: 5s <nil>
}

// Options also go by name and text, as in an endpoint or a configuration.
func ExampleLookup() {
	o, ok := socket.Lookup("TCP_KEEPIDLE")
	fmt.Println(ok, o.Name, o.Kind, o.Unit, o.Scope())
	fmt.Println(o.Parse("30s"))
	fmt.Println(o.Parse("30"))
	// Output:
	// true keepalive-idle duration seconds tcp, mptcp
	// <nil>
	// keepalive-idle: 30 of what? Write 30s or 30ms
}
