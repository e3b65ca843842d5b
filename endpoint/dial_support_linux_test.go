package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sock/internal/netns"
	"sock/socket"
)

// contextLimit bounds everything that a test waits for.
const contextLimit = 20 * time.Second

// childMode asks a copy of this test program to do something else than test.
const childMode = "SOCK_ENDPOINT_TEST_CHILD"

// children are what a copy may be asked to do; it exits with 1 on an error.
var children = map[string]func() error{}

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		if err := children[mode](); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child prepares a copy of this program that does one of children.
func child(t *testing.T, mode string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childMode+"="+mode), env...)
	return cmd
}

// leaks fails the test if it leaves a descriptor open.
func leaks(t *testing.T) {
	t.Helper()
	before := descriptors(t)
	t.Cleanup(func() {
		deadline := time.Now().Add(5 * time.Second)
		after := descriptors(t)
		for len(after) > len(before) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond) // a closing server goroutine may still be at it
			after = descriptors(t)
		}
		if len(after) > len(before) {
			t.Errorf("%d descriptors are open, want %d: %v; before: %v", len(after), len(before), after, before)
		}
	})
}

// descriptors lists what this process has open, but for the runtime's own.
func descriptors(t *testing.T) map[string]string {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]string{}
	for _, d := range dir {
		link, err := os.Readlink("/proc/self/fd/" + d.Name())
		if err == nil && strings.HasPrefix(link, "socket:") {
			open[d.Name()] = link
		}
	}
	return open
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), contextLimit)
	t.Cleanup(cancel)
	return ctx
}

// mustListen listens until the test ends.
func mustListen(t *testing.T, text string) *Listener {
	t.Helper()
	l, err := Listen(testContext(t), mustParse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close of %s = %v", text, err)
		}
	})
	return l
}

// mustDial connects until the test ends.
func mustDial(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := Dial(testContext(t), mustParse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// dialFails dials and returns the error, which must be a *DialError.
func dialFails(t *testing.T, text string) (*DialError, Report) {
	t.Helper()
	c, report, err := Dialer{}.Dial(testContext(t), mustParse(t, text))
	if err == nil {
		c.Close()
		t.Fatalf("Dial(%s) connected, want an error", text)
	}
	var failed *DialError
	if !errors.As(err, &failed) {
		t.Fatalf("Dial(%s) = %T %v, want a *DialError", text, err, err)
	}
	return failed, report
}

// listenFails listens and returns the error, which must be a *ListenError.
func listenFails(t *testing.T, text string) *ListenError {
	t.Helper()
	e := mustParse(t, text)
	var l io.Closer
	var err error
	if e.IsDatagram() {
		l, err = ListenPacket(testContext(t), e)
	} else {
		l, err = Listen(testContext(t), e)
	}
	if err == nil {
		l.Close()
		t.Fatalf("listening on %s succeeded, want an error", text)
	}
	var failed *ListenError
	if !errors.As(err, &failed) {
		t.Fatalf("listening on %s = %T %v, want a *ListenError", text, err, err)
	}
	return failed
}

// serveEcho accepts and echoes until the listener closes; it ends with the test.
func serveEcho(t *testing.T, l *Listener) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
				if half, ok := c.(interface{ CloseWrite() error }); ok {
					half.CloseWrite()
				}
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
}

// checkEcho sends text, half-closes and wants the text back, then the end.
func checkEcho(t *testing.T, c net.Conn, text string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if string(got) != text || err != nil {
		t.Fatalf("echo = %q, %v; want %q", got, err, text)
	}
}

// freePort finds a port that nothing has on either loopback address.
func freePort(t *testing.T) string {
	t.Helper()
	l := mustListen(t, "tcp://0")
	port := l.Endpoint().Port
	l.Close()
	return port
}

// newNamespace makes a network namespace with its loopback up, which lasts as
// long as the test, and returns its name for netns=.
func newNamespace(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); errors.Is(err, os.ErrPermission) {
		t.Skip("a network namespace needs CAP_SYS_ADMIN")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("cat = %v", err)
		}
	})
	name := "pid:" + strconv.Itoa(cmd.Process.Pid)
	inNamespace(t, name, "ip", "link", "set", "lo", "up")
	return name
}

// inNamespace runs a program in a network namespace.
func inNamespace(t *testing.T, name string, command ...string) {
	t.Helper()
	err := netns.Do(name, func() error {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", strings.Join(command, " "), err, out)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fullListener is a listening socket whose accept queue is full: what a client
// sends it is dropped, and the client waits.
func fullListener(t *testing.T, at socket.Addr) *socket.Socket {
	t.Helper()
	s, err := socket.New(at.Family(), socket.STREAM, socket.TCP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Bind(at); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(1); err != nil {
		t.Fatal(err)
	}
	local, err := s.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the queue holds one more than its length
		c, err := socket.New(at.Family(), socket.STREAM, socket.TCP)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.Connect(testContext(t), local); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// resolveTo makes every name resolve to these addresses.
func resolveTo(t *testing.T, addrs ...string) {
	t.Helper()
	previous := lookup
	t.Cleanup(func() { lookup = previous })
	lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		var list []netip.Addr
		for _, a := range addrs {
			list = append(list, netip.MustParseAddr(a))
		}
		return list, nil
	}
}

func portOf(t *testing.T, s *socket.Socket) string {
	t.Helper()
	a, err := s.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(a.Port())
}

// socketOf is the socket below a connection.
func socketOf(c net.Conn) *socket.Socket {
	if outer, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = outer.NetConn()
	}
	return c.(interface{ Socket() *socket.Socket }).Socket()
}

func contextWithin(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
