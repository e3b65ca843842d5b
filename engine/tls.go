package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"sock/socket"
)

// wire is what crypto/tls reads and writes beneath a stream. During the
// handshake it is the socket. After it, writes join the stream's output, so
// that they never block and never time out (a write that does breaks a
// tls.Conn for good), and reads time out passingly, which a tls.Conn survives.
type wire struct {
	st       *stream
	buffered bool // after the handshake. Owned by the loop
}

func (w *wire) Read(b []byte) (int, error) { return w.st.readWire(b) }

func (w *wire) Write(b []byte) (int, error) {
	if !w.buffered {
		return w.st.sock.SendAll(b, 0)
	}
	w.st.out.append(b)
	return len(b), nil
}

// Close does nothing: the end of the socket is the stream's business. So are
// the deadlines, except those that a Blocking handler sets.

func (w *wire) Close() error                      { return nil }
func (w *wire) LocalAddr() net.Addr               { return w.netAddr(*w.st.c.local) }
func (w *wire) RemoteAddr() net.Addr              { return w.netAddr(w.st.c.peer) }
func (w *wire) SetDeadline(t time.Time) error     { return w.deadline(w.st.sock.SetDeadline, t) }
func (w *wire) SetReadDeadline(t time.Time) error { return w.deadline(w.st.sock.SetReadDeadline, t) }

func (w *wire) SetWriteDeadline(t time.Time) error { return w.deadline(w.st.sock.SetWriteDeadline, t) }

// netAddr gives an address as package net has it, for code that looks at the type.
func (w *wire) netAddr(a socket.Addr) net.Addr {
	return a.NetAddr(w.st.sock.Type(), w.st.sock.Protocol())
}

func (w *wire) deadline(set func(time.Time) error, t time.Time) error {
	if w.buffered {
		return nil
	}
	return set(t)
}

// secureUp makes the TLS handshake, on the connection's own goroutine, and
// takes the slot that waited for it. It reports whether there is a connection
// to serve; if not, the end is decided.
func (st *stream) secureUp() bool {
	if st.s.cfg.TLS == nil {
		return true
	}
	w := &wire{st: st}
	st.tls = tls.Server(w, st.s.cfg.TLS)
	st.box.arm(time.Now().Add(st.s.cfg.HandshakeTimeout))
	err := st.tls.HandshakeContext(context.Background())
	st.shaken()
	if err != nil {
		st.notShaken(err)
		return false
	}
	state := st.tls.ConnectionState()
	st.c.secure = &state
	w.buffered = st.s.handler.blocking == nil
	st.box.arm(time.Time{})
	return st.admitted()
}

// notShaken ends a connection without a handshake. An alert may be under way:
// it must not be overtaken by a reset.
func (st *stream) notShaken(err error) {
	end := handshakeEnd(err)
	switch {
	case st.box.pending.Load():
		end = &End{By: Local, How: RST, Err: ErrShutdown}
	case end.By == Local && end.How == Failed:
		st.gentle = st.sock.Shutdown(socket.ShutWR) == nil
		st.linger()
	}
	st.c.finish(end)
}

// handshakeEnd classifies the failure of a handshake.
func handshakeEnd(err error) *End {
	end := endOf(err)
	end.Err = fmt.Errorf("tls handshake: %w", err)
	return end
}
