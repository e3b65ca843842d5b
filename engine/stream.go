package engine

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"sock/socket"
)

// stream is the loop of one stream connection: the goroutine that was started
// for it (models goroutine and serial), or the only one that serves in a child
// (process).
//
// A turn does one thing: take what other goroutines sent, write, tell the
// handler, or read. While output waits for the kernel nothing is read, so one
// goroutine is enough: it waits either in a write or in a read, and the inbox
// wakes it from both.
type stream struct {
	link           // immutable after start, except for the Conn: owned by the loop
	box      inbox // has its own lock
	out      output
	tls      *tls.Conn // nil without TLS; it reads and writes through wire
	first    Side      // who sent the first FIN
	nowait   bool      // reads must not wait
	stopBy   time.Time // while draining: when to close in any case
	closeBy  time.Time // while closing: when the output must have moved
	opened   bool      // Handler.Open was called
	notified bool      // close_notify is in the output, or was sent

	// Of a SEQPACKET socket, where each write is a message.
	packetwise bool  // immutable
	packets    []int // the lengths of the messages in out
}

func newStream(s *Server, sock *socket.Socket, peer socket.Addr) *stream {
	st := &stream{}
	st.start(s, sock, peer)
	st.c.owner = st
	st.c.ref = Ref{to: st}
	st.box.sock = sock
	st.packetwise = sock.Type() == socket.SEQPACKET
	st.box.packetwise = st.packetwise
	return st
}

// Methods of the other goroutines.

func (st *stream) post(_, _ uint32, fn func(*Conn)) error { return st.box.post(fn) }
func (st *stream) close(_, _ uint32) error                { return st.box.raise(signalClose) }
func (st *stream) write(_, _ uint32, b []byte) error {
	err := st.box.write(b, st.s.cfg.HighWater)
	if errors.Is(err, ErrBackpressure) {
		st.s.counters.backpressure.Add(1)
	}
	return err
}

func (st *stream) stop()  { _ = st.box.raise(signalStop) }
func (st *stream) force() { _ = st.box.raise(signalForce) }

// run serves the connection from its first byte to its record.
func (st *stream) run() {
	defer st.leave() // also when the handler ends the goroutine
	if st.secureUp() {
		st.serve()
		st.hangUp()
	}
}

// serve runs turns until the end is decided or everything is said.
func (st *stream) serve() {
	c := &st.c
	st.opened = true
	if c.idle > 0 {
		c.touch()
		st.rearm(c)
	}
	st.call(st.s.handler.open)
	for c.end == nil && !st.done() {
		st.turn()
	}
}

// done reports that nothing is left but to close in order.
func (st *stream) done() bool {
	c := &st.c
	return c.finSent && (c.closing || c.eof) && st.out.len() == 0 && !st.box.pending.Load()
}

// turn does the next thing.
func (st *stream) turn() {
	c := &st.c
	switch {
	case st.box.pending.Load():
		st.take()
	case st.drainable():
		st.drained()
	case st.out.len() > 0:
		st.flush()
	case (c.wclosed || c.closing) && !c.finSent:
		st.sendFIN()
	case c.again && c.in.len() > 0 && !c.paused:
		c.again = false
		st.call(st.s.handler.data)
	case c.paused || c.eof:
		st.park()
	default:
		st.receive()
	}
}

// call runs a piece of the handler. A panic in it ends the connection.
func (st *stream) call(fn func(*Conn)) {
	c := &st.c
	c.calls++
	defer st.called()
	fn(c)
}

func (st *stream) called() {
	st.c.calls--
	if v := recover(); v != nil {
		st.c.finish(st.s.panicked(&st.c, v))
	}
}

// take does what other goroutines asked for.
func (st *stream) take() {
	items, signal := st.box.take(st.deadline())
	st.apply(items)
	if signal&signalForce != 0 {
		st.c.finish(&End{By: Local, How: RST, Err: ErrShutdown})
	}
	if signal&signalStop != 0 && !st.c.draining {
		st.drain()
	}
	if signal&signalClose != 0 {
		st.c.closing = true
	}
}

// apply runs calls and appends data, in the order they came.
func (st *stream) apply(items []item) {
	c := &st.c
	for i := range items {
		it := &items[i]
		if it.fn != nil {
			st.call(it.fn)
		} else {
			if !c.closing && !c.wclosed && c.end == nil {
				st.put(it.data.peek())
			}
			it.data.release()
		}
		items[i] = item{} // nothing of it stays reachable
	}
	st.mirror()
}

// drain begins the end that Shutdown wants. While reading is paused or over,
// the handler is about to do something: it may.
func (st *stream) drain() {
	c := &st.c
	if st.s.handler.stop != nil {
		st.call(st.s.handler.stop)
		return
	}
	c.draining = true
	st.stopBy = time.Now().Add(drainReads)
}

// drainable reports that a write was refused, or might have been, and that
// there is room again.
func (st *stream) drainable() bool {
	c := &st.c
	return (c.blocked || st.box.refused.Load()) && !c.closing && st.out.len() <= st.s.cfg.LowWater
}

// drained tells the handler that it may write again, and offers it once more
// what it left unread meanwhile.
func (st *stream) drained() {
	c := &st.c
	st.box.heed()
	c.blocked, c.again = false, true
	if st.s.handler.drained != nil {
		st.call(st.s.handler.drained)
	}
}

// send is Conn.Write.
func (st *stream) send(c *Conn, b []byte) (int, error) {
	if st.out.len() >= st.s.cfg.HighWater {
		c.blocked = true
		st.s.counters.backpressure.Add(1)
		return 0, ErrBackpressure
	}
	st.put(b)
	if c.end != nil {
		return 0, c.end
	}
	return len(b), nil
}

// put appends to the output, over TLS through the encryption.
func (st *stream) put(b []byte) {
	c := &st.c
	if st.tls == nil {
		st.append(b)
	} else if n, err := st.tls.Write(b); err != nil {
		c.finish(endOf(err))
	} else {
		c.sent.Add(int64(n))
	}
	c.blocked = c.blocked || st.out.len() >= st.s.cfg.HighWater
}

func (st *stream) append(b []byte) {
	st.out.append(b)
	if st.packetwise && len(b) > 0 { // an empty message would be an end of file
		st.packets = append(st.packets, len(b))
	}
}

// ready gives what one send takes: all of the output, or its first message.
func (st *stream) ready() []byte {
	if st.packetwise {
		return st.out.peek()[:st.packets[0]]
	}
	return st.out.peek()
}

// room gives where the next read goes to.
func (st *stream) room() []byte {
	if st.packetwise {
		return st.c.in.reserve(st.s.cfg.ReadBuffer)
	}
	return st.c.in.space(st.s.cfg.ReadBuffer)
}

// mirror shows the other goroutines how much is unsent.
func (st *stream) mirror() {
	if n := int64(st.out.len()); n != st.box.unsent.Load() {
		st.box.unsent.Store(n)
	}
}

// flush writes once, and waits for room if there is none.
func (st *stream) flush() {
	c := &st.c
	if c.closing && st.closeBy.IsZero() {
		st.progress()
	}
	n, err := st.sock.Send(st.ready(), 0)
	if n > 0 {
		st.flushed(n)
	}
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		st.expired()
	default:
		c.finish(endOf(err))
	}
	st.mirror()
}

func (st *stream) flushed(n int) {
	st.out.sent(n)
	if st.packetwise {
		st.packets = st.packets[1:]
	}
	st.c.touch()
	if st.tls == nil {
		st.c.sent.Add(int64(n))
	}
	if st.c.closing {
		st.progress()
	}
}

// progress moves the time by which a closing connection must get rid of more.
func (st *stream) progress() {
	if st.out.len() > 0 {
		stall := st.c.idle
		setDefault(&stall, closeStall)
		st.closeBy = time.Now().Add(stall)
		st.box.arm(st.deadline())
	}
}

// receive reads once and tells the handler what came.
func (st *stream) receive() {
	c := &st.c
	if c.in.len() >= st.s.cfg.ReadBuffer {
		c.finish(&End{By: Local, How: Failed, Err: ErrBufferFull})
		return
	}
	st.nowait = c.draining
	n, err := st.read(st.room())
	if n > 0 {
		c.in.filled(n)
		c.touch()
		c.received.Add(int64(n))
		st.call(st.s.handler.data)
	}
	if err != nil && c.end == nil {
		st.readFailed(err)
	} else if c.draining && time.Now().After(st.stopBy) {
		c.closing = true
	}
}

// errNothing says that reading would have to wait. It looks like a deadline,
// the one passing error that crypto/tls goes on after.
var errNothing = &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}

// read reads payload.
func (st *stream) read(b []byte) (int, error) {
	if st.tls != nil {
		return st.tls.Read(b)
	}
	return st.readWire(b)
}

func (st *stream) readWire(b []byte) (int, error) {
	var flags socket.Flags
	if st.nowait {
		flags |= socket.MsgDontWait
	}
	if st.packetwise {
		flags |= socket.MsgTrunc
	}
	n, err := st.sock.Recv(b, flags)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, errNothing
	case n > len(b): // of a message that was cut
		return 0, ErrBufferFull
	}
	return n, err
}

// readFailed acts on the error of a read.
func (st *stream) readFailed(err error) {
	c := &st.c
	end := endOf(err)
	switch {
	case errors.Is(err, errNothing):
		c.closing = true // drained: all that had arrived was served
	case errors.Is(err, os.ErrDeadlineExceeded):
		st.expired()
	case end.How == FIN:
		st.peerClosed()
	default:
		c.finish(end)
	}
}

// peerClosed acts on the peer's FIN.
func (st *stream) peerClosed() {
	c := &st.c
	c.eof = true
	if st.first == "" {
		st.first = Peer
	}
	if st.s.handler.half == nil {
		c.closing = true
		return
	}
	st.call(st.s.handler.half)
}

// sendFIN closes the way out once the output has left. Where the connection is
// closed right after the peer's FIN, close(2) does it.
func (st *stream) sendFIN() {
	c := &st.c
	if st.tls != nil && !st.notified {
		st.notified = true
		_ = st.tls.CloseWrite() // close_notify joins the output, which must leave first
		return
	}
	c.finSent = true
	if st.first == "" {
		st.first = Local
	}
	if c.closing && c.eof {
		return
	}
	if err := st.sock.Shutdown(socket.ShutWR); err != nil {
		c.finish(endOf(err))
	}
}

// park waits for other goroutines only: reading is paused or over.
func (st *stream) park() {
	deadline := st.deadline()
	st.box.park(deadline)
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		st.expired()
	}
}

// deadline is when the loop must wake by itself; zero: never.
func (st *stream) deadline() time.Time {
	c := &st.c
	switch {
	case c.closing && st.out.len() > 0:
		return st.closeBy
	case c.idle > 0:
		return c.last.Add(c.idle)
	}
	return time.Time{}
}

// rearm puts the deadline to work.
func (st *stream) rearm(*Conn) { st.box.arm(st.deadline()) }

func (st *stream) bus() *Bus { return st.s.bus }

// expired acts on a deadline that is over, unless it was a wake-up.
func (st *stream) expired() {
	deadline := st.deadline()
	switch {
	case st.box.pending.Load():
	case deadline.IsZero() || time.Now().Before(deadline):
		st.box.arm(deadline)
	default:
		st.c.finish(&End{By: Local, How: Timeout, Err: os.ErrDeadlineExceeded})
	}
}
