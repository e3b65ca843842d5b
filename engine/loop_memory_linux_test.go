//go:build linux && !race

package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sock/engine"
)

// The race detector has memory of its own and makes pools forget: without it.

func init() {
	for _, v := range onLoops() {
		roles["idle-"+v.name] = func() error { return idleRole(v) }
		roles["steady-"+v.name] = func() error { return steadyRole(v) }
	}
}

// talkingChild is a child in a role that it is talked to in: a line each way.
type talkingChild struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

func startRole(t *testing.T, role string) *talkingChild {
	t.Helper()
	cmd := testChild(childRole + "=" + role)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // the role ends with it
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	})
	return &talkingChild{t: t, in: in, out: bufio.NewReader(out)}
}

// ask sends an empty line and reads the answer into values.
func (c *talkingChild) ask(values ...any) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		c.t.Fatal(err)
	}
	c.read(values...)
}

func (c *talkingChild) read(values ...any) {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("got %q and %v, want a line", line, err)
	}
	if _, err := fmt.Sscan(line, values...); err != nil {
		c.t.Fatalf("got %q: %v", line, err)
	}
}

// serveRole serves an echo on one loop and says where; the role answers each
// line of its standard input with what answer gives.
func serveRole(v variant, answer func(*engine.Server) string) error {
	s, err := engine.New(engine.Config{Model: v.model, Backend: v.backend, Loops: 1, Handler: newEcho()})
	if err != nil {
		return err
	}
	l, addr, err := roleListener()
	if err != nil {
		return err
	}
	go s.Serve(context.Background(), l) // ends with the process
	fmt.Println(addr)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(answer(s))
	}
	return nil
}

// TestIdleMemory: 15,000 idle connections, each of which has said something,
// cost at most 600 bytes of the process' memory each.
func TestIdleMemory(t *testing.T) {
	const few, many, limit = 1000, 15_000, 600
	raiseDescriptors(t, many+1000)
	for _, v := range onLoops() {
		t.Run(v.name, func(t *testing.T) {
			child := startRole(t, "idle-"+v.name)
			var addr string
			child.read(&addr)
			var fds []int
			defer func() {
				for _, fd := range fds {
					_ = unix.Close(fd)
				}
			}()
			grow := func(to int) (resident int) {
				for len(fds) < to {
					fds = append(fds, dialEcho(t, addr))
				}
				var open int
				if child.ask(&open, &resident); open != to {
					t.Fatalf("open: got %d, want %d", open, to)
				}
				return resident
			}
			before := grow(few)
			each := (grow(many) - before) / (many - few)
			t.Logf("%d bytes for each idle connection", each)
			if each > limit {
				t.Errorf("memory for each idle connection: got %d bytes, want %d at most", each, limit)
			}
		})
	}
}

func idleRole(v variant) error {
	return serveRole(v, func(s *engine.Server) string {
		runtime.GC()
		debug.FreeOSMemory()
		return fmt.Sprint(s.Stats().Open, " ", residentMemory())
	})
}

// residentMemory is the anonymous memory of this process, in bytes.
func residentMemory() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	var kilobytes int
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		panic(err)
	}
	return kilobytes << 10
}

// raiseDescriptors raises the soft limit of this process, as far as it may.
func raiseDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < n {
		t.Skipf("RLIMIT_NOFILE: the hard limit is %d descriptors, %d are needed", limit.Max, n)
	}
	if limit.Cur >= n {
		return
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}

// dialEcho opens a connection without a net.Conn, and has a byte echoed.
func dialEcho(t *testing.T, addr string) int {
	t.Helper()
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
	if err := unix.Connect(fd, name); err != nil {
		t.Fatal(err)
	}
	b := []byte{1}
	if _, err := unix.Write(fd, b); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(fd, b); n != 1 || err != nil {
		t.Fatalf("echo: got %d bytes and %v, want 1", n, err)
	}
	return fd
}

// TestSteadyStateAllocatesNothing: 20,000 round trips do not make the server
// allocate, whatever the sizes.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	const trips = 20_000
	for _, v := range onLoops() {
		t.Run(v.name, func(t *testing.T) {
			child := startRole(t, "steady-"+v.name)
			var addr string
			child.read(&addr)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			buf := make([]byte, 3000)
			trip := func() {
				if _, err := conn.Write(buf); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(conn, buf); err != nil {
					t.Fatal(err)
				}
			}
			for range 100 {
				trip()
			}
			var before, after int
			child.ask(&before)
			for range trips {
				trip()
			}
			child.ask(&after)
			if got := after - before; got > trips/100 { // what the asking costs
				t.Errorf("allocations in %d round trips: got %d, want none", trips, got)
			}
		})
	}
}

func steadyRole(v variant) error {
	return serveRole(v, func(*engine.Server) string {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return fmt.Sprint(m.Mallocs)
	})
}
