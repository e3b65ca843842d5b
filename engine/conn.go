package engine

import (
	"crypto/tls"
	"net"
	"time"

	"sock/socket"
)

// Conn is one connection, or the session of one datagram peer. Unless said
// otherwise its methods may be called on its loop only, that is within a call
// of the Handler or of a function given to [Ref.Post]; they never block. A
// call from elsewhere panics where it is noticed: hold a [Ref] instead.
type Conn struct {
	// Immutable after open.
	id      uint64
	network string
	peer    socket.Addr
	local   *socket.Addr // shared where many connections have the same
	owner   owner
	ref     Ref
	started time.Time
	secure  *tls.ConnectionState // nil without TLS

	// Owned by the loop.
	in       input
	value    any
	idle     time.Duration
	last     instant // when a byte moved last; kept only while idle > 0
	end      *End    // non-nil once it is decided that and how the connection ends
	calls    int32   // depth of calls into the handler: positive on the loop
	packet   bool    // immutable after open
	closing  bool    // Close: no more reads or writes, flush, FIN
	wclosed  bool    // CloseWrite: no more writes, flush, FIN
	finSent  bool
	eof      bool // the peer's FIN was read
	paused   bool // Pause
	blocked  bool // output reached HighWater; Drained is due
	again    bool // what is buffered must be offered to Data again
	draining bool // Shutdown has begun

	traffic
}

// owner is the loop behind a Conn: what differs between a stream and a session
// of a datagram socket, and later between backends.
type owner interface {
	send(c *Conn, b []byte) (int, error) // takes all of b, or nothing
	bus() *Bus
	rearm(c *Conn) // the idle limit has changed
}

// ID gives a number that no other connection of this server has, in any of its
// processes. Safe for concurrent use.
func (c *Conn) ID() uint64 { return c.id }

// Peer gives the peer's address; it is invalid for an unnamed UNIX socket.
// Safe for concurrent use.
func (c *Conn) Peer() socket.Addr { return c.peer }

// Local gives the address that the peer talks to. Safe for concurrent use.
func (c *Conn) Local() socket.Addr { return *c.local }

// Network gives "tcp", "unix", "udp" or "unixgram". Safe for concurrent use.
func (c *Conn) Network() string { return c.network }

// Datagram reports whether this is the session of a datagram peer: each Data
// call holds one datagram, each Write sends one. Safe for concurrent use.
func (c *Conn) Datagram() bool { return c.packet }

// TLS gives the state of the TLS connection after its handshake, or nil.
// Safe for concurrent use.
func (c *Conn) TLS() *tls.ConnectionState { return c.secure }

// Ref gives what other goroutines may hold. Safe for concurrent use.
func (c *Conn) Ref() Ref { return c.ref }

// Bus gives the bus of the server, which reaches every process that serves the
// same endpoint. Safe for concurrent use.
func (c *Conn) Bus() *Bus { return c.owner.bus() }

// Value gives what SetValue stored, or nil.
func (c *Conn) Value() any { c.assertOnLoop("Value"); return c.value }

// SetValue stores what belongs to this connection.
func (c *Conn) SetValue(v any) { c.assertOnLoop("SetValue"); c.value = v }

// Peek gives a view of all bytes that wait, without consuming them. It is
// valid until the handler returns or Next or Discard is called.
func (c *Conn) Peek() []byte { c.assertOnLoop("Peek"); return c.in.peek() }

// Buffered gives the number of bytes that wait.
func (c *Conn) Buffered() int { c.assertOnLoop("Buffered"); return c.in.len() }

// Next consumes n bytes and gives a view of them, valid until the handler
// returns. With fewer than n waiting it consumes nothing and returns nil.
func (c *Conn) Next(n int) []byte {
	c.assertOnLoop("Next")
	b := c.in.peek()
	if n < 0 || n > len(b) {
		return nil
	}
	c.in.r += n
	return b[:n:n]
}

// Discard consumes up to n bytes and returns how many.
func (c *Conn) Discard(n int) int {
	c.assertOnLoop("Discard")
	n = max(min(n, c.in.len()), 0)
	c.in.r += n
	return n
}

// Write sends b, of which it makes a copy: on a stream appended to the output,
// which leaves when the handler returns; on a datagram socket as one datagram.
// It takes all of b or nothing: n is len(b) or 0.
//
// Errors: [ErrBackpressure] while HighWater bytes or more are unsent (what is
// not consumed meanwhile is offered to Data again once Drained is due);
// net.ErrClosed after Close, CloseWrite or the end; [ErrMessageTooLong] and
// [ErrUnnamedPeer] for datagrams.
func (c *Conn) Write(b []byte) (n int, err error) {
	c.assertOnLoop("Write")
	if c.closing || c.wclosed || c.end != nil {
		return 0, net.ErrClosed
	}
	return c.owner.send(c, b)
}

// WriteString is Write for a string.
func (c *Conn) WriteString(s string) (int, error) { return c.Write([]byte(s)) }

// CloseWrite sends FIN after the output; the peer can still send. The
// connection ends with the peer's FIN. On a datagram socket it is Close.
func (c *Conn) CloseWrite() {
	c.assertOnLoop("CloseWrite")
	c.wclosed = true
	c.closing = c.closing || c.packet
}

// Close ends the connection in order: the output is sent, then FIN, then what
// the peer still sends is dropped until its own FIN or for [Config].Linger, so
// that no reset overtakes the last bytes. Nothing is read any more. If no byte
// of the output leaves for the idle limit (without one: for two minutes), the
// connection is reset. The handler's Close follows after it has returned.
func (c *Conn) Close() {
	c.assertOnLoop("Close")
	c.closing = true
}

// Abort ends the connection at once with RST: unsent output is dropped.
//
// socket(7) SO_LINGER.
func (c *Conn) Abort() {
	c.assertOnLoop("Abort")
	c.finish(&End{By: Local, How: RST})
}

// Pause stops reading, and so Data, until Resume. The peer is slowed down by
// its full window. FIN and RST go unnoticed meanwhile, except by a write.
func (c *Conn) Pause() { c.assertOnLoop("Pause"); c.paused = true }

// Resume ends Pause. Data is called for bytes that wait already.
func (c *Conn) Resume() {
	c.assertOnLoop("Resume")
	c.again = c.again || c.paused
	c.paused = false
}

// SetIdle ends the connection when no byte has moved either way for d, in
// place of [Config].Idle. Zero means never (datagram sessions: the default).
func (c *Conn) SetIdle(d time.Duration) {
	c.assertOnLoop("SetIdle")
	c.idle = max(d, 0)
	c.last = instantOf(time.Now())
	c.owner.rearm(c)
}

// finish decides how the connection ends; the first decision counts.
func (c *Conn) finish(end *End) {
	if c.end == nil {
		c.end = end
	}
}

// touch notes that bytes have moved.
func (c *Conn) touch() {
	if c.idle > 0 {
		c.last = instantOf(time.Now())
	}
}

// assertOnLoop stops a program that uses a Conn where only a Ref is allowed.
func (c *Conn) assertOnLoop(method string) {
	if c.calls == 0 {
		panic("engine: Conn." + method + " called outside the connection's loop: use a Ref")
	}
}
