package engine

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"sock/socket"
)

// deafGrace is how long Serve waits for a loop that does not come to an end of
// its turn.
const deafGrace = time.Second

// crew is the loops of one call of Serve.
type crew struct {
	loops []*loop // immutable once started

	starts  chan error    // whether the last loop has what it needs
	all     chan struct{} // closed when all loops have, or are to end
	allDeaf chan struct{} // closed when no loop accepts any more
	cancel  context.CancelFunc

	mu     sync.Mutex
	ears   int   // guarded by mu: the loops that accept, and start while it is busy
	failed error // guarded by mu: why accepting has ended, if not by the caller's wish
}

// awaitDeaf waits until no loop accepts any more. A loop that is stuck in a
// handler is not waited for: it will close its descriptor when it comes to it.
func (c *crew) awaitDeaf() {
	timer := time.NewTimer(deafGrace)
	defer timer.Stop()
	select {
	case <-c.allDeaf:
	case <-timer.C:
	}
}

// onLoops reports whether event loops serve a listener's connections. TLS,
// blocking handlers and SEQPACKET sockets are served in goroutines.
func (s *Server) onLoops(l *socket.Socket) bool {
	return s.cfg.Model == EventLoop && s.cfg.TLS == nil && s.handler.blocking == nil && l.Type() == socket.STREAM
}

// serveLoops accepts on event loops until the context ends, Shutdown begins or
// a listener fails. The loops go on with their connections after that.
func (s *Server) serveLoops(ctx context.Context, socks []*socket.Socket) error {
	s.noticeBackend()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &crew{starts: make(chan error), all: make(chan struct{}), allDeaf: make(chan struct{}), cancel: cancel, ears: 1}
	listeners := make([]*listener, len(socks))
	for i, sock := range socks {
		var err error
		if listeners[i], err = newListener(s, sock); err != nil {
			return err
		}
	}
	err := c.start(s, listeners)
	if err != nil {
		c.raise(signalDeaf)
	}
	close(c.all)
	var guards sync.WaitGroup
	if err == nil {
		for _, sock := range socks {
			// Stopped by ctx; waited for below.
			guards.Go(func() { c.fail(awaitClosed(ctx, sock)) })
		}
		<-ctx.Done()
	}
	c.raise(signalDeaf)
	cancel()
	c.deaf() // for start's own
	c.awaitDeaf()
	guards.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(err, c.failed)
}

func (c *crew) raise(s signals) {
	for _, lp := range c.loops {
		lp.box.raise(s)
	}
}

// start starts the loops. They accept once all have what they need.
func (c *crew) start(s *Server, listeners []*listener) error {
	n := s.cfg.Loops
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for range n {
		lp, err := newLoop(s, c, listeners)
		if err != nil {
			return err
		}
		if !s.join(lp) {
			lp.abandon()
			return nil // Shutdown has begun, and with it the context ends
		}
		c.mu.Lock()
		c.ears++
		c.mu.Unlock()
		// Stopped by the end of its listeners and its connections, which
		// Shutdown brings about; Shutdown waits for it.
		go lp.run()
		if err := <-c.starts; err != nil {
			return err
		}
		c.loops = append(c.loops, lp)
	}
	return nil
}

// Methods of the loops.

func (c *crew) started(err error) { c.starts <- err }

// deaf says that one loop does not accept any more.
func (c *crew) deaf() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ears--; c.ears == 0 {
		close(c.allDeaf)
	}
}

// fail ends accepting on all loops; the first error counts.
func (c *crew) fail(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
	c.cancel()
}

// awaitClosed waits until the context ends, then it returns nil, or the
// listener is closed. It waits for the listener to become writable, which
// never happens.
func awaitClosed(ctx context.Context, sock *socket.Socket) error {
	raw, err := sock.SyscallConn()
	if err != nil {
		return err
	}
	return endWithContext(ctx, sock.SetWriteDeadline, func() error {
		return raw.Write(func(uintptr) bool { return false })
	})
}
