package cli

import (
	"encoding/binary"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"sock/socket"
)

func TestTableAddrs(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return // the spellings below are those of a little-endian machine
	}
	for _, tt := range []struct {
		addr string
		want []string
	}{
		{"127.0.0.1:80", []string{"0100007F:0050", "0000000000000000FFFF00000100007F:0050"}},
		{"[::ffff:127.0.0.1]:80", []string{"0100007F:0050", "0000000000000000FFFF00000100007F:0050"}},
		{"[::1]:65535", []string{"00000000000000000000000001000000:FFFF"}},
	} {
		if got := tableAddrs(netip.MustParseAddrPort(tt.addr)); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("tableAddrs(%s) = %v, want %v", tt.addr, got, tt.want)
		}
	}
}

// TestPresence goes through a connection's life on every stream.
func TestPresence(t *testing.T) {
	for _, address := range []struct{ network, at string }{
		{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"tcp", ":0"}, {"unix", filepath.Join(t.TempDir(), "s")},
	} {
		t.Run(address.network, func(t *testing.T) {
			ours, peers := connected(t, address.network, address.at)
			if got := presenceOf(ours); got != present {
				t.Errorf("connected: %v, want present (%v)", got, present)
			}
			if err := peers.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if _, err := ours.Read(make([]byte, 1)); err == nil {
				t.Error("read after the peer's CloseWrite: no error, want EOF")
			}
			if got := presenceOf(ours); got != present {
				t.Errorf("half-closed: %v, want present (%v)", got, present)
			}
			peers.Close()
			for end := time.Now().Add(patience); presenceOf(ours) != gone; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("closed: %v, want gone (%v)", presenceOf(ours), gone)
				}
			}
		})
	}
}

// connected gives both ends of a connection, ours on a *socket.Socket.
func connected(t *testing.T, network, address string) (ours, peers net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	peers, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := socket.FromConn(dialled.(syscall.Conn))
	if err != nil {
		t.Fatal(err)
	}
	ours = s.Conn()
	t.Cleanup(func() { ours.Close(); peers.Close() })
	return ours, peers
}

// TestSettling: done once the peer has acknowledged all, or has cut.
func TestSettling(t *testing.T) {
	ours, peers := connected(t, "tcp4", "127.0.0.1:0")
	var w settling
	if !w.done(ours, time.Now()) || w.err != nil {
		t.Errorf("with nothing sent: not done, %v", w.err)
	}
	if _, err := ours.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := peers.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	peers.Close()
	for end := time.Now().Add(patience); w.err == nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.done(ours, time.Now())
	}
	if !peerLost(w.err) {
		t.Errorf("after a reset: %v, want ECONNRESET or EPIPE", w.err)
	}
}
