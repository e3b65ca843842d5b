package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sock/endpoint"
	"sock/engine"
	"sock/service"
	"sock/socket"
)

// handshakeLimit bounds how long a client may take for its TLS handshake: one
// that says nothing keeps its descriptor no longer.
const handshakeLimit = 10 * time.Second

// listenFlags are the flags of listen that the endpoint does not have.
type listenFlags struct {
	talkFlags
	keep, chat bool
	exec       string
}

func (a *app) listenCommand() *cobra.Command {
	var f listenFlags
	var own *endpointFlags
	cmd := &cobra.Command{
		Use:   "listen ENDPOINT [flags]",
		Short: "lets one client talk to our input and output, or serves many",
		Long: `Waits for one client, stops listening, and talks with it as connect does: our
input goes to it, what it says to our output, each end of file its own way.

With --keep it serves any number of clients, one after the other and at the
same time. What they say is written as it comes; our input goes to every client
that is connected when it is read, and its end ends nothing. Each connection
ends when its client does, and none of them ends the listener.

Over UDP every peer is heard at the same time, and our input goes to the one
that spoke last. It goes on until it is interrupted, or until no peer has said
anything for idle=.

--exec CMD runs a command for each client, and --chat lets the clients talk
with each other: these are the services exec and chat (sock help services).`,
		Example: `  sock listen 8080
  sock listen :8080 > upload
  sock listen :8080 --keep --allow 10.0.0.0/8
  sock listen :8080 --exec 'date -u'
  sock listen 'tls://:8443?cert=server.pem&key=server.key'
  sock listen unix:///tmp/talk.sock --chat
  sock listen 0 --json`,
		Args:              a.between(1, 1, "endpoint"),
		ValidArgsFunction: completeEndpoint(endpoint.ForListen),
		RunE: func(cmd *cobra.Command, args []string) error {
			ep, err := a.endpoint(cmd, args[0], own)
			if err == nil {
				err = f.check(a, cmd, ep)
			}
			if err != nil {
				return err
			}
			return a.listen(cmd, ep, &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVarP(&f.keep, "keep", "k", false, "go on after the first client, and serve many at once")
	flags.VarP(newText(&f.exec, "cmd"), "exec", "e", "run a command for each client, its standard input and output the socket")
	flags.BoolVar(&f.chat, "chat", false, "pass what one client says to all the others")
	f.add(a, flags)
	a.commonFlags(flags)
	a.readyFlag(flags)
	own = newEndpointFlags(cmd, endpoint.ForListen)
	return cmd
}

// check finds flags that contradict each other.
func (f *listenFlags) check(a *app, cmd *cobra.Command, ep endpoint.Endpoint) error {
	serves := f.exec != "" || f.chat
	one := !serves && !f.keep && !ep.IsDatagram()
	given := cmd.Flags().Changed
	const unused = "with --exec and --chat our input and output are not used"
	err := a.firstConflict(cmd, []conflict{
		{"chat", f.exec != "" && f.chat, "--chat and --exec exclude each other"},
		{"send-only", serves && f.sendOnly, unused},
		{"recv-only", serves && f.recvOnly, unused},
		{"eof", !one && given("eof"), "--eof is for one connection: here each one ends when its client does"},
		{"peer-eof", !one && given("peer-eof"), "--peer-eof is for one connection: here each one ends when its client does"},
		{"max-conns", one && ep.MaxConns() > 0, "one connection is all there is without --keep, --exec or --chat"},
		{"model", one && ep.Model() != "", "one connection needs no model: that takes --keep, --exec or --chat"},
		{"model", !serves && ep.Model() == string(engine.Process), "the model process needs a service, with --exec or --chat: our input and output belong to this process"},
	})
	if err != nil {
		return err
	}
	return f.talkFlags.check(a, cmd, ep)
}

func (a *app) listen(cmd *cobra.Command, ep endpoint.Endpoint, f *listenFlags) error {
	ctx := cmd.Context()
	switch {
	case f.exec != "":
		return a.serveOne(cmd, service.Line{Endpoint: ep, Name: "exec", Args: []string{f.exec}})
	case f.chat:
		return a.serveOne(cmd, service.Line{Endpoint: ep, Name: "chat"})
	}
	a.startTrace()
	r := f.rulesFor(a, ep)
	switch {
	case ep.IsDatagram():
		return a.hearDatagrams(ctx, ep, r, f.keep)
	case f.keep:
		return a.hearMany(ctx, ep, r)
	}
	return a.listenOnce(ctx, ep, r)
}

// listenOnce serves one connection with our input and output. Once it has a
// client the listener is closed, so that the kernel refuses the next one.
func (a *app) listenOnce(ctx context.Context, ep endpoint.Endpoint, r rules) error {
	l, err := endpoint.Listen(ctx, ep)
	if err != nil {
		return err
	}
	defer l.Close()
	e := listeningOf(l)
	a.announce(e, l.Notices())
	if err := a.ready(e.Endpoint); err != nil {
		return err
	}
	conn, err := a.firstClient(ctx, l)
	if err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		conn.Close()
		return fail("close", ep, err)
	}
	return a.converse(ctx, l.Endpoint(), conn, r)
}

// firstClient accepts until one client is let in and, over TLS, has done its
// handshake. A client that is silent in its handshake holds up no other.
func (a *app) firstClient(ctx context.Context, l *endpoint.Listener) (net.Conn, error) {
	accepting, stop := context.WithCancel(ctx)
	var shaking sync.WaitGroup
	defer shaking.Wait()
	defer stop()
	won := make(chan net.Conn)
	accepted := make(chan error, 1)
	go func() { accepted <- a.acceptUntil(accepting, l, &shaking, won) }()
	select {
	case conn := <-won:
		return conn, nil
	case err := <-accepted:
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, fail("accept", l.Endpoint(), err)
	}
}

// acceptUntil accepts clients and starts their handshakes until ctx ends. A
// plain listener stops at the first client: the next one is the kernel's.
func (a *app) acceptUntil(ctx context.Context, l *endpoint.Listener, shaking *sync.WaitGroup, won chan<- net.Conn) error {
	let := admit(l.Endpoint())
	waiting := false
	for {
		s, peer, err := l.AcceptSocket(ctx)
		if exhausted(err) {
			if !waiting {
				a.notice(place(l.Endpoint()), "waiting for a free descriptor: "+reason(err))
			}
			waiting = true
			time.Sleep(lookAgain)
			continue
		}
		if err != nil {
			return err
		}
		waiting = false
		if let != nil && let(peer) != nil {
			a.denied(l.Endpoint(), peer, errAccess)
			abort(s)
			continue
		}
		conn := l.Conn(s)
		shaking.Go(func() { a.handshake(ctx, l.Endpoint(), conn, won) })
		if !l.Endpoint().IsTLS() {
			<-ctx.Done()
			return ctx.Err()
		}
	}
}

// exhausted reports whether there was no descriptor or memory for a connection.
func exhausted(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// abort closes a connection with a reset, so that its client sees a refusal
// rather than an end of file.
func abort(s *socket.Socket) {
	_ = socket.Linger.Set(s, 0)
	_ = s.Close()
}

// handshake does the TLS handshake, if there is one, and hands the connection
// over unless another one was first.
func (a *app) handshake(ctx context.Context, ep endpoint.Endpoint, conn net.Conn, won chan<- net.Conn) {
	if c, ok := conn.(interface{ HandshakeContext(context.Context) error }); ok {
		shaking, cancel := context.WithTimeout(ctx, handshakeLimit)
		err := c.HandshakeContext(shaking)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				a.notice(place(ep), conn.RemoteAddr().String()+": TLS handshake: "+reason(err))
			}
			conn.Close()
			return
		}
	}
	select {
	case won <- conn:
	case <-ctx.Done():
		conn.Close()
	}
}

// writer shares standard output between connections: each write is whole. An
// output that cannot be written any more ends the listener: what its clients
// say would be lost. Safe for concurrent use.
type writer struct {
	out  io.Writer
	over context.CancelCauseFunc // gets the *outputError
	mu   sync.Mutex
}

func (w *writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.out.Write(b)
	if err != nil {
		err = &outputError{err}
		w.over(err)
	}
	return n, err
}
