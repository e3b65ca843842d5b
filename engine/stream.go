package engine

import (
	"crypto/tls"
	"errors"
	"os"
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
	talk
	box      inbox     // has its own lock
	tls      *tls.Conn // nil without TLS; it reads and writes through wire
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
	st.begin()
	for c.end == nil && !st.done() {
		st.turn()
	}
}

// done: and nobody wants anything more.
func (st *stream) done() bool { return st.talk.done() && !st.box.pending.Load() }

// turn does the next thing.
func (st *stream) turn() {
	if st.box.pending.Load() {
		st.take()
		return
	}
	switch st.next(st.box.refused.Load()) {
	case stepDrained:
		st.drained()
	case stepFlush:
		st.flush()
	case stepFIN:
		st.sendFIN()
	case stepOffer:
		st.offer()
	case stepPark:
		st.park()
	case stepReceive:
		st.receive()
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

// drained tells the handler that it may write again.
func (st *stream) drained() {
	st.box.heed()
	st.talk.drained()
}

// send is Conn.Write.
func (st *stream) send(c *Conn, b []byte) (int, error) {
	if err := st.refused(); err != nil {
		return 0, err
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
	st.mark()
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
	if c.closing && st.closeBy == 0 {
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
	if st.tls == nil {
		st.c.sent.Add(int64(n))
	}
	st.moved()
}

// receive reads once and tells the handler what came.
func (st *stream) receive() {
	c := &st.c
	if st.full() {
		return
	}
	n, err := st.read(st.room())
	if n > 0 {
		c.in.filled(n)
		c.touch()
		c.received.Add(int64(n))
		st.hush()
		st.call(st.s.handler.data)
	}
	if err != nil && c.end == nil {
		st.readFailed(err)
	}
}

// read reads payload.
func (st *stream) read(b []byte) (int, error) {
	if st.tls != nil {
		return st.tls.Read(b)
	}
	return st.readWire(b)
}

func (st *stream) readWire(b []byte) (int, error) {
	var flags socket.Flags
	if st.packetwise {
		flags |= socket.MsgTrunc
	}
	n, err := st.sock.Recv(b, flags)
	if n > len(b) { // of a message that was cut
		return 0, ErrBufferFull
	}
	return n, err
}

// readFailed acts on the error of a read.
func (st *stream) readFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		st.expired()
		return
	}
	st.readEnded(err)
}

// sendFIN closes the way out once the output has left.
func (st *stream) sendFIN() {
	if st.tls != nil && !st.notified {
		st.notified = true
		_ = st.tls.CloseWrite() // close_notify joins the output, which must leave first
		return
	}
	if !st.fin() {
		return
	}
	if err := st.sock.Shutdown(socket.ShutWR); err != nil {
		st.c.finish(endOf(err))
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
		st.timeUp()
	}
}
