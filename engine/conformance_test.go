package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sock/engine"
	"sock/socket"
)

func TestConformance(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			testConformance(t, v, v.start)
		})
	}
}

// conformance is what every model (and later every backend) does alike. The
// comment on a test names the failure that was seen elsewhere.
var conformance = []struct {
	name string
	test func(*testing.T, variant, starter)

	together bool // needs two connections served at the same time
	tcp      bool // needs RST
}{
	{name: "echo", test: testEcho},
	{name: "pipelining", test: testPipelining},
	{name: "big-echo", test: testBigEcho},
	{name: "refused-writes", test: testRefusedWrites},
	{name: "split-frames", test: testSplitFrames},
	{name: "late-reply-after-half-close", test: testLateReply},
	{name: "data-then-fin", test: testDataThenFIN},
	{name: "reply-and-close-with-unread-data", test: testReplyAndClose},
	{name: "big-write-in-open", test: testBigWriteInOpen},
	{name: "reset-while-reading", test: testResetWhileReading, tcp: true},
	{name: "reset-with-data", test: testResetWithData, tcp: true},
	{name: "reset-while-writing", test: testResetWhileWriting, tcp: true},
	{name: "abort", test: testAbort},
	{name: "idle-timeout", test: testIdleTimeout},
	{name: "idle-timeout-while-writing", test: testIdleWhileWriting},
	{name: "traffic-keeps-off-idle-timeout", test: testIdleKeptOff},
	{name: "sending-keeps-off-idle-timeout", test: testSendingKeepsOff},
	{name: "slow-reader", test: testSlowReader, together: true},
	{name: "handler-consumes-nothing", test: testConsumesNothing},
	{name: "panic", test: testPanic},
	{name: "max-conns", test: testMaxConns, together: true},
	{name: "admit", test: testAdmit},
	{name: "refs", test: testRefs},
	{name: "shutdown-drains", test: testShutdownDrains},
	{name: "shutdown-asks-stopper", test: testShutdownStopper},
	{name: "shutdown-forces", test: testShutdownForces},
	{name: "shutdown-forces-writer", test: testShutdownForcesWriter},
	{name: "chat", test: testChat, together: true},
	{name: "blocking-echo", test: testBlockingEcho},
	{name: "blocking-late-reply", test: testBlockingLate},
	{name: "blocking-error", test: testBlockingError},
	{name: "blocking-panic", test: testBlockingPanic},
	{name: "blocking-close-with-unread-data", test: testBlockingClose},
	{name: "blocking-idle-timeout", test: testBlockingIdle},
	{name: "blocking-shutdown", test: testBlockingShutdown},
	{name: "blocking-shutdown-forces", test: testBlockingForces},
	{name: "blocking-reset", test: testBlockingReset, tcp: true},
	{name: "many-in-turn", test: testManyInTurn},
}

func testConformance(t *testing.T, v variant, start starter) {
	for _, c := range conformance {
		if c.together && v.model == engine.Serial || c.tcp && v.network != "tcp" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, v, start)
		})
	}
}

func testEcho(t *testing.T, v variant, start starter) {
	s := start(t, "echo", engine.Config{})
	c := s.dial(t)
	for _, data := range []string{"a", "hello\n", string(pattern(100)), string(pattern(70_000))} {
		go func() { _, _ = c.Write([]byte(data)) }() // ends when want has read it all
		c.want(data)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r := s.log.waitEnd(engine.Peer, engine.FIN)
	if want := int64(1 + 6 + 100 + 70_000); r.Received != want || r.Sent != want {
		t.Errorf("record: got %d received, %d sent; want %d each", r.Received, r.Sent, want)
	}
	if got, want := r.Local.String(), s.addr; got != want {
		t.Errorf("record's local address: got %s, want %s", got, want)
	}
	if (r.PID != 0) != (v.model == engine.Process) {
		t.Errorf("record's process: got %d under model %s", r.PID, v.model)
	}
	if open := s.log.waitKind(engine.EventOpen); open.ID != r.ID || open.Peer != r.Peer {
		t.Errorf("open event: got #%d %v, want that of the record, #%d %v", open.ID, open.Peer, r.ID, r.Peer)
	}
}

// Pipelined replies overwrite each other; a view is used after its time.
func testPipelining(t *testing.T, _ variant, start starter) {
	c := start(t, "upper-lines", engine.Config{}).dial(t)
	var in, out strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&in, "line %d\n", i)
		fmt.Fprintf(&out, "LINE %d\n", i)
	}
	c.send(in.String())
	c.want(out.String())
}

// Partial writes lose or repeat bytes.
func testBigEcho(t *testing.T, _ variant, start starter) {
	s := start(t, "echo", engine.Config{})
	c := s.dial(t)
	data := pattern(bigSize)
	sent := make(chan error, 1)
	go func() { // ended by the connection's deadline at the latest; waited for below
		_, err := c.Write(data)
		c.closeWrite()
		sent <- err
	}()
	c.wantEOF(string(data))
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if r := s.log.waitEnd(engine.Peer, engine.FIN); r.Received != bigSize || r.Sent != bigSize {
		t.Errorf("record: got %d received, %d sent; want %d each", r.Received, r.Sent, bigSize)
	}
}

// What a handler could not answer for lack of room is never offered again.
func testRefusedWrites(t *testing.T, _ variant, start starter) {
	s := start(t, "chunk-echo", engine.Config{HighWater: 1000, LowWater: 10})
	c := s.dial(t)
	data := string(pattern(300_000))
	go func() { _, _ = io.WriteString(c, data) }() // ends when want has read it all
	c.want(data)
}

// A frame that arrives in pieces is seen as several.
func testSplitFrames(t *testing.T, _ variant, start starter) {
	c := start(t, "upper-lines", engine.Config{}).dial(t)
	for _, b := range "one\ntwo\n" {
		c.send(string(b))
		if b == '\n' {
			continue
		}
	}
	c.want("ONE\nTWO\n")
}

// The reply after the peer's end of file is lost.
func testLateReply(t *testing.T, _ variant, start starter) {
	s := start(t, "late-reply", engine.Config{})
	c := s.dial(t)
	c.send(string(pattern(100_000)))
	c.closeWrite()
	c.wantEOF("100000 bytes")
	s.log.waitEnd(engine.Peer, engine.FIN)
}

// Data followed by FIN at once: the last bytes are lost.
func testDataThenFIN(t *testing.T, v variant, start starter) {
	s := start(t, "echo", engine.Config{})
	for _, size := range []int{1, 4098, 60_000} {
		c := s.dial(t)
		data := string(pattern(size))
		c.send(data)
		c.closeWrite()
		c.wantEOF(data)
		_ = c.Close()
	}
}

// Write and Close: the data is dropped, or destroyed by a reset because the
// peer has sent more than was read.
func testReplyAndClose(t *testing.T, _ variant, start starter) {
	s := start(t, "reply-and-shut", engine.Config{})
	c := s.dial(t)
	c.send(string(pattern(200_000)))
	c.wantEOF(string(pattern(1 << 20)))
	_ = c.Close()
	s.log.waitEnd(engine.Local, engine.FIN)
}

// A write in Open that is larger than every buffer sticks for ever.
func testBigWriteInOpen(t *testing.T, _ variant, start starter) {
	c := start(t, "big-open", engine.Config{}).dial(t)
	c.want(string(pattern(bigSize)))
	c.send("and now?")
	c.want("and now?")
}

func testResetWhileReading(t *testing.T, _ variant, start starter) {
	s := start(t, "echo", engine.Config{})
	c := s.dial(t)
	c.send("x")
	c.want("x")
	c.reset()
	r := s.log.waitEnd(engine.Peer, engine.RST)
	if !errors.Is(r.End.Err, syscall.ECONNRESET) {
		t.Errorf("cause: got %v, want ECONNRESET", r.End.Err)
	}
	if n := s.Stats().Failures; n != 1 {
		t.Errorf("Stats.Failures: got %d, want 1", n)
	}
}

// A reset that comes together with data is never noticed.
func testResetWithData(t *testing.T, _ variant, start starter) {
	for _, name := range []string{"sink", "echo"} {
		s := start(t, name, engine.Config{})
		for range 20 {
			c := s.dial(t)
			c.send("x")
			c.reset()
		}
		s.log.wait("close of all", func(engine.Event) bool { return s.log.count(engine.EventClose) == 20 })
		if r := s.log.waitEnd(engine.Peer, engine.RST); !errors.Is(r.End.Err, syscall.ECONNRESET) {
			t.Errorf("cause under %s: got %v, want ECONNRESET", name, r.End.Err)
		}
	}
}

// An error of a flush leaves the connection open.
func testResetWhileWriting(t *testing.T, _ variant, start starter) {
	s := start(t, "flood", engine.Config{})
	c := s.dial(t)
	c.want(string(pattern(1000)))
	c.reset()
	s.log.waitEnd(engine.Peer, engine.RST)
}

func testAbort(t *testing.T, _ variant, start starter) {
	s := start(t, "abort", engine.Config{})
	c := s.dial(t)
	c.send("x")
	c.wantReset()
	s.log.waitEnd(engine.Local, engine.RST)
}

// A timeout is silently ignored.
func testIdleTimeout(t *testing.T, _ variant, start starter) {
	s := start(t, "echo", engine.Config{Idle: time.Second})
	c := s.dial(t)
	c.wantEOF("")
	_ = c.Close()
	r := s.log.waitEnd(engine.Local, engine.Timeout)
	if r.Duration < time.Second {
		t.Errorf("duration: got %v, want the idle limit at least", r.Duration)
	}
	if n := s.Stats().Failures; n != 0 {
		t.Errorf("Stats.Failures: got %d, want 0: an idle limit is none", n)
	}
}

func testIdleWhileWriting(t *testing.T, _ variant, start starter) {
	s := start(t, "flood", engine.Config{Idle: time.Second})
	c := s.dial(t)
	c.want("\x00")
	s.log.waitEnd(engine.Local, engine.Timeout)
}

func testIdleKeptOff(t *testing.T, _ variant, start starter) {
	c, log := keepBusy(t, start, "echo", echoOne)
	c.closeWrite()
	c.wantEOF("")
	log.waitEnd(engine.Peer, engine.FIN)
}

func testSendingKeepsOff(t *testing.T, _ variant, start starter) {
	keepBusy(t, start, "flood", func(c *client) error {
		_, err := io.CopyN(io.Discard, c, 1<<20) // enough to open the window
		return err
	})
}

func echoOne(c *client) error {
	_, err := c.Write([]byte("x"))
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	return err
}

// keepBusy has bytes move for longer than the idle limit, with short gaps. On
// a machine so busy that a gap becomes long, it starts anew with a longer limit.
func keepBusy(t *testing.T, start starter, name string, move func(*client) error) (*client, *eventLog) {
	t.Helper()
	for idle := time.Second; ; idle *= 2 {
		s := start(t, name, engine.Config{Idle: idle})
		c := s.dial(t)
		longest, err := busily(c, idle, move)
		if err == nil {
			return c, s.log
		}
		_ = c.Close()
		if longest < idle/2 || idle > patience {
			t.Fatalf("with gaps of %v at the most and an idle limit of %v: got %v, want an echo", longest, idle, err)
		}
	}
}

// busily goes on for a little more than the idle limit and measures the gaps.
func busily(c *client, idle time.Duration, move func(*client) error) (longest time.Duration, err error) {
	last := time.Now()
	for range 15 {
		time.Sleep(idle / 10) // the traffic itself, not a wait for something
		err := move(c)
		longest = max(longest, time.Since(last))
		if err != nil {
			return longest, err
		}
		last = time.Now()
	}
	return longest, nil
}

// A peer that never reads exhausts memory, or delays the others.
func testSlowReader(t *testing.T, v variant, start starter) {
	s := start(t, "flood", engine.Config{})
	slow := s.dial(t)
	slow.want("\x00") // over TLS: the handshake happens here
	other := s.dial(t)
	other.want(string(pattern(8 << 10)))
	if _, err := io.CopyN(io.Discard, other, 8<<20); err != nil {
		t.Fatal(err)
	}
	_ = slow.Close()
	_ = other.Close()
	s.log.wait("close", func(e engine.Event) bool {
		return e.Kind == engine.EventClose && e.Record.Sent >= 8<<20 && e.Record.End.By == engine.Peer
	})
	if n := s.Stats().Backpressure; n == 0 && v.model != engine.Process {
		t.Error("Stats.Backpressure: got 0, want more")
	}
}

// A handler that consumes nothing makes the loop spin.
func testConsumesNothing(t *testing.T, _ variant, start starter) {
	s := start(t, "consume-none", engine.Config{ReadBuffer: 10_000})
	c := s.dial(t)
	if _, err := c.Write(pattern(20_000)); !isReset(err) { // else it has failed half way
		c.wantReset()
	}
	r := s.log.waitEnd(engine.Local, engine.Failed)
	if r.End.Err == nil || r.End.Err.Error() != engine.ErrBufferFull.Error() {
		t.Errorf("cause: got %v, want %v", r.End.Err, engine.ErrBufferFull)
	}
	if r.Received != 10_000 {
		t.Errorf("received: got %d, want the buffer's 10000", r.Received)
	}
}

// A panic ends its connection and no other.
func testPanic(t *testing.T, v variant, start starter) {
	for _, at := range []string{"open", "data"} {
		s := start(t, "panic-"+at, engine.Config{})
		for range 2 {
			s.wantTurnedAway(t)
		}
		s.log.wait("second close", func(engine.Event) bool { return s.log.count(engine.EventClose) == 2 })
		r := s.log.waitEnd(engine.Local, engine.Failed)
		if !strings.Contains(r.End.Error(), "at "+at) {
			t.Errorf("cause: got %v, want the panic's value", r.End.Err)
		}
		e := s.log.waitKind(engine.EventError)
		if !bytes.Contains(e.Stack, []byte("handlers_test.go")) {
			t.Errorf("stack: got %.200q, want the handler's", e.Stack)
		}
	}
	s := start(t, "panic-close", engine.Config{})
	c := s.dial(t)
	c.send("x")
	c.want("x")
	_ = c.Close()
	s.log.waitEnd(engine.Peer, engine.FIN)
	s.log.waitKind(engine.EventError)
}

func testMaxConns(t *testing.T, _ variant, start starter) {
	s := start(t, "echo", engine.Config{MaxConns: 2})
	held := []*client{s.dial(t), s.dial(t)}
	for _, c := range held {
		c.send("x")
		c.want("x")
	}
	s.wantTurnedAway(t)
	if e := s.log.waitKind(engine.EventRefuse); !errors.Is(e.Err, engine.ErrTooMany) {
		t.Errorf("refused: got %v, want %v", e.Err, engine.ErrTooMany)
	}
	_ = held[0].Close()
	s.log.wait("the first one's close", func(e engine.Event) bool {
		return e.Kind == engine.EventClose && e.Record.End.By == engine.Peer
	})
	c := s.dial(t)
	c.send("y")
	c.want("y")
	if got := s.Stats(); got.Open != 2 || got.Refused != 1 {
		t.Errorf("Stats: got %d open, %d refused; want 2, 1", got.Open, got.Refused)
	}
}

func testAdmit(t *testing.T, _ variant, start starter) {
	no := errors.New("not you")
	var asked atomic.Bool
	s := start(t, "echo", engine.Config{Admit: func(socket.Addr) error {
		if !asked.Swap(true) {
			return no
		}
		return nil
	}})
	s.wantTurnedAway(t)
	if e := s.log.waitKind(engine.EventRefuse); !errors.Is(e.Err, no) {
		t.Errorf("refused: got %v, want %v", e.Err, no)
	}
	c := s.dial(t)
	c.send("x")
	c.want("x")
}

// Post, Write and Close from other goroutines reach a loop that waits in a read.
func testRefs(t *testing.T, _ variant, start starter) {
	s := start(t, "poster", engine.Config{})
	c := s.dial(t)
	for range 20 {
		c.send("post")
		c.want("posted")
		c.send("write")
		c.want("written")
	}
	c.send("close")
	c.wantEOF("last words")
	_ = c.Close()
	s.log.waitEnd(engine.Local, engine.FIN)
}

// Shutdown gives what has arrived its answer.
func testShutdownDrains(t *testing.T, _ variant, start starter) {
	s := start(t, "echo", engine.Config{})
	c := s.dial(t)
	c.send("x")
	c.want("x")
	drain, err := s.stop(within(t, patience))
	if want := (engine.Drain{Ended: 1}); err != nil || drain != want {
		t.Errorf("Shutdown: got %+v and %v, want %+v", drain, err, want)
	}
	c.wantEOF("")
	s.log.waitEnd(engine.Local, engine.FIN)
	if s.network != "unix" {
		return // by now the port may be another test's
	}
	// A child that another test starts just now holds a copy until its exec.
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		conn, err := s.dialRaw()
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("dial after Shutdown: got a connection, want an error")
		}
	}
}

func testShutdownStopper(t *testing.T, _ variant, start starter) {
	s := start(t, "stop-bye", engine.Config{})
	c := s.dial(t)
	c.send("x")
	c.want("x")
	if _, err := s.stop(within(t, patience)); err != nil {
		t.Errorf("Shutdown: got %v, want nil", err)
	}
	c.wantEOF("bye")
}

// Shutdown hangs.
func testShutdownForces(t *testing.T, _ variant, start starter) {
	s := start(t, "late-reply", engine.Config{}) // it has a HalfClosed, so nothing ends before that
	c := s.dial(t)
	c.send("x")
	s.log.waitKind(engine.EventOpen)
	_, _ = s.stop(ended()) // in time, or with an error on a machine that is very busy
	s.log.waitKind(engine.EventClose)
	_, _ = io.Copy(io.Discard, c)
}

func testShutdownForcesWriter(t *testing.T, _ variant, start starter) {
	s := start(t, "flood", engine.Config{})
	c := s.dial(t)
	c.want("\x00")
	drain, err := s.stop(within(t, 200*time.Millisecond))
	if want := (engine.Drain{Forced: 1}); err == nil || drain != want {
		t.Errorf("Shutdown: got %+v and %v, want %+v and the context's error", drain, err, want)
	}
	s.log.waitEnd(engine.Local, engine.RST)
}

func testChat(t *testing.T, _ variant, start starter) {
	s := start(t, "chat", engine.Config{})
	var peers []*client
	for range 4 {
		c := s.dial(t)
		c.want("welcome\n")
		peers = append(peers, c)
	}
	for i, from := range peers {
		line := fmt.Sprintf("hello from %d\n", i)
		from.send(line)
		for _, to := range peers {
			if to != from {
				to.want(line)
			}
		}
	}
}

func testBlockingEcho(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-echo", engine.Config{})
	c := s.dial(t)
	data := pattern(bigSize)
	go func() { // ends when wantEOF has read it all
		_, _ = c.Write(data)
		c.closeWrite()
	}()
	c.wantEOF(string(data))
	if r := s.log.waitEnd(engine.Peer, engine.FIN); r.Received != bigSize || r.Sent != bigSize {
		t.Errorf("record: got %d received, %d sent; want %d each", r.Received, r.Sent, bigSize)
	}
}

func testBlockingLate(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-late", engine.Config{})
	c := s.dial(t)
	c.send(string(pattern(100_000)))
	c.closeWrite()
	c.wantEOF("100000 bytes")
	s.log.waitEnd(engine.Peer, engine.FIN)
}

func testBlockingError(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-fail", engine.Config{})
	c := s.dial(t)
	c.wantEOF("sorry")
	_ = c.Close()
	r := s.log.waitEnd(engine.Local, engine.Failed)
	if r.End.Err == nil || r.End.Err.Error() != errOfService.Error() {
		t.Errorf("cause: got %v, want %v", r.End.Err, errOfService)
	}
}

func testBlockingPanic(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-panic", engine.Config{})
	for range 2 {
		s.wantTurnedAway(t)
	}
	s.log.waitEnd(engine.Local, engine.Failed)
	if e := s.log.waitKind(engine.EventError); len(e.Stack) == 0 {
		t.Error("event of a panic: got no stack")
	}
}

func testBlockingClose(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-close", engine.Config{})
	c := s.dial(t)
	c.send(string(pattern(200_000)))
	c.wantEOF(string(pattern(1 << 20)))
	_ = c.Close()
	s.log.waitEnd(engine.Local, engine.FIN)
}

func testBlockingIdle(t *testing.T, _ variant, start starter) {
	c, log := keepBusy(t, start, "blocking-echo", echoOne)
	c.wantEOF("")
	log.waitEnd(engine.Local, engine.Timeout)
}

func testBlockingShutdown(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-wait", engine.Config{})
	c := s.dial(t)
	c.want("hello")
	if _, err := s.stop(within(t, patience)); err != nil {
		t.Errorf("Shutdown: got %v, want nil", err)
	}
	c.wantEOF("bye")
}

func testBlockingForces(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-echo", engine.Config{})
	c := s.dial(t)
	c.send("x")
	c.want("x")
	drain, err := s.stop(within(t, 100*time.Millisecond))
	if want := (engine.Drain{Forced: 1}); err == nil || drain != want {
		t.Errorf("Shutdown: got %+v and %v, want %+v and the context's error", drain, err, want)
	}
	c.wantReset()
	s.log.waitEnd(engine.Local, engine.RST)
}

func testBlockingReset(t *testing.T, _ variant, start starter) {
	s := start(t, "blocking-echo", engine.Config{})
	c := s.dial(t)
	c.send("x")
	c.want("x")
	c.reset()
	s.log.waitEnd(engine.Peer, engine.RST)
}

// The engine stops unasked; slots, goroutines or descriptors leak.
func testManyInTurn(t *testing.T, _ variant, start starter) {
	s := start(t, "echo", engine.Config{MaxConns: 3})
	for i := range 30 {
		c := s.dial(t)
		c.send("ping")
		c.want("ping")
		switch {
		case i%3 == 0 && s.network == "tcp":
			c.reset()
		case i%3 == 1:
			c.closeWrite()
			c.wantEOF("")
		}
		_ = c.Close()
		s.log.wait("close", func(engine.Event) bool { return s.log.count(engine.EventClose) == i+1 })
	}
	if got := s.Stats(); got.Open != 0 || got.Accepted != 30 || got.Refused != 0 || got.Received != 120 || got.Sent != 120 {
		t.Errorf("Stats: got %+v, want 30 accepted, none open or refused, 120 bytes each way", got)
	}
}
