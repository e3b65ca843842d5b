package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"sock/internal/netns"
	"sock/socket"
)

// ListenConfig listens on endpoints. The zero ListenConfig is ready for use; it
// may be shared between goroutines, and is not changed by its methods.
type ListenConfig struct {
	// Backlog is the length of the accept queue where the endpoint has no
	// backlog=; zero means the system's maximum.
	Backlog int

	// HandshakeTimeout bounds the TLS handshake of an accepted connection; zero
	// means [HandshakeTimeout].
	HandshakeTimeout time.Duration

	// KeyPair is the certificate of a TLS endpoint that names none (cert=); nil
	// means a new self-signed one. It lets the processes that share a listener
	// share a certificate: see [Listener.KeyPair].
	KeyPair *KeyPair
}

// Listen listens with the zero [ListenConfig].
func Listen(ctx context.Context, e Endpoint) (*Listener, error) {
	return ListenConfig{}.Listen(ctx, e)
}

// binding is what a Listener and a PacketListener have in common: the sockets
// of one endpoint. Immutable once made, but for close.
type binding struct {
	endpoint Endpoint
	sockets  []*socket.Socket
	addrs    []socket.Addr
	notices  []string
	path     *unixPath // nil: there is none, or it is not ours to remove
	after    []Option  // for accepted sockets

	closing  sync.Once
	closeErr error
}

// Sockets returns the sockets, for callers that accept or receive on each by
// themselves. They belong to the listener, whose Close closes them.
func (b *binding) Sockets() []*socket.Socket { return slices.Clone(b.sockets) }

// Addrs returns the address of each socket, with the real port.
func (b *binding) Addrs() []socket.Addr { return slices.Clone(b.addrs) }

// Endpoint is what was asked for, with the real port in place of 0; for an
// inherited socket the scheme and the address that it turned out to have.
func (b *binding) Endpoint() Endpoint { return b.endpoint }

// Notices lists what the user should know: a backlog that the kernel capped, an
// address that was left out. Each is a line without a final stop.
func (b *binding) Notices() []string { return slices.Clone(b.notices) }

// Addr is the first socket's address in package net's form.
func (b *binding) Addr() net.Addr {
	typ, protocol := kindOf(b.endpoint)
	return b.addrs[0].NetAddr(typ, protocol)
}

func (b *binding) notice(format string, args ...any) {
	b.notices = append(b.notices, fmt.Sprintf(format, args...))
}

// close removes the UNIX path, if it is still ours, then closes the sockets: in
// this order, so that a path without a listener is never ours.
func (b *binding) close() error {
	b.closing.Do(func() {
		errs := []error{b.path.remove()}
		for _, s := range b.sockets {
			errs = append(errs, s.Close())
		}
		b.closeErr = errors.Join(errs...)
	})
	return b.closeErr
}

// Listener accepts the connections of one endpoint, which may have several
// sockets: localhost has one for each loopback address, on one port. It is a
// net.Listener. Its methods may be called concurrently.
type Listener struct {
	binding
	tls       *serverTLS // nil: plain
	single    *socket.Socket
	handshake time.Duration
	queue     acceptQueue
}

// Listen listens on a stream endpoint: tcp, unix, unixpacket, tls, http, https
// or fd. The listener is ready when Listen returns: a client can connect.
//
// An endpoint without host (":8080") is one IPv6 socket that takes IPv4 too
// (IPV6_V6ONLY off), or an IPv4 socket where the host has no IPv6; v6only=1
// keeps it to IPv6. "8080" and localhost are both loopback addresses on one
// port, also for port 0, which finds a port that is free on both. Another name
// is every address it resolves to. TCP sockets get SO_REUSEADDR, as in package
// net, so that a server can be restarted, and TCP_NODELAY; reuseaddr=0 and
// nodelay=0 turn them off.
//
// A UNIX path is created with mode= (or as the umask has it) and removed by
// Close, if it is still this listener's. A dead path, on which nobody listens,
// is replaced; a live one is EADDRINUSE; a file that is no socket is never
// touched.
//
// The options of the endpoint are set where they act: before bind, before
// listen, on the listening socket; those that accepted sockets do not inherit
// are set on each.
//
// The options that concern serving (idle, max-conns, allow, deny, model, backend,
// loops) do nothing here: they are for whoever serves what is accepted, as package
// up does, with Endpoint.Idle, MaxConns, Access, Model, Backend and Loops.
//
// The error is a [*ListenError], which names who has the port where that can be seen.
func (c ListenConfig) Listen(ctx context.Context, e Endpoint) (*Listener, error) {
	if err := e.Check(ForListen); err != nil {
		return nil, listenFailure(e, err)
	}
	if e.IsDatagram() {
		return nil, listenFailure(e, fmt.Errorf("%s has no connections to accept; it takes ListenPacket", e.Scheme))
	}
	l := &Listener{binding: binding{endpoint: e}, handshake: c.HandshakeTimeout}
	if l.handshake <= 0 {
		l.handshake = HandshakeTimeout
	}
	if e.IsFD() {
		return c.adopt(l)
	}
	if e.IsTLS() {
		config, err := newServerTLS(e, c.KeyPair)
		if err != nil {
			return nil, listenFailure(e, err)
		}
		l.tls = config
	}
	if err := l.open(ctx, c.start); err != nil {
		return nil, err
	}
	l.after = afterAccept(e)
	return l, nil
}

// start begins to listen on a bound socket.
func (c ListenConfig) start(s *socket.Socket, b *binding) error {
	asked := b.endpoint.Backlog()
	if asked <= 0 {
		asked = c.Backlog
	}
	granted := 0
	err := netns.Do(b.endpoint.NetNS(), func() (err error) { // whose bound on backlogs Listen asks for
		granted, err = s.Listen(asked)
		return err
	})
	if err != nil {
		return err
	}
	if asked > granted && len(b.notices) == 0 {
		b.notice("backlog=%d: the kernel caps it at %d (net.core.somaxconn)", asked, granted)
	}
	return setOptions(s, b.endpoint, socket.Listening, socket.BeforeBind|socket.BeforeListen)
}

// afterAccept lists the options to set on accepted sockets: those that act on a
// connection and do not come with it from the listening socket.
func afterAccept(e Endpoint) []Option {
	var after []Option
	for _, o := range e.Options {
		if row := socketRow(o); row != nil && row.OnAccepted() {
			after = append(after, o)
		}
	}
	return after
}

// Setup sets, on a socket that the caller accepted from one of Sockets, the
// options that it did not inherit. Accept and AcceptSocket have done so.
func (l *Listener) Setup(s *socket.Socket) error {
	if len(l.after) == 0 {
		return nil
	}
	only := l.endpoint
	only.Options = l.after
	return setOptions(s, only, socket.Connected, 0)
}

// NeedsSetup reports whether Setup has anything to do.
func (l *Listener) NeedsSetup() bool { return len(l.after) > 0 }

// Conn is the connection of an accepted socket: the socket's own Conn, or a
// [*TLSConn] that does its handshake on first use.
func (l *Listener) Conn(s *socket.Socket) net.Conn {
	if l.tls == nil {
		return s.Conn()
	}
	return TLSServer(s.Conn(), l.tls.config, l.handshake)
}

// Accept waits for the next connection on any of the sockets. It does not wait
// for a TLS handshake. After Close it returns an error that is net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	s, _, err := l.AcceptSocket(context.Background())
	if err != nil {
		return nil, err
	}
	return l.Conn(s), nil
}

// AcceptSocket waits for the next connection on any of the sockets and returns
// its socket, set up, and the peer's address. [Listener.Conn] makes a net.Conn
// of it. Of a connected socket that was inherited it returns that, once, and
// then net.ErrClosed.
//
// An error other than net.ErrClosed (EMFILE) does not end the listener.
func (l *Listener) AcceptSocket(ctx context.Context) (*socket.Socket, socket.Addr, error) {
	s, peer, err := l.accept(ctx)
	if err != nil {
		return nil, socket.Addr{}, err
	}
	if err := l.Setup(s); err != nil {
		s.Close()
		return nil, socket.Addr{}, err
	}
	return s, peer, nil
}

func (l *Listener) accept(ctx context.Context) (*socket.Socket, socket.Addr, error) {
	if l.single == nil && len(l.sockets) == 1 {
		return l.sockets[0].Accept(ctx)
	}
	return l.queue.accept(ctx, l)
}

// Close stops listening, removes the UNIX path if it is still ours, and wakes
// every Accept. Connections that were accepted stay open.
func (l *Listener) Close() error {
	err := l.close()
	l.queue.stop(l.single)
	return err
}

// IsSingle reports whether the listener is a connected socket that was
// inherited, to be served once; it then has no Sockets.
func (l *Listener) IsSingle() bool { return l.single != nil }

var _ net.Listener = (*Listener)(nil)
