package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"sock/socket"
)

// refuseEvery bounds the events about refused datagram peers: one in this time
// for each socket. Stats counts all of them.
const refuseEvery = time.Second

// ServePacket serves datagram sockets: each peer is a session, a Conn of its
// own, until nothing has come or gone for Idle. Answers leave from the address
// that the peer sent to. All sessions of a socket share one loop and cost no
// goroutine; all models but process are the same here. Above MaxConns sessions a
// new peer's datagrams are dropped, with an EventRefuse at most once a second.
//
// To know where a datagram was sent to, a socket bound to every address has
// pktinfo switched on; switch it on before bind to also know it of datagrams
// that come before this call.
//
// It returns as Serve does, after its sessions were closed; Stopper is not
// asked. The sockets stay the caller's. Errors from the network (ICMP) end
// nothing. It returns an error that wraps errors.ErrUnsupported for a Blocking
// handler and under the model process.
func (s *Server) ServePacket(ctx context.Context, sockets ...*socket.Socket) error {
	switch {
	case s.cfg.Model == Process:
		return fmt.Errorf("engine: model process serves streams, not datagrams: %w", errors.ErrUnsupported)
	case s.handler.blocking != nil:
		return fmt.Errorf("engine: a blocking handler serves streams, not datagrams: %w", errors.ErrUnsupported)
	}
	jobs := make([]func(context.Context) error, len(sockets))
	for i, sock := range sockets {
		jobs[i] = s.waiting(sock, func(ctx context.Context) error {
			p, err := newPackets(s, sock)
			if err != nil {
				return err
			}
			return p.run(ctx)
		})
	}
	return s.serveAll(ctx, jobs)
}

// sessionKey tells peers apart: who sends, and to which of our addresses.
type sessionKey struct {
	peer socket.Addr
	to   netip.Addr // invalid unless the socket is bound to every address
}

// session is one peer of a datagram socket. Owned by the loop.
type session struct {
	c       Conn
	p       *packets
	key     sessionKey
	slot    uint32
	control []byte // the control messages of every answer: where it leaves from
	alone   bool   // its answers are not to be joined
	due
}

func (s *session) sentBytes(n int) {
	s.c.sent.Add(int64(n))
	s.p.live.sent.Add(int64(n))
}

// packets is the loop of one datagram socket. A turn receives a batch, calls
// the handler for each datagram, and sends what they have written.
type packets struct {
	// Immutable.
	s     *Server
	sock  *socket.Socket
	local socket.Addr
	info  bool // the socket is bound to every address: each datagram tells which
	gro   bool // the kernel may join datagrams
	limit int  // sessions

	box  postbox // has its own lock
	live traffic // of the sessions that are open; the loop adds, anyone reads

	// Owned by the loop.
	in       arrivals
	control  socket.Control // of the message that is being served
	out      *departures
	sessions map[sessionKey]*session
	slots    []*session // nil: free
	free     []uint32
	expiries expiries[*session]
	now      time.Time // when this turn began
	armed    time.Time // the receive's deadline
	refused  time.Time // when the last EventRefuse was
	failures int       // receives that failed one after another
	ended    bool
	forced   bool
}

func newPackets(s *Server, sock *socket.Socket) (*packets, error) {
	local, err := sock.LocalAddr()
	if err != nil {
		return nil, err
	}
	p := &packets{s: s, sock: sock, local: local, sessions: make(map[sessionKey]*session), limit: s.cfg.MaxConns}
	setDefault(&p.limit, DefaultMaxSessions)
	p.box.sock = sock
	if ip := local.AddrPort().Addr(); ip.IsValid() && ip.IsUnspecified() {
		if err := socket.PktInfo.Set(sock, true); err != nil {
			return nil, err
		}
		p.info = true
	}
	p.gro, _ = socket.GRO.Get(sock) // not every family and kernel has it
	p.in = newArrivals(p.info || p.gro)
	p.out = newDepartures(sock, func(n int) { s.counters.dropped.Add(int64(n)) })
	return p, nil
}

// Methods of the other goroutines.

func (p *packets) post(slot, generation uint32, fn func(*Conn)) error {
	return p.box.add(letter{slot: slot, fn: fn}, generation, ErrBusy)
}

func (p *packets) write(slot, generation uint32, b []byte) error {
	if len(b) > maxDatagram {
		return ErrMessageTooLong
	}
	err := p.box.add(letter{slot: slot, data: append([]byte(nil), b...)}, generation, ErrBackpressure)
	if errors.Is(err, ErrBackpressure) {
		p.s.counters.backpressure.Add(1)
	}
	return err
}

func (p *packets) close(slot, generation uint32) error {
	return p.box.add(letter{slot: slot, close: true}, generation, nil)
}

func (p *packets) stop()                           { p.box.raise(signalStop) }
func (p *packets) force()                          { p.box.raise(signalForce) }
func (p *packets) traffic() (received, sent int64) { return p.live.bytes() }
func (p *packets) bus() *Bus                       { return p.s.bus }

// run is the loop.
func (p *packets) run(ctx context.Context) error {
	if !p.s.join(p) {
		return nil
	}
	defer p.s.depart(p, nil)
	defer context.AfterFunc(ctx, p.stop)()
	var err error
	exited := true // until the loop has come to its end
	defer func() {
		if exited {
			err = errExited
		}
		p.closeAll(err)
		p.box.leave()
	}()
	for !p.ended && err == nil {
		err = p.turn()
	}
	exited = false
	return err
}

// turn does everything that is there to be done, or waits for it.
func (p *packets) turn() error {
	if p.box.pending.Load() {
		p.take()
		p.out.flush()
		return nil
	}
	n, err := p.sock.RecvBatch(p.in.msgs, 0)
	p.now = time.Now()
	for i := range n {
		p.arrived(&p.in.msgs[i])
	}
	p.out.flush()
	if err != nil {
		return p.failed(err)
	}
	p.failures = 0
	return nil
}

// take does what other goroutines asked for.
func (p *packets) take() {
	p.now = time.Now()
	p.armed = p.nextExpiry()
	letters, signal := p.box.take(p.armed)
	for i := range letters {
		p.read(p.slots[letters[i].slot], &letters[i])
	}
	for i := range letters { // not before all are read: each was promised
		if s := p.slots[letters[i].slot]; s != nil {
			p.settle(s)
		}
	}
	clear(letters)
	p.ended = p.ended || signal&(signalStop|signalForce) != 0
	p.forced = p.forced || signal&signalForce != 0
}

// read acts on one letter.
func (p *packets) read(s *session, l *letter) {
	switch {
	case l.fn != nil:
		p.call(s, l.fn)
	case l.close:
		s.c.closing = true
	case !s.c.closing:
		_, _ = p.send(&s.c, l.data) // an unnamed peer cannot be answered, by nobody
	}
}

// arrived gives what was received to its session: one datagram, or several
// that the kernel has joined.
func (p *packets) arrived(m *socket.Message) {
	key := sessionKey{peer: m.Addr}
	data := m.Buffers[0][:m.N]
	size := max(m.N, 1)
	p.control = socket.Control{}
	if m.NControl > 0 && p.control.Parse(m.Control[:m.NControl]) == nil {
		if p.info {
			key.to = p.control.PacketInfo.Local.Unmap()
		}
		if p.control.Has(socket.HasSegmentSize) {
			size = max(p.control.SegmentSize, 1)
		}
	}
	for {
		n := min(size, len(data))
		p.datagram(key, data[:n:n])
		if data = data[n:]; len(data) == 0 {
			return
		}
	}
}

// datagram gives one datagram to its session.
func (p *packets) datagram(key sessionKey, data []byte) {
	s := p.sessions[key]
	if s == nil {
		if s = p.admit(key, p.control.PacketInfo); s == nil {
			p.s.counters.dropped.Add(1)
			return
		}
	}
	s.c.last = instantOf(p.now)
	s.c.received.Add(int64(len(data)))
	p.live.received.Add(int64(len(data)))
	s.c.in = input{buf: data, w: len(data)}
	if s.c.end == nil && !s.c.closing {
		p.call(s, p.s.handler.data)
	}
	s.c.in = input{}
	p.settle(s)
}

// admit makes the session of a new peer, or refuses it.
func (p *packets) admit(key sessionKey, info socket.PacketInfo) *session {
	var err error
	if p.s.cfg.Admit != nil {
		err = p.s.cfg.Admit(key.peer)
	}
	if err == nil && len(p.sessions) >= p.limit {
		err = ErrTooMany
	}
	if err == nil {
		return p.open(key, info)
	}
	p.s.counters.refused.Add(1)
	if p.now.Sub(p.refused) >= refuseEvery {
		p.refused = p.now
		p.s.observe(Event{Kind: EventRefuse, Peer: key.peer, Local: p.local, Err: err})
	}
	return nil
}

// open begins a session.
func (p *packets) open(key sessionKey, info socket.PacketInfo) *session {
	s := &session{p: p, key: key, slot: p.takeSlot()}
	p.slots[s.slot] = s
	s.c = Conn{
		id: p.s.nextID.Add(1), network: networkOf(p.sock), peer: key.peer, local: &p.local,
		owner: p, packet: true, started: p.now, last: instantOf(p.now), idle: p.s.cfg.Idle,
		ref: Ref{to: p, slot: s.slot, generation: p.box.open(s.slot)},
	}
	setDefault(&s.c.idle, DefaultSessionIdle)
	if key.to.IsValid() {
		local := socket.AddrFrom(netip.AddrPortFrom(key.to, uint16(p.local.Port())))
		s.c.local = &local
		if !key.to.IsMulticast() {
			s.control = socket.AppendPacketInfo(nil, socket.PacketInfo{Local: key.to, Interface: linkOf(info)})
		}
	}
	p.sessions[key] = s
	s.expires = instantOf(p.now.Add(s.c.idle))
	p.expiries.add(s)
	p.rearm(&s.c)
	p.s.opened(&s.c)
	p.call(s, p.s.handler.open)
	return s
}

// linkOf gives the interface for answers where the address needs one.
func linkOf(info socket.PacketInfo) int {
	if info.Local.IsLinkLocalUnicast() {
		return info.Interface
	}
	return 0
}

func (p *packets) takeSlot() uint32 {
	if n := len(p.free); n > 0 {
		slot := p.free[n-1]
		p.free = p.free[:n-1]
		return slot
	}
	p.slots = append(p.slots, nil)
	return uint32(len(p.slots) - 1)
}

// call runs a piece of the handler. A panic in it ends the session.
func (p *packets) call(s *session, fn func(*Conn)) {
	s.c.calls++
	defer p.called(s)
	fn(&s.c)
}

func (p *packets) called(s *session) {
	s.c.calls--
	if v := recover(); v != nil {
		s.c.finish(p.s.panicked(&s.c, v))
	}
}

// settle ends a session if the handler wants that.
func (p *packets) settle(s *session) {
	if s.c.closing && s.c.end == nil {
		s.c.finish(&End{By: Local, How: FIN})
	}
	if s.c.end != nil {
		p.finish(s)
	}
}

// finish ends a session: nothing of it is left but its record.
func (p *packets) finish(s *session) {
	for _, l := range p.box.close(s.slot) {
		if l.fn != nil {
			p.call(s, l.fn)
		}
	}
	p.out.flush() // what it has written counts
	p.call(s, func(c *Conn) { p.s.handler.close(c, c.end) })
	delete(p.sessions, s.key)
	p.expiries.remove(s)
	p.slots[s.slot] = nil
	p.free = append(p.free, s.slot)
	record := s.c.record()
	p.live.received.Add(-record.Received)
	p.live.sent.Add(-record.Sent)
	p.s.mu.Lock()
	p.s.countEndLocked(&record)
	p.s.mu.Unlock()
	p.s.report(&record)
}

// closeAll ends every session.
func (p *packets) closeAll(err error) {
	for _, s := range p.slots {
		switch {
		case s == nil:
			continue
		case err != nil:
			s.c.finish(&End{By: Local, How: Failed, Err: err})
		case p.forced:
			s.c.finish(&End{By: Local, How: RST, Err: ErrShutdown})
		}
		s.c.closing = true
		p.settle(s)
	}
}

// send is Conn.Write.
func (p *packets) send(c *Conn, b []byte) (int, error) {
	switch {
	case len(b) > maxDatagram:
		return 0, ErrMessageTooLong
	case !c.peer.IsValid() || c.peer.Family() == socket.UNIX && c.peer.Path() == "":
		return 0, ErrUnnamedPeer
	}
	c.last = instantOf(p.now)
	p.out.add(p.slots[c.ref.slot], b)
	return len(b), nil
}

// nextExpiry gives the receive's deadline; zero: none.
func (p *packets) nextExpiry() time.Time {
	next, _ := p.expiries.next()
	return next
}

// rearm follows a change of a session's idle limit.
func (p *packets) rearm(c *Conn) {
	s := p.slots[c.ref.slot]
	setDefault(&c.idle, DefaultSessionIdle)
	s.expires = c.last + instant(c.idle)
	p.expiries.moved(s)
	if next := p.nextExpiry(); p.armed.IsZero() || next.Before(p.armed) {
		p.armed = next
		p.box.arm(next)
	}
}

// expire ends the sessions whose time has come and puts back the others.
func (p *packets) expire() {
	for {
		next, ok := p.expiries.next()
		if !ok || next.After(p.now) {
			break
		}
		s := p.expiries[0]
		if s.expires = s.c.last + instant(s.c.idle); s.expires > instantOf(p.now) {
			p.expiries.moved(s)
			continue
		}
		s.c.finish(&End{By: Local, How: Timeout, Err: os.ErrDeadlineExceeded})
		p.settle(s)
	}
	p.armed = p.nextExpiry()
	p.box.arm(p.armed)
}

// failed acts on the error of a receive: nil to go on.
func (p *packets) failed(err error) error {
	switch {
	case p.box.pending.Load():
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.expire()
		p.out.flush()
		return nil
	case errors.Is(err, net.ErrClosed):
		return err
	case !fromNetwork(err) && !isExhausted(err):
		return err
	}
	p.emptyErrorQueue()
	if p.failures++; p.failures > recvBatch { // each may be one peer that left; more are a state
		time.Sleep(min(time.Duration(p.failures)*time.Millisecond, sendPatience))
	}
	return nil
}

// fromNetwork reports whether an error is what an ICMP message or a peer made
// of an earlier datagram, and not of the socket.
func fromNetwork(err error) bool {
	return isAny(err, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
		syscall.EHOSTDOWN, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EPROTO,
		syscall.EMSGSIZE, syscall.EACCES, syscall.EOPNOTSUPP)
}

// emptyErrorQueue drops what IP_RECVERR has queued, where it is on.
func (p *packets) emptyErrorQueue() {
	for range recvBatch {
		if _, _, err := p.sock.RecvError(nil); err != nil {
			return
		}
	}
}
