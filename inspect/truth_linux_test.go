package inspect

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sock/internal/netns"
	"sock/socket"
)

// mix opens sockets in a namespace of their own and writes down, from what it
// did, what an inspector must say about each.
type mix struct {
	testing.TB
	random *rand.Rand
	dir    string
	want   []string
	pid    int
}

// row is what is expected, and what was found, of a socket.
func row(kind Kind, state State, local, peer any, note string) string {
	return fmt.Sprintf("%v %v %v > %v %s", kind, state, local, peer, note)
}

func (m *mix) expect(kind Kind, state State, local, peer any, note string) {
	m.want = append(m.want, row(kind, state, local, peer, note))
}

// ours is the note of a socket that this process has at these descriptors.
func (m *mix) ours(fds ...int) string {
	slices.Sort(fds)
	return fmt.Sprintf("owners=%d%v", m.pid, fds)
}

func found(s Socket) string {
	note := s.Reason.String()
	if len(s.Owners) > 0 {
		var owners []string
		for _, o := range s.Owners {
			owners = append(owners, fmt.Sprintf("%d%v", o.PID, o.FDs))
		}
		note = "owners=" + strings.Join(owners, "+")
	}
	if s.IsListener() && s.Kind != MPTCP {
		note += fmt.Sprintf(" queue=%d", s.Accept)
	}
	if s.Receive > 0 && s.Kind != Netlink && s.Kind != Packet {
		note += fmt.Sprintf(" unread=%d", s.Receive)
	}
	return row(s.Kind, s.State, address(s.Local), address(s.Peer), note)
}

func address(a socket.Addr) string {
	switch a.Family() {
	case 0:
		return "-"
	case socket.NETLINK:
		return "netlink"
	}
	return a.String()
}

func (m *mix) dial(network, address string) net.Conn {
	m.Helper()
	return closing(m, must(net.Dial(network, address))(m))
}

func (m *mix) accept(l net.Listener) net.Conn {
	m.Helper()
	return closing(m, must(l.Accept())(m))
}

// tcp opens a listener with connections in every state that the loopback gives.
func (m *mix) tcp(network, host string) {
	m.Helper()
	l := plainTCP(m, network, net.JoinHostPort(host, "0"))
	at := l.Addr()
	for range 1 + m.random.IntN(3) {
		client := m.dial("tcp", at.String())
		server := m.accept(l)
		bytes := m.random.IntN(100)
		must(client.Write(make([]byte, bytes)))(m)
		note := m.ours(fdOf(m, server))
		if bytes > 0 {
			note += fmt.Sprintf(" unread=%d", bytes)
		}
		m.expect(TCP, Established, client.LocalAddr(), at, m.ours(fdOf(m, client)))
		m.expect(TCP, Established, at, client.LocalAddr(), note)
	}
	m.timeWait(l)
	m.orphan(l)
	waiting := 1 + m.random.IntN(3)
	m.abandoned(at)
	for range waiting - 1 {
		client := m.dial("tcp", at.String())
		m.expect(TCP, Established, client.LocalAddr(), at, m.ours(fdOf(m, client)))
		m.expect(TCP, Established, at, client.LocalAddr(), NotAccepted.String())
	}
	m.expect(TCP, Listen, at, "-", fmt.Sprintf("%s queue=%d", m.ours(fdOf(m, l)), waiting))
}

// abandoned is a client that has closed before it was accepted.
func (m *mix) abandoned(at net.Addr) {
	client := must(net.Dial("tcp", at.String()))(m)
	client.Close()
	m.expect(TCP, FinWait2, client.LocalAddr(), at, Orphaned.String())
	m.expect(TCP, CloseWait, at, client.LocalAddr(), NotAccepted.String()+" unread=1") // the FIN
}

// timeWait lets the client close first, then the server.
func (m *mix) timeWait(l net.Listener) {
	client := must(net.Dial("tcp", l.Addr().String()))(m)
	server := must(l.Accept())(m)
	m.expect(TCP, TimeWait, client.LocalAddr(), l.Addr(), Waiting.String())
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err == nil {
		m.Error("the server read something from a client that has closed")
	}
	server.Close()
}

// orphan lets the client close alone: the kernel waits for the server.
func (m *mix) orphan(l net.Listener) {
	client := must(net.Dial("tcp", l.Addr().String()))(m)
	server := m.accept(l)
	m.expect(TCP, FinWait2, client.LocalAddr(), l.Addr(), Orphaned.String())
	m.expect(TCP, CloseWait, l.Addr(), client.LocalAddr(), m.ours(fdOf(m, server)))
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err == nil {
		m.Error("the server read something from a client that has closed")
	}
}

// dual is a listener for both families that an IPv4 client uses.
func (m *mix) dual() {
	l := plainTCP(m, "tcp", "[::]:0")
	port := l.Addr().(*net.TCPAddr).Port
	client := m.dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	server := m.accept(l)
	m.expect(TCP, Listen, l.Addr(), "-", m.ours(fdOf(m, l))+" queue=0")
	m.expect(TCP, Established, client.LocalAddr(), client.RemoteAddr(), m.ours(fdOf(m, client)))
	m.expect(TCP, Established, client.RemoteAddr(), client.LocalAddr(), m.ours(fdOf(m, server)))
}

// bound holds a port, and does nothing else with it.
func (m *mix) bound() {
	fd := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(m)
	m.Cleanup(func() { unix.Close(fd) })
	check(m, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name := must(unix.Getsockname(fd))(m).(*unix.SockaddrInet4)
	if kernelAtLeast(m, 6, 8) {
		m.expect(TCP, Closed, fmt.Sprintf("127.0.0.1:%d", name.Port), "-", m.ours(fd))
	}
}

// kernelAtLeast compares the version of the running kernel.
func kernelAtLeast(t testing.TB, major, minor int) bool {
	t.Helper()
	var name unix.Utsname
	check(t, unix.Uname(&name))
	var a, b int
	must(fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &a, &b))(t)
	return a > major || a == major && b >= minor
}

// handshake leaves a connection in SYN_RECV: the listener waits for data.
func (m *mix) handshake() {
	l := plainTCP(m, "tcp4", "127.0.0.1:0")
	check(m, unix.SetsockoptInt(fdOf(m, l), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30))
	client := m.dial("tcp", l.Addr().String())
	m.expect(TCP, Listen, l.Addr(), "-", m.ours(fdOf(m, l))+" queue=0")
	m.expect(TCP, Established, client.LocalAddr(), l.Addr(), m.ours(fdOf(m, client)))
	m.expect(TCP, SynRecv, l.Addr(), client.LocalAddr(), Handshake.String())
}

// mptcp is a listener as package net makes it: an MPTCP socket and its TCP one
// are one inode.
func (m *mix) mptcp() {
	config := net.ListenConfig{}
	config.SetMultipathTCP(true)
	l := closing(m, must(config.Listen(m.Context(), "tcp4", "127.0.0.1:0"))(m).(*net.TCPListener))
	var protocol int
	fd := fdOf(m, l)
	protocol = must(unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL))(m)
	if protocol == unix.IPPROTO_MPTCP {
		m.expect(MPTCP, Listen, l.Addr(), "-", m.ours(fd))
	}
	m.expect(TCP, Listen, l.Addr(), "-", m.ours(fd)+" queue=0")
}

func (m *mix) udp(host string) {
	open := closing(m, must(net.ListenPacket("udp", net.JoinHostPort(host, "0")))(m)).(*net.UDPConn)
	client := m.dial("udp", open.LocalAddr().String())
	m.expect(UDP, Closed, open.LocalAddr(), "-", m.ours(fdOf(m, open)))
	m.expect(UDP, Established, client.LocalAddr(), open.LocalAddr(), m.ours(fdOf(m, client)))
}

// shared has a descriptor here twice, and one in another process.
func (m *mix) shared() {
	c := closing(m, must(net.ListenPacket("udp", "127.0.0.1:0"))(m)).(*net.UDPConn)
	file := closing(m, must(c.File())(m))
	cmd := exec.Command("cat")
	cmd.ExtraFiles = []*os.File{file}
	in := must(cmd.StdinPipe())(m)
	check(m, cmd.Start())
	m.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	owners := []string{m.ours(fdOf(m, c), int(file.Fd())), fmt.Sprintf("%d[3]", cmd.Process.Pid)}
	if cmd.Process.Pid < m.pid {
		owners = []string{fmt.Sprintf("owners=%d[3]", cmd.Process.Pid), strings.TrimPrefix(owners[0], "owners=")}
	}
	m.expect(UDP, Closed, c.LocalAddr(), "-", strings.Join(owners, "+"))
}

func (m *mix) unix() {
	path := filepath.Join(m.dir, "stream")
	l := closing(m, must(net.Listen("unix", path))(m)).(*net.UnixListener)
	client := m.dial("unix", path)
	server := m.accept(l)
	waiting := m.dial("unix", path)
	m.expect(Unix, Listen, path, "-", m.ours(fdOf(m, l))+" queue=1")
	m.expect(Unix, Established, "(unnamed)", path, m.ours(fdOf(m, client)))
	m.expect(Unix, Established, path, "(unnamed)", m.ours(fdOf(m, server)))
	m.expect(Unix, Established, "(unnamed)", path, m.ours(fdOf(m, waiting)))

	abstract := closing(m, must(net.Listen("unixpacket", "@inspect truth"))(m)).(*net.UnixListener)
	m.expect(Unix, Listen, "@inspect truth", "-", m.ours(fdOf(m, abstract))+" queue=0")

	name := filepath.Join(m.dir, "dgram")
	bound := closing(m, must(net.ListenPacket("unixgram", name))(m)).(*net.UnixConn)
	sender := m.dial("unixgram", name)
	// The kernel calls a datagram socket established that another has connected to.
	m.expect(Unix, Established, name, "-", m.ours(fdOf(m, bound)))
	m.expect(Unix, Established, "(unnamed)", name, m.ours(fdOf(m, sender)))

	pair := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0))(m)
	for _, fd := range pair {
		m.Cleanup(func() { unix.Close(fd) })
		m.expect(Unix, Established, "(unnamed)", "(unnamed)", m.ours(fd))
	}
}

// privileged are the kinds that need CAP_NET_RAW, and netlink.
func (m *mix) privileged() {
	open := func(family, typ, protocol int) int {
		fd := must(unix.Socket(family, typ|unix.SOCK_CLOEXEC, protocol))(m)
		m.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	m.expect(Raw, Closed, "0.0.0.0:0", "-", m.ours(open(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)))
	m.expect(Raw, Closed, "[::]:0", "-", m.ours(open(unix.AF_INET6, unix.SOCK_RAW, 253)))
	m.expect(Packet, Closed, "if0 0x0000", "-", m.ours(open(unix.AF_PACKET, unix.SOCK_RAW, 0)))
	route := open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	check(m, unix.Bind(route, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	m.expect(Netlink, Closed, "netlink", "-", m.ours(route))
}

// openMix opens everything, in an order that the seed gives.
func openMix(t testing.TB, seed uint64) *mix {
	m := &mix{TB: t, random: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), pid: os.Getpid()}
	steps := []func(){
		func() { m.tcp("tcp4", "127.0.0.1") },
		func() { m.tcp("tcp6", "::1") },
		func() { m.udp("127.0.0.1") },
		func() { m.udp("::1") },
		m.dual, m.bound, m.handshake, m.mptcp, m.shared, m.unix, m.privileged,
	}
	m.random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	for _, step := range steps {
		step()
	}
	slices.Sort(m.want)
	return m
}

// TestSocketsTruth opens a known mix and wants every row, owner and reason of
// the namespace to be as it was made: none missing, none more.
func TestSocketsTruth(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			name := newNamespace(t)
			var m *mix
			check(t, netns.Do(name, func() error { m = openMix(t, seed); return nil }))
			got := settle(t, name, m.want)
			if !slices.Equal(got, m.want) {
				t.Errorf("rows differ\n%s", difference(got, m.want))
			}
		})
	}
}

// settle reads until the namespace is as wanted, for a connection that closes
// takes a moment; what it gives at last is for the test to judge.
func settle(t testing.TB, name string, want []string) []string {
	t.Helper()
	for deadline := time.Now().Add(someTime / 4); ; {
		sockets, _ := collect(t, Query{Netns: name, With: WithOwners | WithPeers})
		var got []string
		for _, s := range sockets {
			if s.Inode == 0 && s.Has(HasUID) && s.UID == 0 {
				t.Errorf("%v %v %v has no inode, and so no user, but root's", s.Kind, s.State, s.Local)
			}
			if s.Reason != Kernel {
				got = append(got, found(s))
			}
		}
		slices.Sort(got)
		if slices.Equal(got, want) || time.Now().After(deadline) {
			return got
		}
	}
}

func difference(got, want []string) string {
	var b strings.Builder
	for _, line := range want {
		if !slices.Contains(got, line) {
			fmt.Fprintf(&b, "want %s\n", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			fmt.Fprintf(&b, "got  %s\n", line)
		}
	}
	return b.String()
}
