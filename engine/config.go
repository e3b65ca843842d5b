package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"sock/socket"
)

// Model says how connections are served at the same time.
type Model string

// The concurrency models.
const (
	Goroutine Model = "goroutine" // in a goroutine of its own; the default
	Serial    Model = "serial"    // one at a time, in order; the rest wait in the backlog
	Process   Model = "process"   // in a child process of its own
	// EventLoop serves all connections on a few event loops. TLS connections,
	// Blocking handlers and SEQPACKET sockets are served as under Goroutine.
	EventLoop Model = "event"
)

// Models lists the models that this build knows, in the order of their
// documentation.
func Models() []Model { return []Model{Serial, Process, Goroutine, EventLoop} }

// Backend is how the event loops of the model EventLoop talk to the kernel.
type Backend string

// The backends.
const (
	Auto  Backend = "auto"  // the best that this system allows; the default
	Uring Backend = "uring" // io_uring(7), Linux 6.1
	Epoll Backend = "epoll" // epoll(7), Linux
)

// Backends lists the backends, in the order of preference.
func Backends() []Backend { return []Backend{Auto, Uring, Epoll} }

// Defaults of the Config.
const (
	DefaultReadBuffer       = 64 << 10
	DefaultHighWater        = 64 << 10
	DefaultLowWater         = 16 << 10
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultLinger           = 2 * time.Second
	DefaultSessionIdle      = 60 * time.Second
	DefaultMaxSessions      = 16384
	DefaultMaxChildren      = 256

	// MaxMessage is the longest message of a Bus, in bytes.
	MaxMessage = 32 << 10

	maxPosts      = 256  // functions that may wait for one connection's loop
	maxHandshakes = 1024 // TLS handshakes under way at the same time
)

// Config says what a Server does. It is copied and checked once by [New] and
// does not change after that. Handler is the only field that must be set
// (under Process: Child).
type Config struct {
	// Model is the concurrency model. Default Goroutine.
	Model Model

	// Backend is the event loops' backend. Default Auto, which takes Uring
	// where it is allowed and else Epoll, with one EventNotice. What this
	// system lacks is an error of New that wraps errors.ErrUnsupported. Only
	// the model EventLoop has backends.
	Backend Backend

	// Loops is the number of event loops, each on a thread of its own. Default
	// one for each CPU that may be used. Only the model EventLoop has loops.
	Loops int

	// Handler serves the connections. Under Process it is used in the
	// children and may be nil here.
	Handler Handler

	// MaxConns bounds the connections served at the same time; one more is
	// accepted and reset at once, with an EventRefuse. 0 means no bound, but
	// under Process DefaultMaxChildren and for datagrams DefaultMaxSessions.
	// Connections that are still in their TLS handshake do not count.
	MaxConns int

	// Accepted, if set, is called with each accepted connection before Admit
	// and before anything is read or written: to set what a socket does not
	// inherit from its listener. Under Process that is in the parent. Its error
	// refuses the peer, who is reset, with an EventRefuse. It is called from the
	// accepting goroutines, must not block, and must not keep or close the
	// socket.
	Accepted func(*socket.Socket) error

	// Admit, if set, decides about each peer before anything is read or
	// written. Its error refuses the peer, who is reset, with an EventRefuse.
	// It is called from the accepting goroutines and must not block.
	Admit func(peer socket.Addr) error

	// Idle ends a connection on which no byte has moved either way for so
	// long. 0 means never, but for datagram sessions DefaultSessionIdle.
	Idle time.Duration

	// TLS, if set, makes every stream connection a TLS server connection.
	TLS *tls.Config

	// HandshakeTimeout bounds the TLS handshake. Default DefaultHandshakeTimeout.
	HandshakeTimeout time.Duration

	// ReadBuffer bounds the bytes that wait for a handler, and so the longest
	// message it can see in one piece. Default DefaultReadBuffer.
	ReadBuffer int

	// HighWater is the number of unsent bytes at which writes are refused
	// with ErrBackpressure, LowWater that at which Drained follows. A single
	// write is taken whole as long as the output stands below HighWater.
	// Defaults DefaultHighWater, DefaultLowWater (or half of HighWater).
	HighWater, LowWater int

	// Linger bounds how long a closing connection waits, after its own FIN,
	// for the peer's, without anything arriving (what arrives is dropped, for
	// five times as long in all). Default DefaultLinger. Before that, output
	// that was written must leave: see Conn.Close.
	Linger time.Duration

	// Child gives the program to start for each connection under Process,
	// which must call [ServeChild]. The engine adds two descriptors to it
	// (the connection and a control socket) and must find ExtraFiles empty.
	// It is called once per connection, from many goroutines.
	Child func() (*exec.Cmd, error)

	// ClientCAs holds, in PEM, the certificates of TLS.ClientCAs. It is needed
	// only under Process with client certificates: a pool cannot be read out
	// to hand it over to the children.
	ClientCAs []byte

	// Observe, if set, receives every Event. It is called from many
	// goroutines, the connections' loops among them, and must not block.
	Observe func(Event)
}

// withDefaults checks the configuration and fills in the defaults.
func (c Config) withDefaults() (Config, error) {
	if c.Model == "" {
		c.Model = Goroutine
	}
	setDefault(&c.ReadBuffer, DefaultReadBuffer)
	setDefault(&c.HighWater, DefaultHighWater)
	setDefault(&c.LowWater, min(DefaultLowWater, c.HighWater/2))
	setDefault(&c.HandshakeTimeout, DefaultHandshakeTimeout)
	setDefault(&c.Linger, DefaultLinger)
	if c.Model == Process {
		setDefault(&c.MaxConns, DefaultMaxChildren)
	}
	return c, c.check()
}

// handshakes bounds the handshakes under way at the same time. Under Process
// each has a child of its own.
func (c *Config) handshakes() int64 {
	if c.Model == Process {
		return DefaultMaxChildren
	}
	return maxHandshakes
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// check returns an error that names the first wrong field.
func (c *Config) check() error {
	switch {
	case !slices.Contains(Models(), c.Model):
		return fmt.Errorf("engine: unknown model %q", string(c.Model))
	case c.Backend != "" && !slices.Contains(Backends(), c.Backend):
		return fmt.Errorf("engine: unknown backend %q", string(c.Backend))
	case c.Loops < 0:
		return fmt.Errorf("engine: Loops is %d", c.Loops)
	case c.Model != EventLoop && (c.Backend != "" || c.Loops > 0):
		return fmt.Errorf("engine: model %s has neither Backend nor Loops", c.Model)
	case c.Model != Process && c.Handler == nil:
		return errors.New("engine: no Handler")
	case c.Model == Process && c.Child == nil:
		return errors.New("engine: model process needs Child")
	case c.MaxConns < 0:
		return fmt.Errorf("engine: MaxConns is %d", c.MaxConns)
	case c.Idle < 0 || c.HandshakeTimeout < 0 || c.Linger < 0:
		return errors.New("engine: negative duration")
	case c.ReadBuffer < 0 || c.HighWater < 0 || c.LowWater < 0:
		return errors.New("engine: negative buffer size")
	case c.LowWater >= c.HighWater:
		return fmt.Errorf("engine: LowWater %d is not below HighWater %d", c.LowWater, c.HighWater)
	}
	return nil
}
