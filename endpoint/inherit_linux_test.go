package endpoint

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// handOver gives away the descriptor of something that has one: the number of
// a duplicate, as if it had been inherited.
func handOver(t *testing.T, c syscall.Conn) int {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	if err := raw.Control(func(n uintptr) { fd, err = syscall.Dup(int(n)) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestInheritListener(t *testing.T) {
	leaks(t)
	for _, address := range []string{"tcp 127.0.0.1:0", "tcp [::1]:0", "unix " + t.TempDir() + "/s"} {
		network, at, _ := strings.Cut(address, " ")
		given, err := net.Listen(network, at)
		if err != nil {
			t.Fatal(err)
		}
		fd := handOver(t, given.(syscall.Conn))
		l := mustListen(t, "fd://"+strconv.Itoa(fd)+"?idle=5s")
		if want := network + "://" + given.Addr().String() + "?idle=5s"; l.Endpoint().String() != want {
			t.Errorf("Endpoint = %s, want %s", l.Endpoint(), want)
		}
		serveEcho(t, l)
		c, err := net.Dial(network, given.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, c, "inherited")
		c.Close()
		l.Close()
		if network == "unix" {
			if _, err := os.Lstat(at); err != nil {
				t.Errorf("the path: %v, want it left to whoever made it", err)
			}
		}
		given.Close()
	}
}

func TestInheritConnection(t *testing.T) {
	leaks(t)
	ours, theirs, err := socket.Pair(socket.UNIX, socket.STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := theirs.Detach()
	if err != nil {
		t.Fatal(err)
	}
	l := mustListen(t, "fd://"+strconv.Itoa(fd))
	if !l.IsSingle() || len(l.Sockets()) != 0 {
		t.Errorf("IsSingle = %v, Sockets = %v; want one connection and no listening socket", l.IsSingle(), l.Sockets())
	}
	serveEcho(t, l)
	c := ours.Conn()
	checkEcho(t, c, "inetd")
	c.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second Accept = %v, want net.ErrClosed", err)
	}
}

// Two endpoints that name one descriptor: the second is refused, and the first goes on.
func TestInheritTwice(t *testing.T) {
	given, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer given.Close()
	text := "fd://" + strconv.Itoa(handOver(t, given.(syscall.Conn)))
	l := mustListen(t, text)
	failed := listenFails(t, text)
	if want := "another endpoint of this process"; !strings.Contains(failed.Error(), want) {
		t.Errorf("the second says %q, want %q in it", failed, want)
	}
	serveEcho(t, l)
	checkEcho(t, mustDial(t, "tcp://"+given.Addr().String()), "still here")
}

// A connection that was reset before anybody took it is closed, and the error tells.
func TestInheritConnectionReset(t *testing.T) {
	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := &Listener{binding: binding{addrs: make([]socket.Addr, 1)}, single: s}
	if _, _, err := l.AcceptSocket(testContext(t)); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("AcceptSocket = %v, want ENOTCONN", err)
	}
	if fd := s.FD(); fd != -1 {
		t.Errorf("the socket is open, descriptor %d, and nobody has it", fd)
	}
	if _, _, err := l.AcceptSocket(testContext(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second AcceptSocket = %v, want net.ErrClosed", err)
	}
	l.Close()
}

func TestInheritConnectionNobodyTook(t *testing.T) {
	leaks(t)
	ours, theirs, err := socket.Pair(socket.UNIX, socket.STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	fd, err := theirs.Detach()
	if err != nil {
		t.Fatal(err)
	}
	mustListen(t, "fd://"+strconv.Itoa(fd)).Close()
	if _, err := ours.Recv(make([]byte, 1), 0); !errors.Is(err, io.EOF) {
		t.Errorf("Recv = %v, want io.EOF: Close closes it", err)
	}
}

func TestInheritDial(t *testing.T) {
	leaks(t)
	ours, theirs, err := socket.Pair(socket.UNIX, socket.STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	fd, err := theirs.Detach()
	if err != nil {
		t.Fatal(err)
	}
	c := mustDial(t, "fd://"+strconv.Itoa(fd))
	if _, err := c.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, err := ours.Recv(b, 0); string(b[:n]) != "hi" || err != nil {
		t.Errorf("Recv = %q, %v; want hi", b[:n], err)
	}
	c.Close()
}

func TestInheritPackets(t *testing.T) {
	leaks(t)
	given, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer given.Close()
	p, err := ListenPacket(testContext(t), mustParse(t, "fd://"+strconv.Itoa(handOver(t, given.(syscall.Conn)))))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if want := "udp://" + given.LocalAddr().String(); p.Endpoint().String() != want {
		t.Errorf("Endpoint = %s, want %s", p.Endpoint(), want)
	}
	checkDatagram(t, p, "127.0.0.1")
}

func TestInheritWrongDescriptor(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	idleSocket, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		t.Fatal(err)
	}
	idleFD, err := idleSocket.Detach()
	if err != nil {
		t.Fatal(err)
	}
	type attempt func(Endpoint) (io.Closer, error)
	listen := func(e Endpoint) (io.Closer, error) { return Listen(testContext(t), e) }
	packet := func(e Endpoint) (io.Closer, error) { return ListenPacket(testContext(t), e) }
	dial := func(e Endpoint) (io.Closer, error) { return Dial(testContext(t), e) }
	for _, tt := range []struct {
		name string
		fd   string
		do   attempt
		want string
	}{
		{"closed", "999", listen, "listen fd://999: descriptor 999: it is not open"},
		{"file", strconv.Itoa(int(file.Fd())), listen, "it is not a socket but " + file.Name()},
		{"datagrams-for-listen", strconv.Itoa(handOver(t, udp.(syscall.Conn))), listen, "it is a udp socket"},
		{"stream-for-packets", strconv.Itoa(handOver(t, tcp.(syscall.Conn))), packet, "that listens on " + tcp.Addr().String()},
		{"listener-for-dial", strconv.Itoa(handOver(t, tcp.(syscall.Conn))), dial, "to connect takes one that is connected"},
		{"neither", strconv.Itoa(idleFD), listen, "neither listens nor is connected"},
		{"name", "web", listen, "descriptor web: no descriptors were passed (LISTEN_FDS is not set)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := tt.do(mustParse(t, "fd://"+tt.fd))
			if err == nil {
				c.Close()
				t.Fatalf("fd://%s worked, want an error", tt.fd)
			}
			var wrong *InheritError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %q, want an *InheritError with %q", err, tt.want)
			}
		})
	}
}

func TestReadActivation(t *testing.T) {
	for _, tt := range []struct {
		name, pid, count, names string
		want                    string
	}{
		{"unset", "", "", "", "no descriptors were passed"},
		{"for-another", "1", "1", "web", "for another process (LISTEN_PID=1, this is 42)"},
		{"no-count", "42", "many", "web", "LISTEN_FDS=many is no count"},
		{"too-many", "42", "100000", "", "LISTEN_FDS=100000 is no count"},
		{"names", "42", "3", "web:admin:web", "web=3 admin=4"},
		{"more-names-than-descriptors", "42", "1", "web:admin", "web=3"},
		{"nameless", "42", "2", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"LISTEN_PID": tt.pid, "LISTEN_FDS": tt.count, "LISTEN_FDNAMES": tt.names}
			a := readActivation(func(name string) string { return env[name] }, 42)
			got := a.why
			for _, name := range []string{"web", "admin"} {
				if fd, ok := a.names[name]; ok {
					got += fmt.Sprintf(" %s=%d", name, fd)
				}
			}
			if !strings.Contains(strings.TrimSpace(got), tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func init() {
	// A server that was started as systemd starts one: descriptor 3 is "web".
	children["activated"] = func() error {
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid())) // only the child knows its number before exec
		e, err := Parse("fd://web")
		if err != nil {
			return err
		}
		ctx, cancel := contextWithin(contextLimit)
		defer cancel()
		l, err := Listen(ctx, e)
		if err != nil {
			return err
		}
		for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
			if value, ok := os.LookupEnv(name); ok {
				return fmt.Errorf("%s=%s is still set", name, value)
			}
		}
		if count, names := Activated(); count != 2 || names["web"] != 3 || names["other"] != 4 {
			return fmt.Errorf("Activated() = %d, %v; want 2, web=3 and other=4", count, names)
		}
		for fd := 3; fd <= 4; fd++ {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				return fmt.Errorf("descriptor %d has flags %#x, %v; want it closed on exec", fd, flags, err)
			}
		}
		c, err := l.Accept()
		if err != nil {
			return err
		}
		if _, err := io.WriteString(c, l.Endpoint().String()); err != nil {
			return err
		}
		return errors.Join(c.Close(), l.Close())
	}
}

func TestInheritActivated(t *testing.T) {
	given, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer given.Close()
	file, err := given.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := child(t, "activated", "LISTEN_FDS=2", "LISTEN_FDNAMES=web:other")
	cmd.ExtraFiles = []*os.File{file, file}
	done := make(chan error, 1)
	go func() {
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		done <- err
	}()
	c, err := net.Dial("tcp", given.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if want := "tcp://" + given.Addr().String(); string(got) != want || err != nil {
		t.Errorf("the server said %q, %v; want %q", got, err, want)
	}
}
