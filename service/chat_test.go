package service

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sock/engine"
)

// enter dials and reads the welcome; it gives the client and its name.
func (r *running) enter() (*client, string) {
	r.t.Helper()
	c := r.dial()
	if r.endpoint.IsDatagram() {
		c.send("hello") // a session begins with the first datagram
	}
	welcome := c.hear()
	name, ok := strings.CutPrefix(welcome, "* you are ")
	name, rest, _ := strings.Cut(name, "; ")
	if !ok || rest != "what you write goes to everybody here\n" {
		r.t.Fatalf("welcome %q", welcome)
	}
	return c, name
}

// hear reads one line, or one datagram.
func (c *client) hear() string {
	c.t.Helper()
	if network := c.LocalAddr().Network(); network != "udp" && network != "unixgram" {
		return c.line()
	}
	b := make([]byte, 65536)
	n, err := c.Read(b)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return string(b[:n])
}

// expect hears the given lines in order.
func (c *client) expect(lines ...string) {
	c.t.Helper()
	for _, want := range lines {
		if got := c.hear(); got != want+"\n" {
			c.t.Fatalf("heard %q, want %q", got, want+"\n")
		}
	}
}

func TestChat(t *testing.T) {
	for name := range streams(t) {
		for _, model := range []engine.Model{engine.Process, engine.Goroutine} {
			t.Run(name+"/"+string(model), func(t *testing.T) {
				talk(t, serve(t, streams(t)[name]+" chat", model))
			})
		}
	}
}

// talk is one conversation of two.
func talk(t *testing.T, r *running) {
	ann, annName := r.enter()
	ben, benName := r.enter()
	ann.expect("* " + benName + " joined")
	ann.send("hello\nI am Ann\r\nwith \x1b[31mcolour\tand tabs\n")
	ben.expect("<"+annName+"> hello", "<"+annName+"> I am Ann", "<"+annName+"> with ?[31mcolour and tabs")
	ben.send("half a line, ")
	ben.send("and its rest\nlast words")
	ben.closeWrite()
	ann.expect("<"+benName+"> half a line, and its rest", "<"+benName+"> last words", "* "+benName+" left")
	if got := ben.rest(); got != "" {
		t.Errorf("Ben heard %q, want nothing: nobody hears their own words", got)
	}
	if annName == benName {
		t.Errorf("both are %s", annName)
	}
}

// TestChatSerial: one at a time is no conversation, but it works.
func TestChatSerial(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0 chat", engine.Serial)
	c, _ := r.enter()
	c.send("alone\n")
	c.closeWrite()
	if got := c.rest(); got != "" {
		t.Errorf("heard %q, want nothing", got)
	}
}

// TestChatTransports: lines of one room meet, whatever they came in by.
func TestChatTransports(t *testing.T) {
	lines := []*running{
		serve(t, "tcp4://127.0.0.1:0 chat", engine.Goroutine),
		serve(t, "tcp6://[::1]:0 chat", engine.Process),
		serve(t, "unix://"+filepath.Join(t.TempDir(), "s")+" chat", engine.Goroutine),
		serve(t, "tls://127.0.0.1:0 chat", engine.Process),
		serve(t, "udp4://127.0.0.1:0 chat", engine.Goroutine),
	}
	// Last first: when those who are there have heard of a newcomer, the lines
	// that nobody has entered yet were told before.
	var buses []*engine.Bus
	for _, r := range slices.Backward(lines) {
		buses = append(buses, r.server.Bus())
	}
	defer Join(buses...)()
	var all []*client
	var names []string
	for _, r := range lines {
		c, name := r.enter()
		for _, other := range all {
			other.expect("* " + name + " joined")
			if r.endpoint.IsDatagram() {
				other.expect("<" + name + "> hello")
			}
		}
		all, names = append(all, c), append(names, name)
	}
	for i, c := range all {
		c.send("I am " + lines[i].endpoint.Scheme + "\n")
		for j, other := range all {
			if j != i {
				other.expect("<" + names[i] + "> I am " + lines[i].endpoint.Scheme)
			}
		}
	}
}

func TestChatRooms(t *testing.T) {
	for text, want := range map[string]string{"chat": "main", "chat garden": "garden"} {
		l, err := ParseLine("tcp://127.0.0.1:7 " + text)
		if err != nil {
			t.Fatal(err)
		}
		h, err := l.Handler()
		if err != nil {
			t.Fatal(err)
		}
		if room, shares := Room(h); room != want || !shares {
			t.Errorf("Room of %q = %q, %v; want %q", text, room, shares, want)
		}
	}
	if _, shares := Room(echo{}); shares {
		t.Error("echo shares a room")
	}
}

// TestChatManyPeers: everybody hears everybody, once, and nobody themselves.
func TestChatManyPeers(t *testing.T) {
	for model, peers := range map[engine.Model]int{engine.Goroutine: 50, engine.Process: 8} {
		t.Run(string(model), func(t *testing.T) {
			r := serve(t, "tcp4://127.0.0.1:0 chat", model)
			all := make([]*client, peers)
			names := make([]string, peers)
			for i := range all {
				all[i], names[i] = r.enter()
				for _, earlier := range all[:i] {
					earlier.expect("* " + names[i] + " joined")
				}
			}
			var waiting sync.WaitGroup
			for _, c := range all {
				waiting.Go(func() { c.send("here\n") })
			}
			waiting.Wait()
			for i, c := range all {
				heard := make([]string, 0, peers-1)
				for range peers - 1 {
					heard = append(heard, c.line())
				}
				var want []string
				for j, name := range names {
					if j != i {
						want = append(want, "<"+name+"> here\n")
					}
				}
				slices.Sort(heard)
				slices.Sort(want)
				if !slices.Equal(heard, want) {
					t.Fatalf("%s heard %q, want %q", names[i], heard, want)
				}
			}
		})
	}
}

// TestChatLongLine: a line beyond the bound is dropped, in one piece or in
// many, its sender is told, and the next line is passed on.
func TestChatLongLine(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0 chat", engine.Goroutine)
	ann, annName := r.enter()
	ben, benName := r.enter()
	ann.expect("* " + benName + " joined")
	told := "* your line is longer than 4096 bytes and was dropped"
	longest := strings.Repeat("x", maxChatLine)
	ann.send(longest + "\n" + longest + "x\nshort\n")
	ann.expect(told)
	ben.expect("<"+annName+"> "+longest, "<"+annName+"> short")
	for range 100 {
		ann.send(longest) // no line end for a long time
	}
	ann.send("\nafter\n")
	ann.expect(told)
	ben.expect("<" + annName + "> after")
}

// TestChatSlowPeer: one that does not read delays nobody, costs a bounded
// amount, and is told afterwards how much it missed.
func TestChatSlowPeer(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0?sndbuf=16KiB chat", engine.Goroutine) // soon full
	slow, _ := r.enter()
	ann, annName := r.enter()
	ben, benName := r.enter()
	ann.expect("* " + benName + " joined")
	line := strings.Repeat("x", 4000) + "\n"
	said := 0
	benReads := bufio.NewReader(ben)
	for ; r.server.Stats().BusDropped < 10; said++ {
		ann.send(line)
		if got, err := benReads.ReadString('\n'); got != "<"+annName+"> "+line {
			t.Fatalf("Ben heard %.40q, %v; want %.40q", got, err, line)
		}
	}
	heard, missed := 0, 0
	in := bufio.NewReader(slow)
	for heard+missed < said {
		got, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d heard and %d missed of %d: %v", heard, missed, said, err)
		}
		switch {
		case strings.HasPrefix(got, "<"):
			heard++
		case strings.HasPrefix(got, "* you missed"):
			var n int
			if _, err := fmt.Sscanf(got, "* you missed %d line", &n); err != nil {
				t.Fatalf("notice %q: %v", got, err)
			}
			missed += n
		}
	}
	if heard+missed != said || missed < 10 {
		t.Errorf("heard %d and missed %d of %d lines; want them to add up, and at least 10 missed", heard, missed, said)
	}
}

func TestChatReset(t *testing.T) {
	r := serve(t, "tcp4://127.0.0.1:0 chat", engine.Goroutine)
	ann, _ := r.enter()
	ben, err := net.Dial("tcp", ann.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	name := ben.LocalAddr().String()
	ann.expect("* " + name + " joined")
	_ = ben.(*net.TCPConn).SetLinger(0)
	_ = ben.Close()
	ann.expect("* " + name + " left (connection reset)")
}

// TestChatDatagram: one datagram may hold several lines, and nobody hears of a
// peer that could not be answered.
func TestChatDatagram(t *testing.T) {
	eachDatagram(t, "chat", func(t *testing.T, r *running) {
		if r.endpoint.IsUnix() {
			c, err := net.Dial("unixgram", r.endpoint.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = c.Write([]byte("x"))
		}
		ann, annName := r.enter()
		ben, benName := r.enter()
		ann.expect("* "+benName+" joined", "<"+benName+"> hello")
		ann.send("one\ntwo\n")
		ben.expect("<"+annName+"> one", "<"+annName+"> two")
	})
}

// TestJoin: a message crosses once, and after cancel not at all.
func TestJoin(t *testing.T) {
	a := serve(t, "tcp4://127.0.0.1:0 chat", engine.Goroutine)
	b := serve(t, "tcp4://127.0.0.1:0 chat", engine.Goroutine)
	part := Join(a.server.Bus(), b.server.Bus())
	ann, annName := a.enter()
	ben, benName := b.enter()
	ann.expect("* " + benName + " joined")
	ben.send("once\n")
	ann.expect("<" + benName + "> once")
	ann.send("and back\n")
	ben.expect("<" + annName + "> and back")
	part()
	ann.send("alone\n")
	ann.closeWrite()
	if _, err := io.ReadAll(ann); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	_ = ben.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := ben.Read(make([]byte, 1)); err == nil {
		t.Errorf("heard %d bytes across a room that was parted", n)
	}
}
