package up

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"

	"sock/endpoint"
	"sock/engine"
	"sock/service"
	"sock/socket"
)

// binding is a listener of either kind.
type binding interface {
	Sockets() []*socket.Socket
	Addrs() []socket.Addr
	Endpoint() endpoint.Endpoint
	Notices() []string
	Close() error
}

// A slot is one line being served: its open sockets and the server on them. A
// slot is changed by the Set that holds it, under that Set's lock, except that
// emit may read line, endpoint and cfg at any time: they never change.
type slot struct {
	cfg      Config
	line     service.Line
	endpoint endpoint.Endpoint // with the real port
	bound    binding
	server   *engine.Server
	model    engine.Model

	fingerprint string // of the certificate that the server has; empty without TLS

	room   string // of a chat; with shares
	shares bool

	sockets []*socket.Socket   // duplicates of bound's, for the server; nil after pause
	stop    context.CancelFunc // ends Serve; nil while not serving
	served  chan struct{}      // closed when the last Serve has returned; nil before the first

	failure atomic.Pointer[LineError] // why it serves no more, although nobody has stopped it
}

// check builds what can be built of a line without opening anything, so that
// a wrong line is found before the running ones are touched.
func check(line service.Line, cfg Config) error {
	if _, err := line.Handler(); err != nil {
		return err
	}
	if err := line.Prepare(); err != nil {
		return err
	}
	_, err := modelFor(line, cfg)
	return err
}

// modelFor gives the model that serves a line: its own, else the Config's. A
// datagram service is one process with a session per peer, whatever the Config
// says; the grammar has no model= for it.
func modelFor(line service.Line, cfg Config) (engine.Model, error) {
	model := engine.Model(line.Endpoint.Model())
	if model == "" {
		model = cfg.Model
	}
	if model == "" || line.Endpoint.IsDatagram() {
		return engine.Goroutine, nil
	}
	if model == engine.Process && cfg.Child == nil {
		return "", fmt.Errorf("model=process: this program cannot start itself as a child: %w", errors.ErrUnsupported)
	}
	return model, nil
}

// open binds the line's endpoint. Nothing is accepted yet.
func open(ctx context.Context, line service.Line, cfg Config) (*slot, error) {
	model, err := modelFor(line, cfg)
	if err != nil {
		return nil, err
	}
	bound, err := bind(ctx, line.Endpoint)
	if err != nil {
		return nil, err
	}
	s := &slot{cfg: cfg, line: line, model: model}
	if err := s.attach(bound); err != nil {
		_ = bound.Close() // never used
		return nil, err
	}
	return s, nil
}

// bind opens the sockets of an endpoint.
func bind(ctx context.Context, e endpoint.Endpoint) (binding, error) {
	if e.IsDatagram() || isDatagramFD(e) {
		return endpoint.ListenPacket(ctx, e)
	}
	l, err := endpoint.Listen(ctx, e)
	switch {
	case err != nil:
		return nil, err
	case l.IsSingle():
		_ = l.Close()
		return nil, fmt.Errorf("%s is a connected socket; a service line needs one that listens", e)
	}
	return l, nil
}

// attach makes the server for sockets that are open. The server gets duplicates
// of the descriptors: so the sockets outlast it, and what it does with their
// deadlines does not concern the server that takes over from it.
func (s *slot) attach(bound binding) error {
	s.bound, s.endpoint = bound, bound.Endpoint()
	if l, ok := bound.(*endpoint.Listener); ok && l.IsTLS() {
		s.fingerprint = l.Fingerprint()
	}
	if err := s.line.CanServe(s.endpoint); err != nil {
		return err
	}
	if s.endpoint.IsDatagram() {
		s.model = engine.Goroutine
	}
	handler, err := s.line.Handler()
	if err != nil {
		return err
	}
	s.room, s.shares = service.Room(handler)
	cfg, err := s.engineConfig(handler)
	if err != nil {
		return err
	}
	if s.server, err = engine.New(cfg); err != nil {
		return err
	}
	s.sockets, err = duplicate(bound.Sockets())
	return err
}

// engineConfig is what the line's options mean to the engine.
func (s *slot) engineConfig(handler engine.Handler) (engine.Config, error) {
	e := s.line.Endpoint
	cfg := engine.Config{
		Model:    s.model,
		Backend:  engine.Backend(e.Backend()),
		Loops:    e.Loops(),
		Handler:  handler,
		MaxConns: e.MaxConns(),
		Idle:     e.Idle(),
		Admit:    admit(e),
		Observe:  s.observer(),
		Child:    func() (*exec.Cmd, error) { return s.cfg.Child(s.line) },
	}
	l, ok := s.bound.(*endpoint.Listener)
	if ok && l.NeedsSetup() {
		cfg.Accepted = l.Setup
	}
	if ok && l.IsTLS() {
		cfg.TLS = l.TLSConfig()
		if cfg.TLS.ClientAuth != tls.NoClientCert && e.CA() != "" {
			var err error
			if cfg.ClientCAs, err = os.ReadFile(e.CA()); err != nil {
				return cfg, err
			}
		}
	}
	return cfg, nil
}

// errDenied is why a peer that allow= and deny= keep out is refused.
var errDenied = errors.New("not permitted by allow= and deny=")

func admit(e endpoint.Endpoint) func(socket.Addr) error {
	access := e.Access()
	if access.IsEmpty() {
		return nil
	}
	return func(peer socket.Addr) error {
		if !access.Permits(peer) {
			return errDenied
		}
		return nil
	}
}

// serve begins to accept and says so. If accepting ends unasked, that is an
// event, the slot's failure, and a word to lost.
func (s *slot) serve(lost chan<- struct{}) {
	ctx, stop := context.WithCancel(context.Background())
	served, sockets := make(chan struct{}), s.sockets
	s.stop, s.served = stop, served
	serve := s.server.Serve
	if _, datagrams := s.bound.(*endpoint.PacketListener); datagrams {
		serve = s.server.ServePacket
	}
	s.emit(s.listening())
	for _, text := range s.bound.Notices() {
		s.emit(Event{Kind: Notice, Text: text})
	}
	go func() { // ended by pause; end waits for it
		defer close(served)
		if err := serve(ctx, sockets...); err != nil && !errors.Is(err, engine.ErrShutdown) {
			s.fail("serves no more", err, lost)
		}
	}()
}

// fail notes that the slot serves no more, and wakes the Set's Wait.
func (s *slot) fail(text string, err error, lost chan<- struct{}) {
	s.failure.Store(&LineError{s.line, err})
	s.emit(Event{Kind: Error, Text: text, Err: err})
	select {
	case lost <- struct{}{}:
	default: // one is enough: it looks at all slots
	}
}

// reopen binds the address again and serves on, after closeSockets.
func (s *slot) reopen(ctx context.Context, lost chan<- struct{}) {
	bound, err := bind(ctx, s.endpoint)
	if err == nil {
		s.bound = bound
		if s.sockets, err = duplicate(bound.Sockets()); err != nil {
			_ = bound.Close() // never used
		}
	}
	if err != nil {
		s.fail("cannot be opened again", err, lost)
		return
	}
	s.serve(lost)
}

func duplicate(sockets []*socket.Socket) ([]*socket.Socket, error) {
	var copies []*socket.Socket
	for _, original := range sockets {
		d, err := original.Dup()
		if err != nil {
			closeAll(copies)
			return nil, err
		}
		copies = append(copies, d)
	}
	return copies, nil
}

func closeAll(sockets []*socket.Socket) {
	for _, s := range sockets {
		_ = s.Close() // duplicates: nothing is pending on them alone
	}
}

// listening is the event for a slot that clients can connect to: the sockets
// listen since they were opened, so whoever connects is served in the end.
func (s *slot) listening() Event {
	return Event{
		Kind: Listening, Addrs: s.bound.Addrs(), Model: s.model, Backend: s.server.Backend(), Fingerprint: s.fingerprint,
	}
}

// pause stops accepting: when it returns, no connection is on its way from the
// queue to its handler, where a Shutdown would reset it. The sockets stay open:
// who connects waits.
func (s *slot) pause() {
	if s.stop != nil {
		s.stop()
		<-s.served
		s.stop = nil
	}
	closeAll(s.sockets)
	s.sockets = nil
}

// closeSockets pauses and closes the listening sockets; connections go on.
func (s *slot) closeSockets() error {
	s.pause()
	err := s.bound.Close()
	s.emit(Event{Kind: Stopped})
	return err
}

// end lets the connections end until the context does, then resets them. It
// follows pause.
func (s *slot) end(ctx context.Context) error {
	_, err := s.server.Shutdown(ctx)
	return err
}
