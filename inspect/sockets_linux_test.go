package inspect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sock/internal/netns"
	"sock/socket"
)

// TestSocketsAgreeWithSS compares a mix with what ss tells of it.
func TestSocketsAgreeWithSS(t *testing.T) {
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("ss is not installed")
	}
	name := newNamespace(t)
	var want []string
	var m *mix
	check(t, netns.Do(name, func() error { m = openMix(t, 7); return nil }))
	settle(t, name, m.want)
	check(t, netns.Do(name, func() error {
		out, err := exec.Command("ss", "-H", "-O", "-tuanp").Output()
		want = ssRows(string(out))
		return err
	}))
	sockets, _ := collect(t, Query{Netns: name, With: WithOwners, Filter: parse(t, "tcp not closed or udp")})
	var got []string
	for _, s := range sockets {
		got = append(got, ssRow(s))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || len(want) < 10 {
		t.Errorf("we and ss differ\n%s", difference(got, want))
	}
}

var ssOwner = regexp.MustCompile(`pid=(\d+),fd=(\d+)`)

// ssRows reads "tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:* users:((…))".
func ssRows(text string) []string {
	var rows []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		var owners []string
		for _, m := range ssOwner.FindAllStringSubmatch(line, -1) {
			owners = append(owners, m[1]+"/"+m[2])
		}
		slices.Sort(owners)
		rows = append(rows, strings.Join(append(f[:6], owners...), " "))
	}
	slices.Sort(rows)
	return rows
}

// ssRow writes a socket as ss does.
func ssRow(s Socket) string {
	state := map[State]string{
		Established: "ESTAB", Listen: "LISTEN", TimeWait: "TIME-WAIT", FinWait2: "FIN-WAIT-2", CloseWait: "CLOSE-WAIT",
		SynRecv: "SYN-RECV", Closed: "UNCONN",
	}[s.State]
	any := map[socket.Family]string{socket.INET: "0.0.0.0:*", socket.INET6: "[::]:*"}[s.Family]
	local, peer := ssAddr(s, s.Local), any
	if s.Peer.IsValid() {
		peer = ssAddr(s, s.Peer)
	}
	if local == "[::]:"+fmt.Sprint(s.Local.Port()) && !s.V6Only {
		local, peer = "*"+local[4:], "*:*"
	}
	receive, send := s.Receive, s.Send
	if s.IsListener() {
		receive, send = s.Accept, s.Backlog
	}
	row := fmt.Sprintf("%v %s %d %d %s %s", s.Kind, state, receive, send, local, peer)
	var owners []string
	for _, o := range s.Owners {
		for _, fd := range o.FDs {
			owners = append(owners, fmt.Sprintf("%d/%d", o.PID, fd))
		}
	}
	slices.Sort(owners)
	return strings.Join(append([]string{row}, owners...), " ")
}

// ssAddr shows a mapped address as ss does.
func ssAddr(s Socket, a socket.Addr) string {
	at := a.AddrPort()
	if s.Family == socket.INET6 && at.Addr().Is4() {
		return fmt.Sprintf("[::ffff:%v]:%d", at.Addr(), at.Port())
	}
	return at.String()
}

// TestSocketsOtherEnds: both ends of a connection name each other's process.
func TestSocketsOtherEnds(t *testing.T) {
	l := plainTCP(t, "tcp4", "127.0.0.1:0")
	client := closing(t, must(net.Dial("tcp", l.Addr().String()))(t))
	server := closing(t, must(l.Accept())(t))
	sockets, _ := collect(t, Query{With: WithOwners | WithPeers, Filter: parse(t, fmt.Sprintf("tcp local=%v peer=%v", client.LocalAddr(), l.Addr()))})
	if len(sockets) != 1 {
		t.Fatalf("found %d sockets at %v, want the client", len(sockets), client.LocalAddr())
	}
	r := sockets[0].Remote
	if r == nil || r.Inode != inodeOf(t, fdOf(t, server)) || len(r.Owners) != 1 || r.Owners[0].PID != os.Getpid() {
		t.Errorf("the client's other end is %+v, want inode %d, ours", r, inodeOf(t, fdOf(t, server)))
	}
	waiting := closing(t, must(net.Dial("tcp", l.Addr().String()))(t))
	sockets, _ = collect(t, Query{With: WithOwners | WithPeers, Filter: parse(t, fmt.Sprintf("tcp local=%v peer=%v", waiting.LocalAddr(), l.Addr()))})
	if len(sockets) != 1 || sockets[0].Remote == nil || sockets[0].Remote.Reason != NotAccepted {
		t.Errorf("the waiting client is %+v, want its other end not accepted yet", sockets)
	}
}

func TestSocketsUnixOtherEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := closing(t, must(net.Listen("unix", path))(t)).(*net.UnixListener)
	waiting := closing(t, must(net.Dial("unix", path))(t))
	sockets, _ := collect(t, Query{With: WithOwners | WithPeers, Filter: parse(t, "unix not listen path="+path)})
	if len(sockets) != 1 {
		t.Errorf("%d sockets other than the listener have to do with %s, want the client that waits", len(sockets), path)
	}
	inode := inodeOf(t, fdOf(t, waiting))
	sockets, _ = collect(t, Query{With: WithOwners | WithPeers, Filter: parse(t, fmt.Sprintf("unix inode=%d", inode))})
	if len(sockets) != 1 || sockets[0].Remote == nil || sockets[0].Remote.Reason != NotAccepted || len(sockets[0].Remote.Owners) != 1 {
		t.Errorf("the waiting client is %+v, want the listener's process, which has not accepted", sockets)
	}
	closing(t, must(l.Accept())(t))
	sockets, _ = collect(t, Query{With: WithPeers, Filter: parse(t, "unix path="+path)})
	if len(sockets) != 3 {
		t.Errorf("%d sockets of %s, want listener, server and client", len(sockets), path)
	}
}

// TestSocketsAllNamespaces finds a listener in another namespace, by its name.
func TestSocketsAllNamespaces(t *testing.T) {
	name := newNamespace(t)
	var l *net.TCPListener
	check(t, netns.Do(name, func() error { l = plainTCP(t, "tcp4", "127.0.0.1:0"); return nil }))
	filter := parse(t, fmt.Sprintf("tcp listen inode=%d", inodeOf(t, fdOf(t, l))))
	own, _ := collect(t, Query{Filter: filter})
	all, _ := collect(t, Query{Filter: filter, AllNetns: true, With: WithOwners})
	if len(own) != 0 || len(all) != 1 || all[0].Netns.Name != name || all[0].Owners[0].PID != os.Getpid() {
		t.Errorf("in our namespace %d, in all %+v; want none, and one in %s that is ours", len(own), all, name)
	}
	named, _ := collect(t, Query{Filter: filter.And(parse(t, "device=lo or not device=lo")), Netns: name})
	if len(named) != 1 {
		t.Errorf("in %s alone: %d, want 1", name, len(named))
	}
	for _, err := range Sockets(t.Context(), Query{Netns: "no-such-namespace"}) {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a namespace that is not there: %v, want os.ErrNotExist", err)
		}
	}
}

// TestSocketsDevice: the kernel and we agree on what is bound to the loopback.
func TestSocketsDevice(t *testing.T) {
	c := closing(t, must(net.ListenPacket("udp4", "127.0.0.1:0"))(t)).(*net.UDPConn)
	check(t, unix.BindToDevice(fdOf(t, c), "lo"))
	text := fmt.Sprintf("udp sport=%d", c.LocalAddr().(*net.UDPAddr).Port)
	for filter, want := range map[string]int{" device=lo": 1, " device=none0": 0, " device~^l": 1, " not device=lo": 0} {
		sockets, _ := collect(t, Query{Filter: parse(t, text+filter)})
		if len(sockets) != want || want == 1 && sockets[0].Device() != "lo" {
			t.Errorf("%q: %+v, want %d", text+filter, sockets, want)
		}
	}
}

// TestSocketsInfo: tcp_info, as the dump gives it, is what getsockopt gives.
func TestSocketsInfo(t *testing.T) {
	l := plainTCP(t, "tcp4", "127.0.0.1:0")
	client := closing(t, must(net.Dial("tcp", l.Addr().String()))(t)).(*net.TCPConn)
	server := closing(t, must(l.Accept())(t))
	must(client.Write(make([]byte, 5000)))(t)
	must(server.Read(make([]byte, 5000)))(t)
	filter := parse(t, fmt.Sprintf("tcp local=%v peer=%v rtt>0s sent>=5000", client.LocalAddr(), l.Addr()))
	sockets, _ := collect(t, Query{Filter: filter, With: WithInfo | WithCongestion | WithTOS})
	raw, err := unix.GetsockoptTCPInfo(fdOf(t, client), unix.IPPROTO_TCP, unix.TCP_INFO)
	check(t, err)
	if len(sockets) != 1 || sockets[0].Info == nil {
		t.Fatalf("%v: %+v", filter, sockets)
	}
	i := sockets[0].Info
	if i.BytesAcked != raw.Bytes_acked || i.RTT.Microseconds() != int64(raw.Rtt) || i.SndCwnd != raw.Snd_cwnd || i.SegsOut != raw.Segs_out ||
		i.SndWnd != raw.Snd_wnd || i.RcvWnd == 0 || i.MinRTT.Microseconds() != int64(raw.Min_rtt) || i.State != uint8(Established) {
		t.Errorf("the dump says %+v, getsockopt %+v", i, raw)
	}
	name, err := unix.GetsockoptString(fdOf(t, client), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if check(t, err); sockets[0].Congestion != name || !sockets[0].Has(HasTOS) {
		t.Errorf("congestion %q, TOS known: %v; want %q, known", sockets[0].Congestion, sockets[0].Has(HasTOS), name)
	}
}

// TestSocketsOverflow: a listener's own count of connections it turned away.
func TestSocketsOverflow(t *testing.T) {
	l := plainTCP(t, "tcp4", "127.0.0.1:0")
	check(t, unix.Listen(fdOf(t, l), 1))
	for range 2 {
		closing(t, must(net.Dial("tcp", l.Addr().String()))(t))
	}
	d := net.Dialer{Timeout: 50 * time.Millisecond}
	if c, err := d.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Log("a third connection fitted into a backlog of 1")
	}
	sockets, _ := collect(t, Query{Filter: parse(t, fmt.Sprintf("listen sport=%d drops>0", l.Addr().(*net.TCPAddr).Port))})
	if len(sockets) != 1 || sockets[0].Accept != 2 || sockets[0].Backlog != 1 || sockets[0].Drops == 0 {
		t.Errorf("the full listener is %+v, want 2 of 1 waiting and some turned away", sockets)
	}
}

// TestSocketsStopEarly: breaking off costs nothing and leaves nothing open.
func TestSocketsStopEarly(t *testing.T) {
	plainTCP(t, "tcp4", "127.0.0.1:0")
	n := 0
	for range Sockets(t.Context(), Query{}) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d sockets before the break, want 1", n)
	}
}

func TestSocketsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	for _, err := range Sockets(ctx, Query{}) {
		if !errors.Is(err, cause) {
			t.Errorf("got %v, want the context's cause", err)
		}
		return
	}
	t.Error("a cancelled query gave nothing, want its error")
}

// TestSocketsRing: a socket that is only registered with an io_uring belongs
// to the process that has the ring.
func TestSocketsRing(t *testing.T) {
	var params [120]byte
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		t.Skipf("io_uring_setup: %v", errno)
	}
	defer unix.Close(int(ring))
	c := must(net.ListenPacket("udp4", "127.0.0.1:0"))(t).(*net.UDPConn)
	fd, inode := int32(fdOf(t, c)), inodeOf(t, fdOf(t, c))
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, 2, uintptr(unsafe.Pointer(&fd)), 1, 0, 0); errno != 0 {
		t.Fatalf("io_uring_register: %v", errno)
	}
	c.Close()
	sockets, _ := collect(t, Query{Filter: parse(t, fmt.Sprintf("udp inode=%d", inode)), With: WithOwners})
	if len(sockets) != 1 || len(sockets[0].Owners) != 1 || sockets[0].Owners[0].PID != os.Getpid() || sockets[0].Owners[0].FDs[0] != int(ring) {
		t.Errorf("the registered socket is %+v, want it ours through descriptor %d", sockets, ring)
	}
}

// TestSocketsWhileTheyChange: sockets come and go by the thousand while they
// are read, and no row bears another process's name.
func TestSocketsWhileTheyChange(t *testing.T) {
	stop, done := make(chan struct{}), make(chan struct{})
	l := plainTCP(t, "tcp4", "127.0.0.1:0")
	go func() { // ends with stop; the test waits for done
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
				if s, err := l.Accept(); err == nil {
					_ = s.(*net.TCPConn).SetLinger(0)
					s.Close()
				}
				c.Close()
			}
		}
	}()
	filter := parse(t, fmt.Sprintf("tcp port=%d", l.Addr().(*net.TCPAddr).Port))
	seen := 0
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		sockets, _ := collect(t, Query{Filter: filter, With: WithAll})
		seen += len(sockets)
		for _, s := range sockets {
			if len(s.Owners) > 0 && (len(s.Owners) != 1 || s.Owners[0].PID != os.Getpid()) {
				t.Errorf("%v belongs to %v, want us or nobody", s.Local, s.Owners)
			}
		}
	}
	close(stop)
	<-done
	if seen == 0 {
		t.Error("saw no socket at all")
	}
}

func TestProcessFacts(t *testing.T) {
	l := plainTCP(t, "tcp4", "127.0.0.1:0")
	sockets, _ := collect(t, Query{Filter: parse(t, fmt.Sprintf("listen pid=%d inode=%d", os.Getpid(), inodeOf(t, fdOf(t, l)))), With: WithCgroup})
	if len(sockets) != 1 {
		t.Fatalf("%d sockets, want our listener", len(sockets))
	}
	o := sockets[0].Owners[0]
	comm := strings.TrimSpace(string(must(os.ReadFile("/proc/self/comm"))(t)))
	if o.Name != comm || !slices.Equal(o.Command, os.Args) {
		t.Errorf("%q %q, want %q %q", o.Name, o.Command, comm, os.Args)
	}
	if age := time.Since(o.Start); age < 0 || age > time.Hour {
		t.Errorf("started %v ago", age)
	}
	if sockets[0].Cgroup == "" {
		t.Error("no cgroup")
	}
	if sockets[0].Local.AddrPort() != l.Addr().(*net.TCPAddr).AddrPort() || sockets[0].Local.AddrPort() == (netip.AddrPort{}) {
		t.Errorf("local %v, want %v", sockets[0].Local, l.Addr())
	}
}
