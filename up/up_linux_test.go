package up

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
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
