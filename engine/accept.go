package engine

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"sock/socket"
)

// The waits of an accept that fails for want of descriptors or memory.
const (
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = time.Second
	serialAccept = 50 * time.Millisecond
)

// What is told about an accept that fails for such want.
const (
	acceptWaits = "cannot accept for now, trying again"
	acceptAgain = "accepting again"
)

// Serve accepts connections from listening stream sockets and serves them,
// until the context ends or Shutdown is called; then it returns nil, while the
// connections go on. Several calls at the same time are allowed.
//
// The listeners stay the caller's, who closes them when Serve has returned.
// Without descriptors or memory for one more connection Serve waits, with one
// EventNotice when that begins and one when it is over. An error that accept
// cannot recover from is returned.
func (s *Server) Serve(ctx context.Context, listeners ...*socket.Socket) error {
	var onLoops []*socket.Socket
	var jobs []func(context.Context) error
	for _, l := range listeners {
		if s.onLoops(l) {
			onLoops = append(onLoops, l)
			continue
		}
		jobs = append(jobs, s.waiting(l, func(ctx context.Context) error {
			a := &acceptor{s: s, listener: l}
			return a.run(ctx)
		}))
	}
	if len(onLoops) > 0 {
		jobs = append(jobs, func(ctx context.Context) error { return s.serveLoops(ctx, onLoops) })
	}
	return s.serveAll(ctx, jobs)
}

// serveAll runs each job in a goroutine until the context or the server's life
// ends or one of them fails, and waits for all of them.
func (s *Server) serveAll(ctx context.Context, jobs []func(context.Context) error) error {
	if s.life.Err() != nil {
		return ErrShutdown
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	failed := make([]error, len(jobs))
	var all sync.WaitGroup
	for i, job := range jobs {
		// Stopped by ctx; waited for below.
		all.Go(func() {
			failed[i] = job(ctx)
			cancel()
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// waiting gives a job that waits in reads of a socket. They end with the
// context, and the socket's deadline is put back afterwards: it is the caller's.
func (s *Server) waiting(sock *socket.Socket, serve func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		return endWithContext(ctx, sock.SetReadDeadline, func() error { return serve(ctx) })
	}
}

// endWithContext runs wait, which ends when setDeadline is called with a time
// in the past, and has it end with the context: then it returns nil.
func endWithContext(ctx context.Context, setDeadline func(time.Time) error, wait func() error) error {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = setDeadline(longAgo) // fails only on a closed socket, where nobody waits
		close(woken)
	})
	err := wait()
	if !stop() {
		<-woken
		_ = setDeadline(time.Time{})
	}
	if ctx.Err() != nil && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed)) {
		return nil
	}
	return err
}

// acceptor is the loop of one listener.
type acceptor struct {
	s        *Server
	listener *socket.Socket
	backoff  time.Duration // positive while descriptors or memory are short
}

func (a *acceptor) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := a.one(ctx); err != nil {
			return err
		}
	}
	return nil
}

// one accepts one connection and has it served.
func (a *acceptor) one(ctx context.Context) error {
	if err := a.awaitTurn(ctx); err != nil {
		return a.failed(ctx, err)
	}
	sock, peer, err := a.accept()
	if err != nil {
		a.s.endTurn()
		return a.failed(ctx, err)
	}
	a.recovered()
	a.s.accepted(sock, peer)
	return nil
}

// awaitTurn waits, under the model serial, for a connection to be there and then
// for the token, in this order: of several listeners, the one that has a client
// gets it. Accept comes last, so that whoever waits does so in the backlog. The
// connection gives the token back when it has ended.
func (a *acceptor) awaitTurn(ctx context.Context) error {
	if a.s.cfg.Model != Serial {
		return nil
	}
	if err := awaitReadable(a.listener); err != nil {
		return err
	}
	select {
	case a.s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endTurn gives the token back.
func (s *Server) endTurn() {
	if s.cfg.Model == Serial {
		<-s.turn
	}
}

// accept accepts. Under the model serial, where the token is held, it does not
// wait long if the connection that was there has left.
func (a *acceptor) accept() (*socket.Socket, socket.Addr, error) {
	if a.s.cfg.Model != Serial {
		return a.listener.Accept(context.Background())
	}
	ctx, cancel := context.WithTimeout(context.Background(), serialAccept)
	defer cancel()
	return a.listener.Accept(ctx)
}

// failed decides whether accepting goes on: nil, after a wait if need be.
func (a *acceptor) failed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil
	case isPending(err):
		a.s.counters.acceptErrors.Add(1)
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil
	case !isExhausted(err):
		return err
	}
	a.s.counters.acceptErrors.Add(1)
	if a.backoff == 0 {
		a.backoff = firstBackoff
		a.notice(acceptWaits, err)
	}
	timer := time.NewTimer(a.backoff)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	a.backoff = min(2*a.backoff, lastBackoff)
	return nil
}

// recovered says that a shortage is over.
func (a *acceptor) recovered() {
	if a.backoff > 0 {
		a.backoff = 0
		a.notice(acceptAgain, nil)
	}
}

func (a *acceptor) notice(text string, err error) {
	local, _ := a.listener.LocalAddr() // only to name it
	a.s.observe(Event{Kind: EventNotice, Local: local, Text: text, Err: err})
}

// isExhausted reports whether an error of accept(2) passes when others give
// back what they hold; EPERM, when a firewall's rule does.
func isExhausted(err error) bool {
	return isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM)
}

// isPending reports whether an error of accept(2) is one that had happened to
// the connection, which is out of the queue now: it says nothing of the next.
func isPending(err error) bool {
	return isAny(err, syscall.ECONNABORTED, syscall.ENETDOWN, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENETUNREACH)
}

func isAny(err error, errnos ...syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains(errnos, errno)
}

// accepted has a new connection served, or refuses it.
func (s *Server) accepted(sock *socket.Socket, peer socket.Addr) {
	if err := s.admit(sock, peer); err != nil {
		local, _ := sock.LocalAddr() // only to name it
		s.refuse(peer, local, err)
		reset(sock)
		s.endTurn()
		return
	}
	m := s.newServed(sock, peer)
	l := m.base()
	l.shakes = s.cfg.TLS != nil
	l.slot = !l.shakes
	l.self = m
	if !s.join(m) {
		l.forget()
		reset(sock)
		s.endTurn()
		return
	}
	s.opened(&l.c)
	// Stopped by the peer, the handler, the idle limit or Shutdown's force;
	// Shutdown waits for it.
	go func() {
		defer s.endTurn() // also when the handler ends the goroutine
		m.run()
	}()
}

// served is a stream connection under some model.
type served interface {
	member
	base() *link
	run()
}

func (s *Server) newServed(sock *socket.Socket, peer socket.Addr) served {
	switch {
	case s.cfg.Model == Process:
		return newChild(s, sock, peer)
	case s.handler.blocking != nil:
		return newDirect(s, sock, peer)
	}
	return newStream(s, sock, peer)
}

// admit asks whoever may refuse a peer. After nil the slot (over TLS: the
// count of handshakes) is taken.
func (s *Server) admit(sock *socket.Socket, peer socket.Addr) error {
	if s.cfg.Accepted != nil && sock != nil {
		if err := s.cfg.Accepted(sock); err != nil {
			return err
		}
	}
	if s.cfg.Admit != nil {
		if err := s.cfg.Admit(peer); err != nil {
			return err
		}
	}
	if s.cfg.TLS == nil {
		if !s.takeSlot() {
			return ErrTooMany
		}
		return nil
	}
	if s.handshakes.Add(1) > s.cfg.handshakes() {
		s.handshakes.Add(-1)
		return ErrTooMany
	}
	return nil
}
