package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"sock/socket"
)

// forceGrace is how long Shutdown waits, after it has reset every connection,
// for the handlers to notice.
const forceGrace = 5 * time.Second

// Server serves listeners and datagram sockets with one Config. Its methods
// are safe for concurrent use.
type Server struct {
	// Immutable after New.
	cfg     Config
	handler handlers
	bus     *Bus
	life    context.Context // done when Shutdown begins
	endLife context.CancelFunc
	turn    chan struct{} // model serial: a token for the one connection
	backend Backend       // model event: what the loops use
	lacking error         // model event: why it is not the best one

	// Atomic.
	counters   counters
	nextID     atomic.Uint64
	noticed    sync.Once    // of noticeBackend
	slots      atomic.Int64 // connections that count for MaxConns
	handshakes atomic.Int64

	mu       sync.Mutex
	members  map[member]struct{} // guarded by mu
	alive    int                 // guarded by mu: members, and those still reporting their end
	draining bool                // guarded by mu: nobody joins any more
	drain    Drain               // guarded by mu: what has ended since
	gone     chan struct{}       // closed when draining and nobody is alive

	processes // model process only
}

// member is whatever Shutdown must end and Stats must count: a connection, a
// child process, the loop of a datagram socket. stop and force do not block.
type member interface {
	stop()
	force()
	traffic() (received, sent int64) // so far
}

// handlers is the Config's Handler, its methods looked up once.
type handlers struct {
	open, data, drained, half, stop func(*Conn) // drained, half, stop: nil where not implemented

	close    func(*Conn, error)
	blocking *blocking // nil for any other Handler
}

func handlersOf(h Handler) handlers {
	var hs handlers
	if h == nil {
		return hs
	}
	hs.open, hs.data, hs.close = h.Open, h.Data, h.Close
	hs.blocking, _ = h.(*blocking)
	if d, ok := h.(Drainer); ok {
		hs.drained = d.Drained
	}
	if d, ok := h.(HalfCloser); ok {
		hs.half = d.HalfClosed
	}
	if d, ok := h.(Stopper); ok {
		hs.stop = d.Stop
	}
	return hs
}

// Drain says how the connections of a server that shut down have ended.
type Drain struct {
	Ended  int // by themselves, after Shutdown began
	Forced int // reset when Shutdown's context ended
}

// New checks the configuration and makes a server of it. It opens nothing.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Model == Process {
		if err := cfg.checkProcess(); err != nil {
			return nil, err
		}
	}
	backend, lacking, err := cfg.chooseBackend()
	if err != nil {
		return nil, err
	}
	s := newServer(cfg)
	s.backend, s.lacking = backend, lacking
	return s, nil
}

// Backend gives the backend in use: Uring or Epoll under the model EventLoop, and
// nothing under the others.
func (s *Server) Backend() Backend { return s.backend }

// noticeBackend tells once that the backend is not the best one.
func (s *Server) noticeBackend() {
	s.noticed.Do(func() {
		if s.lacking != nil {
			s.observe(Event{Kind: EventNotice, Text: "the event loops use " + string(s.backend), Err: s.lacking})
		}
	})
}

// chooseBackend gives the backend, and why it is not the best one if it is not.
func (c *Config) chooseBackend() (b Backend, lacking, err error) {
	if c.Model != EventLoop {
		return "", nil, nil
	}
	if c.Backend != "" && c.Backend != Auto {
		return c.Backend, nil, probeBackend(c.Backend)
	}
	for _, b := range Backends()[1:] {
		if err = probeBackend(b); err == nil {
			return b, lacking, nil
		}
		lacking = errors.Join(lacking, err)
	}
	return "", nil, lacking
}

// newServer makes a server of a configuration that was checked.
func newServer(cfg Config) *Server {
	s := &Server{
		cfg: cfg, handler: handlersOf(cfg.Handler), turn: make(chan struct{}, 1),
		members: make(map[member]struct{}), gone: make(chan struct{}),
	}
	s.bus = newBus(&s.counters)
	if cfg.Model == Process {
		s.startProcesses()
	}
	s.life, s.endLife = context.WithCancel(context.Background())
	return s
}

// Bus gives the server's bus.
func (s *Server) Bus() *Bus { return s.bus }

// Shutdown stops accepting, lets the connections end (see [Stopper] and
// [Blocking]) and, when the context ends, resets those that are left. It
// returns when the last connection has ended, with the context's error if any
// had to be forced. A second call may force what a first one waits for. A
// handler that does not return holds up Shutdown for no longer than five
// seconds after the context's end.
func (s *Server) Shutdown(ctx context.Context) (Drain, error) {
	gone := s.beginShutdown()
	select {
	case <-gone:
		return s.drained(), nil
	case <-ctx.Done():
	}
	left := s.each(member.force)
	select {
	case <-gone:
		drain := s.drained()
		if drain.Forced > 0 {
			return drain, ctx.Err()
		}
		return drain, nil
	case <-time.After(forceGrace):
		return s.drained(), fmt.Errorf("engine: %d connections are stuck in their handlers: %w", left, ctx.Err())
	}
}

// beginShutdown stops everything, once.
func (s *Server) beginShutdown() (gone <-chan struct{}) {
	s.mu.Lock()
	first := !s.draining
	s.draining = true
	if first && s.alive == 0 {
		close(s.gone)
	}
	s.mu.Unlock()
	if first {
		s.endLife()
		s.each(member.stop)
	}
	return s.gone
}

// each calls f for every member, outside the lock, and returns their number.
func (s *Server) each(f func(member)) int {
	s.mu.Lock()
	members := make([]member, 0, len(s.members))
	for m := range s.members {
		members = append(members, m)
	}
	s.mu.Unlock()
	for _, m := range members {
		f(m)
	}
	return len(members)
}

func (s *Server) drained() Drain {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drain
}

// join puts a member on the books, unless the server shuts down.
func (s *Server) join(m member) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.members[m] = struct{}{}
	s.alive++
	return true
}

// depart takes a member off the books, with the record of its end if it was a
// connection. Shutdown waits until that is reported.
func (s *Server) depart(m member, r *Record) {
	s.mu.Lock()
	delete(s.members, m)
	if r != nil {
		s.countEndLocked(r)
	}
	s.mu.Unlock()
	s.report(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive--
	if s.draining && s.alive == 0 {
		close(s.gone)
	}
}

// report reports the end of a connection.
func (s *Server) report(r *Record) {
	if r != nil {
		s.observe(Event{Kind: EventClose, ID: r.ID, Peer: r.Peer, Local: r.Local, Record: r, PID: r.PID})
	}
}

// countEndLocked moves a connection's traffic to the server's counters.
func (s *Server) countEndLocked(r *Record) {
	n := &s.counters
	n.open.Add(-1)
	n.received.Add(r.Received)
	n.sent.Add(r.Sent)
	if r.End.How == RST || r.End.How == Failed {
		n.failures.Add(1)
	}
	if s.draining && errors.Is(r.End.Err, ErrShutdown) {
		s.drain.Forced++
	} else if s.draining {
		s.drain.Ended++
	}
}

// lingerTime is Config.Linger, or less while the server shuts down.
func (s *Server) lingerTime() time.Duration {
	if s.life.Err() != nil {
		return min(s.cfg.Linger, drainLinger)
	}
	return s.cfg.Linger
}

// takeSlot counts one more connection, unless there are MaxConns.
func (s *Server) takeSlot() bool {
	if n := s.slots.Add(1); s.cfg.MaxConns > 0 && n > int64(s.cfg.MaxConns) {
		s.slots.Add(-1)
		return false
	}
	return true
}

// Stats gives the counters as they are now.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &s.counters
	stats := Stats{
		Open: n.open.Load(), Accepted: n.accepted.Load(), Refused: n.refused.Load(),
		Failures: n.failures.Load(), Backpressure: n.backpressure.Load(),
		AcceptErrors: n.acceptErrors.Load(), Dropped: n.dropped.Load(), BusDropped: n.busDropped.Load(),
		Received: n.received.Load(), Sent: n.sent.Load(),
	}
	for m := range s.members {
		received, sent := m.traffic()
		stats.Received += received
		stats.Sent += sent
	}
	return stats
}

// observe reports an event.
func (s *Server) observe(e Event) {
	if s.cfg.Observe != nil {
		e.Time = time.Now()
		s.cfg.Observe(e)
	}
}

// opened counts and reports a connection.
func (s *Server) opened(c *Conn) {
	s.counters.open.Add(1)
	s.counters.accepted.Add(1)
	s.observe(Event{Kind: EventOpen, ID: c.id, Peer: c.peer, Local: *c.local})
}

// refuse counts and reports a peer that is turned away.
func (s *Server) refuse(peer, local socket.Addr, err error) {
	s.counters.refused.Add(1)
	s.observe(Event{Kind: EventRefuse, Peer: peer, Local: local, Err: err})
}

// panicked reports a panic of the handler and gives the end that it makes.
func (s *Server) panicked(c *Conn, value any) *End {
	err := &PanicError{Value: value, Stack: debug.Stack()}
	s.observe(Event{
		Kind: EventError, ID: c.id, Peer: c.peer, Local: *c.local,
		Text: "handler panicked", Err: err, Stack: err.Stack,
	})
	return &End{By: Local, How: Failed, Err: err}
}
