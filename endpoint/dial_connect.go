package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"sock/internal/netns"
	"sock/socket"
)

// connect makes one socket and connects it.
//
// A TCP client whose ephemeral port happens to be the port it connects to is
// connected to itself, which takes that nobody listens there: it is refused.
// Socket.Connect sees to that for a socket that is not bound, and this for one
// bound to an address alone. A port that from= gives is what was asked for.
func connect(ctx context.Context, e Endpoint, from source, to socket.Addr) (*socket.Socket, error) {
	s, err := newSocket(e, to.Family())
	if err != nil {
		return nil, err
	}
	err = prepare(ctx, s, e, from, to)
	if err == nil && from.port == 0 && connectedToItself(s) {
		err = &net.OpError{
			Op: "connect", Net: e.Network(), Addr: to,
			Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
		}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// newSocket makes a socket of the endpoint's kind in its network namespace.
func newSocket(e Endpoint, family socket.Family) (s *socket.Socket, err error) {
	typ, protocol := kindOf(e)
	err = netns.Do(e.NetNS(), func() (err error) {
		s, err = socket.New(family, typ, protocol)
		return err
	})
	return s, err
}

// kindOf is what socket(2) is asked for.
func kindOf(e Endpoint) (socket.Type, socket.Protocol) {
	row := schemeOf(e.Scheme)
	return row.socketType(), row.protocol()
}

// prepare takes a new socket through its states: options, bind, options,
// connect, options.
func prepare(ctx context.Context, s *socket.Socket, e Endpoint, from source, to socket.Addr) error {
	if err := reportErrors(s); err != nil {
		return err
	}
	if err := from.bind(s, e, func() error { return setOptions(s, e, socket.BeforeBind, 0) }); err != nil {
		return err
	}
	if err := setOptions(s, e, socket.BeforeConnect, socket.BeforeBind); err != nil {
		return err
	}
	if err := s.Connect(ctx, to); err != nil {
		return err
	}
	return setOptions(s, e, socket.Connected, socket.BeforeBind|socket.BeforeConnect)
}

// reportErrors asks for ICMP errors on a datagram socket, with who sent them.
func reportErrors(s *socket.Socket) error {
	if s.Type() != socket.DGRAM || s.Family() == socket.UNIX {
		return nil
	}
	return socket.RecvErr.Set(s, true)
}

// setOptions sets the endpoint's socket options that may be set in the state
// now, and were not already due in one of the states before.
func setOptions(s *socket.Socket, e Endpoint, now, before socket.When) error {
	for _, o := range e.Options {
		row := socketRow(o)
		if row == nil || row.When&now == 0 || row.When&before != 0 || passes(row, s, e) {
			continue
		}
		if err := row.SetText(s, o.Value); err != nil {
			return err
		}
	}
	return nil
}

// sendAtOnce turns TCP_NODELAY on, as package net does: what is written leaves
// at once, also while earlier bytes are not yet acknowledged. nodelay=0 has the
// last word. Accepted sockets inherit it.
func sendAtOnce(s *socket.Socket) error {
	if s.Protocol() != socket.TCP {
		return nil
	}
	return socket.NoDelay.Set(s, true)
}

// socketRow is an option's row in the socket's table; nil for an own option.
func socketRow(o Option) *socket.Option {
	r, _ := lookupRule(o.Name)
	if r.own != nil {
		return nil
	}
	return r.row
}

// passes reports whether an option goes past a socket that does not have it:
// an option of IPv6 alone and an IPv4 socket of an endpoint that is both. It
// does its work on the IPv6 socket beside it.
func passes(row *socket.Option, s *socket.Socket, e Endpoint) bool {
	return s.Family() == socket.INET && len(row.Families) > 0 && !slices.Contains(row.Families, socket.INET) &&
		slices.Contains(row.Families, socket.INET6) && !strings.HasSuffix(e.Network(), "4")
}

func connectedToItself(s *socket.Socket) bool {
	if s.Protocol() != socket.TCP {
		return false
	}
	t, err := s.Tuple()
	return err == nil && t.Local == t.Peer
}

// DatagramConn is a connected datagram socket. Where ICMP reported that a
// datagram did not arrive, the next Read or Write fails with the errno
// (ECONNREFUSED: nobody there), and [DatagramConn.Unreachable] has the details.
//
// Its methods may be called concurrently, as those of any net.Conn.
type DatagramConn struct {
	*socket.Conn
	unreachable lastQueued
}

// Read receives one datagram; what does not fit into b is lost.
func (c *DatagramConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.collect(err)
	}
	return n, err
}

// Write sends one datagram.
func (c *DatagramConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		c.collect(err)
	}
	return n, err
}

// ReadFrom sends what r gives, one datagram for each of its reads.
func (c *DatagramConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{r}) // the Conn's own would not collect
}

// WriteTo writes to w what arrives, until an error.
func (c *DatagramConn) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(struct{ io.Writer }{w}, struct{ io.Reader }{c})
}

// collect empties the socket's error queue. Left alone it would fill the
// receive buffer, and a peer that comes back would not be heard.
func (c *DatagramConn) collect(err error) {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	c.unreachable.collect(c.Conn.Socket())
}

// Unreachable returns the last error that ICMP reported, and whether there was
// any: its type and code, and who sent it.
func (c *DatagramConn) Unreachable() (socket.QueuedError, bool) {
	return c.unreachable.get()
}
