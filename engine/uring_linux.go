package engine

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sock/internal/uring"
	"sock/socket"
)

// Numbers of an io_uring backend.
const (
	ringEntries    = 1024
	ringCQEntries  = 8192
	ringBuffers    = 256
	ringBufferSize = 8<<10 + 64 // not a power of two, so that not all begin in the same sets of the caches
	ringHeld       = 64 << 10   // bytes that came unasked, from which on the kernel is told to stop
	ringPatience   = 64         // attempts to get a submission entry
)

// What a completion is about: its user data is a slot (24 bits), one of these
// (8 bits), and the generation (32 bits).
const (
	aboutNothing = iota
	aboutRecv
	aboutSend
	aboutDoor
	aboutWake
)

func userData(about uint8, slot, generation uint32) uint64 {
	return uint64(slot) | uint64(about)<<24 | uint64(generation)<<32
}

// ring is the backend on io_uring(7). Each connection has at most one receive
// outstanding, a multishot one into the loop's provided buffers, and at most
// one send. What the kernel has received before the line wants it is held.
//
// Listeners are polled and accepted from with accept4(2), which gives the
// peer's address along; a multishot accept does not, and asking for it costs
// the call that was saved. Connections are in blocking mode: io_uring fails a
// request on a non-blocking one instead of waiting.
type ring struct {
	lp        *loop
	ring      *uring.Ring
	buffers   *uring.Buffers
	complete  func(uring.CQE) // completed, made a func once
	fresh     []byte          // what has just come for the line that is advanced
	freshLine *line
}

// ringState is what the backend keeps of a line.
type ringState struct {
	flight   []byte  // what the kernel was given to send; the last flying bytes of it are not taken yet
	held     *output // what came before it was wanted; nil: nothing
	shown    int32   // of held: what the last recv gave
	errno    uint16  // why receiving has ended; 0: it has not
	armed    bool    // a receive is outstanding
	stopping bool    // it was told to stop
	sending  bool    // a send is outstanding
	broken   bool    // a send has failed with EPIPE: the receive will tell why
	leaving  bool    // all was told to stop
	eof      bool
}

// probeUring makes a ring with its buffers, for no longer than that.
func probeUring() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := uring.New(uring.Config{Entries: 8})
	if err != nil {
		return err
	}
	b, err := r.NewBuffers(0, 1, 64)
	if err == nil {
		err = r.Close()
		return errors.Join(err, b.Close())
	}
	return errors.Join(err, r.Close())
}

func newRing(lp *loop) (poller, error) {
	r, err := uring.New(uring.Config{Entries: ringEntries, CQEntries: ringCQEntries})
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	b, err := r.NewBuffers(0, ringBuffers, ringBufferSize)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("engine: %w", err), r.Close())
	}
	p := &ring{lp: lp, ring: r, buffers: b}
	p.complete = p.completed
	p.listenForWake()
	return p, nil
}

// next gives a submission entry, or nil if the kernel takes none.
func (p *ring) next() *uring.SQE {
	for range ringPatience {
		if e := p.ring.Next(); e != nil {
			return e
		}
		if p.ring.Submit() != nil {
			return nil
		}
	}
	return nil
}

// listenForWake polls the eventfd, which is never read: each write to it is an
// event.
func (p *ring) listenForWake() {
	if e := p.next(); e != nil {
		e.PollMultishot(p.lp.box.wakeFD, unix.POLLIN)
		e.UserData = userData(aboutWake, 0, 0)
	}
}

func (p *ring) watch(d *door) error {
	d.ready = true // accept tells whether it is a listener at all
	e := p.next()
	if e == nil {
		return errNoEntry
	}
	e.PollMultishot(d.fd, unix.POLLIN)
	e.UserData = userData(aboutDoor, uint32(d.number), 0)
	return nil
}

var errNoEntry = fmt.Errorf("engine: io_uring takes no submission: %w", syscall.EBUSY)

// unwatch has the kernel forget the listener before its descriptor is closed:
// the poll would keep it open.
func (p *ring) unwatch(d *door) {
	if e := p.next(); e != nil {
		e.Cancel(userData(aboutDoor, uint32(d.number), 0))
	}
	_ = p.ring.Poll() // if it fails, so will wait
}

func (p *ring) open(l *line) error {
	if !p.arm(l, true) {
		return errNoEntry
	}
	return nil
}

func (p *ring) acceptFlags() int { return unix.SOCK_CLOEXEC }

// arm has the kernel receive: of TCP for as long as it can, of a UNIX socket
// once. There a multishot receive may never tell of an end of file that came
// together with data: Linux 6.17 and 6.18 take an empty queue
// for nothing more to come.
func (p *ring) arm(l *line, pollFirst bool) bool {
	e := p.next()
	if e == nil {
		return false
	}
	if l.c.peer.Family() == socket.UNIX {
		e.RecvInto(int(l.fd), p.buffers.Group())
	} else {
		e.RecvMultishot(int(l.fd), p.buffers.Group(), pollFirst)
	}
	e.UserData = userData(aboutRecv, l.c.ref.slot, l.c.ref.generation)
	l.ring.armed = true
	return true
}

// recv gives what is held, then what has just come, then the end.
func (p *ring) recv(l *line, limit int) ([]byte, reception, error) {
	r := &l.ring
	r.settle()
	switch {
	case r.held != nil:
		view := r.held.peek()
		r.shown = int32(min(limit, len(view)))
		return view[:r.shown:r.shown], recvGot, nil
	case p.freshLine == l && len(p.fresh) > 0:
		n := min(limit, len(p.fresh))
		view := p.fresh[:n:n]
		p.fresh = p.fresh[n:]
		return view, recvGot, nil
	case r.errno != 0:
		return nil, recvEnded, l.failure("read", "recv", syscall.Errno(r.errno))
	case r.eof:
		return nil, recvEnded, io.EOF
	case !r.armed && !p.arm(l, false):
		return nil, recvEnded, errNoEntry
	}
	return nil, recvNone, nil
}

// settle drops what the last recv gave of what is held.
func (r *ringState) settle() {
	if r.shown == 0 {
		return
	}
	r.held.sent(int(r.shown))
	r.shown = 0
	if r.held.len() == 0 {
		r.held = nil
	}
}

// send has the kernel take all of the output. What is written meanwhile waits
// for the next send.
func (p *ring) send(l *line) bool {
	if l.ring.sending || l.ring.broken {
		return false
	}
	l.flying = l.out.len()
	l.ring.flight, l.out = l.out.buf, output{}
	p.launch(l)
	return false
}

func (p *ring) launch(l *line) {
	e := p.next()
	if e == nil {
		l.c.finish(endOf(errNoEntry))
		p.lp.enqueue(l)
		return
	}
	e.Send(int(l.fd), l.ring.flight[len(l.ring.flight)-l.flying:], unix.MSG_NOSIGNAL)
	e.UserData = userData(aboutSend, l.c.ref.slot, l.c.ref.generation)
	l.ring.sending = true
}

// quiet: close(2) cancels nothing, so everything is cancelled, and its last
// completion awaited, before that.
func (p *ring) quiet(l *line) bool {
	r := &l.ring
	if r.armed || r.sending {
		if e := p.cancelEntry(&r.leaving); e != nil {
			e.CancelFD(int(l.fd))
		}
		return false
	}
	if r.held != nil {
		r.held.release()
		r.held = nil
	}
	r.landed()
	return true
}

// cancelEntry gives an entry for a cancellation that was not asked for before.
func (p *ring) cancelEntry(asked *bool) *uring.SQE {
	if *asked {
		return nil
	}
	e := p.next()
	*asked = e != nil
	return e
}

func (p *ring) wait(timeout time.Duration) error {
	var err error
	if timeout == 0 {
		err = p.ring.Poll()
	} else {
		err = p.ring.Wait(timeout)
	}
	if err != nil {
		return err
	}
	p.ring.Each(p.complete)
	for p.ring.Overflowed() && err == nil {
		err = p.ring.Poll()
		p.ring.Each(p.complete)
	}
	return err
}

// landed gives back the buffer of a send.
func (r *ringState) landed() {
	putBlock(r.flight)
	r.flight = nil
}

// completed acts on one completion.
func (p *ring) completed(c uring.CQE) {
	slot, about, generation := uint32(c.UserData)&(1<<24-1), uint8(c.UserData>>24), uint32(c.UserData>>32)
	switch about {
	case aboutRecv, aboutSend:
		l := p.lp.box.slots[slot]
		if l == nil || l.c.ref.generation != generation {
			panic("engine: a completion for a connection that is gone")
		}
		if about == aboutRecv {
			p.received(l, c)
		} else {
			p.sent(l, c)
		}
	case aboutDoor:
		p.knocked(slot, c)
	case aboutWake:
		if c.Flags&uring.CQEMore == 0 {
			p.listenForWake()
		}
	}
}

// knocked notes that a listener may have a connection.
func (p *ring) knocked(number uint32, c uring.CQE) {
	if int(number) >= len(p.lp.doors) {
		return // closed meanwhile
	}
	d := p.lp.doors[number]
	d.ready = true
	if c.Flags&uring.CQEMore == 0 && c.Res != -int32(syscall.ECANCELED) && p.watch(d) != nil {
		p.lp.crew.fail(errNoEntry)
	}
}

// received acts on a completion of a receive.
func (p *ring) received(l *line, c uring.CQE) {
	r := &l.ring
	if c.Flags&uring.CQEMore == 0 {
		r.armed, r.stopping = false, false
	}
	switch {
	case c.Res > 0:
		p.buffers.Take()
		p.arrived(l, p.buffers.Bytes(c.Buffer(), int(c.Res)))
		p.buffers.Return(c.Buffer())
		if r.armed {
			if c.Flags&uring.CQESockNonempty == 0 {
				p.unheard(l)
			}
			return
		}
	case c.Res == 0:
		r.eof = true
	default:
		switch errno := syscall.Errno(-c.Res); errno {
		case syscall.ENOBUFS, syscall.ECANCELED, syscall.EINTR, syscall.EAGAIN: // recv will arm it again
		default:
			r.errno = uint16(errno)
		}
	}
	if r.broken && !r.armed {
		p.sendFailed(l, syscall.EPIPE)
	}
	p.lp.enqueue(l)
}

// sendFailed ends the connection. The kernel tells a reset once: if the
// receive got it, the send gets EPIPE.
func (p *ring) sendFailed(l *line, errno syscall.Errno) {
	if l.ring.errno != 0 {
		l.failed("read", "recv", syscall.Errno(l.ring.errno))
		return
	}
	l.failed("write", "send", errno)
}

// unheard looks for a reset that came together with data. A multishot receive
// that took all the data waits for the next event, and there is none (Linux
// 6.18; of a FIN it knows). Where an answer is under way, the send will meet it.
func (p *ring) unheard(l *line) {
	r := &l.ring
	if r.sending || l.gone || l.c.end != nil {
		return
	}
	var one [1]byte
	switch _, errno := recvFDFlags(int(l.fd), one[:], unix.MSG_DONTWAIT|unix.MSG_PEEK); errno {
	case 0, syscall.EAGAIN:
	default:
		r.errno = uint16(errno)
		p.lp.enqueue(l)
	}
}

// arrived shows the line what came at once, if nothing that came before waits,
// and holds what it does not take.
func (p *ring) arrived(l *line, data []byte) {
	r := &l.ring
	if l.c.end != nil {
		return
	}
	r.settle()
	if r.held == nil {
		p.fresh, p.freshLine = data, l
		l.advance()
		data = p.fresh
		p.fresh, p.freshLine = nil, nil
	}
	if len(data) == 0 || l.gone {
		return
	}
	if r.held == nil {
		r.held = new(output)
	}
	r.held.append(data)
	if r.held.len() >= ringHeld && r.armed {
		if e := p.cancelEntry(&r.stopping); e != nil {
			e.Cancel(userData(aboutRecv, l.c.ref.slot, l.c.ref.generation))
		}
	}
}

// sent acts on a completion of a send.
func (p *ring) sent(l *line, c uring.CQE) {
	r := &l.ring
	r.sending = false
	switch errno := syscall.Errno(-c.Res); {
	case c.Res >= 0:
		n := int(c.Res)
		if l.flying -= n; l.flying == 0 {
			r.landed()
		}
		l.sent(n)
	case errno == syscall.ECANCELED || errno == syscall.EINTR || errno == syscall.EAGAIN:
	case errno == syscall.EPIPE && r.armed:
		r.broken = true
		return
	default:
		p.sendFailed(l, errno)
	}
	switch {
	case l.flying > 0 && l.c.end == nil:
		p.launch(l)
	case l.content():
		l.mirror()
	default:
		p.lp.enqueue(l)
	}
}

// content reports whether there is nothing to do for the line but to wait for
// the peer, with a receive outstanding.
func (l *line) content() bool {
	c, r := &l.c, &l.ring
	return r.armed && r.held == nil && !r.eof && r.errno == 0 && l.linger == nil && c.end == nil &&
		l.out.len() == 0 && !c.blocked && !l.owed.Load() && !c.closing && !c.wclosed && !c.again
}

func (p *ring) close() {
	_ = p.ring.Close() // nothing is outstanding but the poll of the eventfd
	_ = p.buffers.Close()
}
