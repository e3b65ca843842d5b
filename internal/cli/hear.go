package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"sock/endpoint"
	"sock/engine"
)

// The bounds of a listener that keeps.
const (
	slowLimit      = 5 * time.Second // how long one client may hold up our input
	sessionForever = 24 * time.Hour  // a UDP peer that was silent so long is forgotten
	stopQuiet      = time.Second     // a server that stops closes a client that was silent so long
)

// hearMany serves any number of clients on our input and output: what they say
// is written as it comes, and our input goes to all who are there.
func (a *app) hearMany(ctx context.Context, ep endpoint.Endpoint, r rules) error {
	l, err := endpoint.Listen(ctx, ep)
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, over := context.WithCancelCause(ctx)
	defer over(nil)
	h := &hearing{a: a, ep: ep, out: &writer{out: a.stdout, over: over}, rules: r, arrived: make(chan struct{}, 1)}
	server, err := engine.New(engine.Config{
		Model: engine.Model(ep.Model()), Backend: engine.Backend(ep.Backend()), Loops: ep.Loops(), Handler: engine.Blocking(h.hear), MaxConns: ep.MaxConns(),
		Admit: admit(ep), Idle: ep.Idle(), TLS: l.TLSConfig(), Observe: a.observer(l.Endpoint()),
	})
	if err != nil {
		return err
	}
	e := listeningOf(l)
	if e.Model = ep.Model(); e.Model == "" {
		e.Model = string(engine.Goroutine)
	}
	e.Backend = string(server.Backend())
	a.announce(e, l.Notices())
	if err := a.ready(e.Endpoint); err != nil {
		return err
	}
	if !r.recvOnly {
		go h.speak(ctx)
	}
	return a.serveUntil(ctx, server, func() error { return server.Serve(ctx, l.Sockets()...) })
}

// serveUntil serves until ctx ends, and then lets what is open end. Its error
// is the output's, if that is what has ended ctx.
func (a *app) serveUntil(ctx context.Context, server *engine.Server, serve func() error) error {
	if err := serve(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		a.stopping(ctx)
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	_, err := server.Shutdown(draining)
	if output, ok := errors.AsType[*outputError](context.Cause(ctx)); ok {
		return output
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// hearing is what the connections of one listener share. Safe for concurrent use.
type hearing struct {
	a   *app
	ep  endpoint.Endpoint
	out *writer
	rules

	arrived chan struct{} // holds one token once somebody is there

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu: who hears our input
}

// hear serves one connection: it ends when its client does or, once the server
// stops, when its client has been silent for a while.
func (h *hearing) hear(ctx context.Context, conn net.Conn) error {
	h.join(conn)
	defer h.leave(conn)
	quiet := func() { _ = conn.SetReadDeadline(time.Now().Add(stopQuiet)) }
	stop := context.AfterFunc(ctx, quiet)
	defer stop()
	b := make([]byte, 64<<10)
	for {
		n, err := conn.Read(b)
		if n > 0 && !h.sendOnly {
			if _, err := h.out.Write(b[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			quiet()
		}
	}
}

func (h *hearing) join(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		h.conns = map[net.Conn]bool{}
	}
	h.conns[conn] = true
	select {
	case h.arrived <- struct{}{}:
	default:
	}
}

func (h *hearing) leave(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, conn)
}

func (h *hearing) present() []net.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]net.Conn, 0, len(h.conns))
	for c := range h.conns {
		list = append(list, c)
	}
	return list
}

// speak sends our input to everybody who is there when it is read. While
// nobody is, it is not read. It ends with our input; the process's end stops
// it before.
func (h *hearing) speak(ctx context.Context) {
	b := make([]byte, 64<<10)
	for {
		select {
		case <-h.arrived:
		case <-ctx.Done():
			return
		}
		for len(h.present()) > 0 {
			n, err := h.a.stdin.Read(b)
			h.tell(b[:n])
			if err != nil {
				h.a.inputEnded(h.ep, err)
				return
			}
		}
	}
}

// tell sends b to everybody. A client that does not take it within slowLimit
// has lost its place: part of b may have reached it.
func (h *hearing) tell(b []byte) {
	for _, conn := range h.present() {
		_ = conn.SetWriteDeadline(time.Now().Add(slowLimit))
		if _, err := conn.Write(b); err != nil {
			h.leave(conn)
			_ = conn.SetReadDeadline(time.Now())
		}
	}
}

// hearDatagrams serves the peers of a datagram endpoint: all are heard, and our
// input goes to the one that spoke last. Unless it keeps, it ends when idle= is
// given and every peer has been silent for so long.
func (a *app) hearDatagrams(ctx context.Context, ep endpoint.Endpoint, r rules, keep bool) error {
	l, err := endpoint.ListenPacket(ctx, ep)
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, over := context.WithCancelCause(ctx)
	defer over(nil)
	h := &packets{a: a, ep: ep, out: &writer{out: a.stdout, over: over}, rules: r, spoke: make(chan struct{}, 1)}
	if !keep && ep.Idle() > 0 {
		h.over = func() { over(errSilence) }
	}
	idle := ep.Idle()
	if idle == 0 {
		idle = sessionForever
	}
	server, err := engine.New(engine.Config{
		Handler: h, MaxConns: ep.MaxConns(), Admit: admit(ep), Idle: idle, Observe: a.observer(l.Endpoint()),
	})
	if err != nil {
		return err
	}
	e := listeningOf(l)
	a.announce(e, l.Notices())
	if err := a.ready(e.Endpoint); err != nil {
		return err
	}
	if !r.recvOnly {
		go h.speak(ctx)
	}
	return a.serveUntil(ctx, server, func() error { return server.ServePacket(ctx, l.Sockets()...) })
}

var errSilence = errors.New("every peer has been silent for the time of idle=")

// packets is the handler of a datagram listener. Its methods but speak run on
// the sessions' loops.
type packets struct {
	a   *app
	ep  endpoint.Endpoint
	out *writer
	rules
	over func() // what the end of the last session does; may be nil

	spoke chan struct{} // holds one token once a peer has spoken

	mu       sync.Mutex
	last     engine.Ref // guarded by mu: who spoke last
	sessions int        // guarded by mu
}

func (p *packets) Open(*engine.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions++
}

func (p *packets) Data(c *engine.Conn) {
	if !p.sendOnly {
		if _, err := p.out.Write(c.Peek()); err != nil {
			c.Abort()
			return
		}
	}
	c.Discard(c.Buffered())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = c.Ref()
	select {
	case p.spoke <- struct{}{}:
	default:
	}
}

func (p *packets) Close(*engine.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions--
	if p.sessions == 0 && p.over != nil {
		p.over()
	}
}

// speak sends each read of our input, as one datagram, to the peer that spoke
// last. Until one has, nothing is read. It ends with our input.
func (p *packets) speak(ctx context.Context) {
	select {
	case <-p.spoke:
	case <-ctx.Done():
		return
	}
	b := make([]byte, p.chunk)
	for {
		n, err := p.a.stdin.Read(b)
		if n > 0 {
			p.mu.Lock()
			to := p.last
			p.mu.Unlock()
			if err := to.Write(b[:n]); err != nil {
				p.a.notice(place(p.ep), "a datagram was not sent: "+reason(err))
			}
		}
		if err != nil {
			p.a.inputEnded(p.ep, err)
			return
		}
	}
}

// inputEnded tells of an input that did not end but fail: the listener goes on
// without it.
func (a *app) inputEnded(ep endpoint.Endpoint, err error) {
	if !errors.Is(err, io.EOF) {
		a.notice(place(ep), (&inputError{err}).Error())
	}
}
