package engine

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Bounds of what other goroutines may leave for one loop; each connection has
// its own besides: maxPosts, and HighWater.
const (
	maxLoopMail  = 1 << 16
	maxLoopBytes = 16 << 20
)

// mail is one thing that other goroutines want of a connection of a loop: a
// call, a close, or bytes, which stand in the mailbox's data.
type mail struct {
	l        *line
	fn       func(*Conn)
	from, to int
	close    bool
}

// mailbox is how other goroutines reach an event loop and the connections on
// it. A connection is named by its slot and a generation that no other one of
// this loop has. The loop sleeps in the kernel only: a write to its eventfd
// wakes it, and is made only if it sleeps.
type mailbox struct {
	wakeFD  int         // immutable
	pending atomic.Bool // there is something for take
	asleep  atomic.Bool // the loop is about to wait, or waits

	mu        sync.Mutex
	slots     []*line // guarded by mu for all but the loop, which alone changes it; nil: free
	mails     []mail  // guarded by mu
	spare     []mail  // guarded by mu: what take gave before, to be used again
	data      []byte  // guarded by mu: the bytes of mails
	spareData []byte  // guarded by mu
	signal    signals // guarded by mu
	closed    bool    // guarded by mu: the loop has ended, and wakeFD with it
}

// liveLocked gives the connection that a Ref names, or nil.
func (b *mailbox) liveLocked(slot, generation uint32) *line {
	if int(slot) >= len(b.slots) {
		return nil
	}
	l := b.slots[slot]
	if l == nil || l.c.ref.generation != generation || l.stale {
		return nil
	}
	return l
}

func (b *mailbox) post(slot, generation uint32, fn func(*Conn)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.liveLocked(slot, generation)
	switch {
	case l == nil:
		return ErrStale
	case l.posts >= maxPosts || len(b.mails) >= maxLoopMail:
		return ErrBusy
	}
	l.posts++
	b.addLocked(mail{l: l, fn: fn})
	return nil
}

// write adds bytes, to the last mail where that is for the same connection.
func (b *mailbox) write(slot, generation uint32, p []byte, highWater int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.liveLocked(slot, generation)
	switch {
	case l == nil || l.closeAsked:
		return ErrStale
	case int(l.mailBytes)+int(l.unsentSeen.Load()) >= highWater,
		l.posts >= maxPosts, len(b.mails) >= maxLoopMail,
		len(b.data) > 0 && len(b.data)+len(p) > maxLoopBytes:
		if !l.owed.Swap(true) { // an empty mail, so that the loop looks at the line
			b.addLocked(mail{l: l})
		}
		return ErrBackpressure
	}
	from := len(b.data)
	b.data = append(b.data, p...)
	l.mailBytes += int32(len(p))
	if n := len(b.mails); n > 0 && b.mails[n-1].l == l && b.mails[n-1].to > b.mails[n-1].from {
		b.mails[n-1].to = len(b.data)
		return nil
	}
	b.addLocked(mail{l: l, from: from, to: len(b.data)})
	return nil
}

func (b *mailbox) close(slot, generation uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.liveLocked(slot, generation)
	switch {
	case l == nil:
		return ErrStale
	case l.closeAsked:
		return nil
	}
	l.closeAsked = true
	b.addLocked(mail{l: l, close: true})
	return nil
}

func (b *mailbox) addLocked(m mail) {
	b.mails = append(b.mails, m)
	b.wakeLocked()
}

// raise adds a signal for the whole loop.
func (b *mailbox) raise(s signals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signal |= s
	b.wakeLocked()
}

func (b *mailbox) wakeLocked() {
	b.pending.Store(true)
	if b.closed || !b.asleep.Swap(false) {
		return
	}
	one := [8]byte{1}
	_, _ = unix.Write(b.wakeFD, one[:]) // fails only where the counter is full, and the loop woken already
}

// sleep announces that the loop is about to wait, and reports whether it may.
func (b *mailbox) sleep() bool {
	b.asleep.Store(true)
	if b.pending.Load() {
		b.asleep.Store(false)
		return false
	}
	return true
}

func (b *mailbox) awake() { b.asleep.Store(false) }

// take gives the loop what has come. It is valid until the next take.
func (b *mailbox) take() (mails []mail, data []byte, signal signals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending.Store(false)
	mails, data, signal = b.mails, b.data, b.signal
	b.mails, b.data, b.signal = b.spare[:0], b.spareData[:0], 0
	b.spare, b.spareData = mails, data
	if cap(data) > largeBlock { // made for a burst
		b.spareData = nil
	}
	for i := range mails {
		mails[i].l.posts, mails[i].l.mailBytes = 0, 0
	}
	return mails, data, signal
}

// seat gives a connection its slot, which is free.
func (b *mailbox) seat(l *line, slot uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int(slot) == len(b.slots) {
		b.slots = append(b.slots, nil)
	}
	b.slots[slot] = l
}

// retire makes every Ref to the connection stale, and reports whether there is
// mail for it that was accepted before.
func (b *mailbox) retire(l *line) (waiting bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.stale = true
	return len(b.mails) > 0
}

// vacate frees a slot.
func (b *mailbox) vacate(slot uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slots[slot] = nil
}

// shut keeps wakers away from the eventfd, which is about to be closed.
func (b *mailbox) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// traffic sums up the connections that are open.
func (b *mailbox) traffic() (received, sent int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.slots {
		if l != nil {
			r, s := l.c.bytes()
			received, sent = received+r, sent+s
		}
	}
	return received, sent
}
