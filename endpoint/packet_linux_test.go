package endpoint

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"sock/socket"
)

func TestListenPacketAnswersOn(t *testing.T) {
	for _, tt := range []struct {
		listen  string
		sockets int
		answers string
	}{
		{"udp://:0", 1, "127.0.0.1 ::1"},
		{"udp://0", 2, "127.0.0.1 ::1"},
		{"udp://localhost:0", 2, "127.0.0.1 ::1"},
		{"udp4://:0", 1, "127.0.0.1"},
		{"udp6://:0", 1, "::1"},
		{"udp://:0?v6only=1", 1, "::1"},
	} {
		t.Run(tt.listen, func(t *testing.T) {
			leaks(t)
			p, err := ListenPacket(testContext(t), mustParse(t, tt.listen))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if len(p.Sockets()) != tt.sockets {
				t.Errorf("listening on %v, want %d sockets", p.Addrs(), tt.sockets)
			}
			for _, s := range p.Sockets() {
				checkOption(t, s, socket.ReuseAddr, false)
			}
			for _, host := range strings.Fields(tt.answers) {
				checkDatagram(t, p, host)
			}
		})
	}
}

// checkDatagram sends a datagram to a host and wants it on the socket for it.
func checkDatagram(t *testing.T, p *PacketListener, host string) {
	t.Helper()
	c, err := net.Dial("udp", net.JoinHostPort(host, p.Endpoint().Port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(host)); err != nil {
		t.Fatal(err)
	}
	for i, a := range p.Addrs() {
		if ip := a.AddrPort().Addr(); !ip.IsUnspecified() && ip.String() != host {
			continue
		}
		s := p.Sockets()[i]
		s.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 64)
		n, from, err := s.RecvFrom(b, 0)
		if string(b[:n]) != host || err != nil || from.AddrPort() != c.LocalAddr().(*net.UDPAddr).AddrPort() {
			t.Errorf("%s: RecvFrom = %q from %v, %v", host, b[:n], from, err)
		}
		return
	}
	t.Errorf("no socket for %s among %v", host, p.Addrs())
}

// A wildcard socket tells where a datagram was sent to, for the reply to leave
// from there.
func TestListenPacketReplyLeavesFromItsAddress(t *testing.T) {
	p, err := ListenPacket(testContext(t), mustParse(t, "udp://:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s := p.Sockets()[0]
	for _, host := range []string{"127.0.0.5", "::1"} {
		c := mustDial(t, "udp://"+net.JoinHostPort(host, p.Endpoint().Port))
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		m := &socket.Message{Buffers: [][]byte{make([]byte, 64)}, Control: make([]byte, 256)}
		s.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := s.RecvMsg(m, 0); err != nil {
			t.Fatal(err)
		}
		control, err := socket.ParseControl(m.Control[:m.NControl])
		if err != nil || control.PacketInfo.Local.String() != host {
			t.Fatalf("sent to %v, %v; want %s", control.PacketInfo, err, host)
		}
		reply := &socket.Message{
			Buffers: [][]byte{[]byte("reply")}, Addr: m.Addr,
			Control: socket.AppendPacketInfo(nil, socket.PacketInfo{Local: control.PacketInfo.Local}),
		}
		if _, err := s.SendMsg(reply, 0); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		if n, err := c.Read(b); string(b[:n]) != "reply" || err != nil {
			t.Errorf("%s: Read = %q, %v; want the reply, which comes only from the address it was sent to", host, b[:n], err)
		}
	}
}

func TestListenPacketInUse(t *testing.T) {
	p, err := ListenPacket(testContext(t), mustParse(t, "udp://127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	text := p.Endpoint().String()
	failed := listenFails(t, text)
	want := "listen " + text + ": address already in use (EADDRINUSE) by this process"
	if failed.Error() != want || !errors.Is(failed, syscall.EADDRINUSE) {
		t.Errorf("error is %q, want %q", failed, want)
	}
}
