package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"sock/socket"
)

// Bounds of what other goroutines may leave for the loop of a datagram socket.
const (
	maxLetters     = 4096
	maxLetterBytes = 4 << 20
)

// letter is one thing that other goroutines want of a session.
type letter struct {
	slot  uint32
	fn    func(*Conn) // nil: data, or close
	data  []byte
	close bool
}

// postbox is how other goroutines reach the loop of a datagram socket and the
// sessions in it. A session is named by its slot and the slot's generation,
// which is odd while a session lives in it. The loop waits in receives only; a
// deadline in the past wakes it.
type postbox struct {
	sock    *socket.Socket // immutable
	pending atomic.Bool    // true exactly while there is something for take

	mu          sync.Mutex
	generations []uint32 // guarded by mu; only the loop changes it
	letters     []letter // guarded by mu
	spare       []letter // guarded by mu: what take gave before, to be used again
	bytes       int      // guarded by mu: data in letters
	signal      signals  // guarded by mu
	gone        bool     // guarded by mu: the socket is its owner's again
}

// add leaves a letter. full is the error for one too many.
func (b *postbox) add(l letter, generation uint32, full error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case int(l.slot) >= len(b.generations) || b.generations[l.slot] != generation:
		return ErrStale
	case l.close: // as many as there are sessions, at the most
	case len(b.letters) >= maxLetters || b.bytes+len(l.data) > maxLetterBytes:
		return full
	}
	b.letters = append(b.letters, l)
	b.bytes += len(l.data)
	b.wakeLocked()
	return nil
}

// raise adds a signal for the whole loop.
func (b *postbox) raise(s signals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signal |= s
	b.wakeLocked()
}

func (b *postbox) wakeLocked() {
	if !b.pending.Swap(true) && !b.gone {
		_ = b.sock.SetReadDeadline(longAgo) // fails only on a closed socket, where nobody waits
	}
}

// take gives the loop what has come, and the socket its deadline back.
func (b *postbox) take(deadline time.Time) ([]letter, signals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	letters, signal := b.letters, b.signal
	b.letters, b.spare = b.spare[:0], letters
	b.bytes, b.signal = 0, 0
	if b.pending.Swap(false) {
		_ = b.sock.SetReadDeadline(deadline)
	}
	return letters, signal
}

// arm sets the receive's deadline, unless the loop is about to be woken anyway.
func (b *postbox) arm(deadline time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.pending.Load() {
		_ = b.sock.SetReadDeadline(deadline)
	}
}

// leave gives the socket back, without a deadline.
func (b *postbox) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
	_ = b.sock.SetReadDeadline(time.Time{}) // fails only on a closed socket
}

// open and close turn the generation of a slot. Open gives the new one.

func (b *postbox) open(slot uint32) uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int(slot) == len(b.generations) {
		b.generations = append(b.generations, 0)
	}
	b.generations[slot]++
	return b.generations[slot]
}

// close makes every Ref to the slot's session stale and gives the letters that
// were accepted for it.
func (b *postbox) close(slot uint32) []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generations[slot]++
	var own []letter
	kept := b.letters[:0]
	for _, l := range b.letters {
		if l.slot == slot {
			own = append(own, l)
			b.bytes -= len(l.data)
		} else {
			kept = append(kept, l)
		}
	}
	clear(b.letters[len(kept):])
	b.letters = kept
	return own
}
