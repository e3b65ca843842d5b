package up

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sock/socket"
)

// TestInherited: a descriptor shows what it is when it is opened.
func TestInherited(t *testing.T) {
	inherit := func(c interface{ File() (*os.File, error) }) (line string) {
		t.Helper()
		f, err := c.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("fd://%d ", fd)
	}
	stream, err := net.ListenTCP("tcp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	datagram, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	tcp, udp, unfit := inherit(stream)+"echo", inherit(datagram)+"echo", inherit(datagram)+"exec cat"
	r := start(t, tcp, udp)
	says(t, r.dial(tcp), "x", "x")
	c, err := net.Dial("udp", datagram.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	says(t, c, "y", "y")
	if _, err := r.Reload(t.Context(), parse(t, tcp, udp, unfit)); err == nil || !strings.Contains(err.Error(), "exec needs a stream") {
		t.Errorf("exec on a datagram socket: %v, want an error", err)
	}
}

func TestDescriptors(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	const a, b = "tcp4://127.0.0.1:0 echo", "tcp4://127.0.0.1:0 greet hi"
	r := start(t, a)
	before := count()
	for range 10 {
		r.reload(b)
		r.reload(a)
		r.reload(a, "udp4://127.0.0.1:0 echo")
		_, _ = r.Reload(t.Context(), parse(t, a, "tcp4://192.0.2.1:1 echo"))
		r.reload(a)
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors after 50 reloads, %d before", after, before)
	}
}

// TestAcceptedOptions: an option that an accepted socket does not inherit
// reaches it, under process in the parent.
func TestAcceptedOptions(t *testing.T) {
	for _, model := range []string{"serial", "goroutine", "process"} {
		line := "tcp4://127.0.0.1:0?priority=5&model=" + model + " echo"
		r := start(t, line)
		c := r.dial(line)
		says(t, c, "x", "x")
		if got := prioritiesOf(t, c.LocalAddr().String()); !slices.Contains(got, 5) {
			t.Errorf("%s: SO_PRIORITY of the accepted sockets: got %v, want a 5", model, got)
		}
	}
}

// prioritiesOf gives SO_PRIORITY of the sockets of this process with a peer.
func prioritiesOf(t *testing.T, peer string) (found []int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		fd, _ := strconv.Atoi(entry.Name())
		name, err := syscall.Getpeername(fd)
		in, ok := name.(*syscall.SockaddrInet4)
		if err != nil || !ok || fmt.Sprintf("%v:%d", net.IP(in.Addr[:]), in.Port) != peer {
			continue
		}
		priority, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_PRIORITY)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, priority)
	}
	return found
}

// spoil makes accepting on a line fail for good.
func (r *rig) spoil(line string) {
	r.t.Helper()
	for i, l := range r.Lines() {
		if l.String() == line {
			for _, s := range r.slots[i].bound.Sockets() {
				if err := s.Shutdown(socket.ShutRD); err != nil {
					r.t.Fatal(err)
				}
			}
		}
	}
	r.find(Error, line)
}

// TestLineFails: one line's end is an event, and the others go on; a reload
// opens it anew; the end of the last one is Wait's.
func TestLineFails(t *testing.T) {
	echo := "tcp4://127.0.0.1:" + freePort(t) + " echo"
	const greet = "tcp4://127.0.0.1:0 greet hi"
	r := start(t, echo, greet)
	waited := make(chan error, 1)
	go func() { waited <- r.Wait(t.Context()) }() // ended by the last failure
	r.spoil(echo)
	if e := r.find(Error, echo); !errors.Is(e.Err, syscall.EINVAL) {
		t.Errorf("event: %v, want EINVAL", e.Err)
	}
	if got := rest(t, r.dial(greet)); got != "hi\n" {
		t.Errorf("the other line: got %q, want %q", got, "hi\n")
	}
	change := r.reload(echo, greet)
	if len(change.Started) != 1 || len(change.Kept) != 1 {
		t.Errorf("change %+v, want one line opened anew", change)
	}
	says(t, r.dial(echo), "x", "x")
	select {
	case err := <-waited:
		t.Fatalf("Wait: got %v while lines serve", err)
	default:
	}
	r.spoil(echo)
	r.spoil(greet)
	err := <-waited
	if fault, ok := errors.AsType[*LineError](err); !ok || fault.Line.String() != echo || !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Wait: got %v, want a *LineError with EINVAL", err)
	}
}

// TestRunFails: Run ends with the only line.
func TestRunFails(t *testing.T) {
	l, err := net.ListenTCP("tcp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("fd://%d echo", fd)
	r := newRig(t)
	done := make(chan error, 1)
	go func() { done <- Run(t.Context(), parse(t, line), r.config()) }() // ended by the line's failure
	r.find(Listening, line)
	if err := syscall.Shutdown(int(f.Fd()), syscall.SHUT_RD); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Run: got %v, want EINVAL", err)
	}
}
