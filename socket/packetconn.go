package socket

import (
	"net"
	"syscall"
	"time"
)

// PacketConn is a datagram Socket as a net.PacketConn. ReadFromAddr and WriteToAddr do the same
// without allocating an address for each datagram. All methods are safe for concurrent use.
type PacketConn struct {
	s     *Socket
	local net.Addr
}

// PacketConn gives the socket as a net.PacketConn, with nothing duplicated.
func (s *Socket) PacketConn() *PacketConn {
	return &PacketConn{s: s, local: s.localAddr().NetAddr(s.Type(), s.Protocol())}
}

// Socket gives the socket that c is.
func (c *PacketConn) Socket() *Socket { return c.s }

// ReadFrom reads one datagram and its sender's address, in package net's form.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.s.recvFrom("read", b, 0)
	if err != nil {
		return n, nil, err
	}
	return n, from.NetAddr(c.s.Type(), c.s.Protocol()), nil
}

// ReadFromAddr reads one datagram and its sender's address.
func (c *PacketConn) ReadFromAddr(b []byte) (int, Addr, error) { return c.s.recvFrom("read", b, 0) }

// WriteTo sends one datagram. The address may be of package net or an Addr.
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, err := FromNetAddr(to)
	if err != nil {
		return 0, &net.OpError{Op: "write", Net: c.s.networkName(), Source: c.local, Addr: to, Err: err}
	}
	return c.WriteToAddr(b, a)
}

// WriteToAddr sends one datagram.
func (c *PacketConn) WriteToAddr(b []byte, to Addr) (int, error) {
	return c.s.sendTo("write", b, 0, to)
}

// Close closes the socket.
func (c *PacketConn) Close() error { return c.s.Close() }

// LocalAddr gives the socket's own address, as *net.UDPAddr, *net.UnixAddr, *net.IPAddr, or Addr.
func (c *PacketConn) LocalAddr() net.Addr {
	if c.local == nil {
		return c.s.localAddr().NetAddr(c.s.Type(), c.s.Protocol())
	}
	return c.local
}

// SetDeadline sets both deadlines. See [Socket.SetReadDeadline].
func (c *PacketConn) SetDeadline(t time.Time) error { return c.s.SetDeadline(t) }

// SetReadDeadline sets when reads stop waiting.
func (c *PacketConn) SetReadDeadline(t time.Time) error { return c.s.SetReadDeadline(t) }

// SetWriteDeadline sets when writes stop waiting.
func (c *PacketConn) SetWriteDeadline(t time.Time) error { return c.s.SetWriteDeadline(t) }

// SyscallConn gives the descriptor to other packages. syscall.Conn.
func (c *PacketConn) SyscallConn() (syscall.RawConn, error) { return c.s.SyscallConn() }
