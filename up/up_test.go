package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sock/engine"
	"sock/internal/syntax"
	"sock/service"
)

// childVerb makes the test's own program the child of the model process.
const childVerb = "serve-child-of-test"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childVerb {
		if err := service.ServeChild(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child is the program of the model process. A race detector would keep it for
// a second at its end.
func child(l service.Line) (*exec.Cmd, error) {
	cmd, err := service.Child(l, childVerb)
	if err == nil {
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	}
	return cmd, err
}

// patience bounds every wait of these tests: long enough for a busy machine under the race
// detector, for it only decides when a hang is one.
const patience = 2 * time.Minute

// rig is a Set and what it has said.
type rig struct {
	t *testing.T
	*Set
	mu     sync.Mutex
	events []Event
	told   chan struct{} // one for each event, as far as there is room
}

func newRig(t *testing.T) *rig { return &rig{t: t, told: make(chan struct{}, 1)} }

func (r *rig) observe(e Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	select {
	case r.told <- struct{}{}:
	default:
	}
}

func (r *rig) config() Config {
	return Config{
		Observe: r.observe,
		Child:   child,
	}
}

// start starts lines and stops them at the test's end.
func start(t *testing.T, lines ...string) *rig {
	t.Helper()
	r := newRig(t)
	set, err := Start(t.Context(), parse(t, lines...), r.config())
	if err != nil {
		t.Fatal(err)
	}
	r.Set = set
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := set.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return r
}

func parse(t *testing.T, lines ...string) []service.Line {
	t.Helper()
	parsed, err := service.ParseFile("test.conf", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// reload replaces the lines.
func (r *rig) reload(lines ...string) Change {
	r.t.Helper()
	change, err := r.Reload(r.t.Context(), parse(r.t, lines...))
	if err != nil {
		r.t.Fatalf("Reload: %v", err)
	}
	return change
}

// find waits for the last event of a kind about a line.
func (r *rig) find(kind Kind, line string) Event {
	r.t.Helper()
	line = parse(r.t, line)[0].String()
	late := time.After(patience)
	for {
		r.mu.Lock()
		for _, e := range slices.Backward(r.events) {
			if e.Kind == kind && e.Line.String() == line {
				r.mu.Unlock()
				return e
			}
		}
		r.mu.Unlock()
		select {
		case <-r.told:
		case <-late:
			r.t.Fatalf("no event %s for %q in %+v", kind, line, r.events)
		}
	}
}

// count gives the number of events of a kind about a line.
func (r *rig) count(kind Kind, line string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind && e.Line.String() == line {
			n++
		}
	}
	return n
}

// dial connects to where a line listens.
func (r *rig) dial(line string) net.Conn {
	r.t.Helper()
	a := r.find(Listening, line).Addrs[0]
	network := "tcp"
	switch {
	case strings.HasPrefix(line, "udp"):
		network = "udp"
	case a.Path() != "":
		network = "unix"
	}
	c, err := net.Dial(network, a.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// knock connects to a line that will not have it: the reset may come at once.
func (r *rig) knock(line string) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.find(Listening, line).Addrs[0].String())
	if err == nil {
		_ = c.Close()
	} else if !errors.Is(err, syscall.ECONNRESET) {
		r.t.Fatal(err)
	}
}

// says checks that a conversation works: text goes out and want comes back.
func says(t *testing.T, c net.Conn, text, want string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("send %q: %v", text, err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

// rest reads to end of file.
func rest(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read %q, then: %v", b, err)
	}
	_ = c.Close()
	return string(b)
}

// freePort gives a port that nobody has at this moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	const tcp, udp = "tcp4://127.0.0.1:0 echo", "udp4://127.0.0.1:0 echo"
	unix := "unix://" + path + " greet hi"
	child := "tcp4://127.0.0.1:0?model=process exec cat"
	r := start(t, tcp, udp, unix, child)
	for _, line := range []string{tcp, udp, child} {
		e := r.find(Listening, line)
		if e.Endpoint.Port == "0" || e.Endpoint.PortNumber() != uint16(e.Addrs[0].Port()) {
			t.Errorf("listening %s at %v, want the real port", e.Endpoint, e.Addrs)
		}
		says(t, r.dial(line), "hello\n", "hello\n")
	}
	if got := rest(t, r.dial(unix)); got != "hi\n" {
		t.Errorf("got %q, want %q", got, "hi\n")
	}
	if got, want := r.find(Listening, child).Model, engine.Process; got != want {
		t.Errorf("model %s, want %s", got, want)
	}
	if got := r.Stats(); len(got) != 4 || got[0].Accepted != 1 {
		t.Errorf("stats %+v, want those of 4 lines", got)
	}
	record := r.find(Close, unix).Conn.Record
	if record == nil || record.Sent != 3 || r.find(Open, unix).Line.Number != 3 {
		t.Errorf("record %+v, want 3 bytes sent", record)
	}
}

func TestStartAllOrNothing(t *testing.T) {
	busy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := freePort(t)
	r := newRig(t)
	_, err = Start(t.Context(), parse(t, "tcp4://127.0.0.1:"+port+" echo", "", "tcp4://"+busy.Addr().String()+" daytime"), r.config())
	fault, ok := errors.AsType[*LineError](err)
	if !ok || fault.Line.Number != 3 || !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "test.conf:3: ") {
		t.Errorf("Start: %v, want a *LineError of line 3 with EADDRINUSE", err)
	}
	if len(r.events) > 0 {
		t.Errorf("events %+v, want none", r.events)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatalf("the first line's port is still taken: %v", err)
	}
	_ = l.Close()
}

func TestStartErrors(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"no-program", "tcp4://127.0.0.1:0 exec no-such-program-anywhere", "no-such-program-anywhere"},
		{"no-such-address", "tcp4://192.0.2.1:0 echo", "192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Start(t.Context(), parse(t, tt.line), newRig(t).config())
			if fault, ok := errors.AsType[*LineError](err); !ok || fault.Line.Number != 1 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Start: %v, want a *LineError about %s", err, tt.want)
			}
		})
	}
	_, err := Start(t.Context(), parse(t, "tcp4://127.0.0.1:0 echo"), Config{Model: engine.Process})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("model process without Child: %v, want ErrUnsupported", err)
	}
	twice := []service.Line{parse(t, "tcp4://127.0.0.1:7007 echo")[0], parse(t, "tcp4://127.0.0.1:7007 chat")[0]}
	if _, err := Start(t.Context(), twice, Config{}); !isSyntax(err) {
		t.Errorf("two lines on one address: %v, want a *syntax.Error", err)
	}
}

func isSyntax(err error) bool { _, ok := errors.AsType[*syntax.Error](err); return ok }

func TestDefaultModel(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.Model = engine.Process
	set, err := Start(t.Context(), parse(t, "tcp4://127.0.0.1:0 echo", "tcp4://127.0.0.1:0?model=serial echo", "udp4://127.0.0.1:0 echo"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Shutdown(context.Background())
	for line, want := range map[string]engine.Model{
		"tcp4://127.0.0.1:0 echo": engine.Process, "tcp4://127.0.0.1:0?model=serial echo": engine.Serial, "udp4://127.0.0.1:0 echo": engine.Goroutine,
	} {
		if got := r.find(Listening, line).Model; got != want {
			t.Errorf("%s: model %s, want %s", line, got, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	const denied, full = "tcp4://127.0.0.1:0?deny=127.0.0.0/8 echo", "tcp4://127.0.0.1:0?max-conns=1 echo"
	r := start(t, denied, full)
	r.knock(denied)
	if e := r.find(Refuse, denied); !errors.Is(e.Err, errDenied) {
		t.Errorf("refused for %v, want %v", e.Err, errDenied)
	}
	first := r.dial(full)
	says(t, first, "x", "x")
	r.knock(full)
	if e := r.find(Refuse, full); !errors.Is(e.Err, engine.ErrTooMany) {
		t.Errorf("refused for %v, want %v", e.Err, engine.ErrTooMany)
	}
	says(t, first, "y", "y")
}

// TestReloadUntouched: what did not change goes on as if nothing had happened.
func TestReloadUntouched(t *testing.T) {
	const kept, gone, added = "tcp4://127.0.0.1:0 echo", "tcp4://127.0.0.1:0 daytime", "udp4://127.0.0.1:0 echo"
	r := start(t, kept, gone)
	c := r.dial(kept)
	says(t, c, "before", "before")
	leaver := r.find(Listening, gone).Addrs[0]
	change := r.reload("# moved down", added, "tcp4://127.0.0.1:0   'echo'   # the same, spelt otherwise")
	if len(change.Kept) != 1 || len(change.Started) != 1 || len(change.Stopped) != 1 || len(change.Changed) != 0 || change.Stopped[0].String() != gone {
		t.Errorf("change %+v, want one kept, one started, %q stopped", change, gone)
	}
	says(t, c, "after", "after")
	says(t, r.dial(kept), "new", "new")
	says(t, r.dial(added), "datagram", "datagram")
	if n := r.count(Listening, kept); n != 1 {
		t.Errorf("%d listening events for the line that did not change, want 1", n)
	}
	if _, err := net.Dial("tcp", leaver.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial to the removed line: %v, want ECONNREFUSED", err)
	}
	r.find(Stopped, gone)
	lines := r.Lines()
	if len(lines) != 2 || lines[0].String() != added || lines[1].String() != kept {
		t.Errorf("lines %v", lines)
	}
}

// TestReloadDrains: a removed line's connections end in order.
func TestReloadDrains(t *testing.T) {
	const gone = "tcp4://127.0.0.1:0 exec sh -c 'echo ready; cat; echo bye'"
	r := start(t, gone)
	c := r.dial(gone)
	says(t, c, "", "ready\n")
	r.reload("tcp4://127.0.0.1:0 echo")
	says(t, c, "still served\n", "still served\n")
	_ = c.(*net.TCPConn).CloseWrite()
	if got := rest(t, c); got != "bye\n" {
		t.Errorf("got %q, want the last words", got)
	}
}

// TestReloadDrainBound: but they have Config.Drain for it.
func TestReloadDrainBound(t *testing.T) {
	const gone = "tcp4://127.0.0.1:0 exec sleep 1000"
	r := newRig(t)
	cfg := r.config()
	cfg.Drain = 50 * time.Millisecond
	set, err := Start(t.Context(), parse(t, gone), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Set = set
	c := r.dial(gone)
	r.find(Open, gone)
	r.reload()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v, want a reset", err)
	}
	if err := set.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// TestReloadChanged: a line with another service keeps its socket, and no
// client is ever refused.
func TestReloadChanged(t *testing.T) {
	for _, model := range []engine.Model{engine.Goroutine, engine.Process, engine.Serial} {
		t.Run(string(model), func(t *testing.T) {
			at := "tcp4://127.0.0.1:0?model=" + string(model)
			r := start(t, at+" greet one")
			address := r.find(Listening, at+" greet one").Addrs[0].String()
			var done atomic.Bool
			var clients sync.WaitGroup
			heard := map[string]int{}
			clients.Go(func() {
				for !done.Load() {
					c, err := net.Dial("tcp", address)
					if err != nil {
						t.Errorf("dial: %v", err)
						return
					}
					b, err := io.ReadAll(c)
					if err != nil {
						t.Errorf("read: %v", err)
					}
					_ = c.Close()
					heard[string(b)]++
				}
			})
			for i := range 20 {
				text := []string{"one", "two"}[(i+1)%2]
				if change := r.reload(at + " greet " + text); len(change.Changed) != 1 {
					t.Fatalf("change %+v, want one line changed", change)
				}
				if got := rest(t, r.dial(at+" greet "+text)); got != text+"\n" {
					t.Errorf("after the reload: %q, want %q", got, text+"\n")
				}
			}
			done.Store(true)
			clients.Wait()
			for text := range heard {
				if text != "one\n" && text != "two\n" {
					t.Errorf("a client heard %q", text)
				}
			}
		})
	}
}

// TestReloadChangedDatagram likewise: the socket and its queue stay.
func TestReloadChangedDatagram(t *testing.T) {
	const echo, greet = "udp4://127.0.0.1:0 echo", "udp4://127.0.0.1:0 greet hi"
	r := start(t, echo)
	c := r.dial(echo)
	says(t, c, "ho", "ho")
	r.reload(greet)
	says(t, c, "ho", "hi\n")
	if a, b := r.find(Listening, echo).Addrs[0], r.find(Listening, greet).Addrs[0]; a != b {
		t.Errorf("listens on %v, was %v", b, a)
	}
}

// TestReloadLimits: limits of the engine change on the open socket.
func TestReloadLimits(t *testing.T) {
	const open, closed = "tcp4://127.0.0.1:0 echo", "tcp4://127.0.0.1:0?deny=127.0.0.1 echo"
	r := start(t, open)
	r.reload(closed)
	r.knock(closed)
	r.find(Refuse, closed)
	if a, b := r.find(Listening, open).Addrs[0], r.find(Listening, closed).Addrs[0]; a != b {
		t.Errorf("listens on %v, was %v", b, a)
	}
}

// TestReloadSocketOptions: other socket options need another socket, at the
// same address.
func TestReloadSocketOptions(t *testing.T) {
	port := freePort(t)
	before, after := "tcp4://127.0.0.1:"+port+" echo", "tcp4://127.0.0.1:"+port+"?rcvbuf=64KiB echo"
	r := start(t, before)
	c := r.dial(before)
	says(t, c, "x", "x")
	change := r.reload(after)
	if len(change.Started) != 1 || len(change.Stopped) != 1 {
		t.Errorf("change %+v, want one line opened anew", change)
	}
	says(t, r.dial(r.Lines()[0].String()), "y", "y")
	if got := rest(t, c); got != "" {
		t.Errorf("the old connection got %q, want an end in order", got)
	}
}

// TestReloadSerial: the one connection being served does not hold up a reload.
func TestReloadSerial(t *testing.T) {
	const cat, greet = "tcp4://127.0.0.1:0?model=serial exec cat", "tcp4://127.0.0.1:0?model=serial greet hi"
	r := start(t, cat)
	c := r.dial(cat)
	says(t, c, "x", "x")
	r.reload(greet)
	if got := rest(t, r.dial(greet)); got != "hi\n" {
		t.Errorf("got %q, want the new service", got)
	}
	says(t, c, "y", "y")
	_ = c.Close()
}

// TestReloadFails: the old lines go on, and the error names the new line.
func TestReloadFails(t *testing.T) {
	busy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := freePort(t)
	echo := "tcp4://127.0.0.1:" + port + " echo"
	taken := "tcp4://" + busy.Addr().String() + " echo"
	for _, tt := range []struct {
		name  string
		lines []string
		line  int
		errno error
	}{
		{"busy-port", []string{"tcp4://127.0.0.1:0 daytime", taken}, 2, syscall.EADDRINUSE},
		{"changed-too", []string{"tcp4://127.0.0.1:" + port + " daytime", taken}, 2, syscall.EADDRINUSE},
		{"room-was-made", []string{"tcp4://127.0.0.1:" + port + "?rcvbuf=64KiB echo", taken}, 2, syscall.EADDRINUSE},
		{"no-program", []string{"tcp4://127.0.0.1:0 daytime", "tcp4://127.0.0.1:0 exec no-such-program-anywhere"}, 2, exec.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, echo)
			c := r.dial(echo)
			says(t, c, "before", "before")
			_, err := r.Reload(t.Context(), parse(t, tt.lines...))
			fault, ok := errors.AsType[*LineError](err)
			if !ok || fault.Line.Number != tt.line || !errors.Is(err, tt.errno) {
				t.Fatalf("Reload: %v, want a *LineError of line %d with %v", err, tt.line, tt.errno)
			}
			says(t, c, "after", "after")
			says(t, r.dial(echo), "new", "new")
			if got := r.Lines(); len(got) != 1 || got[0].String() != echo {
				t.Errorf("lines %v, want the old one", got)
			}
		})
	}
}

// TestReloadUnixPath: a path that changes hands is there in the end.
func TestReloadUnixPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	before, after := "unix://"+path+" echo", "unix://"+path+"?mode=600 echo"
	r := start(t, before)
	says(t, r.dial(before), "x", "x")
	r.reload(after)
	says(t, r.dial(r.Lines()[0].String()), "y", "y")
	r.reload()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the path after its line was removed: %v, want none", err)
	}
}

// TestChatRooms: the lines of one room meet, also those that a reload adds,
// and rooms are apart.
func TestChatRooms(t *testing.T) {
	const first, other, second = "tcp4://127.0.0.1:0 chat", "tcp4://127.0.0.1:0 chat elsewhere", "tcp4://127.0.0.1:0?model=process chat"
	r := start(t, first, other)
	r.reload(first, other, second)
	ann, ben, joe := r.dial(first), r.dial(second), r.dial(other)
	hear := func(c net.Conn, want string) {
		t.Helper()
		var b []byte
		for one := make([]byte, 1); len(b) == 0 || b[len(b)-1] != '\n'; b = append(b, one[0]) {
			if _, err := c.Read(one); err != nil {
				t.Fatalf("heard %q, then %v; want %q", b, err, want)
			}
		}
		if !strings.Contains(string(b), want) {
			t.Fatalf("heard %q, want %q", b, want)
		}
	}
	hear(ann, "you are ")
	hear(joe, "you are ")
	hear(ben, "you are ")
	hear(ann, ben.LocalAddr().String()+" joined")
	_, _ = io.WriteString(ann, "to ben\n")
	hear(ben, "> to ben")
	_, _ = io.WriteString(ben, "to ann\n")
	hear(ann, "> to ann")
	_ = joe.(*net.TCPConn).CloseWrite()
	if got := rest(t, joe); got != "" {
		t.Errorf("another room heard %q", got)
	}
}

func TestShutdown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	echo, cat, unix := "tcp4://127.0.0.1:0 echo", "tcp4://127.0.0.1:0 exec cat", "unix://"+path+" echo"
	r := start(t, echo, cat, unix)
	idle, busy := r.dial(echo), r.dial(cat)
	says(t, idle, "x", "x")
	says(t, busy, "x", "x")
	ctx, force := context.WithCancel(context.Background())
	down := make(chan error, 1)
	go func() { down <- r.Shutdown(ctx) }()
	if got := rest(t, idle); got != "" {
		t.Errorf("the idle connection got %q, want its end in order", got)
	}
	r.find(Stopped, cat)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the path after Shutdown: %v, want none", err)
	}
	says(t, busy, "y", "y")
	force()
	if _, err := busy.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("forced: %v, want a reset", err)
	}
	if err := <-down; !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v, want context.Canceled", err)
	}
	if _, err := r.Reload(t.Context(), nil); !errors.Is(err, ErrDown) {
		t.Errorf("Reload after Shutdown: %v, want ErrDown", err)
	}
}

func TestRun(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, parse(t, "tcp4://127.0.0.1:0 echo"), r.config()) }()
	c := r.dial("tcp4://127.0.0.1:0 echo")
	says(t, c, "x", "x")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := rest(t, c); got != "" {
		t.Errorf("got %q, want an end in order", got)
	}
}
