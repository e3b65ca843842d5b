package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sock/engine"
	"sock/socket"
)

// packetServer is a Server of one datagram socket.
type packetServer struct {
	*engine.Server
	log  *eventLog
	sock *socket.Socket
	addr socket.Addr
	stop func()
}

func startPacket(t *testing.T, cfg engine.Config, family socket.Family, bind socket.Addr) *packetServer {
	t.Helper()
	sock, err := socket.New(family, socket.DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return startPacketOn(t, cfg, sock, bind)
}

// startPacketOn serves a socket, which it binds, until the end of the test.
func startPacketOn(t *testing.T, cfg engine.Config, sock *socket.Socket, bind socket.Addr) *packetServer {
	t.Helper()
	s := &packetServer{log: newEventLog(t), sock: sock}
	cfg.Observe = s.log.observe
	var err error
	if s.Server, err = engine.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.sock.Bind(bind); err != nil {
		t.Fatal(err)
	}
	if s.addr, err = s.sock.LocalAddr(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.ServePacket(context.Background(), s.sock) }() // ended by stop, which waits
	s.stop = sync.OnceFunc(func() {
		if _, err := s.Shutdown(within(t, patience)); err != nil {
			t.Errorf("Shutdown: got %v, want nil", err)
		}
		if err := <-served; err != nil {
			t.Errorf("ServePacket: got %v, want nil", err)
		}
		if err := s.sock.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func loopback(t *testing.T, cfg engine.Config) *packetServer {
	t.Helper()
	return startPacket(t, cfg, socket.INET, socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0")))
}

// dial gives a connected UDP socket of the standard library.
func (s *packetServer) dial(t *testing.T) *client {
	t.Helper()
	conn, err := net.Dial("udp", s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	return wrapPacket(t, conn)
}

func wrapPacket(t *testing.T, conn net.Conn) *client {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{Conn: conn, raw: conn, t: t}
}

// wantDatagram reads one datagram.
func (c *client) wantDatagram(want string) {
	c.t.Helper()
	got := make([]byte, 1<<16)
	n, err := c.Read(got)
	if err != nil || string(got[:n]) != want {
		c.t.Fatalf("datagram: got %d bytes %.60q and %v, want %d bytes %.60q", n, got[:n], err, len(want), want)
	}
}

func TestPacketManyPeers(t *testing.T) {
	const peers = 100
	var mu sync.Mutex
	opens, closes := 0, 0
	h := newEcho().(*handler)
	h.open = func(c *engine.Conn) {
		mu.Lock()
		defer mu.Unlock()
		if opens++; !c.Datagram() {
			t.Error("Datagram: got false, want true")
		}
	}
	h.close = func(*engine.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		closes++
	}
	s := loopback(t, engine.Config{Handler: h})
	var clients []*client
	for range peers {
		clients = append(clients, s.dial(t))
	}
	for round := range 5 {
		for i, c := range clients {
			c.send(fmt.Sprintf("%d from %d", round, i))
		}
		for i, c := range clients {
			c.wantDatagram(fmt.Sprintf("%d from %d", round, i))
		}
	}
	if got := s.Stats(); got.Open != peers || got.Accepted != peers || got.Received == 0 {
		t.Errorf("Stats: got %+v, want %d open and accepted", got, peers)
	}
	s.stop() // what the last answers count for may come after they have arrived
	mu.Lock()
	defer mu.Unlock()
	if opens != peers || closes != peers {
		t.Errorf("got %d Open and %d Close, want %d each", opens, closes, peers)
	}
	if got := s.Stats(); got.Open != 0 || got.Received != got.Sent || got.Received == 0 {
		t.Errorf("Stats at the end: got %+v, want none open, as much sent as received", got)
	}
}

// One datagram is one Data call and one Write one datagram, whatever its size.
func TestPacketSizes(t *testing.T) {
	c := loopback(t, engine.Config{Handler: newEcho()}).dial(t)
	for _, size := range []int{0, 1, 1472, 9000, 65507} {
		c.send(string(pattern(size)))
		c.wantDatagram(string(pattern(size)))
	}
}

// What a handler leaves of a datagram does not run into the next one.
func TestPacketRestIsDropped(t *testing.T) {
	h := &handler{data: func(c *engine.Conn) { _, _ = c.Write(c.Next(1)) }}
	c := loopback(t, engine.Config{Handler: h}).dial(t)
	for _, word := range []string{"one", "two"} {
		c.send(word)
		c.wantDatagram(word[:1])
	}
}

// Answers leave from the address that was asked, for a socket bound to all.
func TestPacketAnswersFromAddress(t *testing.T) {
	for name, at := range map[string]struct {
		family socket.Family
		bind   string
		ask    []string
	}{
		"ipv4":       {socket.INET, "0.0.0.0:0", []string{"127.0.0.1", "127.0.0.2", "127.1.2.3"}},
		"ipv6":       {socket.INET6, "[::]:0", []string{"::1"}},
		"dual-stack": {socket.INET6, "[::]:0", []string{"127.0.0.2", "::1", "127.0.0.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &handler{data: func(c *engine.Conn) { _, _ = c.WriteString(c.Local().String()) }}
			s := startPacket(t, engine.Config{Handler: h}, at.family, socket.AddrFrom(netip.MustParseAddrPort(at.bind)))
			warm := s.dial(t) // from here on each datagram tells where it was sent to
			warm.send("?")
			if _, err := warm.Read(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			for _, ip := range at.ask {
				to := netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(s.addr.Port())).String()
				conn, err := net.Dial("udp", to) // connected: it hears that address only
				if err != nil {
					t.Fatal(err)
				}
				c := wrapPacket(t, conn)
				c.send("?")
				c.wantDatagram(to)
			}
			if n := s.Stats().Accepted; n != int64(len(at.ask)+1) {
				t.Errorf("sessions: got %d, want %d", n, len(at.ask)+1)
			}
		})
	}
}

// Idle sessions end, busy ones do not, and memory stays bounded.
func TestPacketIdle(t *testing.T) {
	s := loopback(t, engine.Config{Handler: newEcho(), Idle: time.Second})
	busy := s.dial(t)
	busy.send("x")
	busy.wantDatagram("x")
	idle := s.dial(t)
	idle.send("y")
	idle.wantDatagram("y")
	for s.log.count(engine.EventClose) == 0 {
		busy.send("x")
		busy.wantDatagram("x")
		time.Sleep(50 * time.Millisecond) // the traffic itself, not a wait for something
	}
	r := s.log.waitEnd(engine.Local, engine.Timeout)
	if got, want := r.Peer.String(), idle.LocalAddr().String(); got != want || r.Duration < time.Second {
		t.Errorf("ended: got %s after %v, want %s after 1s or more", got, r.Duration, want)
	}
	if n := s.Stats().Open; n != 1 {
		t.Errorf("open: got %d, want 1", n)
	}
	idle.send("again") // a session of its own once more
	idle.wantDatagram("again")
}

// What only comes keeps a session alive too.
func TestPacketIdleKeptOff(t *testing.T) {
	for idle := time.Second; ; idle *= 2 {
		s := loopback(t, engine.Config{Handler: newSink(), Idle: idle})
		c := s.dial(t)
		longest, last := time.Duration(0), time.Now()
		for range 15 {
			c.send("x")
			time.Sleep(idle / 10) // the traffic itself, not a wait for something
			longest, last = max(longest, time.Since(last)), time.Now()
		}
		if s.log.count(engine.EventClose) == 0 {
			return
		}
		if longest < idle/2 || idle > patience { // else the machine is too busy: once more
			t.Fatalf("the session ended, with gaps of %v at the most and an idle limit of %v", longest, idle)
		}
	}
}

func TestPacketMaxSessions(t *testing.T) {
	s := loopback(t, engine.Config{Handler: newEcho(), MaxConns: 2, Idle: 500 * time.Millisecond})
	first, second, third := s.dial(t), s.dial(t), s.dial(t)
	first.send("x")
	first.wantDatagram("x")
	second.send("x")
	second.wantDatagram("x")
	third.send("x")
	if e := s.log.waitKind(engine.EventRefuse); !errors.Is(e.Err, engine.ErrTooMany) {
		t.Errorf("refused: got %v, want %v", e.Err, engine.ErrTooMany)
	}
	if got := s.Stats(); got.Dropped != 1 || got.Refused != 1 || got.Open != 2 {
		t.Errorf("Stats: got %+v, want 1 dropped, 1 refused, 2 open", got)
	}
	s.log.waitKind(engine.EventClose)
	third.send("x")
	third.wantDatagram("x")
}

func TestPacketAdmit(t *testing.T) {
	no := errors.New("not you")
	var refused string
	s := loopback(t, engine.Config{Handler: newEcho(), Admit: func(peer socket.Addr) error { // called by the one loop
		if refused == "" {
			refused = peer.String()
		}
		if peer.String() == refused {
			return no
		}
		return nil
	}})
	denied, other := s.dial(t), s.dial(t)
	denied.send("x")
	if e := s.log.waitKind(engine.EventRefuse); !errors.Is(e.Err, no) || e.Peer.String() != denied.LocalAddr().String() {
		t.Errorf("refused: got %v with %v, want %v with %v", e.Peer, e.Err, denied.LocalAddr(), no)
	}
	other.send("y")
	other.wantDatagram("y")
}

// Peers that are gone by the time of the answer (ICMP) end nothing.
func TestPacketPeersGone(t *testing.T) {
	for _, recverr := range []bool{false, true} {
		t.Run(fmt.Sprintf("recverr-%v", recverr), func(t *testing.T) {
			refs := make(chan engine.Ref, 1)
			h := newEcho().(*handler)
			h.open = func(c *engine.Conn) { refs <- c.Ref() }
			s := loopback(t, engine.Config{Handler: h})
			if err := socket.RecvErr.Set(s.sock, recverr); err != nil {
				t.Fatal(err)
			}
			gone := s.dial(t)
			gone.send("x")
			gone.wantDatagram("x")
			ref := <-refs
			_ = gone.Close()
			for range 50 {
				if err := ref.Write([]byte("are you there?")); err != nil && !errors.Is(err, engine.ErrBackpressure) {
					t.Fatal(err)
				}
			}
			c := s.dial(t)
			c.send("y")
			c.wantDatagram("y")
			before := s.Stats()
			c.send("z")
			c.wantDatagram("z")
			if got := s.Stats(); got.Open != before.Open {
				t.Errorf("open: got %d, want %d", got.Open, before.Open)
			}
		})
	}
}

// A panic ends its session; a stale Ref reaches nobody, also when the slot is
// in use again.
func TestPacketPanicAndStaleRef(t *testing.T) {
	refs := make(chan engine.Ref, 4)
	h := newEcho().(*handler)
	echo := h.data
	h.open = func(c *engine.Conn) { refs <- c.Ref() }
	h.data = func(c *engine.Conn) {
		if string(c.Peek()) == "panic" {
			panic("as told")
		}
		echo(c)
	}
	s := loopback(t, engine.Config{Handler: h})
	c := s.dial(t)
	c.send("panic")
	r := s.log.waitEnd(engine.Local, engine.Failed)
	var cause *engine.PanicError
	if !errors.As(r.End.Err, &cause) || len(cause.Stack) == 0 {
		t.Errorf("cause: got %v, want a panic with its stack", r.End.Err)
	}
	stale := <-refs
	other := s.dial(t)
	other.send("x")
	other.wantDatagram("x")
	live := <-refs
	for name, err := range map[string]error{
		"write": stale.Write([]byte("stale")),
		"post":  stale.Post(func(*engine.Conn) { t.Error("a stale post ran") }),
		"close": stale.Close(),
	} {
		if !errors.Is(err, engine.ErrStale) {
			t.Errorf("%s: got %v, want %v", name, err, engine.ErrStale)
		}
	}
	if err := live.Write([]byte("live")); err != nil {
		t.Fatal(err)
	}
	other.wantDatagram("live")
	if err := live.Write(pattern(70_000)); !errors.Is(err, engine.ErrMessageTooLong) {
		t.Errorf("write of 70000 bytes: got %v, want %v", err, engine.ErrMessageTooLong)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	s.log.wait("second close", func(engine.Event) bool { return s.log.count(engine.EventClose) == 2 })
}

// Chat over datagrams: the bus joins sessions as it joins connections.
func TestPacketChat(t *testing.T) {
	s := loopback(t, engine.Config{Handler: newChat()})
	one, two := s.dial(t), s.dial(t)
	for _, c := range []*client{one, two} {
		c.send("hello")
		c.wantDatagram("welcome\n")
	}
	one.wantDatagram("hello") // two's
	one.send("hi two")
	two.wantDatagram("hi two")
}

// UNIX datagrams: peers with a name are answered, others only heard.
func TestPacketUnix(t *testing.T) {
	var mu sync.Mutex
	var unnamed error
	heard := make(chan struct{}, 1)
	h := &handler{data: func(c *engine.Conn) {
		_, err := c.Write(c.Peek())
		if c.Peer().Path() == "" {
			mu.Lock()
			unnamed = err
			mu.Unlock()
			heard <- struct{}{}
		}
	}}
	dir := t.TempDir()
	path := filepath.Join(dir, "server")
	s := startPacket(t, engine.Config{Handler: h}, socket.UNIX, socket.UnixAddr(path))
	server := &net.UnixAddr{Name: path, Net: "unixgram"}

	anonymous, err := net.DialUnix("unixgram", nil, server)
	if err != nil {
		t.Fatal(err)
	}
	wrapPacket(t, anonymous).send("x")
	<-heard
	mu.Lock()
	if !errors.Is(unnamed, engine.ErrUnnamedPeer) {
		t.Errorf("answer to an unnamed peer: got %v, want %v", unnamed, engine.ErrUnnamedPeer)
	}
	mu.Unlock()

	named, err := net.DialUnix("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "client"), Net: "unixgram"}, server)
	if err != nil {
		t.Fatal(err)
	}
	c := wrapPacket(t, named)
	c.send("hello")
	c.wantDatagram("hello")

	// One that does not read: its queue fills, and nobody waits for it. (It is
	// not connected: of a connected peer Linux bounds the queue only by the
	// sender's buffer, which one such peer can use up for all.)
	deaf, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "deaf"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for range 500 {
		if _, err := deaf.WriteTo([]byte("x"), server); err != nil {
			t.Fatal(err)
		}
	}
	c.send("still there?")
	c.wantDatagram("still there?")
	if s.Stats().Dropped == 0 {
		t.Error("Stats.Dropped: got 0, want some for the peer that does not read")
	}
}

// What cannot serve datagrams says so at once.
func TestPacketUnsupported(t *testing.T) {
	for name, cfg := range map[string]engine.Config{
		"blocking": {Handler: newBlockingEcho()},
		"process":  {Model: engine.Process, Child: inProcessChild},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := engine.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.ServePacket(context.Background()); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("ServePacket: got %v, want errors.ErrUnsupported", err)
			}
			if _, err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// The sockets are the caller's: after the context's end they work as before.
func TestPacketSocketIsGivenBack(t *testing.T) {
	s, err := engine.New(engine.Config{Handler: newEcho()})
	if err != nil {
		t.Fatal(err)
	}
	sock, err := socket.New(socket.INET, socket.DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	if err := sock.Bind(socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0"))); err != nil {
		t.Fatal(err)
	}
	local, err := sock.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", local.String())
	if err != nil {
		t.Fatal(err)
	}
	c := wrapPacket(t, conn)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.ServePacket(ctx, sock) }() // ended by cancel, waited for below
	c.send("x")
	c.wantDatagram("x")
	cancel()
	if err := <-served; err != nil {
		t.Errorf("ServePacket: got %v, want nil", err)
	}
	if _, err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	c.send("direct")
	got := make([]byte, 10)
	n, err := sock.Recv(got, 0)
	if err != nil || !bytes.Equal(got[:n], []byte("direct")) {
		t.Errorf("Recv: got %q and %v, want direct", got[:n], err)
	}
}

// Datagrams that the kernel has joined (GRO) come one by one.
func TestPacketJoinedDatagrams(t *testing.T) {
	const size, count = 1000, 20
	got := make(chan int, 2*count)
	h := &handler{data: func(c *engine.Conn) { got <- c.Buffered() }}
	joined, err := socket.New(socket.INET, socket.DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.GRO.Set(joined, true); err != nil {
		t.Fatal(err)
	}
	s := startPacketOn(t, engine.Config{Handler: h}, joined, socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0")))
	from, err := socket.New(socket.INET, socket.DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if err := socket.Segment.Set(from, size); err != nil {
		t.Fatal(err)
	}
	if _, err := from.SendTo(pattern(size*count+1), 0, s.addr); err != nil {
		t.Fatal(err)
	}
	for i := range count + 1 {
		want := size
		if i == count {
			want = 1
		}
		select {
		case n := <-got:
			if n != want {
				t.Errorf("datagram %d: got %d bytes, want %d", i, n, want)
			}
		case <-time.After(patience):
			t.Fatalf("got %d datagrams, want %d", i, count+1)
		}
	}
}

// A handler that ends the goroutine of a datagram loop leaves no session behind.
func TestPacketGoexit(t *testing.T) {
	closes := make(chan error, 2)
	h := &handler{
		data:  func(*engine.Conn) { exitGoroutine() },
		close: func(_ *engine.Conn, err error) { closes <- err },
	}
	s := loopback(t, engine.Config{Handler: h})
	s.dial(t).send("x")
	select {
	case err := <-closes:
		if end, ok := errors.AsType[*engine.End](err); !ok || end.How != engine.Failed {
			t.Errorf("end: got %v, want an error", err)
		}
	case <-time.After(patience):
		t.Fatal("Close was not called")
	}
	if got := s.Stats().Open; got != 0 {
		t.Errorf("Stats: got %d open, want 0", got)
	}
}
