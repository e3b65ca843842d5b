package engine

import (
	"crypto/tls"
	"io"
	"net"

	"sock/socket"
)

// directConn is the connection as a Blocking handler sees it: the socket's own
// net.Conn, with its calls counted.
type directConn struct {
	*socket.Conn
	d *direct
}

func (c *directConn) Read(b []byte) (int, error) {
	if c.d.shut.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b)
	return n, c.d.didRead(int64(n), err)
}

func (c *directConn) Write(b []byte) (int, error) {
	if c.d.shut.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(b)
	return n, c.d.didWrite(int64(n), err)
}

// ReadFrom and WriteTo keep the socket's zero-copy paths, also between two
// connections of an engine. With an idle limit they copy, so that the limit
// sees the bytes move.

func (c *directConn) ReadFrom(r io.Reader) (int64, error) {
	if c.d.shut.Load() {
		return 0, net.ErrClosed
	}
	if c.d.c.idle > 0 {
		return io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{r})
	}
	from, ok := r.(*directConn)
	if ok {
		r = from.Conn
	}
	n, err := c.Conn.ReadFrom(r)
	if ok {
		from.d.c.received.Add(n)
	}
	return n, c.d.didWrite(n, err)
}

func (c *directConn) WriteTo(w io.Writer) (int64, error) {
	if c.d.shut.Load() {
		return 0, net.ErrClosed
	}
	if c.d.c.idle > 0 {
		return io.Copy(struct{ io.Writer }{w}, struct{ io.Reader }{c})
	}
	to, ok := w.(*directConn)
	if ok {
		w = to.Conn
	}
	n, err := c.Conn.WriteTo(w)
	if ok {
		to.d.c.sent.Add(n)
	}
	if err == nil {
		_ = c.d.didRead(0, io.EOF) // the end of a copy is the peer's FIN
	}
	return n, c.d.didRead(n, err)
}

// AddTraffic counts bytes that went by without this net.Conn: a handler that
// has given the descriptor to another process, or to the kernel, tells here
// what its connection's Record shall say. Safe for concurrent use.
func (c *directConn) AddTraffic(received, sent int64) {
	c.d.c.received.Add(received)
	c.d.c.sent.Add(sent)
}

// Closed gives a channel that is closed when the engine has closed the
// connection under the handler: by the idle limit, or by Shutdown's end.
func (c *directConn) Closed() <-chan struct{} { return c.d.gone }

func (c *directConn) CloseWrite() error { return c.d.closeWrite() }

// Close sends FIN and fails every read and write from now on. The engine
// closes the descriptor when the handler has returned.
func (c *directConn) Close() error { return c.d.closed() }

// directTLS is directConn over TLS.
type directTLS struct {
	*tls.Conn
	d *direct
}

func (c *directTLS) Read(b []byte) (int, error) {
	if c.d.shut.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b)
	return n, c.d.didRead(int64(n), err)
}

func (c *directTLS) Write(b []byte) (int, error) {
	if c.d.shut.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(b)
	return n, c.d.didWrite(int64(n), err)
}

// Closed is as that of a directConn.
func (c *directTLS) Closed() <-chan struct{} { return c.d.gone }

func (c *directTLS) CloseWrite() error { return c.d.closeWrite() }

func (c *directTLS) Close() error { return c.d.closed() }

// closed is the handler's Close.
func (d *direct) closed() error {
	d.mu.Lock()
	killed := d.killed != nil
	d.mu.Unlock()
	if killed || d.shut.Load() {
		return net.ErrClosed
	}
	d.shutDown()
	return nil
}
