package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sock/socket"
)

// TLSConn is a TLS connection of this package: a *tls.Conn whose handshake is
// bounded in time and whose errors say what went wrong in words ([*TLSError]).
// NetConn is the *socket.Conn below it.
//
// On the server's side the handshake is done by the first Read, Write or
// CloseWrite, and not by Accept: a client that says nothing holds up nobody
// else. A failed handshake closes the connection, after the alert that says why.
//
// CloseWrite ends this direction with a close_notify alert and goes on reading.
// That is as much of a half-close as TLS has, and peers differ: those of TLS 1.3
// and of this package go on sending, while many older ones, as TLS 1.2 asks of
// them, answer with a close_notify of their own at once and drop what they had
// yet to send (RFC 8446, section 6.1; RFC 5246, section 7.2.1). The TCP
// connection stays open in both directions until Close.
//
// Methods may be called concurrently, as those of tls.Conn.
type TLSConn struct {
	*tls.Conn
	below   *endMark
	timeout time.Duration
	say     func(error) error // gives an error its words

	once   sync.Once
	done   atomic.Bool // the handshake has succeeded
	failed error       // set within once
}

// TLSServer is the server's side of TLS on a connection that was accepted. The
// handshake happens on first use and may take as long as timeout; zero means
// [HandshakeTimeout].
func TLSServer(conn net.Conn, config *tls.Config, timeout time.Duration) *TLSConn {
	if timeout <= 0 {
		timeout = HandshakeTimeout
	}
	below := &endMark{Conn: conn}
	c := &TLSConn{Conn: tls.Server(below, config), below: below, timeout: timeout}
	c.say = func(err error) error { return tlsFailure(err, false, config.ServerName, timeout) }
	return c
}

// handshake does the client's side of TLS on a socket that has connected.
func (r *dialing) handshake(ctx context.Context, s *socket.Socket, config *tls.Config) (net.Conn, error) {
	start, limit := time.Now(), r.HandshakeTimeout
	if t := r.endpoint.Timeout(); t > 0 {
		limit = min(limit, t)
	}
	below := &endMark{Conn: s.Conn()}
	c := &TLSConn{Conn: tls.Client(below, config), below: below, timeout: limit}
	c.say = func(err error) error { return tlsFailure(err, true, config.ServerName, limit) }
	err := c.HandshakeContext(ctx)
	r.report.Handshake = time.Since(start)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// endMark notes that the connection below TLS has ended. crypto/tls stops
// reading at close_notify; so where it gives io.EOF and the mark is set, there
// was none.
type endMark struct {
	net.Conn
	reached atomic.Bool
}

func (m *endMark) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if n == 0 && errors.Is(err, io.EOF) {
		m.reached.Store(true)
	}
	return n, err
}

// NetConn is the connection that TLS runs on. Reading from it or writing to it
// breaks the TLS connection.
func (c *TLSConn) NetConn() net.Conn { return c.below.Conn }

// Handshake does the handshake, if it is not done; see HandshakeContext.
func (c *TLSConn) Handshake() error { return c.HandshakeContext(context.Background()) }

// HandshakeContext does the handshake within the connection's own limit, or
// waits for the one under way. Only the first ctx counts. The error is a
// *TLSError, the same for every caller; the connection is then closed.
func (c *TLSConn) HandshakeContext(ctx context.Context) error {
	if c.done.Load() {
		return nil
	}
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		if err := c.Conn.HandshakeContext(ctx); err != nil {
			c.failed = c.say(err)
			c.NetConn().Close()
			return
		}
		c.done.Store(true)
	})
	return c.failed
}

// Read reads after the handshake. The peer's close_notify is io.EOF. A TCP
// connection that ends without one may have been cut by anybody: that is a
// *TLSError which wraps io.ErrUnexpectedEOF, also between two records. A
// protocol that marks its own end, or a caller who expects no data, may look
// past it. RFC 8446, section 6.1.
func (c *TLSConn) Read(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && c.below.reached.Load() {
		return n, &TLSError{"the connection ended without close_notify: what came may not be all", io.ErrUnexpectedEOF}
	}
	return n, c.explain(err)
}

// Write writes after the handshake.
func (c *TLSConn) Write(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	return n, c.explain(err)
}

// CloseWrite sends close_notify after the handshake.
func (c *TLSConn) CloseWrite() error {
	if err := c.Handshake(); err != nil {
		return err
	}
	return c.explain(c.Conn.CloseWrite())
}

// explain gives words to what the peer's TLS says after the handshake: in TLS
// 1.3 a server refuses a client's certificate only then.
func (c *TLSConn) explain(err error) error {
	var op *net.OpError
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return err
	}
	if errors.As(err, &op) && op.Op == "remote error" {
		return c.say(err)
	}
	return err
}
