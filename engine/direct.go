package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sock/socket"
)

// direct serves a connection by a Blocking handler, in the goroutine that runs
// it. It is a stream whose turns the handler itself takes, with its own reads
// and writes; handshake and lingering close are the stream's. The idle limit
// and Shutdown's end close the socket under the handler.
type direct struct {
	stream
	sightings
}

// sightings are what the handler's calls met; the end is told from them.
type sightings struct {
	gone chan struct{} // closed when the engine has closed the socket under the handler

	shut atomic.Bool // the handler has called Close or returned
	fini atomic.Bool // FIN was sent after that

	mu     sync.Mutex
	timer  *time.Timer // guarded by mu: the idle limit; nil without
	moved  time.Time   // guarded by mu: when a byte moved last; kept only with an idle limit
	killed *End        // guarded by mu: the engine closed the socket
	failed *End        // guarded by mu: the first error of a read or write that ends a connection
	sawEOF bool        // guarded by mu: the peer's FIN was read
	sawFIN bool        // guarded by mu: CloseWrite has sent ours
	fin    Side        // guarded by mu: who was first
}

func newDirect(s *Server, sock *socket.Socket, peer socket.Addr) *direct {
	d := &direct{sightings: sightings{gone: make(chan struct{})}}
	d.start(s, sock, peer)
	d.box.sock = sock
	return d
}

// stop: the server's context, which the handler's is derived from, is done.
func (d *direct) stop() {}

func (d *direct) force() { d.kill(&End{By: Local, How: RST, Err: ErrShutdown}) }

// kill closes the socket under the handler.
func (d *direct) kill(end *End) {
	d.mu.Lock()
	first := d.killed == nil
	if first {
		d.killed = end
	}
	d.mu.Unlock()
	if !first {
		return
	}
	defer close(d.gone)
	if end.How == RST {
		reset(d.sock)
		return
	}
	_ = d.sock.Shutdown(socket.ShutWR) // fails only on a connection gone already
	_ = d.sock.Close()
}

func (d *direct) run() {
	defer d.leave() // also when the handler ends the goroutine
	defer d.stopIdle()
	up := d.secureUp()
	d.mu.Lock()
	if d.killed != nil {
		d.c.end = d.killed
		up = false
	}
	d.mu.Unlock()
	if up {
		d.serve()
	}
}

// serve calls the handler and closes in order after it.
func (d *direct) serve() {
	ctx, cancel := context.WithCancel(d.s.life)
	defer cancel()
	d.watchIdle()
	err := d.callBlocking(ctx)
	d.shut.Store(true)
	if d.c.end == nil {
		d.settle(err)
	}
}

func (d *direct) callBlocking(ctx context.Context) error {
	d.c.calls++
	defer d.called()
	return d.s.handler.blocking.serve(ctx, d.face())
}

// face gives the connection as the handler sees it.
func (d *direct) face() net.Conn {
	if d.tls != nil {
		return &directTLS{Conn: d.tls, d: d}
	}
	return &directConn{Conn: d.sock.Conn(), d: d}
}

// watchIdle starts the idle limit's timer.
func (d *direct) watchIdle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.c.idle > 0 {
		d.moved = time.Now()
		d.timer = time.AfterFunc(d.c.idle, d.checkIdle)
	}
}

// checkIdle runs when the idle limit may be over, in the timer's goroutine.
// It is the last time when the handler has returned or closed: the lingering
// close has its own limit.
func (d *direct) checkIdle() {
	if d.shut.Load() {
		return
	}
	d.mu.Lock()
	left := time.Until(d.moved.Add(d.c.idle))
	if left > 0 {
		d.timer.Reset(left)
	}
	d.mu.Unlock()
	if left <= 0 {
		d.kill(&End{By: Local, How: Timeout, Err: os.ErrDeadlineExceeded})
	}
}

func (d *direct) stopIdle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
}

// settle closes and tells the end from what the handler met and returned.
func (d *direct) settle(err error) {
	d.shutDown()
	d.mu.Lock()
	end := d.killed
	if end == nil {
		end = d.failed
	}
	eof, fin := d.sawEOF, d.fin
	d.mu.Unlock()
	if end == nil && eof {
		end = &End{By: fin, How: FIN}
	} else if end == nil {
		end = d.linger()
	}
	d.mu.Lock()
	if d.killed != nil {
		end = d.killed // while lingering
	}
	d.mu.Unlock()
	if end.How == FIN && handlersOwn(err) {
		d.gentle = true
		end = &End{By: Local, How: Failed, Err: err}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			end.How = Timeout
		}
	}
	d.c.finish(end)
}

// handlersOwn reports whether an error is news: not the end of the connection
// that the engine has seen itself.
func handlersOwn(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) &&
		!errors.Is(err, context.Canceled)
}

// shutDown is the handler's Close: FIN is sent, and every read and write
// fails from now on. The descriptor is closed when the handler has returned.
func (d *direct) shutDown() {
	d.shut.Store(true)
	if d.fini.Swap(true) {
		return
	}
	_ = d.closeWrite() // fails only on a connection gone already
	_ = d.sock.SetDeadline(longAgo)
}

// closeWrite sends FIN, over TLS after close_notify.
func (d *direct) closeWrite() error {
	d.mu.Lock()
	again := d.sawFIN
	d.sawFIN = true
	if d.fin == "" {
		d.fin = Local
	}
	d.mu.Unlock()
	if again {
		return nil
	}
	if d.tls != nil {
		_ = d.tls.CloseWrite() // bounded by crypto/tls; FIN follows in any case
	}
	return d.sock.Shutdown(socket.ShutWR)
}

// did takes note of one read or write of the handler and gives the error that
// the handler gets.
func (d *direct) did(n int64, err error) error {
	if err == nil && d.c.idle == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n > 0 && d.c.idle > 0 {
		d.moved = time.Now()
	}
	return d.metLocked(err)
}

// metLocked sorts an error: what the engine did to the socket shows as
// net.ErrClosed, what the peer did is kept for the record.
func (d *direct) metLocked(err error) error {
	switch {
	case err == nil:
		return nil
	case d.shut.Load() || d.killed != nil:
		return net.ErrClosed
	case errors.Is(err, io.EOF):
		d.sawEOF = true
		if d.fin == "" {
			d.fin = Peer
		}
	case d.failed == nil:
		if end := endOf(err); end.By == Peer {
			d.failed = end
		}
	}
	return err
}

// didRead and didWrite also count.

func (d *direct) didRead(n int64, err error) error {
	d.c.received.Add(n)
	return d.did(n, err)
}

func (d *direct) didWrite(n int64, err error) error {
	d.c.sent.Add(n)
	return d.did(n, err)
}
