package proc

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func self(t *testing.T) (pid int, command string) {
	t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return os.Getpid(), strings.TrimSpace(string(comm))
}

func TestPortHolderFindsListener(t *testing.T) {
	pid, command := self(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		at := l.Addr().(*net.TCPAddr).AddrPort()
		h, ok := PortHolder("tcp", at)
		if !ok || h.PID != pid || h.Command != command || h.Socket.State != Listening || h.Socket.Local.Port() != at.Port() {
			t.Errorf("PortHolder(tcp, %s) = %+v, %v; want %s (pid %d) listening", at, h, ok, command, pid)
		}
		l.Close()
		if h, ok := PortHolder("tcp", at); ok && h.PID == pid { // an old connection in TIME_WAIT may have the port
			t.Errorf("after Close PortHolder(tcp, %s) = %+v, want none", at, h)
		}
	}
}

func TestPortHolderFindsUDP(t *testing.T) {
	pid, _ := self(t)
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	if h, ok := PortHolder("udp", at); !ok || h.PID != pid || h.Socket.State != Closed {
		t.Errorf("PortHolder(udp, %s) = %+v, %v; want pid %d, bound", at, h, ok, pid)
	}
	if h, ok := PortHolder("tcp", at); ok && h.PID == pid { // an old connection in TIME_WAIT may have the number
		t.Errorf("PortHolder(tcp, %s) = %+v, want none: it is a UDP port", at, h)
	}
}

func TestPathHolder(t *testing.T) {
	pid, _ := self(t)
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "a b"), "@sock-proc-test"} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := PathHolder(path); !ok || h.PID != pid || h.Socket.State != Listening {
			t.Errorf("PathHolder(%q) = %+v, %v; want pid %d listening", path, h, ok, pid)
		}
		l.Close()
		if h, ok := PathHolder(path); ok {
			t.Errorf("PathHolder(%q) = %+v with only an accepted connection left, want none", path, h)
		}
		client.Close()
		server.Close()
	}
}

func TestConflicts(t *testing.T) {
	for _, tt := range []struct {
		held, wanted string
		want         bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"0.0.0.0:80", "127.0.0.1:80", true},
		{"[::]:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "[::]:80", true},
		{"[::ffff:127.0.0.1]:80", "127.0.0.1:80", true},
		{"[::1]:80", "127.0.0.1:80", false},
	} {
		if got := conflicts(netip.MustParseAddrPort(tt.held), netip.MustParseAddrPort(tt.wanted)); got != tt.want {
			t.Errorf("conflicts(%s, %s) = %v, want %v", tt.held, tt.wanted, got, tt.want)
		}
	}
}

func TestParsePortRejectsOtherLines(t *testing.T) {
	for _, line := range []string{
		"", "sl local_address", "0: zz:1F90 0:0 0A 0:0 0:0 0 0 0 1", "0: 7F:1F90 0:0 0A 0:0 0:0 0 0 0 1",
		"0: 0100007F:1F90 0:0 XX 0:0 0:0 0 0 0 1", "0: 0100007F:1F90 0:0 0A 0:0 0:0 0 0 0 inode",
	} {
		if s, ok := parsePort(strings.Fields(line)); ok {
			t.Errorf("parsePort(%q) = %+v, want none", line, s)
		}
		if s, ok := parsePath(strings.Fields(line)); ok {
			t.Errorf("parsePath(%q) = %+v, want none", line, s)
		}
	}
}
