package socket

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a Socket as a net.Conn: the same descriptor, the same deadlines, the same errors as
// package net gives. All methods are safe for concurrent use.
type Conn struct {
	s *Socket

	local, remote atomic.Pointer[net.Addr] // once known
}

// Conn gives the socket as a net.Conn, with nothing duplicated: closing either closes both.
func (s *Socket) Conn() *Conn {
	c := &Conn{s: s}
	c.LocalAddr() // while the kernel still knows
	c.RemoteAddr()
	return c
}

// Socket gives the socket that c is.
func (c *Conn) Socket() *Socket { return c.s }

// Read reads what there is, waiting for it. The end of a stream is io.EOF. On a datagram socket it
// reads one datagram, which may be empty. With an empty b it returns at once.
func (c *Conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return c.s.recv("read", b, 0, false)
}

// Write writes b whole; on a datagram socket, as one datagram.
func (c *Conn) Write(b []byte) (int, error) {
	return c.s.send("write", b, 0, c.s.Type().isStream())
}

// Close closes the socket. Reads and writes under way return an error that wraps net.ErrClosed.
func (c *Conn) Close() error { return c.s.Close() }

// CloseRead ends the receiving direction: reads give io.EOF.
func (c *Conn) CloseRead() error { return c.s.Shutdown(ShutRD) }

// CloseWrite ends the sending direction: the peer reads end of file, and can still answer.
func (c *Conn) CloseWrite() error { return c.s.Shutdown(ShutWR) }

// LocalAddr gives the socket's own address, as *net.TCPAddr, *net.UDPAddr, *net.UnixAddr, or Addr.
func (c *Conn) LocalAddr() net.Addr { return c.cached(&c.local, c.s.localAddr) }

// RemoteAddr gives the peer's address in the same form, or nil while there is no peer.
func (c *Conn) RemoteAddr() net.Addr { return c.cached(&c.remote, c.s.peerAddr) }

func (c *Conn) cached(known *atomic.Pointer[net.Addr], ask func() Addr) net.Addr {
	if a := known.Load(); a != nil {
		return *a
	}
	a := ask().NetAddr(c.s.Type(), c.s.Protocol())
	if a != nil {
		known.Store(&a)
	}
	return a
}

// SetDeadline sets both deadlines. See [Socket.SetReadDeadline].
func (c *Conn) SetDeadline(t time.Time) error { return c.s.SetDeadline(t) }

// SetReadDeadline sets when reads stop waiting.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.s.SetReadDeadline(t) }

// SetWriteDeadline sets when writes stop waiting.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.s.SetWriteDeadline(t) }

// SyscallConn gives the descriptor to other packages. syscall.Conn.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.s.SyscallConn() }

// File gives a duplicate of the descriptor in blocking mode, as a child process expects its
// standard input and output to be; close it when the child has started. The mode belongs to the
// socket, not to the descriptor: sends and receives of c go on as before, but an Accept, a Connect,
// a SendFile or a Splice would now occupy a thread while it waits.
func (c *Conn) File() (*os.File, error) { return c.s.blockingFile() }

// ReadFrom writes what it reads from r, up to r's end: from a file with sendfile, from another
// stream socket (of this package or of net) with splice, else through a buffer. io.ReaderFrom.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	n, handled, err := c.readFrom(r)
	if handled {
		return n, err
	}
	return io.Copy(onlyWriter{c}, r)
}

// readFrom is ReadFrom where the kernel can do the copying; else it does nothing.
func (c *Conn) readFrom(r io.Reader) (n int64, handled bool, err error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return c.readFromKernel(r, -1)
	}
	if limited.N <= 0 {
		return 0, true, nil
	}
	n, handled, err = c.readFromKernel(limited.R, limited.N)
	limited.N -= n
	return n, handled, err
}

func (c *Conn) readFromKernel(r io.Reader, limit int64) (n int64, handled bool, err error) {
	if !c.s.Type().isStream() {
		return 0, false, nil
	}
	if raw, from := streamSource(r); raw != nil {
		n, err = c.s.splice("readfrom", raw, from, limit)
		return n, true, err
	}
	return c.s.sendRegular("readfrom", r, limit)
}

// streamSource gives the RawConn of a stream socket, and the Socket where it is of this package.
func streamSource(r any) (syscall.RawConn, *Socket) {
	switch conn := r.(type) {
	case *Conn:
		if !conn.s.Type().isStream() {
			return nil, nil
		}
		raw, err := conn.s.SyscallConn()
		if err != nil {
			return nil, nil
		}
		return raw, conn.s
	case *net.TCPConn:
		return rawOf(conn), nil
	case *net.UnixConn:
		if a := conn.LocalAddr(); a != nil && a.Network() == "unix" {
			return rawOf(conn), nil
		}
	}
	return nil, nil
}

func rawOf(c syscall.Conn) syscall.RawConn {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// WriteTo writes to w what it reads from c, up to the end: to another Conn of this package with
// splice, else through a buffer. io.WriterTo.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	to, ok := w.(*Conn)
	if ok && c.s.Type().isStream() && to.s.Type().isStream() {
		return to.ReadFrom(c)
	}
	return io.Copy(w, onlyReader{c})
}

// onlyWriter hides Conn.ReadFrom, and onlyReader Conn.WriteTo, from io.Copy, which would call them again.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
