package endpoint

import (
	"context"
	"net"
	"slices"
	"time"

	"sock/internal/netns"
	"sock/socket"
)

// The times that a zero Dialer or ListenConfig stands for.
const (
	// AttemptDelay is how long an attempt to connect may take before the next
	// address is tried beside it. RFC 8305, section 8.
	AttemptDelay = 250 * time.Millisecond
	// HandshakeTimeout bounds a TLS handshake.
	HandshakeTimeout = 10 * time.Second
)

// Attempt is one address that was tried.
type Attempt struct {
	Addr     socket.Addr
	Start    time.Time
	Duration time.Duration
	Err      error // nil: connected; context.Canceled: another address answered first
}

// Report is what a dial did, whether it succeeded or not.
type Report struct {
	Endpoint  Endpoint
	Addrs     []socket.Addr // what the host resolved to, in the order of trial
	Attempts  []Attempt     // in the order of their start; shorter than Addrs when an early one connected
	Resolve   time.Duration
	Handshake time.Duration // of TLS
	Duration  time.Duration // of it all
}

// Dialer connects to endpoints. The zero Dialer is ready for use; a Dialer may
// be shared between goroutines, and is not changed by Dial.
type Dialer struct {
	// AttemptDelay is how long one address is tried alone; zero means
	// [AttemptDelay].
	AttemptDelay time.Duration

	// HandshakeTimeout bounds the TLS handshake, within the endpoint's timeout=;
	// zero means [HandshakeTimeout].
	HandshakeTimeout time.Duration

	// Attempts, if not nil, hears of each address once it is done with: when it
	// connected, failed or lost the race. Its calls come one after another, from
	// the goroutine that called Dial.
	Attempts func(Attempt)
}

// Dial connects to an endpoint with the zero [Dialer].
func Dial(ctx context.Context, e Endpoint) (net.Conn, error) {
	conn, _, err := Dialer{}.Dial(ctx, e)
	return conn, err
}

// Dial connects to an endpoint and reports what it tried.
//
// A host's addresses are tried as RFC 8305 has it: the families in turn, the
// first one the system prefers, the next begun when one fails or after
// AttemptDelay; the first to connect wins and the others are closed. Nothing
// of the race is left when Dial returns. The endpoint's options are set where
// they act: before bind, before connect, or after it. timeout= and ctx bound
// resolving, connecting and the TLS handshake together; ctx has no effect on
// the connection afterwards.
//
// With from= the socket is bound first, and only addresses of that family are
// tried. A TCP socket that is bound to a given port gets SO_REUSEADDR, so that
// the same port serves again while an earlier connection is in TIME_WAIT (the
// same pair of addresses only once the kernel lets go of it, a second later);
// UDP does not, where it would let two programs take each other's datagrams.
// With an address alone the kernel chooses the port at connect
// (IP_BIND_ADDRESS_NO_PORT), so that one port serves many destinations.
//
// The connection is a *socket.Conn; for udp and unixgram a [*DatagramConn],
// whose reads and writes tell what ICMP reported; for tls and https a
// [*TLSConn] that has done its handshake, with the *socket.Conn under NetConn.
// A datagram socket connects at once, whoever is there: refusal shows in the
// first read or write. fd://N takes over a descriptor that is connected.
//
// The error is a [*DialError], which names the endpoint and every address; it
// wraps a [*SyntaxError] where an option means nothing to a client.
func (d Dialer) Dial(ctx context.Context, e Endpoint) (net.Conn, Report, error) {
	start := time.Now()
	if t := e.Timeout(); t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	run := dialing{Dialer: d, endpoint: e, report: Report{Endpoint: e}}
	if run.AttemptDelay <= 0 {
		run.AttemptDelay = AttemptDelay
	}
	if run.HandshakeTimeout <= 0 {
		run.HandshakeTimeout = HandshakeTimeout
	}
	conn, err := run.dial(ctx)
	run.report.Duration = time.Since(start)
	if err != nil {
		return nil, run.report, run.failure(ctx, err)
	}
	return conn, run.report, nil
}

// dialing is one call of Dial. It belongs to the goroutine of that call.
type dialing struct {
	Dialer
	endpoint Endpoint
	from     source
	report   Report
}

func (r *dialing) dial(ctx context.Context) (net.Conn, error) {
	if err := r.endpoint.Check(ForDial); err != nil {
		return nil, err
	}
	if r.endpoint.IsFD() {
		return dialInherited(r.endpoint)
	}
	var wrap func(context.Context, *socket.Socket) (net.Conn, error)
	switch {
	case r.endpoint.IsTLS():
		config, err := ClientTLS(r.endpoint) // before connecting: a missing file should cost no connection
		if err != nil {
			return nil, err
		}
		wrap = func(ctx context.Context, s *socket.Socket) (net.Conn, error) { return r.handshake(ctx, s, config) }
	case r.endpoint.IsDatagram():
		wrap = func(_ context.Context, s *socket.Socket) (net.Conn, error) { return &DatagramConn{Conn: s.Conn()}, nil }
	default:
		wrap = func(_ context.Context, s *socket.Socket) (net.Conn, error) { return s.Conn(), nil }
	}
	if err := r.resolve(ctx); err != nil {
		return nil, err
	}
	s, err := r.race(ctx)
	if err != nil {
		return nil, err
	}
	return wrap(ctx, s)
}

// resolve fills report.Addrs.
func (r *dialing) resolve(ctx context.Context) (err error) {
	if r.from, err = sourceOf(r.endpoint); err != nil {
		return err
	}
	start := time.Now()
	addrs, err := resolveIn(ctx, r.endpoint, Endpoint.ResolvePeer)
	r.report.Resolve = time.Since(start)
	if err != nil {
		return err
	}
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(a socket.Addr) bool { return !r.from.fits(a) })
	if len(addrs) == 0 {
		return r.from.misfit(r.endpoint)
	}
	r.report.Addrs = interleave(addrs)
	return nil
}

// resolveIn resolves in the endpoint's network namespace, where zones have
// their numbers. Names are asked of the caller's own name servers.
func resolveIn(ctx context.Context, e Endpoint, resolve func(Endpoint, context.Context) ([]socket.Addr, error)) (addrs []socket.Addr, err error) {
	err = netns.Do(e.NetNS(), func() (err error) {
		addrs, err = resolve(e, ctx)
		return err
	})
	return addrs, err
}

// interleave puts the families in turn, beginning with that of the first
// address, and leaves the order within each. RFC 8305, section 4.
func interleave(addrs []socket.Addr) []socket.Addr {
	var first, other []socket.Addr
	for _, a := range addrs {
		if a.Family() == addrs[0].Family() {
			first = append(first, a)
		} else {
			other = append(other, a)
		}
	}
	mixed := make([]socket.Addr, 0, len(addrs))
	for i := range max(len(first), len(other)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(other) {
			mixed = append(mixed, other[i])
		}
	}
	return mixed
}
