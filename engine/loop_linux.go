package engine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// loop is one event loop: a thread that accepts from its listeners and serves
// the connections it has accepted, one after another, until it has neither. A
// turn waits for the kernel, accepts, does what other goroutines asked for,
// and advances the connections on which something happened.
type loop struct {
	// Immutable after start.
	s      *Server
	crew   *crew
	poller poller

	box mailbox // has its own lock

	// Owned by the loop.
	doors      []*door
	mails      []mail // taken, from mailNext on to be read
	mailData   []byte // their bytes
	mailNext   int
	ready      []*line // to be advanced in the next turn
	batch      []*line // to be advanced in this turn, from batchNext on
	batchNext  int
	timers     expiries[*line]
	current    *line // is being advanced
	free       []uint32
	lines      int
	generation uint32
	ended      bool
}

// newLoop makes a loop with its own descriptors for the listeners. run does
// the rest, on the loop's thread.
func newLoop(s *Server, crew *crew, listeners []*listener) (*loop, error) {
	lp := &loop{s: s, crew: crew}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", os.NewSyscallError("eventfd", err))
	}
	lp.box.wakeFD = wake
	for i, l := range listeners {
		d := &door{lp: lp, listener: l, number: i}
		if d.fd, err = l.dup(); err != nil {
			lp.abandon()
			return nil, err
		}
		lp.doors = append(lp.doors, d)
	}
	return lp, nil
}

// abandon closes what newLoop has opened.
func (lp *loop) abandon() {
	lp.box.shut()
	_ = unix.Close(lp.box.wakeFD)
	for _, d := range lp.doors {
		_ = unix.Close(d.fd)
	}
	lp.doors = nil
}

// Methods of the other goroutines.

func (lp *loop) post(slot, generation uint32, fn func(*Conn)) error {
	return lp.box.post(slot, generation, fn)
}

func (lp *loop) write(slot, generation uint32, b []byte) error {
	err := lp.box.write(slot, generation, b, lp.s.cfg.HighWater)
	if errors.Is(err, ErrBackpressure) {
		lp.s.counters.backpressure.Add(1)
	}
	return err
}

func (lp *loop) close(slot, generation uint32) error { return lp.box.close(slot, generation) }

func (lp *loop) stop()                           { lp.box.raise(signalStop) }
func (lp *loop) force()                          { lp.box.raise(signalForce) }
func (lp *loop) traffic() (received, sent int64) { return lp.box.traffic() }

// run is the loop's goroutine.
func (lp *loop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var err error
	lp.poller, err = newPoller(lp)
	lp.crew.started(err)
	if err != nil {
		lp.end()
		return
	}
	<-lp.crew.all
	if err := lp.openDoors(); err != nil {
		lp.broken(err)
	}
	lp.serve()
}

// serve takes turns. A handler that ends its goroutine (runtime.Goexit) ends
// its connection; the loop goes on in what the goroutine has deferred, for its
// thread must stay the same.
func (lp *loop) serve() {
	finished := false
	defer func() {
		if !finished {
			lp.rescue()
			lp.serve()
		}
	}()
	for !lp.ended {
		if err := lp.turn(); err != nil {
			lp.broken(err)
		}
	}
	finished = true
	lp.end()
}

// turn waits for something to do, and does it.
func (lp *loop) turn() error {
	if err := lp.poller.wait(lp.patience()); err != nil {
		return err
	}
	lp.box.awake()
	if lp.box.pending.Load() {
		lp.takeMail()
	}
	for _, d := range lp.doors {
		d.accept()
	}
	lp.advanceReady()
	lp.expire()
	lp.ended = lp.lines == 0 && len(lp.doors) == 0
	return nil
}

// patience is how long the loop may wait; negative: for ever.
func (lp *loop) patience() time.Duration {
	if len(lp.ready) > 0 {
		return 0
	}
	wait := time.Duration(-1)
	if next, ok := lp.timers.next(); ok {
		wait = max(time.Until(next), 0)
	}
	for _, d := range lp.doors {
		if left, waits := d.patience(); waits && (wait < 0 || left < wait) {
			wait = left
		}
	}
	if wait != 0 && !lp.box.sleep() {
		return 0
	}
	return wait
}

// enqueue has a line advanced in this turn, or in the next.
func (lp *loop) enqueue(l *line) {
	if !l.queued {
		l.queued = true
		lp.ready = append(lp.ready, l)
	}
}

// advanceReady advances the lines that are ready now. Those that become ready
// meanwhile have to wait until the kernel was asked about the others.
func (lp *loop) advanceReady() {
	if lp.batchNext == len(lp.batch) {
		clear(lp.batch)
		lp.batch, lp.ready, lp.batchNext = lp.ready, lp.batch[:0], 0
	}
	for lp.batchNext < len(lp.batch) {
		l := lp.batch[lp.batchNext]
		lp.batchNext++
		l.queued = false
		l.advance()
	}
}

// expire looks at the lines whose time has come.
func (lp *loop) expire() {
	if len(lp.timers) == 0 {
		return
	}
	now := time.Now()
	for {
		next, ok := lp.timers.next()
		if !ok || next.After(now) {
			return
		}
		lp.timers[0].expired(now)
	}
}

// takeMail does what other goroutines asked for.
func (lp *loop) takeMail() {
	lp.readMail()
	var signal signals
	lp.mails, lp.mailData, signal = lp.box.take()
	lp.mailNext = 0
	lp.readMail()
	if signal&(signalDeaf|signalStop|signalForce) != 0 {
		lp.closeDoors()
	}
	if signal&(signalStop|signalForce) != 0 {
		lp.toAll(signal)
	}
}

// readMail acts on what was taken.
func (lp *loop) readMail() {
	for lp.mailNext < len(lp.mails) {
		m := lp.mails[lp.mailNext]
		lp.mails[lp.mailNext] = mail{} // nothing of it stays reachable
		lp.mailNext++
		m.l.read(&m, lp.mailData)
	}
}

// read acts on one piece of mail.
func (l *line) read(m *mail, data []byte) {
	c := &l.c
	switch {
	case m.fn != nil:
		l.lp.current = l
		l.call(m.fn)
	case m.close:
		c.closing = true
	case !c.closing && !c.wclosed && c.end == nil:
		l.out.append(data[m.from:m.to])
		l.mark()
	}
	l.mirror()
	l.lp.enqueue(l)
}

// toAll passes on what Shutdown wants.
func (lp *loop) toAll(signal signals) {
	now := time.Now()
	for _, l := range lp.box.slots {
		if l == nil {
			continue
		}
		if signal&signalForce != 0 {
			l.c.finish(&End{By: Local, How: RST, Err: ErrShutdown})
		}
		switch {
		case signal&signalStop == 0 || l.c.end != nil || l.c.draining:
		case l.linger != nil:
			l.lingerOn(now)
		default:
			l.lp.current = l
			l.drain()
			l.readable = true // ask once more
		}
		lp.enqueue(l)
	}
}

// accepted begins with a new connection, or refuses it.
func (lp *loop) accepted(fd int, peer socket.Addr, d *door) {
	s := lp.s
	local := d.localOf(fd)
	if err := lp.admit(fd, peer); err != nil {
		s.refuse(peer, *local, err)
		resetFD(fd)
		return
	}
	l := &line{lp: lp, fd: int32(fd), writable: true}
	lp.generation++
	l.meet(s, d.listener.network, peer, local)
	l.slot = true
	l.c.owner = l
	l.c.ref = Ref{to: lp, slot: lp.takeSeat(), generation: lp.generation}
	lp.lines++
	lp.box.seat(l, l.c.ref.slot)
	s.opened(&l.c)
	if err := lp.poller.open(l); err != nil {
		l.c.finish(&End{By: Local, How: Failed, Err: err})
	} else {
		lp.current = l
		l.begin()
	}
	lp.enqueue(l)
}

// admit asks whoever may refuse a connection. Accepted sees it as a socket.
func (lp *loop) admit(fd int, peer socket.Addr) error {
	if lp.s.cfg.Accepted == nil {
		return lp.s.admit(nil, peer)
	}
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	sock, err := socket.FromFD(copied)
	if err != nil {
		return err
	}
	err = lp.s.cfg.Accepted(sock)
	_ = sock.Close() // a copy
	if blocking := lp.poller.acceptFlags()&unix.SOCK_NONBLOCK == 0; blocking && err == nil {
		err = os.NewSyscallError("fcntl", unix.SetNonblock(fd, false))
	}
	if err != nil {
		return err
	}
	return lp.s.admit(nil, peer)
}

func (lp *loop) takeSeat() uint32 {
	if n := len(lp.free); n > 0 {
		seat := lp.free[n-1]
		lp.free = lp.free[:n-1]
		return seat
	}
	return uint32(len(lp.box.slots))
}

// left takes a line off the loop's books and reports its end.
func (lp *loop) left(l *line) {
	l.forget()
	record := l.c.record()
	lp.box.vacate(l.c.ref.slot)
	lp.free = append(lp.free, l.c.ref.slot)
	lp.lines--
	lp.s.mu.Lock()
	lp.s.countEndLocked(&record)
	lp.s.mu.Unlock()
	lp.s.report(&record)
}

// openDoors begins to accept.
func (lp *loop) openDoors() error {
	for _, d := range lp.doors {
		if err := lp.poller.watch(d); err != nil {
			return err
		}
	}
	return nil
}

// closeDoors ends accepting.
func (lp *loop) closeDoors() {
	if lp.doors == nil {
		return
	}
	for _, d := range lp.doors {
		if lp.poller != nil {
			lp.poller.unwatch(d)
		}
		_ = unix.Close(d.fd) // nothing was written to it
	}
	lp.doors = nil
	lp.crew.deaf()
}

// broken ends a loop whose poller fails, and all connections with it.
func (lp *loop) broken(err error) {
	lp.crew.fail(err)
	lp.closeDoors()
	for _, l := range lp.box.slots {
		if l != nil {
			l.c.finish(&End{By: Local, How: Failed, Err: err})
			lp.enqueue(l)
		}
	}
	lp.advanceReady()
	lp.ended = true
}

// end closes what is left.
func (lp *loop) end() {
	lp.closeDoors()
	if lp.poller != nil {
		lp.poller.close()
	}
	lp.abandon()
	lp.s.depart(lp, nil)
}

// rescue ends the connection whose handler has ended the loop's goroutine.
func (lp *loop) rescue() {
	if l := lp.current; l != nil {
		l.c.finish(&End{By: Local, How: Failed, Err: errExited})
		lp.enqueue(l)
	}
}
