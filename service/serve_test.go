package service

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sock/endpoint"
	"sock/engine"
	"sock/socket"
)

// childVerb makes the test's own program the child of the model process.
const childVerb = "serve-child-of-test"

// serverVerb makes it a server of its own: see serverOf.
const serverVerb = "serve-line-of-test"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childVerb {
		if err := ServeChild(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 4 && os.Args[1] == serverVerb {
		fmt.Fprintln(os.Stderr, serverOf(engine.Model(os.Args[2]), os.Args[3]))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// child is the program of the model process. A race detector would keep it for
// a second at its end.
func child(l Line) (*exec.Cmd, error) {
	cmd, err := Child(l, childVerb)
	if err == nil {
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	}
	return cmd, err
}

// serverOf serves a line, says where, and goes on until it is killed.
func serverOf(model engine.Model, text string) error {
	line, err := ParseLine(text)
	if err != nil {
		return err
	}
	handler, err := line.Handler()
	if err != nil {
		return err
	}
	l, err := endpoint.Listen(context.Background(), line.Endpoint)
	if err != nil {
		return err
	}
	s, err := engine.New(engine.Config{Model: model, Handler: handler, Child: func() (*exec.Cmd, error) { return child(line) }})
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return s.Serve(context.Background(), l.Sockets()...)
}

// patience bounds every wait of these tests: long enough for a busy machine under the race
// detector, for it only decides when a hang is one.
const patience = 2 * time.Minute

var models = []engine.Model{engine.Serial, engine.Process, engine.Goroutine}

// running is one line being served for a test.
type running struct {
	t        *testing.T
	line     Line
	endpoint endpoint.Endpoint // with the real port
	server   *engine.Server
	records  chan engine.Record
	stop     context.CancelFunc // no more is accepted
	closed   func()             // waits for that
}

// serve runs a line. The end of the test checks that it stops cleanly.
func serve(t *testing.T, text string, model engine.Model) *running {
	t.Helper()
	line, err := ParseLine(text)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, line: line, records: make(chan engine.Record, 4096)}
	handler, err := line.Handler()
	if err != nil {
		t.Fatal(err)
	}
	cfg := engine.Config{
		Model: model, Handler: handler, Observe: r.observe, Idle: line.Endpoint.Idle(),
		Child: func() (*exec.Cmd, error) { return child(line) },
	}
	var bound interface {
		Sockets() []*socket.Socket
		Endpoint() endpoint.Endpoint
		Close() error
	}
	if line.Endpoint.IsDatagram() {
		bound, err = endpoint.ListenPacket(t.Context(), line.Endpoint)
	} else {
		var l *endpoint.Listener
		if l, err = endpoint.Listen(t.Context(), line.Endpoint); err == nil && l.IsTLS() {
			cfg.TLS = l.TLSConfig()
		}
		bound = l
	}
	if err != nil {
		t.Fatal(err)
	}
	r.endpoint = bound.Endpoint()
	if r.server, err = engine.New(cfg); err != nil {
		t.Fatal(err)
	}
	run := r.server.Serve
	if line.Endpoint.IsDatagram() {
		run = r.server.ServePacket
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- run(ctx, bound.Sockets()...) }()
	r.stop = cancel
	r.closed = sync.OnceFunc(func() {
		if err := <-served; err != nil && !errors.Is(err, engine.ErrShutdown) {
			t.Errorf("Serve: %v", err)
		}
		if err := bound.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	t.Cleanup(r.shutdown)
	return r
}

// shutdown stops and lets everything end within the patience.
func (r *running) shutdown() {
	r.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := r.server.Shutdown(ctx); err != nil {
		r.t.Errorf("Shutdown: %v", err)
	}
	r.closed()
}

func (r *running) observe(e engine.Event) {
	switch e.Kind {
	case engine.EventClose:
		r.records <- *e.Record
	case engine.EventError:
		r.t.Logf("event: %s: %v\n%s", e.Text, e.Err, e.Stack)
	}
}

// record waits for the record of the next connection that has ended.
func (r *running) record() engine.Record {
	r.t.Helper()
	select {
	case record := <-r.records:
		return record
	case <-time.After(patience):
		r.t.Fatal("no record of a connection's end")
	}
	panic("unreachable")
}

// client is one end of a conversation; whatever goes wrong fails the test.
type client struct {
	t *testing.T
	net.Conn
}

// dial connects to the line.
func (r *running) dial() *client {
	r.t.Helper()
	e := r.endpoint
	e.Options = nil
	if e.IsTLS() {
		e.Options = []endpoint.Option{{Name: "insecure"}}
	}
	var conn net.Conn
	var err error
	if e.Scheme == "unixgram" {
		// An unnamed client could not be answered.
		own := filepath.Join(r.t.TempDir(), "own")
		conn, err = net.DialUnix("unixgram", &net.UnixAddr{Name: own, Net: "unixgram"}, &net.UnixAddr{Name: e.Path, Net: "unixgram"})
	} else {
		conn, err = endpoint.Dial(r.t.Context(), e)
	}
	if err != nil {
		r.t.Fatalf("dial %s: %v", e, err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{r.t, conn}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatalf("send %q: %v", text, err)
	}
}

// closeWrite says that no more will be sent.
func (c *client) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatalf("CloseWrite: %v", err)
	}
}

// rest reads until end of file, a reset is not one, and hangs up.
func (c *client) rest() string {
	c.t.Helper()
	b, err := io.ReadAll(c)
	_ = c.Close()
	if err != nil {
		c.t.Fatalf("read %d bytes, then: %v", len(b), err)
	}
	return string(b)
}

// line reads one line, byte by byte: nothing after it is taken.
func (c *client) line() string {
	c.t.Helper()
	var b []byte
	for one := make([]byte, 1); len(b) == 0 || b[len(b)-1] != '\n'; b = append(b, one[0]) {
		if _, err := io.ReadFull(c, one); err != nil {
			c.t.Fatalf("read %q, then: %v", b, err)
		}
	}
	return string(b)
}

// ask sends a datagram and gives the answer.
func (c *client) ask(text string) string {
	c.t.Helper()
	c.send(text)
	b := make([]byte, 65536)
	n, err := c.Read(b)
	if err != nil {
		c.t.Fatalf("answer to %q: %v", text, err)
	}
	return string(b[:n])
}

// hears fails the test if anything comes within a moment.
func (c *client) hearsNothing() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	b := make([]byte, 65536)
	if n, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("heard %q, %v; want nothing", b[:n], err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
}

// streams gives an endpoint for each stream transport that services run on.
func streams(t *testing.T) map[string]string {
	return map[string]string{
		"tcp4": "tcp4://127.0.0.1:0",
		"tcp6": "tcp6://[::1]:0",
		"tls":  "tls://127.0.0.1:0",
		"unix": "unix://" + filepath.Join(t.TempDir(), "s"),
	}
}

// eachStream runs a test over every transport and every model.
func eachStream(t *testing.T, service string, test func(t *testing.T, r *running)) {
	for name := range streams(t) {
		for _, model := range models {
			t.Run(name+"/"+string(model), func(t *testing.T) {
				test(t, serve(t, streams(t)[name]+" "+service, model))
			})
		}
	}
}

// eachDatagram runs a test over every datagram transport.
func eachDatagram(t *testing.T, service string, test func(t *testing.T, r *running)) {
	for name, e := range map[string]string{
		"udp4":     "udp4://127.0.0.1:0",
		"udp6":     "udp6://[::1]:0",
		"unixgram": "unixgram://" + filepath.Join(t.TempDir(), "s"),
	} {
		t.Run(name, func(t *testing.T) { test(t, serve(t, e+" "+service, engine.Goroutine)) })
	}
}

func TestEcho(t *testing.T) {
	eachStream(t, "echo", func(t *testing.T, r *running) {
		c := r.dial()
		want := make([]byte, 300<<10) // more than every buffer on the way
		_, _ = rand.Read(want)
		go func() {
			_, _ = c.Write(want)
			_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		if got := c.rest(); got != string(want) {
			t.Errorf("got %d bytes back, want the %d sent", len(got), len(want))
		}
		record := r.record()
		if record.Received != int64(len(want)) || record.Sent != int64(len(want)) || record.End.How != engine.FIN {
			t.Errorf("record %+v, want %d bytes each way and fin", record, len(want))
		}
	})
}

func TestEchoDatagram(t *testing.T) {
	eachDatagram(t, "echo", func(t *testing.T, r *running) {
		c, other := r.dial(), r.dial()
		for _, text := range []string{"one", strings.Repeat("x", 9000), "three"} {
			if got := c.ask(text); got != text {
				t.Errorf("got %.20q, want %.20q", got, text)
			}
			if got := other.ask(text + "!"); got != text+"!" {
				t.Errorf("second peer got %.20q, want %.20q", got, text+"!")
			}
		}
		c.hearsNothing()
	})
}

func TestDiscard(t *testing.T) {
	eachStream(t, "discard", func(t *testing.T, r *running) {
		c := r.dial()
		c.send(strings.Repeat("x", 100000))
		c.closeWrite()
		if got := c.rest(); got != "" {
			t.Errorf("got %q, want nothing", got)
		}
		if record := r.record(); record.Received != 100000 || record.Sent != 0 {
			t.Errorf("record %+v, want 100000 received and 0 sent", record)
		}
	})
}

func TestDiscardDatagram(t *testing.T) {
	eachDatagram(t, "discard", func(t *testing.T, r *running) {
		c := r.dial()
		c.send("x")
		c.hearsNothing()
	})
}

// TestChargen: RFC 864: 72 characters and CR LF to a line, each line one
// character further in a ring of the 95 printing characters of ASCII.
func TestChargen(t *testing.T) {
	eachStream(t, "chargen", func(t *testing.T, r *running) {
		c := r.dial()
		c.send("thrown away")
		c.closeWrite() // a client with nothing to say still listens
		const lines = 2000
		got := make([]byte, lines*74)
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		for i := range lines {
			line := got[i*74 : (i+1)*74]
			if first := byte(' ' + i%95); line[0] != first || string(line[72:]) != "\r\n" {
				t.Fatalf("line %d is %q, want it to begin with %q and to end in CR LF", i, line, first)
			}
			for j := 1; j < 72; j++ {
				if line[j] != line[j-1]+1 && (line[j-1] != '~' || line[j] != ' ') {
					t.Fatalf("line %d: %q follows %q", i, line[j], line[j-1])
				}
			}
		}
	})
}

// TestChargenSlowReader: a client that does not read costs a bounded amount.
func TestChargenSlowReader(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0 chargen", engine.Goroutine)
	c := r.dial()
	stuck := make(map[int64]int)
	for stuck[r.server.Stats().Sent] < 10 { // ten looks in a row without a byte sent
		stuck[r.server.Stats().Sent]++
		time.Sleep(20 * time.Millisecond)
	}
	before := r.server.Stats().Sent
	got := make([]byte, before+100*74)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("after %d bytes waited: %v", before, err)
	}
	if string(got[len(got)-2:]) != "\r\n" && before%74 == 0 {
		t.Errorf("the pattern is broken after %d bytes", before)
	}
}

func TestChargenDatagram(t *testing.T) {
	eachDatagram(t, "chargen", func(t *testing.T, r *running) {
		c := r.dial()
		longest := 0
		for range 50 {
			got := c.ask("x")
			longest = max(longest, len(got))
			if len(got) > 512 || !strings.HasPrefix(string(chargenCycle), got) {
				t.Fatalf("got %q, want up to 512 characters of the pattern", got)
			}
		}
		if longest < 100 {
			t.Errorf("the longest of 50 answers has %d characters; want them spread up to 512", longest)
		}
	})
}

// TestChargenElsewhere: a peer elsewhere gets no more than it sent.
func TestChargenElsewhere(t *testing.T) {
	for _, asked := range []int{0, 1, 60, 4000} {
		for range 200 {
			if got := len(chargenDatagram(asked, false)); got > min(asked, 512) {
				t.Fatalf("%d characters for %d bytes", got, asked)
			}
		}
	}
}

// isDaytime checks one line of RFC 867 against the clock.
func isDaytime(t *testing.T, got string) {
	t.Helper()
	line, ok := strings.CutSuffix(got, "\r\n")
	at, err := time.ParseInLocation("Monday, January 2, 2006 15:04:05-MST", line, time.Local)
	if age := time.Since(at); !ok || err != nil || age < -time.Second || age > patience {
		t.Errorf("got %q (%v), want one line with the time now and CR LF", got, err)
	}
}

func TestDaytime(t *testing.T) {
	eachStream(t, "daytime", func(t *testing.T, r *running) {
		isDaytime(t, r.dial().rest())
	})
}

func TestDaytimeDatagram(t *testing.T) {
	eachDatagram(t, "daytime", func(t *testing.T, r *running) {
		isDaytime(t, r.dial().ask(""))
		isDaytime(t, r.dial().ask("anything"))
	})
}

// TestDaytimeUnread: what the client has said meanwhile does not reset it.
func TestDaytimeUnread(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0 daytime", engine.Goroutine)
	c := r.dial()
	c.send(strings.Repeat("x", 10000))
	isDaytime(t, c.rest())
	_ = c.Close()
	if record := r.record(); record.End.By != engine.Local || record.End.How != engine.FIN {
		t.Errorf("end %+v, want local fin", record.End)
	}
}

func TestTimeKnownValues(t *testing.T) {
	// The examples of RFC 868.
	for text, want := range map[string]uint32{
		"1970-01-01T00:00:00Z": 2208988800,
		"1976-01-01T00:00:00Z": 2398291200,
		"1980-01-01T00:00:00Z": 2524521600,
		"1983-05-01T00:00:00Z": 2629584000,
		"2036-02-07T06:28:16Z": 0,
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.BigEndian.Uint32(since1900(at)); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
}

// isTime checks the four bytes of RFC 868 against the clock.
func isTime(t *testing.T, got string) {
	t.Helper()
	if len(got) != 4 {
		t.Fatalf("got %d bytes, want 4", len(got))
	}
	now := uint32(time.Now().Unix() + epoch1900)
	if age := int32(now - binary.BigEndian.Uint32([]byte(got))); age < -1 || age > int32(patience/time.Second) {
		t.Errorf("got %d, want %d", binary.BigEndian.Uint32([]byte(got)), now)
	}
}

func TestTime(t *testing.T) {
	eachStream(t, "time", func(t *testing.T, r *running) { isTime(t, r.dial().rest()) })
}

func TestTimeDatagram(t *testing.T) {
	eachDatagram(t, "time", func(t *testing.T, r *running) { isTime(t, r.dial().ask("")) })
}

func TestGreet(t *testing.T) {
	eachStream(t, "greet", func(t *testing.T, r *running) {
		c := r.dial()
		want := "Hello, person from " + c.LocalAddr().String() + "\n"
		if r.endpoint.IsUnix() {
			want = "Hello, person from a local process\n"
		}
		if got := c.rest(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestGreetDatagram(t *testing.T) {
	eachDatagram(t, `greet "I see {peer}"`, func(t *testing.T, r *running) {
		c := r.dial()
		if got, want := c.ask("x"), "I see "+c.LocalAddr().String()+"\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestGreetPlaceholders(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	r := serve(t, `tcp4://127.0.0.1:0 greet "{peer-host} {peer-port} {local} {local-host} {local-port} {host} {{peer}} {time}"`, engine.Goroutine)
	c := r.dial()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	want := fmt.Sprintf("127.0.0.1 %s %s 127.0.0.1 %s %s {peer} ", port, c.RemoteAddr(), r.endpoint.Port, host)
	got := c.rest()
	stamp, ok := strings.CutPrefix(strings.TrimSuffix(got, "\n"), want)
	if _, err := time.Parse(time.RFC3339, stamp); !ok || err != nil {
		t.Errorf("got %q, want %q and the time", got, want)
	}
}

// TestGreetLongDatagram: an answer is never worth forging a request for.
func TestGreetLongDatagram(t *testing.T) {
	r := serve(t, "udp4://127.0.0.1:0 greet "+strings.Repeat("x", 3000), engine.Goroutine)
	if got := r.dial().ask("x"); len(got) != mostAnnounced {
		t.Errorf("got %d bytes, want %d", len(got), mostAnnounced)
	}
}

func TestRegistry(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.Name] || s.Name == "" || s.Doc == "" || s.New == nil || !s.Stream && !s.Datagram {
			t.Errorf("row %+v is incomplete or doubled", s)
		}
		seen[s.Name] = true
		if found, ok := Lookup(s.Name); !ok || found != s {
			t.Errorf("Lookup(%q) = %v, %v", s.Name, found, ok)
		}
		if strings.HasSuffix(s.Doc, ".") || strings.ToLower(s.Doc[:1]) != s.Doc[:1] {
			t.Errorf("%s: Doc %q; want a lowercase sentence without a final stop", s.Name, s.Doc)
		}
	}
	if _, ok := Lookup("nonsense"); ok {
		t.Error("Lookup found nonsense")
	}
}

// TestDocs holds docs/services.md to the registry.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../docs/services.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, s := range All() {
		usage := strings.TrimSpace(s.Name + " " + s.Usage)
		for _, want := range []string{"## " + s.Name + "\n", "`" + usage + "`", s.RFC, "$ sock up '"} {
			if !strings.Contains(text, want) {
				t.Errorf("docs/services.md does not have %q", want)
			}
		}
	}
	for _, p := range placeholders {
		if !strings.Contains(text, "`{"+p.name+"}`") {
			t.Errorf("docs/services.md does not have the placeholder {%s}", p.name)
		}
	}
	for _, kv := range environment(nil, addresses{network: "tcp"}) {
		if name, _, _ := strings.Cut(kv, "="); !strings.Contains(text, name) {
			t.Errorf("docs/services.md does not have the variable %s", name)
		}
	}
}

// TestReset: a reset is told as one, whatever the service.
func TestReset(t *testing.T) {
	for _, name := range []string{"echo", "discard", "chat"} {
		t.Run(name, func(t *testing.T) {
			r := serve(t, "tcp4://127.0.0.1:0 "+name, engine.Goroutine)
			c, err := net.Dial("tcp", net.JoinHostPort(r.endpoint.Host, r.endpoint.Port))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write([]byte("x"))
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
			record := r.record()
			if record.End.By != engine.Peer || record.End.How != engine.RST || !errors.Is(record.End.Err, syscall.ECONNRESET) {
				t.Errorf("end %+v, want a reset by the peer", record.End)
			}
		})
	}
}
