package diag

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dialTest gives a Conn that is closed when the test ends.
func dialTest(t *testing.T) *Conn {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// pair gives both ends of a TCP connection over the loopback.
func pair(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

func localPort(c net.Conn) uint16 { return c.LocalAddr().(*net.TCPAddr).AddrPort().Port() }

// inodeOf asks the kernel what file a connection is.
func inodeOf(t *testing.T, c syscall.Conn) uint32 {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if controlErr := raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &stat) }); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	return uint32(stat.Ino)
}

func TestInetFindsOneByFilter(t *testing.T) {
	c := dialTest(t)
	client, server := pair(t)
	filter := And(Port(Source, localPort(client)), And(Port(Destination, localPort(server)), Within(Source, netip.MustParsePrefix("127.0.0.0/8"))))
	found := 0
	for m, err := range c.Inet(t.Context(), InetRequest{Family: Inet, Protocol: TCP, Extensions: WantInfo | WantCongestion | WantMemory, Filter: filter}) {
		if err != nil {
			t.Fatal(err)
		}
		found++
		if m.State != Established || m.Inode != inodeOf(t, client) || int(m.UID) != os.Getuid() || m.Cookie == 0 {
			t.Errorf("state %d inode %d uid %d cookie %d; want an established socket with inode %d, ours", m.State, m.Inode, m.UID, m.Cookie, inodeOf(t, client))
		}
		if len(m.Info) < 104 || len(m.Congestion) == 0 || !m.Has(AttrMemory) || m.Memory.ReceiveBuffer == 0 {
			t.Errorf("extensions: info %d bytes, congestion %q, memory %+v", len(m.Info), m.Congestion, m.Memory)
		}
	}
	if found != 1 {
		t.Errorf("found %d sockets, want 1", found)
	}
}

func TestInetStates(t *testing.T) {
	c := dialTest(t)
	client, server := pair(t)
	for _, tt := range []struct {
		states uint32
		want   int
	}{{1 << Established, 1}, {1 << Listen, 0}, {0, 1}} {
		got := 0
		for _, err := range c.Inet(t.Context(), InetRequest{Family: Inet, Protocol: TCP, States: tt.states, Filter: And(Port(Source, localPort(client)), Port(Destination, localPort(server)))}) {
			if err != nil {
				t.Fatal(err)
			}
			got++
		}
		if got != tt.want {
			t.Errorf("states %b: %d sockets, want %d", tt.states, got, tt.want)
		}
	}
}

// A socket that is bound and nothing else holds its port; kernels before 6.8
// do not tell of it.
func TestInetBound(t *testing.T) {
	c := dialTest(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(name.(*unix.SockaddrInet4).Port)
	for m, err := range c.Inet(t.Context(), InetRequest{Family: Inet, Protocol: TCP, Filter: Port(Source, port)}) {
		if err != nil {
			t.Fatal(err)
		}
		if m.State == TimeWait {
			continue // an old connection of somebody else's
		}
		if m.State != Closed || m.Inode == 0 || m.SourcePort != port {
			t.Errorf("the bound socket is %+v, want it closed, with an inode", m)
		}
	}
}

func TestDumpEndsWithItsContext(t *testing.T) {
	c := dialTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.Inet(ctx, InetRequest{Family: Inet, Protocol: TCP}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the dump gives %v, want context.Canceled", err)
		}
		return
	}
	t.Error("the dump of a cancelled context gave nothing, want context.Canceled")
}

func TestDumpStopsEarly(t *testing.T) {
	c := dialTest(t)
	n := 0
	for range c.Netlink(t.Context()) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d messages before the break, want 1: the Conn's own socket at least", n)
	}
}

func TestNetlinkSeesItself(t *testing.T) {
	c := dialTest(t)
	for m, err := range c.Netlink(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Port == c.PortID() && m.Protocol == unix.NETLINK_SOCK_DIAG && m.Has(NetlinkMemory) {
			return
		}
	}
	t.Errorf("no socket with port %d among the netlink sockets", c.PortID())
}

func TestUnixWaiting(t *testing.T) {
	c := dialTest(t)
	l, err := net.Listen("unix", "@sock-diag-test")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", "@sock-diag-test")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	listening, waiting := inodeOf(t, l.(*net.UnixListener)), []uint32(nil)
	for m, err := range c.Unix(t.Context(), UnixRequest{States: 1 << Listen, Show: ShowName | ShowWaiting | ShowQueues | ShowUID}) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Inode != listening {
			continue
		}
		m.Clients(func(inode uint32) { waiting = append(waiting, inode) })
		if string(m.Name) != "\x00sock-diag-test" || m.ReceiveQueue != 1 || int(m.UID) != os.Getuid() {
			t.Errorf("the listener is %q, %d waiting, uid %d", m.Name, m.ReceiveQueue, m.UID)
		}
	}
	if want := inodeOf(t, client.(*net.UnixConn)); len(waiting) != 1 || waiting[0] != want {
		t.Errorf("waiting: %v, want the client's inode %d", waiting, want)
	}
}

// A table that the kernel lacks says so as every missing thing does.
func TestTablesOrUnsupported(t *testing.T) {
	for _, request := range []InetRequest{
		{Family: Inet, Protocol: Raw}, {Family: Inet6, Protocol: UDPLite}, {Family: Inet, Protocol: MPTCP}, {Family: Inet6, Protocol: UDP},
	} {
		for _, err := range dialTest(t).Inet(t.Context(), request) {
			if err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: %v, want sockets or errors.ErrUnsupported", inetTable(request), err)
			}
		}
	}
	for _, err := range dialTest(t).Vsock(t.Context(), 0) {
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("vsock: %v, want sockets or errors.ErrUnsupported", err)
		}
	}
	for _, err := range dialTest(t).Packet(t.Context()) {
		if err != nil {
			t.Errorf("packet: %v", err)
		}
	}
}

func TestInetRefusesDamagedProgram(t *testing.T) {
	c := dialTest(t)
	for _, err := range c.Inet(t.Context(), InetRequest{Family: Inet, Protocol: TCP, Filter: Code{opSource, 8, 4, 0, 1, 2, 3, 4}}) {
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("the dump gives %v, want EINVAL", err)
		}
		return
	}
	t.Error("the kernel accepted a damaged program")
}

func TestDestroy(t *testing.T) {
	c := dialTest(t)
	client, server := pair(t)
	loopback := [16]byte{127, 0, 0, 1}
	id := SocketID{SourcePort: localPort(client), DestinationPort: localPort(server), Source: loopback, Destination: loopback}
	err := c.Destroy(t.Context(), Inet, TCP, id)
	if errors.Is(err, syscall.EPERM) {
		t.Skip("closing another's socket needs CAP_NET_ADMIN")
	}
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this kernel has no SOCK_DESTROY")
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("read on the closed socket = %v, want ECONNABORTED", err)
	}
	if err := c.Destroy(t.Context(), Inet, TCP, id); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("closing it again = %v, want ENOENT", err)
	}
}
