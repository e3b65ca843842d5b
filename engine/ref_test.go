package engine_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"sock/engine"
)

// loops are the variants of what has a loop of its own for each kind of server.
var loops = []variant{
	{name: "goroutine", model: engine.Goroutine, network: "tcp"},
	{name: "epoll", model: engine.EventLoop, backend: engine.Epoll, network: "tcp"},
	{name: "uring", model: engine.EventLoop, backend: engine.Uring, network: "tcp"},
}

// inEach runs a test over them.
func inEach(t *testing.T, test func(*testing.T, variant)) {
	for _, v := range loops {
		t.Run(v.name, func(t *testing.T) { test(t, v) })
	}
}

// capture is an echo that hands out the Ref of each connection.
func capture() (engine.Handler, <-chan engine.Ref) {
	refs := make(chan engine.Ref, 16)
	h := newEcho().(*handler)
	h.open = func(c *engine.Conn) { refs <- c.Ref() }
	return h, refs
}

// A stale handle writes to a connection that came later.
func TestRefStale(t *testing.T) { inEach(t, testRefStale) }

func testRefStale(t *testing.T, v variant) {
	h, refs := capture()
	s := v.start(t, "", engine.Config{Handler: h})
	c := s.dial(t)
	ref := <-refs
	if err := ref.Write([]byte("live")); err != nil {
		t.Fatal(err)
	}
	c.want("live")
	_ = c.Close()
	s.log.waitKind(engine.EventClose)

	later := s.dial(t) // very likely on the same descriptor
	other := <-refs
	for name, err := range map[string]error{
		"write": ref.Write([]byte("stale")),
		"post":  ref.Post(func(*engine.Conn) { t.Error("a stale post ran") }),
		"close": ref.Close(),
		"zero":  engine.Ref{}.Write(nil),
	} {
		if !errors.Is(err, engine.ErrStale) {
			t.Errorf("%s: got %v, want %v", name, err, engine.ErrStale)
		}
	}
	if ref == other {
		t.Error("two connections have the same Ref")
	}
	later.send("x")
	later.want("x")
}

// Posts that were accepted run, also when the connection ends first; then Close
// comes, last and once.
func TestRefPostRunsBeforeClose(t *testing.T) { inEach(t, testRefPostRunsBeforeClose) }

func testRefPostRunsBeforeClose(t *testing.T, v variant) {
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	refs, busy := make(chan engine.Ref, 1), make(chan struct{})
	h := &handler{
		open: func(c *engine.Conn) { refs <- c.Ref() },
		data: func(c *engine.Conn) { <-busy; c.Abort() },
		close: func(*engine.Conn, error) {
			note("close")
		},
	}
	s := v.start(t, "", engine.Config{Handler: h})
	c := s.dial(t)
	ref := <-refs
	c.send("x")
	err := ref.Post(func(c *engine.Conn) {
		if _, err := c.Write([]byte("late")); err != nil {
			note("post")
		}
	})
	// The post may run before Data has blocked: then its write is accepted and
	// it notes nothing. Post again while the loop is surely held.
	for range 3 {
		err = errors.Join(err, ref.Post(func(*engine.Conn) { note("post") }))
	}
	if err != nil {
		t.Fatal(err)
	}
	close(busy)
	s.log.waitKind(engine.EventClose)
	mu.Lock()
	defer mu.Unlock()
	if n := len(order); n < 4 || order[n-1] != "close" || order[n-2] != "post" {
		t.Errorf("order: got %v, want three posts or four, then close", order)
	}
}

// Posts have a bound.
func TestRefPostBusy(t *testing.T) { inEach(t, testRefPostBusy) }

func testRefPostBusy(t *testing.T, v variant) {
	refs, hold := make(chan engine.Ref, 1), make(chan struct{})
	h := &handler{open: func(c *engine.Conn) { refs <- c.Ref(); <-hold }}
	s := v.start(t, "", engine.Config{Handler: h})
	s.dial(t)
	ref := <-refs
	var err error
	accepted := 0
	for err == nil && accepted < 1_000_000 {
		if err = ref.Post(func(*engine.Conn) {}); err == nil {
			accepted++
		}
	}
	close(hold)
	if !errors.Is(err, engine.ErrBusy) {
		t.Errorf("after %d posts: got %v, want %v", accepted, err, engine.ErrBusy)
	}
}

// A peer that never reads: Write is refused above the mark, nobody else waits,
// and Close and Post still reach the loop that is stuck in a write.
func TestRefToSlowReader(t *testing.T) { inEach(t, testRefToSlowReader) }

func testRefToSlowReader(t *testing.T, v variant) {
	h, refs := capture()
	s := v.start(t, "", engine.Config{Handler: h})
	slow := s.dial(t)
	ref := <-refs
	chunk := pattern(16 << 10)
	total, stuck := 0, time.Now()
	for time.Since(stuck) < 300*time.Millisecond { // until nothing was taken for so long
		switch err := ref.Write(chunk); {
		case err == nil:
			total += len(chunk)
			stuck = time.Now()
		case errors.Is(err, engine.ErrBackpressure):
			_ = ref.Post(func(*engine.Conn) {}) // the loop tries again: the kernel may take a little it had not told of
			time.Sleep(time.Millisecond)
		default:
			t.Fatalf("after %d bytes: got %v, want %v", total, err, engine.ErrBackpressure)
		}
	}
	if total > 64<<20 {
		t.Errorf("taken for a peer that never reads: got %d bytes", total)
	}
	other := s.dial(t)
	<-refs
	other.send("x")
	other.want("x")

	ran := make(chan struct{})
	if err := ref.Post(func(c *engine.Conn) { c.SetIdle(200 * time.Millisecond); close(ran) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ran:
	case <-time.After(patience):
		t.Fatal("a post to a loop stuck in a write did not run")
	}
	if err := ref.Close(); err != nil {
		t.Fatal(err)
	}
	// Nothing leaves any more, so the close gives up after the idle limit.
	r := s.log.wait("close of the slow one", func(e engine.Event) bool { return e.Kind == engine.EventClose }).Record
	if r.End.By != engine.Local || r.End.How != engine.Timeout {
		t.Errorf("end: got %v, want a local timeout", &r.End)
	}
	if got, _ := io.Copy(io.Discard, slow); got > int64(total) {
		t.Errorf("read: got %d bytes, want %d at the most", got, total)
	}
}

// Writes and posts of one goroutine stay in order, with many goroutines at it.
func TestRefConcurrentWrites(t *testing.T) { inEach(t, testRefConcurrentWrites) }

func testRefConcurrentWrites(t *testing.T, v variant) {
	const writers, messages = 8, 200
	h, refs := capture()
	s := v.start(t, "", engine.Config{Handler: h})
	c := s.dial(t)
	ref := <-refs
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for m := range messages {
				for errors.Is(ref.Write([]byte{byte(w), byte(m)}), engine.ErrBackpressure) {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	next := make([]byte, writers)
	pair := make([]byte, 2)
	for range writers * messages {
		if _, err := io.ReadFull(c, pair); err != nil {
			t.Fatal(err)
		}
		if pair[1] != next[pair[0]] {
			t.Fatalf("writer %d: got message %d, want %d", pair[0], pair[1], next[pair[0]])
		}
		next[pair[0]]++
	}
	all.Wait()
}

// A Conn used outside its loop is a bug that is told, not a race.
func TestConnOutsideLoopPanics(t *testing.T) { inEach(t, testConnOutsideLoopPanics) }

func testConnOutsideLoopPanics(t *testing.T, v variant) {
	conns := make(chan *engine.Conn, 1)
	h := &handler{open: func(c *engine.Conn) { conns <- c }, close: func(c *engine.Conn, _ error) {
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write in Close: got %v, want net.ErrClosed", err)
		}
	}}
	s := v.start(t, "", engine.Config{Handler: h})
	c := s.dial(t)
	conn := <-conns
	_ = c.Close()
	s.log.waitKind(engine.EventClose)
	if got := conn.Peer().String(); got != c.LocalAddr().String() {
		t.Errorf("Peer, which may be called from anywhere: got %s, want %s", got, c.LocalAddr())
	}
	defer func() {
		if recover() == nil {
			t.Error("Write outside the loop: got no panic")
		}
	}()
	_, _ = conn.Write([]byte("x"))
}

// Reading pauses and resumes on the handler's word.
func TestConnPauseResume(t *testing.T) { inEach(t, testConnPauseResume) }

func testConnPauseResume(t *testing.T, v variant) {
	refs := make(chan engine.Ref, 1)
	h := newEcho().(*handler)
	h.open = func(c *engine.Conn) { c.Pause(); refs <- c.Ref() }
	s := v.start(t, "", engine.Config{Handler: h})
	c := s.dial(t)
	ref := <-refs
	c.send("x")
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("read while paused: got %d bytes, want none", n)
	}
	if err := ref.Post((*engine.Conn).Resume); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c.want("x")
}

// The idle limit also holds while reading is paused, and SetIdle changes it.
func TestConnSetIdle(t *testing.T) { inEach(t, testConnSetIdle) }

func testConnSetIdle(t *testing.T, v variant) {
	h := &handler{open: func(c *engine.Conn) { c.Pause(); c.SetIdle(50 * time.Millisecond) }}
	s := v.start(t, "", engine.Config{Handler: h, Idle: time.Hour})
	s.dial(t)
	s.log.waitEnd(engine.Local, engine.Timeout)
}

// CloseWrite sends FIN and still reads.
func TestConnCloseWrite(t *testing.T) {
	got := make(chan int, 1)
	h := &handler{open: func(c *engine.Conn) {
		_, _ = c.WriteString("done")
		c.CloseWrite()
		c.SetValue(0)
	}}
	h.data = func(c *engine.Conn) { c.SetValue(c.Value().(int) + c.Discard(c.Buffered())) }
	h.close = func(c *engine.Conn, _ error) { got <- c.Value().(int) }
	for _, v := range variants {
		if v.model == engine.Serial || v.model == engine.Process {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			s := v.start(t, "", engine.Config{Handler: h})
			c := s.dial(t)
			c.wantEOF("done")
			c.send(string(pattern(100_000)))
			_ = c.Close()
			s.log.waitEnd(engine.Local, engine.FIN)
			if n := <-got; n != 100_000 {
				t.Errorf("received after CloseWrite: got %d bytes, want 100000", n)
			}
		})
	}
}

// Next gives a whole frame or nothing.
func TestConnNext(t *testing.T) { inEach(t, testConnNext) }

func testConnNext(t *testing.T, v variant) {
	type step struct{ got, want any }
	steps := make(chan step, 8)
	h := &handler{data: func(c *engine.Conn) {
		if c.Buffered() < 5 {
			return
		}
		steps <- step{c.Next(6) == nil, true}
		steps <- step{c.Next(-1) == nil, true}
		steps <- step{string(c.Next(2)), "he"}
		steps <- step{c.Discard(1), 1}
		steps <- step{string(c.Peek()), "lo"}
		steps <- step{c.Discard(10), 2}
		steps <- step{c.Buffered(), 0}
		close(steps)
	}}
	v.start(t, "", engine.Config{Handler: h}).dial(t).send("hello")
	for s := range steps {
		if s.got != s.want {
			t.Errorf("got %v, want %v", s.got, s.want)
		}
	}
}

// Close races with reads and writes: each connection still ends once, in order
// or reset, and Close never runs beside another call.
func TestRefCloseRaces(t *testing.T) { inEach(t, testRefCloseRaces) }

func testRefCloseRaces(t *testing.T, v variant) {
	var mu sync.Mutex
	closes := 0
	refs := make(chan engine.Ref, 64)
	h := newEcho().(*handler)
	h.open = func(c *engine.Conn) { refs <- c.Ref() }
	h.close = func(*engine.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		closes++
	}
	s := v.start(t, "", engine.Config{Handler: h})
	const conns = 60
	var all sync.WaitGroup
	for i := range conns {
		c := s.dial(t)
		ref := <-refs
		all.Go(func() {
			defer c.Close()
			for {
				if _, err := c.Write(pattern(1000)); err != nil {
					return
				}
				if _, err := c.Read(make([]byte, 1000)); err != nil {
					return
				}
			}
		})
		all.Go(func() {
			for range i {
				_ = ref.Write([]byte("x"))
			}
			for range 3 { // again does no harm
				if err := ref.Close(); err != nil && !errors.Is(err, engine.ErrStale) {
					t.Errorf("Close: got %v, want nil or stale", err)
				}
			}
		})
	}
	all.Wait()
	s.log.wait("close of all", func(engine.Event) bool { return s.log.count(engine.EventClose) == conns })
	mu.Lock()
	defer mu.Unlock()
	if closes != conns {
		t.Errorf("got %d Close, want %d", closes, conns)
	}
}

// A write through a Ref that is refused is followed by Drained, whatever it was
// refused for: here for the posts that waited, with no output at all.
func TestRefWriteRefusedThenDrained(t *testing.T) { inEach(t, testRefWriteRefusedThenDrained) }

func testRefWriteRefusedThenDrained(t *testing.T, v variant) {
	refs, hold, drained := make(chan engine.Ref, 1), make(chan struct{}), make(chan struct{}, 1)
	h := &drainer{drained: func(*engine.Conn) { drained <- struct{}{} }}
	h.open = func(c *engine.Conn) { refs <- c.Ref(); <-hold }
	s := v.start(t, "", engine.Config{Handler: h})
	s.dial(t)
	ref := <-refs
	var err error
	for err == nil {
		err = ref.Post(func(*engine.Conn) {})
	}
	if err := ref.Write([]byte("x")); !errors.Is(err, engine.ErrBackpressure) {
		t.Fatalf("Write: got %v, want %v", err, engine.ErrBackpressure)
	}
	close(hold)
	select {
	case <-drained:
	case <-time.After(patience):
		t.Fatal("Drained did not follow")
	}
}

// The same with a peer that reads at last, many times over: no wake-up is lost
// between a refusal and the flush that makes room.
func TestRefWriteUntilDrained(t *testing.T) { inEach(t, testRefWriteUntilDrained) }

func testRefWriteUntilDrained(t *testing.T, v variant) {
	refs, drained := make(chan engine.Ref, 1), make(chan struct{}, 1)
	h := &drainer{drained: func(*engine.Conn) {
		select {
		case drained <- struct{}{}:
		default:
		}
	}}
	h.open = func(c *engine.Conn) { refs <- c.Ref() }
	s := v.start(t, "", engine.Config{Handler: h, HighWater: 1000, LowWater: 10})
	c := s.dial(t)
	ref := <-refs
	const total = 4 << 20
	go func() { // ended by the last byte, or by the connection's deadline
		for sent := 0; sent < total; {
			switch err := ref.Write(pattern(700)); {
			case err == nil:
				sent += 700
			case errors.Is(err, engine.ErrBackpressure):
				select {
				case <-drained:
				case <-time.After(patience):
					t.Error("Drained did not follow")
					_ = ref.Close()
					return
				}
			default:
				return
			}
		}
		_ = ref.Close()
	}()
	if n, err := io.Copy(io.Discard, c); err != nil || n < total {
		t.Errorf("read: got %d bytes and %v, want %d and the end", n, err, total)
	}
}
