package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"sock/socket"
)

// item is one thing that other goroutines want of a loop: a call or bytes.
type item struct {
	fn   func(*Conn) // nil: data
	data output
}

// signals are requests that need no queue.
type signals uint8

const (
	signalClose signals = 1 << iota // Ref.Close: after the items before it
	signalStop                      // Shutdown has begun
	signalForce                     // Shutdown's context has ended
	signalDeaf                      // a loop is to accept no more
)

// longAgo is a deadline that wakes whoever waits on a socket.
var longAgo = time.Unix(1, 0)

// inbox is how other goroutines reach the loop of one stream. A loop waits in
// reads and writes of its socket only (or in park): a deadline in the past
// wakes it. Deadlines are set under mu alone, so that the loop never takes
// back a wake-up that it has not seen.
//
// Bounds: maxPosts items; data up to HighWater, what the loop holds unsent
// included.
type inbox struct {
	sock       *socket.Socket // immutable
	packetwise bool           // immutable: each write is a message of its own

	// pending is true exactly while there is something for take.
	pending atomic.Bool

	// unsent mirrors the loop's output from one turn to the next. The loop stores.
	unsent atomic.Int64

	// refused is true after a write that was refused, until Drained is due: set
	// and cleared under mu, so that the loop either sees it or its output has
	// not yet stood below the mark when the write was judged.
	refused atomic.Bool

	mu     sync.Mutex
	items  []item        // guarded by mu
	spare  []item        // guarded by mu: what take gave before, to be used again
	bytes  int           // guarded by mu: data in items
	signal signals       // guarded by mu
	closed bool          // guarded by mu: every Ref is stale
	gone   bool          // guarded by mu: the socket is no longer ours to wake
	parked chan struct{} // guarded by mu: made by the first park
}

// post adds a call.
func (b *inbox) post(fn func(*Conn)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ErrStale
	case len(b.items) >= maxPosts:
		return ErrBusy
	}
	b.items = append(b.items, item{fn: fn})
	b.wakeLocked()
	return nil
}

// write adds data, to the last item where that is data too and bytes are all
// that counts.
func (b *inbox) write(p []byte, highWater int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.items) - 1
	switch {
	case b.closed || b.signal&signalClose != 0:
		return ErrStale
	case b.bytes+int(b.unsent.Load()) >= highWater:
		b.refused.Store(true)
		return ErrBackpressure
	case last >= 0 && b.items[last].fn == nil && !b.packetwise:
	case len(b.items) >= maxPosts:
		b.refused.Store(true)
		return ErrBackpressure
	default:
		b.items = append(b.items, item{})
		last++
	}
	b.items[last].data.append(p)
	b.bytes += len(p)
	b.wakeLocked()
	return nil
}

// heed takes note that Drained is called for the writes refused so far.
func (b *inbox) heed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused.Store(false)
}

// raise adds a signal. A closed inbox takes only what ends the loop sooner.
func (b *inbox) raise(s signals) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed && s == signalClose {
		return ErrStale
	}
	b.signal |= s
	b.wakeLocked()
	return nil
}

func (b *inbox) wakeLocked() {
	if b.pending.Swap(true) || b.gone {
		return
	}
	_ = b.sock.SetDeadline(longAgo) // fails only on a closed socket, where nobody waits
	select {
	case b.parked <- struct{}{}:
	default: // not parked, or woken already
	}
}

// take gives the loop what has come, and the socket its deadline back.
func (b *inbox) take(deadline time.Time) ([]item, signals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	items, signal := b.items, b.signal
	b.items, b.spare = b.spare[:0], items
	b.bytes, b.signal = 0, 0
	if b.pending.Swap(false) {
		_ = b.sock.SetDeadline(deadline)
	}
	return items, signal
}

// arm sets the socket's deadline, unless the loop is about to be woken anyway.
func (b *inbox) arm(deadline time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.pending.Load() {
		_ = b.sock.SetDeadline(deadline)
	}
}

// close makes every Ref stale and gives the posts that were accepted.
func (b *inbox) close() []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items, b.spare, b.bytes, b.closed = nil, nil, 0, true
	return items
}

// leave keeps wakers away from the socket, which is about to be closed.
func (b *inbox) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
}

// park waits for a wake-up, or until the deadline unless that is zero. It is
// the wait of a loop that neither reads nor writes.
func (b *inbox) park(deadline time.Time) {
	b.mu.Lock()
	if b.parked == nil {
		b.parked = make(chan struct{}, 1)
	}
	wake := b.parked
	b.mu.Unlock()
	if b.pending.Load() {
		return
	}
	var expired <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-wake:
	case <-expired:
	}
}
