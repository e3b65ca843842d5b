package socket

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// deadline is the deadline of one direction of a socket. The caller sets it; besides, a context
// that ends while Accept or Connect waits has to wake that wait, and the only way to wake one is a
// deadline in the past (a poke). While pokes are in force the caller's own deadline is remembered
// and the poller's is in the past; the last poked call to return puts it back.
type deadline struct {
	apply func(time.Time) error // sets the poller's; immutable

	mu     sync.Mutex
	calm   sync.Cond // signalled when pokes becomes 0
	user   time.Time // guarded by mu: as the caller set it; zero for none
	pokes  int       // guarded by mu: calls that are being woken now
	serial uint64    // guarded by mu: pokes ever made
}

func (d *deadline) init(apply func(time.Time) error) {
	d.apply = apply
	d.calm.L = &d.mu
}

// set is the caller's SetReadDeadline or SetWriteDeadline.
func (d *deadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.user = t
	if d.pokes > 0 {
		return nil
	}
	return d.apply(t)
}

// serialNow is to be asked before a wait, for spurious.
func (d *deadline) serialNow() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.serial
}

// spurious reports whether a wait that began at serial and ended by the deadline was ended by
// another call's poke, not by the caller's deadline; if so it returns when the poke is over. That
// is soon: a poked call returns at once.
func (d *deadline) spurious(serial uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	poked := d.pokes > 0 || d.serial != serial
	for d.pokes > 0 {
		d.calm.Wait()
	}
	return poked
}

// remaining gives the time until the caller's deadline, and whether there is one.
func (d *deadline) remaining() (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.user.IsZero() {
		return 0, false
	}
	return time.Until(d.user), true
}

// waker pokes a deadline once, when its context ends, unless the call has returned by then.
type waker struct {
	d    *deadline
	stop func() bool

	returned, poked bool // guarded by d.mu
}

// watch starts a waker; no goroutine runs until the context ends. The caller calls done.
func (d *deadline) watch(ctx context.Context) *waker {
	w := &waker{d: d}
	w.stop = context.AfterFunc(ctx, w.poke)
	return w
}

func (w *waker) poke() {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.returned {
		return
	}
	w.poked = true
	w.d.pokes++
	w.d.serial++
	_ = w.d.apply(aLongTimeAgo) // fails only on a closed socket, on which nobody waits
}

// done ends the watch; from here on the context has no effect on the socket.
func (w *waker) done() {
	w.stop()
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.returned = true
	if !w.poked {
		return
	}
	if w.d.pokes--; w.d.pokes == 0 {
		_ = w.d.apply(w.d.user) // as in poke
		w.d.calm.Broadcast()
	}
}

// wait runs attempt, which waits for the poller, until it ends for a reason of its own: its result,
// the caller's deadline, or the end of ctx.
func (d *deadline) wait(ctx context.Context, attempt func() error) error {
	if ctx.Done() != nil {
		if err := ctx.Err(); err != nil {
			return &contextError{err}
		}
		defer d.watch(ctx).done()
	}
	for {
		serial := d.serialNow()
		err := attempt()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if cause := ctx.Err(); cause != nil {
			return &contextError{cause}
		}
		if !d.spurious(serial) {
			return err
		}
	}
}
