package engine_test

import (
	"context"
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"sock/engine"
)

// TestBlockingConn: what a Blocking handler gets is a net.Conn in full.
func TestBlockingConn(t *testing.T) {
	for _, v := range variants {
		if v.model != engine.Goroutine || v.tls {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				conns, leave := make(chan net.Conn, 1), make(chan struct{})
				s := v.start(t, "", engine.Config{Handler: engine.Blocking(func(_ context.Context, conn net.Conn) error {
					conns <- conn
					<-leave
					return nil
				})})
				raw, err := s.dialRaw()
				if err != nil {
					return nil, nil, nil, err
				}
				conn := <-conns
				return conn, raw, func() {
					_ = conn.Close()
					_ = raw.Close()
					close(leave)
				}, nil
			})
		})
	}
}
