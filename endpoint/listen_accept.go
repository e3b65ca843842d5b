package endpoint

import (
	"context"
	"errors"
	"net"
	"sync"

	"sock/socket"
)

// acceptQueue brings the connections of several sockets to one Accept. A
// goroutine per socket accepts and waits until somebody takes the connection,
// so that at most one connection per socket is out of the kernel's queue and
// unserved.
//
// The goroutines begin with the first accept; Close of the sockets and stop end
// them, and stop waits for them.
type acceptQueue struct {
	once    sync.Once
	arrived chan arrival
	stopped chan struct{}
	group   sync.WaitGroup

	mu   sync.Mutex
	done bool // guarded by mu
}

type arrival struct {
	s    *socket.Socket
	peer socket.Addr
	err  error
}

// begin starts the goroutines, once, unless the queue was stopped before.
func (q *acceptQueue) begin(l *Listener) {
	q.once.Do(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.makeLocked()
		if q.done {
			return
		}
		for _, s := range l.sockets {
			q.group.Go(func() { q.pump(s) })
		}
		if l.single != nil {
			q.group.Go(func() { q.offer(l.single) })
		}
	})
}

// makeLocked makes the channels.
func (q *acceptQueue) makeLocked() {
	if q.stopped == nil {
		q.arrived, q.stopped = make(chan arrival), make(chan struct{})
	}
}

func (q *acceptQueue) pump(s *socket.Socket) {
	for {
		var a arrival
		a.s, a.peer, a.err = s.Accept(context.Background())
		if errors.Is(a.err, net.ErrClosed) || !q.hand(a) {
			return
		}
	}
}

// hand waits for somebody to take a connection. It reports false when the queue
// was stopped; the connection is then closed.
func (q *acceptQueue) hand(a arrival) bool {
	select {
	case q.arrived <- a:
		return true
	case <-q.stopped:
		if a.s != nil {
			a.s.Close()
		}
		return false
	}
}

// offer hands out the one connection that was inherited.
func (q *acceptQueue) offer(s *socket.Socket) {
	a := arrival{s: s}
	if a.peer, a.err = s.PeerAddr(); a.err != nil { // reset before anybody took it
		s.Close()
		a.s = nil
	}
	if q.hand(a) {
		q.end()
	}
}

func (q *acceptQueue) accept(ctx context.Context, l *Listener) (*socket.Socket, socket.Addr, error) {
	q.begin(l)
	select {
	case a := <-q.arrived:
		return a.s, a.peer, a.err
	case <-q.stopped:
		return nil, socket.Addr{}, l.acceptError(net.ErrClosed)
	case <-ctx.Done():
		return nil, socket.Addr{}, l.acceptError(ctx.Err())
	}
}

// acceptError is why Accept has no connection to return.
func (l *Listener) acceptError(err error) error {
	return &net.OpError{Op: "accept", Net: l.endpoint.Network(), Source: l.Addr(), Err: err}
}

// end lets every accept return.
func (q *acceptQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.done {
		return
	}
	q.done = true
	q.makeLocked()
	close(q.stopped)
}

// stop ends the queue and waits for its goroutines. The sockets are closed;
// so is the single connection, if nobody has taken it.
func (q *acceptQueue) stop(single *socket.Socket) {
	q.end()
	q.once.Do(func() {
		if single != nil {
			single.Close()
		}
	})
	q.group.Wait()
}
