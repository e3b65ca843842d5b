//go:build linux

package socket

import (
	"context"
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

func TestConnConformance(t *testing.T) {
	for _, k := range streams {
		t.Run(k.name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) { return dialPipe(t, k) })
		})
	}
	for _, typ := range []Type{STREAM, SEQPACKET} {
		t.Run("pair-"+typ.String(), func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) { return pairPipe(typ) })
		})
	}
}

// dialPipe makes a connection through Listener and Connect.
func dialPipe(t *testing.T, k stream) (c1, c2 net.Conn, stop func(), err error) {
	s, addr := listenTest(t, k.family, k.typ, k.proto)
	l := s.Listener()
	client, err := New(k.family, k.typ, k.proto)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := client.Connect(context.Background(), addr); err != nil {
		return nil, nil, nil, err
	}
	c2, err = l.Accept()
	if err != nil {
		return nil, nil, nil, err
	}
	c1 = client.Conn()
	return c1, c2, func() { c1.Close(); c2.Close(); l.Close() }, nil
}

func pairPipe(typ Type) (c1, c2 net.Conn, stop func(), err error) {
	a, b, err := Pair(UNIX, typ, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	c1, c2 = a.Conn(), b.Conn()
	return c1, c2, func() { c1.Close(); c2.Close() }, nil
}
