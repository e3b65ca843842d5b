package engine

import (
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// turnBudget bounds the bytes that one connection reads in a turn of its loop.
const turnBudget = 256 << 10

// line is a stream connection on an event loop: a talk that never waits. What
// stream waits for, the loop is told by its poller, and advances the line.
//
// An idle line holds no buffer: what comes is shown to the handler where the
// poller has it, and only what the handler leaves is copied.
type line struct {
	talk
	due
	lp     *loop
	linger *lingering // owned by the loop; non-nil while the close lingers
	ring   ringState  // of the io_uring backend; owned by the loop

	unsentSeen atomic.Int64 // what other goroutines know of unsent

	// Guarded by the mailbox's mu.
	mailBytes  int32
	posts      uint16
	closeAsked bool
	stale      bool // no Ref reaches it any more

	owed atomic.Bool // a write through a Ref was refused: Drained is due

	fd int32 // immutable

	// Owned by the loop.
	queued   bool // in the loop's ready list
	timed    bool // in the loop's expiries
	borrowed bool // the input is the poller's memory
	gone     bool

	// Of the epoll backend; owned by the loop.
	readable, writable bool
	hup                bool // the peer's end was seen: read until it comes
}

// lingering is the state of a close that awaits the peer's FIN.
type lingering struct {
	until, last time.Time
	dropped     int
}

// send is Conn.Write.
func (l *line) send(c *Conn, b []byte) (int, error) {
	if err := l.refused(); err != nil {
		return 0, err
	}
	l.out.append(b)
	l.mark()
	return len(b), nil
}

func (l *line) bus() *Bus { return l.s.bus }

// advance does everything that can be done now.
func (l *line) advance() {
	if l.gone {
		return
	}
	c := &l.c
	l.lp.current = l
	if l.linger == nil && c.end == nil {
		l.converse()
	}
	if l.linger == nil && c.end == nil && l.done() {
		l.hangUp()
	}
	if l.linger != nil && c.end == nil {
		l.drop()
	}
	if c.end != nil {
		l.leave()
	} else {
		l.mirror()
	}
	l.lp.current = nil
}

// converse takes the talk's steps until one has to wait.
func (l *line) converse() {
	for budget := turnBudget; l.c.end == nil && !l.done(); {
		switch l.next(l.owed.Load()) {
		case stepDrained:
			l.owed.Store(false)
			l.drained()
		case stepFlush:
			if !l.flush() {
				return
			}
		case stepFIN:
			l.sendFIN()
		case stepOffer:
			l.offer()
			l.keep()
		case stepPark:
			return
		case stepReceive:
			if budget <= 0 {
				l.lp.enqueue(l)
				return
			}
			n, more := l.receive()
			if budget -= n; !more {
				return
			}
		}
	}
}

// mirror shows the other goroutines how much is unsent.
func (l *line) mirror() {
	if n := int64(l.unsent()); n != l.unsentSeen.Load() {
		l.unsentSeen.Store(n)
	}
}

// flush sends output, and reports whether to go on.
func (l *line) flush() bool {
	if l.c.closing && l.closeBy == 0 {
		l.progress()
	}
	return l.lp.poller.send(l)
}

// sent notes what the kernel has taken.
func (l *line) sent(n int) {
	l.c.sent.Add(int64(n))
	l.moved()
}

// failed ends the connection with the errno of a system call.
func (l *line) failed(op, call string, errno syscall.Errno) {
	l.c.finish(endOf(l.failure(op, call, errno)))
}

// failure is an error as package net has it.
func (l *line) failure(op, call string, errno syscall.Errno) error {
	c := &l.c
	e := &net.OpError{Op: op, Net: c.network, Err: os.NewSyscallError(call, errno)}
	e.Source, e.Addr = c.Local().NetAddr(socket.STREAM, 0), c.peer.NetAddr(socket.STREAM, 0)
	return e
}

// receive reads once, tells the handler what came, and reports whether to go on.
func (l *line) receive() (n int, more bool) {
	c := &l.c
	if l.full() {
		return 0, true
	}
	view, what, err := l.lp.poller.recv(l, l.s.cfg.ReadBuffer-c.in.len())
	n = len(view)
	if n > 0 {
		c.touch()
		c.received.Add(int64(n))
		l.hush()
		l.show(view)
	}
	switch {
	case c.end != nil:
		return n, false
	case what == recvGot:
	case what == recvEnded:
		l.readEnded(err)
	default:
		return n, false
	}
	return n, true
}

// show calls the handler with what came after what it has left before.
func (l *line) show(view []byte) {
	in := &l.c.in
	if in.len() > 0 {
		in.add(view, l.s.cfg.ReadBuffer)
	} else {
		in.release()
		*in = input{buf: view, w: len(view)}
		l.borrowed = true
	}
	l.call(l.s.handler.data)
	l.keep()
}

// keep copies what the handler has left, or frees the buffer if it is nothing.
func (l *line) keep() {
	in := &l.c.in
	switch {
	case l.borrowed:
		rest := in.peek()
		*in = input{}
		l.borrowed = false
		if len(rest) > 0 {
			in.add(rest, l.s.cfg.ReadBuffer)
		}
	case in.len() == 0:
		in.release()
	}
}

// sendFIN closes the way out once the output has left.
func (l *line) sendFIN() {
	if !l.fin() {
		return
	}
	if errno := shutdownFD(int(l.fd)); errno != 0 {
		l.failed("shutdown", "shutdown", errno)
	}
}

// hangUp begins the end of a connection on which all is said.
func (l *line) hangUp() {
	l.retire()
	if l.c.end != nil {
		return
	}
	if l.c.eof {
		l.c.finish(&End{By: l.first, How: FIN})
		return
	}
	now := time.Now()
	l.linger = &lingering{last: now.Add(closeLingers * l.s.lingerTime())}
	l.lingerOn(now)
}

// lingerOn moves the time by which something must have come.
func (l *line) lingerOn(now time.Time) {
	l.linger.until = now.Add(l.s.lingerTime())
	if l.linger.last.Before(l.linger.until) {
		l.linger.until = l.linger.last
	}
	l.rearm(&l.c)
}

// drop reads and drops what the peer still sends, until its FIN: see
// stream.linger.
func (l *line) drop() {
	for budget := turnBudget; budget > 0; {
		view, what, err := l.lp.poller.recv(l, turnBudget)
		budget -= len(view)
		l.linger.dropped += len(view)
		switch {
		case len(view) > 0 && l.cut:
			l.c.finish(severed())
			return
		case what == recvNone:
			if budget < turnBudget {
				l.lingerOn(time.Now())
			}
			return
		case what == recvEnded:
			end := endOf(err)
			if end.How == FIN {
				end = &End{By: Local, How: FIN}
			}
			l.c.finish(end)
			return
		case l.linger.dropped >= lingerBytes:
			l.c.finish(&End{By: Local, How: FIN})
			return
		}
	}
	l.lp.enqueue(l)
}

// retire makes the Refs stale and runs what was posted before.
func (l *line) retire() {
	if !l.stale && l.lp.box.retire(l) {
		l.lp.takeMail()
	}
}

// leave is the end in every case, once the kernel is done with the
// connection. After it nothing of it is left but its record.
func (l *line) leave() {
	l.retire()
	if !l.lp.poller.quiet(l) {
		return
	}
	c := &l.c
	l.gone = true
	if l.timed {
		l.timed = false
		l.lp.timers.remove(l)
	}
	l.disconnect()
	if l.borrowed {
		c.in = input{}
	}
	c.in.release()
	l.out.release()
	if l.opened {
		l.call(func(c *Conn) { l.s.handler.close(c, c.end) })
	}
	l.lp.left(l)
}

// disconnect closes the descriptor.
func (l *line) disconnect() {
	switch l.parting(l.unsent() > 0) {
	case partRST:
		resetFD(int(l.fd))
		return
	case partFIN:
		_ = shutdownFD(int(l.fd)) // fails only on a connection gone already
	}
	_ = unix.Close(int(l.fd))
}

// resetFD closes a descriptor so that the peer sees RST.
func resetFD(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd)
}

// deadline is when the line must be looked at; zero: never.
func (l *line) deadline() time.Time {
	switch {
	case l.c.end != nil:
		return time.Time{}
	case l.linger != nil:
		return l.linger.until
	}
	return l.talk.deadline()
}

// rearm puts the deadline to work. One that has moved on is noticed when the
// earlier one is over.
func (l *line) rearm(*Conn) {
	deadline := l.deadline()
	switch {
	case deadline.IsZero():
	case !l.timed:
		l.timed = true
		l.expires = instantOf(deadline)
		l.lp.timers.add(l)
	case instantOf(deadline) < l.expires:
		l.expires = instantOf(deadline)
		l.lp.timers.moved(l)
	}
}

// expired acts on a deadline that may be over.
func (l *line) expired(now time.Time) {
	deadline := l.deadline()
	if !deadline.IsZero() && deadline.After(now) {
		l.expires = instantOf(deadline)
		l.lp.timers.moved(l)
		return
	}
	l.timed = false
	l.lp.timers.remove(l)
	switch {
	case deadline.IsZero():
		return
	case l.linger != nil:
		l.c.finish(&End{By: Local, How: FIN})
	default:
		l.timeUp()
	}
	l.lp.enqueue(l)
}
