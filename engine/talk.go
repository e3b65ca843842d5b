package engine

import (
	"os"
	"time"
)

// talk is the conversation on a stream connection, whoever moves its bytes: a
// goroutine that waits in reads and writes (stream), or an event loop (line).
// It decides; they act.
type talk struct {
	link            // immutable after start, except for the Conn: owned by the loop
	out     output  // what the handler has written and the kernel has not been given
	flying  int     // bytes that the kernel was given and has not taken yet; only a line has such
	first   Side    // who sent the first FIN
	cut     bool    // closed by draining: the peer might not have finished
	quietBy instant // while draining: when to close if nothing comes
	closeBy instant // while closing: when the output must have moved
}

// step is what a talk wants done next.
type step int

const (
	stepReceive step = iota // read, and tell the handler what came
	stepDrained             // tell the handler that it may write again
	stepFlush               // send output
	stepFIN                 // send FIN
	stepOffer               // tell the handler once more what it has left unread
	stepPark                // nothing, until another goroutine asks: reading is paused or over
)

// next gives the next step; owed says that a write through a Ref was refused.
// While output waits for the kernel nothing is read, so that a peer who does not
// read what we send cannot make us hold more.
func (t *talk) next(owed bool) step {
	c := &t.c
	unsent := t.unsent()
	switch {
	case (c.blocked || owed) && !c.closing && unsent <= t.s.cfg.LowWater:
		return stepDrained
	case unsent > 0:
		return stepFlush
	case (c.wclosed || c.closing) && !c.finSent:
		return stepFIN
	case c.again && c.in.len() > 0 && !c.paused:
		return stepOffer
	case c.paused || c.eof:
		return stepPark
	}
	return stepReceive
}

// done reports that nothing is left but to close in order.
func (t *talk) done() bool {
	c := &t.c
	return c.finSent && (c.closing || c.eof) && t.unsent() == 0
}

// unsent is how many bytes the kernel has not taken.
func (t *talk) unsent() int { return t.out.len() + t.flying }

// begin tells the handler of the connection.
func (t *talk) begin() {
	c := &t.c
	t.opened = true
	if c.idle > 0 {
		c.touch()
		c.owner.rearm(c)
	}
	t.call(t.s.handler.open)
}

// call runs a piece of the handler. A panic in it ends the connection.
func (t *talk) call(fn func(*Conn)) {
	c := &t.c
	c.calls++
	defer t.called()
	fn(c)
}

func (t *talk) called() {
	t.c.calls--
	if v := recover(); v != nil {
		t.c.finish(t.s.panicked(&t.c, v))
	}
}

// drain begins the end that Shutdown wants: the connection goes on until its
// peer has been silent for a while. While reading is paused or over, the
// handler is about to do something: it may.
func (t *talk) drain() {
	c := &t.c
	if t.s.handler.stop != nil {
		t.call(t.s.handler.stop)
		return
	}
	c.draining = true
	t.hush()
}

// hush moves the time by which a draining connection must be heard of again.
func (t *talk) hush() {
	if t.c.draining {
		t.quietBy = instantOf(time.Now().Add(drainQuiet))
		t.c.owner.rearm(&t.c)
	}
}

// listens reports that a draining connection waits for its peer's next bytes.
func (t *talk) listens() bool {
	c := &t.c
	return c.draining && !c.closing && !c.paused && !c.eof && t.unsent() == 0
}

// timeUp acts on a deadline that is over.
func (t *talk) timeUp() {
	if t.listens() {
		t.c.closing, t.cut = true, true
		return
	}
	t.c.finish(&End{By: Local, How: Timeout, Err: os.ErrDeadlineExceeded})
}

// severed is the end of a connection that was closed by draining while its
// peer still sent: with FIN the peer would take a part for the whole.
func severed() *End { return &End{By: Local, How: RST, Err: ErrShutdown} }

// drained tells the handler that it may write again, and offers it once more
// what it left unread meanwhile.
func (t *talk) drained() {
	c := &t.c
	c.blocked, c.again = false, true
	if t.s.handler.drained != nil {
		t.call(t.s.handler.drained)
	}
}

// offer gives the handler what waits in the buffer once more.
func (t *talk) offer() {
	t.c.again = false
	t.call(t.s.handler.data)
}

// refused is why a write is not taken, or nil.
func (t *talk) refused() error {
	if t.unsent() < t.s.cfg.HighWater {
		return nil
	}
	t.c.blocked = true
	t.s.counters.backpressure.Add(1)
	return ErrBackpressure
}

// mark notes whether the output has reached the high-water mark.
func (t *talk) mark() { t.c.blocked = t.c.blocked || t.unsent() >= t.s.cfg.HighWater }

// moved notes that the kernel has taken output.
func (t *talk) moved() {
	t.c.touch()
	t.hush()
	if t.c.closing {
		t.progress()
	}
}

// progress moves the time by which a closing connection must get rid of more.
func (t *talk) progress() {
	if t.unsent() > 0 {
		stall := t.c.idle
		setDefault(&stall, closeStall)
		t.closeBy = instantOf(time.Now().Add(stall))
		t.c.owner.rearm(&t.c)
	}
}

// full ends the connection if the handler has consumed nothing of a full buffer.
func (t *talk) full() bool {
	if t.c.in.len() < t.s.cfg.ReadBuffer {
		return false
	}
	t.c.finish(&End{By: Local, How: Failed, Err: ErrBufferFull})
	return true
}

// readEnded acts on the error of a read that is no passing one: the peer's FIN
// or the connection's end.
func (t *talk) readEnded(err error) {
	c := &t.c
	if end := endOf(err); end.How != FIN {
		c.finish(end)
		return
	}
	c.eof = true
	if t.first == "" {
		t.first = Peer
	}
	if t.s.handler.half == nil {
		c.closing = true
		return
	}
	t.call(t.s.handler.half)
}

// fin notes that FIN is being sent, and reports whether shutdown(2) must do
// it: where the connection is closed right after the peer's FIN, close(2) does.
func (t *talk) fin() bool {
	c := &t.c
	c.finSent = true
	if t.first == "" {
		t.first = Local
	}
	return !c.closing || !c.eof
}

// deadline is when the loop must wake by itself; zero: never.
func (t *talk) deadline() time.Time {
	c := &t.c
	switch {
	case c.closing && t.unsent() > 0:
		return t.closeBy.time()
	case t.listens():
		return t.quietBy.time()
	case c.idle > 0:
		return (c.last + instant(c.idle)).time()
	}
	return time.Time{}
}
