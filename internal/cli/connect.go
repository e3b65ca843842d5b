package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sock/endpoint"
	"sock/engine"
)

// talkFlags are the flags of a conversation on standard input and output.
type talkFlags struct {
	rules
	most sizeValue
}

func (f *talkFlags) add(a *app, flags *pflag.FlagSet) {
	flags.Var(endingValue{&f.eof}, "eof", "what the end of our input does: half (send it, go on receiving; the default), close, or wait=DURATION; over datagrams wait=1s of silence is the default")
	flags.Var(endingValue{&f.peerEOF}, "peer-eof", "what the peer's end does: half (go on sending), close, or wait=DURATION (go on until our input has been silent for so long; the default is wait=1s, on a terminal close)")
	flags.BoolVar(&f.sendOnly, "send-only", false, "drop what the peer sends, and end once our input is delivered")
	flags.BoolVar(&f.recvOnly, "recv-only", false, "never read our input, and end when the peer does")
	flags.Var(&f.most, "datagram", "send datagrams of at most SIZE bytes (default: what one read of the input gives, up to 65507)")
}

// check finds flags that contradict each other or the endpoint: none is taken
// and then ignored.
func (f *talkFlags) check(a *app, cmd *cobra.Command, ep endpoint.Endpoint) error {
	given := cmd.Flags().Changed
	return a.firstConflict(cmd, []conflict{
		{"recv-only", f.sendOnly && f.recvOnly, "--recv-only and --send-only exclude each other"},
		{"eof", f.recvOnly && given("eof"), "with --recv-only our input is not read, and has no end"},
		{"eof", f.sendOnly && given("eof") && f.eof.mode != closes, "--send-only is --eof close: nothing that comes afterwards is kept"},
		{"peer-eof", ep.IsDatagram() && given("peer-eof"), "the peer of a datagram socket has no end of file"},
		{"datagram", f.most > 0 && !ep.IsDatagram(), "--datagram needs an endpoint of datagrams; " + ep.Scheme + " is a stream"},
		{"", ep.Path != "" && !ep.IsUnix(), cmd.Name() + " carries bytes as they are: the path of a URL means nothing to it"},
	})
}

// conflict is a flag (empty: the endpoint) that does not go with the others.
type conflict struct {
	flag    string
	there   bool
	message string
}

// firstConflict points at the first conflict that is there; nil for none.
func (a *app) firstConflict(cmd *cobra.Command, list []conflict) error {
	for _, c := range list {
		if !c.there {
			continue
		}
		index := a.lastIndex(cmd.Flags().Arg(0))
		if c.flag != "" {
			if at := a.flagIndex(cmd.Flags().Lookup(c.flag)); at < len(a.args) {
				index = at
			}
		}
		return a.argumentError(cmd, index, c.message, "")
	}
	return nil
}

// rulesFor completes the rules for an endpoint.
func (f *talkFlags) rulesFor(a *app, ep endpoint.Endpoint) rules {
	r := f.rules
	r.idle = ep.Idle()
	r.onTTY = !r.recvOnly && terminal(a.stdin)
	switch {
	case f.most > 0:
		r.chunk = int(f.most)
	case ep.IsDatagram(), ep.Scheme == "unixpacket":
		r.chunk = datagramMost
	}
	r.datagrams = ep.IsDatagram()
	r.unixPackets = ep.IsUnix() && (ep.IsDatagram() || ep.Scheme == "unixpacket")
	return r
}

// sizeValue is a flag that takes a number of bytes.
type sizeValue int

func (v *sizeValue) String() string { return strconv.Itoa(int(*v)) }
func (v *sizeValue) Type() string   { return "size" }

func (v *sizeValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > datagramMost {
		return fmt.Errorf("%s is not a size from 1 to %d", quoted(text), datagramMost)
	}
	*v = sizeValue(n)
	return nil
}

func (a *app) connectCommand() *cobra.Command {
	var talking talkFlags
	var own *endpointFlags
	cmd := &cobra.Command{
		Use:   "connect ENDPOINT [flags]",
		Short: "talks to a server: our input to it, what it says to our output",
		Long: `Connects, sends standard input to the peer and writes what the peer says to
standard output. When our input ends the peer is told (a half-close), and what
it still says is delivered; connect ends when the peer has ended too.

When the peer ends first it may still be reading, which TCP cannot tell from a
close. Where the peer's socket can be seen (on this machine) that decides; else
our input goes on until it ends or has been silent for a second (--peer-eof).

Over UDP one read of standard input is one datagram, and each datagram that
comes is written as it is. After the end of our input connect waits until
nothing has come for a second (--eof wait=DURATION). A datagram that is refused
(nobody receives on that port) ends it with exit code 1.

Interrupted, it ends with exit code 130.`,
		Example: `  sock connect tcp://127.0.0.1:65432
  echo hello | sock connect tcp://127.0.0.1:65432
  sock connect 'tls://example.com:443?alpn=http/1.1' < request
  sock connect udp://127.0.0.1:65432 --eof wait=200ms
  sock connect unix:///run/app.sock --trace
  sock connect 'tcp://10.0.0.5:22?from=10.0.0.1:0&timeout=5s&nodelay'`,
		Args:              a.between(1, 1, "endpoint"),
		ValidArgsFunction: completeEndpoint(endpoint.ForDial),
		RunE: func(cmd *cobra.Command, args []string) error {
			ep, err := a.endpoint(cmd, args[0], own)
			if err == nil {
				err = talking.check(a, cmd, ep)
			}
			if err != nil {
				return err
			}
			return a.connect(cmd.Context(), ep, talking.rulesFor(a, ep))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	talking.add(a, flags)
	a.commonFlags(flags)
	own = newEndpointFlags(cmd, endpoint.ForDial)
	return cmd
}

func (a *app) connect(ctx context.Context, ep endpoint.Endpoint, r rules) error {
	a.startTrace()
	dialer := endpoint.Dialer{Attempts: func(t endpoint.Attempt) { a.attempted(ep, t) }}
	conn, _, err := dialer.Dial(ctx, ep)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return a.converse(ctx, ep, conn, r)
}

// attempted tells of an address that was tried.
func (a *app) attempted(ep endpoint.Endpoint, t endpoint.Attempt) {
	e := attemptEvent{Endpoint: place(ep), Address: t.Addr.String(), DurationMS: milliseconds(t.Duration)}
	if t.Err != nil {
		e.Error, e.Errno = reason(t.Err), errnoOf(t.Err)
		a.verbose("%s: %s", e.Address, e.Error)
	}
	a.emit("attempt", e)
}

// converse talks on a connection until it is over, closes it and tells of its
// end. It is what connect does and what listen does with the one connection
// it serves.
func (a *app) converse(ctx context.Context, ep endpoint.Endpoint, conn net.Conn, r rules) error {
	defer conn.Close()
	start := time.Now()
	a.opened(ep, 1, conn)
	widenPipe(a.stdin)
	widenPipe(a.stdout)
	t := &talk{conn: conn, in: a.stdin, out: a.stdout, rules: r}
	end, err := t.run(ctx)
	a.closed(ep, engine.Record{
		ID: 1, Received: t.received.Load(), Sent: t.sent.Load(), End: end, Duration: time.Since(start),
	}, conn.LocalAddr().String(), conn.RemoteAddr().String())
	return a.talkError(ep, t, end, err)
}

// talkError wraps what ended a conversation for the terminal.
func (a *app) talkError(ep endpoint.Endpoint, t *talk, end engine.End, err error) error {
	_, interrupted := errors.AsType[Interrupted](err)
	switch {
	case err == nil, interrupted:
		return err
	case end.How == engine.Timeout && end.By == engine.Local:
		return &failure{op: "idle", endpoint: place(ep), err: fmt.Errorf("no byte moved either way for %v", t.idle)}
	case end.How == engine.Failed && end.By == engine.Local:
		return err
	case t.datagrams && errors.Is(err, syscall.ECONNREFUSED):
		return fail("send", ep, err)
	case t.recvErr != nil:
		return fail("receive", ep, err)
	}
	return fail("send", ep, err)
}

// opened tells of a connection that begins.
func (a *app) opened(ep endpoint.Endpoint, id uint64, conn net.Conn) {
	e := openEvent{ID: id, Endpoint: place(ep), Local: conn.LocalAddr().String(), Peer: conn.RemoteAddr().String()}
	how := ""
	if c, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		state := c.ConnectionState()
		e.TLS, e.ALPN = tls.VersionName(state.Version), state.NegotiatedProtocol
		how = ", " + e.TLS
	}
	a.verbose("%s: open, %s to %s%s", e.Endpoint, e.Local, e.Peer, how)
	a.emit("open", e)
}

// closed tells of a connection that has ended.
func (a *app) closed(ep endpoint.Endpoint, r engine.Record, local, peer string) {
	e := closeEvent{
		ID: r.ID, Endpoint: place(ep), Local: local, Peer: peer, Received: r.Received, Sent: r.Sent,
		ClosedBy: string(r.End.By), How: string(r.End.How), DurationMS: milliseconds(r.Duration),
	}
	why := e.How
	if r.End.Err != nil {
		e.Error, e.Errno = reason(r.End.Err), errnoOf(r.End.Err)
		why += ": " + e.Error
	}
	a.verbose("%s: closed by %s (%s) after %v, %s received from %s, %s sent", e.Endpoint, e.ClosedBy, why,
		r.Duration.Round(10*time.Microsecond), plural(r.Received, "byte"), peer, plural(r.Sent, "byte"))
	a.emit("close", e)
}
