package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// setNumber sets an option of the kernel's to a number.
func setNumber(t testing.TB, s *Socket, level, name, value int) {
	t.Helper()
	b := binary.NativeEndian.AppendUint32(nil, uint32(value))
	check(t, s.setsockopt(level, name, b))
}

// recvControl receives one message and what its control messages say.
func recvControl(t *testing.T, s *Socket, flags Flags) (*Message, Control) {
	t.Helper()
	check(t, s.SetReadDeadline(time.Now().Add(someTime)))
	m := &Message{Buffers: [][]byte{make([]byte, 1<<16)}, Control: make([]byte, 512)}
	must(s.RecvMsg(m, flags))(t)
	c, err := ParseControl(m.Control[:m.NControl])
	check(t, err)
	return m, c
}

func TestMessageBuffers(t *testing.T) {
	a, b := connected(t, UNIX, SEQPACKET, 0)
	must(a.SendMsg(&Message{Buffers: [][]byte{[]byte("ab"), nil, []byte("cde")}}, 0))(t)
	m := &Message{Buffers: [][]byte{make([]byte, 1), {}, make([]byte, 3), make([]byte, 9)}}
	if n := must(b.RecvMsg(m, 0))(t); n != 5 || m.N != 5 {
		t.Fatalf("got %d and %d, want 5", n, m.N)
	}
	if got := string(m.Buffers[0]) + string(m.Buffers[2]) + string(m.Buffers[3][:1]); got != "abcde" {
		t.Errorf("got %q, want %q", got, "abcde")
	}
	check(t, a.Close())
	if _, err := b.RecvMsg(m, 0); err != io.EOF {
		t.Errorf("at the end: got %v, want io.EOF", err)
	}
}

func TestMessageTruncated(t *testing.T) {
	a, b := connected(t, UNIX, SEQPACKET, 0)
	must(a.Send([]byte("abcdef"), 0))(t)
	m := &Message{Buffers: [][]byte{make([]byte, 2)}}
	if n := must(b.RecvMsg(m, 0))(t); n != 2 || m.Flags&MsgTrunc == 0 {
		t.Errorf("got %d bytes, %v, want 2, MSG_TRUNC", n, m.Flags)
	}
}

// A descriptor goes to the other side, works there, and is close-on-exec.
func TestMessageRights(t *testing.T) {
	for _, k := range streams[4:] {
		t.Run(k.name, func(t *testing.T) {
			a, b := connected(t, k.family, k.typ, k.proto)
			r, w, err := os.Pipe()
			check(t, err)
			defer r.Close()
			must(a.SendMsg(&Message{Buffers: [][]byte{{0}}, Control: AppendRights(nil, int(w.Fd()), int(r.Fd()))}, 0))(t)
			check(t, w.Close())
			m, control := recvControl(t, b, 0)
			if len(control.Rights) != 2 || !control.Has(HasRights) || m.Flags&MsgCTrunc != 0 {
				t.Fatalf("got %v, %v, want two descriptors", control.Rights, m.Flags)
			}
			for _, fd := range control.Rights {
				if flags := must(unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0))(t); flags&unix.FD_CLOEXEC == 0 {
					t.Errorf("descriptor %d is not close-on-exec", fd)
				}
			}
			check(t, unix.Close(control.Rights[1]))
			sent := os.NewFile(uintptr(control.Rights[0]), "sent")
			must(sent.WriteString("through"))(t)
			check(t, sent.Close())
			if got := string(must(io.ReadAll(r))(t)); got != "through" {
				t.Errorf("got %q, want %q", got, "through")
			}
		})
	}
}

// Descriptors for which there is no room are closed by the kernel, and the flag says so.
func TestMessageRightsWithoutRoom(t *testing.T) {
	a, b := connected(t, UNIX, STREAM, 0)
	null := must(os.Open(os.DevNull))(t)
	defer null.Close()
	before := len(openFiles())
	must(a.SendMsg(&Message{Buffers: [][]byte{{0}}, Control: AppendRights(nil, int(null.Fd()))}, 0))(t)
	m := &Message{Buffers: [][]byte{{0}}}
	must(b.RecvMsg(m, 0))(t)
	if m.Flags&MsgCTrunc == 0 {
		t.Errorf("got %v, want MSG_CTRUNC", m.Flags)
	}
	if after := len(openFiles()); after != before {
		t.Errorf("%d descriptors are open, want %d", after, before)
	}
}

func TestMessageCredentials(t *testing.T) {
	a, b := connected(t, UNIX, STREAM, 0)
	setNumber(t, b, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	want := Credentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}
	for _, sent := range [][]byte{nil, AppendCredentials(nil, want)} {
		must(a.SendMsg(&Message{Buffers: [][]byte{{0}}, Control: sent}, 0))(t)
		_, control := recvControl(t, b, 0)
		if !control.Has(HasCredentials) || *control.Credentials != want {
			t.Errorf("got %v, want %v", control.Credentials, want)
		}
	}
}

// inetControl is one of both families: what to set to be told, and how to say it.
type inetControl struct {
	family                Family
	level, info, ttl, tos int
	appendTTL, appendTOS  func([]byte, int) []byte
}

var inetControls = []inetControl{
	{INET, unix.SOL_IP, unix.IP_PKTINFO, unix.IP_RECVTTL, unix.IP_RECVTOS, AppendTTL, AppendTOS},
	{INET6, unix.SOL_IPV6, unix.IPV6_RECVPKTINFO, unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVTCLASS, AppendHopLimit, AppendTrafficClass},
}

func TestMessagePacketControl(t *testing.T) {
	lo := loopbackInterface(t)
	for _, c := range inetControls {
		t.Run(c.family.String(), func(t *testing.T) {
			a, from := boundTest(t, c.family, UDP)
			b, to := boundTest(t, c.family, UDP)
			for _, option := range []int{c.info, c.ttl, c.tos} {
				setNumber(t, b, c.level, option, 1)
			}
			setNumber(t, b, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
			start := time.Now()
			control := c.appendTOS(c.appendTTL(nil, 42), 8)
			control = AppendPacketInfo(control, PacketInfo{Local: from.AddrPort().Addr()})
			must(a.SendMsg(&Message{Buffers: [][]byte{[]byte("x")}, Addr: to, Control: control}, 0))(t)
			m, got := recvControl(t, b, 0)
			if !got.Has(HasPacketInfo | HasTTL | HasTOS | HasTimestamp) {
				t.Fatalf("got only %b of %b", got.Seen, HasPacketInfo|HasTTL|HasTOS|HasTimestamp)
			}
			here := to.AddrPort().Addr()
			if want := (PacketInfo{Interface: lo.Index, Local: here, Destination: here}); got.PacketInfo != want {
				t.Errorf("packet info: got %v, want %v", got.PacketInfo, want)
			}
			if got.TTL != 42 || got.TOS != 8 || m.Addr != from {
				t.Errorf("got TTL %d, TOS %d from %v, want 42, 8 from %v", got.TTL, got.TOS, m.Addr, from)
			}
			if d := got.Timestamp.Sub(start); d < -time.Second || d > someTime {
				t.Errorf("timestamp %v is not that of the packet, sent at %v", got.Timestamp, start)
			}
		})
	}
}

// On a wildcard socket the answer leaves from the address that was asked.
func TestMessageAnswersFromAskedAddress(t *testing.T) {
	server := newTest(t, INET, DGRAM, UDP)
	check(t, server.Bind(AddrFrom(netip.MustParseAddrPort("0.0.0.0:0"))))
	setNumber(t, server, unix.SOL_IP, unix.IP_PKTINFO, 1)
	asked := AddrFrom(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.77"), uint16(must(server.LocalAddr())(t).Port())))
	client, _ := boundTest(t, INET, UDP)
	must(client.SendTo([]byte("?"), 0, asked))(t)
	m, control := recvControl(t, server, 0)
	answer := &Message{Buffers: [][]byte{[]byte("!")}, Addr: m.Addr, Control: AppendPacketInfo(nil, control.PacketInfo)}
	must(server.SendMsg(answer, 0))(t)
	_, from, err := client.RecvFrom(make([]byte, 4), 0)
	if from != asked || err != nil {
		t.Errorf("the answer is from %v, %v, want %v", from, err, asked)
	}
}

// One send becomes several datagrams, and those become one receive again.
func TestMessageSegments(t *testing.T) {
	const size, count = 1200, 5
	for _, family := range []Family{INET, INET6} {
		t.Run(family.String(), func(t *testing.T) {
			a, _ := boundTest(t, family, UDP)
			plain, to := boundTest(t, family, UDP)
			data := make([]byte, size*count-100)
			for i := range data {
				data[i] = byte(i / size)
			}
			must(a.SendMsg(&Message{Buffers: [][]byte{data}, Addr: to, Control: AppendSegmentSize(nil, size)}, 0))(t)
			for i := range count {
				want := data[i*size : min(len(data), (i+1)*size)]
				m, _ := recvControl(t, plain, 0)
				if !bytes.Equal(m.Buffers[0][:m.N], want) {
					t.Errorf("datagram %d: got %d bytes, want %d", i, m.N, len(want))
				}
			}
			joined, to := boundTest(t, family, UDP)
			setNumber(t, joined, unix.SOL_UDP, unix.UDP_GRO, 1)
			must(a.SendMsg(&Message{Buffers: [][]byte{data}, Addr: to, Control: AppendSegmentSize(nil, size)}, 0))(t)
			m, control := recvControl(t, joined, 0)
			if !bytes.Equal(m.Buffers[0][:m.N], data) || control.SegmentSize != size || !control.Has(HasSegmentSize) {
				t.Errorf("got %d bytes in segments of %d, want %d in segments of %d", m.N, control.SegmentSize, len(data), size)
			}
		})
	}
}

// The count of dropped datagrams comes with one that was not.
func TestMessageDropped(t *testing.T) {
	a, _ := boundTest(t, INET, UDP)
	b, to := boundTest(t, INET, UDP)
	setNumber(t, b, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	setNumber(t, b, unix.SOL_SOCKET, unix.SO_RCVBUF, 0) // the least
	for range 200 {
		must(a.SendTo(make([]byte, 1000), 0, to))(t)
	}
	for received := uint32(1); ; received++ {
		_, control := recvControl(t, b, 0)
		if control.Has(HasDropped) && control.Dropped > 0 {
			return
		}
		must(a.SendTo(make([]byte, 1000), 0, to))(t)
		if received > 200 {
			t.Fatal("no datagram told of the dropped ones")
		}
	}
}

// errorOption makes a socket keep its errors for RecvError.
func errorOption(t *testing.T, s *Socket) {
	t.Helper()
	if s.Family() == INET {
		setNumber(t, s, unix.SOL_IP, unix.IP_RECVERR, 1)
	} else {
		setNumber(t, s, unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
	}
}

// closedUDP gives the address of a UDP port that was just closed.
func closedUDP(t *testing.T, family Family) Addr {
	t.Helper()
	s, addr := boundTest(t, family, UDP)
	check(t, s.Close())
	return addr
}

func TestRecvErrorRefused(t *testing.T) {
	for _, c := range []struct {
		family    Family
		origin    Origin
		typ, code uint8
	}{{INET, OriginICMP, 3, 3}, {INET6, OriginICMP6, 1, 4}} {
		t.Run(c.family.String(), func(t *testing.T) {
			s, local := boundTest(t, c.family, UDP)
			errorOption(t, s)
			if _, _, err := s.RecvError(nil); !errors.Is(err, syscall.EAGAIN) {
				t.Errorf("empty queue: got %v, want EAGAIN", err)
			}
			to := closedUDP(t, c.family)
			must(s.SendTo([]byte("anybody?"), 0, to))(t)
			check(t, s.SetReadDeadline(time.Now().Add(someTime)))
			_, err := s.Recv(make([]byte, 8), 0)
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("Recv: got %v, want ECONNREFUSED", err)
			}
			checkNesting(t, err)
			b := make([]byte, 64)
			got, n, err := s.RecvError(b)
			check(t, err)
			if string(b[:n]) != "anybody?" {
				t.Errorf("got the message %q, want the one that was sent", b[:n])
			}
			if got.Errno != syscall.ECONNREFUSED || got.Origin != c.origin || got.Type != c.typ || got.Code != c.code {
				t.Errorf("got %+v, want ECONNREFUSED of %v type %d code %d", got, c.origin, c.typ, c.code)
			}
			if got.Destination != to || got.Offender.AddrPort().Addr() != local.AddrPort().Addr() {
				t.Errorf("got destination %v, offender %v, want %v and this host", got.Destination, got.Offender, to)
			}
			want := fmt.Sprintf("connection refused (%v type %d code %d from %v)", c.origin, c.typ, c.code, local.AddrPort().Addr())
			if got.Error() != want || !errors.Is(&got, syscall.ECONNREFUSED) {
				t.Errorf("text: got %v, want %s", got.Error(), want)
			}
		})
	}
}

// A connected datagram socket hears of the closed port even without the queue.
func TestConnectedDatagramRefused(t *testing.T) {
	s := newTest(t, INET, DGRAM, UDP)
	to := closedUDP(t, INET)
	check(t, s.Connect(within(t), to))
	must(s.Send([]byte("anybody?"), 0))(t)
	check(t, s.SetReadDeadline(time.Now().Add(someTime)))
	_, err := s.Conn().Read(make([]byte, 8))
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), to.String()) {
		t.Errorf("got %v, want ECONNREFUSED of %v", err, to)
	}
}

// The kernel says in the queue when it sent a packet.
func TestRecvErrorTimestamp(t *testing.T) {
	a, _ := boundTest(t, INET, UDP)
	_, to := boundTest(t, INET, UDP)
	setNumber(t, a, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_TX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE)
	start := time.Now()
	must(a.SendTo([]byte("x"), 0, to))(t)
	var got QueuedError
	for {
		var err error
		if got, _, err = a.RecvError(make([]byte, 64)); err == nil {
			break
		}
		if !errors.Is(err, syscall.EAGAIN) || time.Since(start) > someTime {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if d := got.Timestamp.Sub(start); got.Origin != OriginTimestamp || d < -time.Second || d > someTime {
		t.Errorf("got %v at %v, want a timestamp near %v", got.Origin, got.Timestamp, start)
	}
}

func TestBatch(t *testing.T) {
	const count = 20
	for _, family := range []Family{INET, INET6, UNIX} {
		t.Run(family.String(), func(t *testing.T) {
			a, from := boundTest(t, family, 0)
			b, to := boundTest(t, family, 0)
			setNumber(t, b, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
			out := make([]Message, count)
			for i := range out {
				text := fmt.Sprint("message ", i)
				out[i] = Message{Buffers: [][]byte{[]byte(text[:3]), []byte(text[3:])}, Addr: to}
			}
			done := make(chan error, 1) // a UNIX receiver's queue holds fewer than that
			go func() {
				n, err := a.SendBatch(out, 0)
				if n != count {
					err = errors.Join(err, fmt.Errorf("SendBatch: got %d, want %d", n, count))
				}
				done <- err
			}()
			var got []string
			for len(got) < count {
				in := messages(count, 64, Addr{})
				n := must(b.RecvBatch(in, 0))(t)
				for _, m := range in[:n] {
					got = append(got, string(m.Buffers[0][:m.N]))
					if m.Addr != from {
						t.Errorf("from %v, want %v", m.Addr, from)
					}
				}
			}
			check(t, <-done)
			for i := range got {
				if want := fmt.Sprint("message ", i); got[i] != want || out[i].N != len(want) {
					t.Errorf("%d: got %q of %d bytes, want %q", i, got[i], out[i].N, want)
				}
			}
		})
	}
}

// A batch stops at the message that cannot be sent, and says so of that one.
func TestBatchStopsAtBadMessage(t *testing.T) {
	_, to := boundTest(t, INET, UDP)
	for _, c := range []struct {
		name string
		bad  Message
		want syscall.Errno
	}{
		{"too-long", Message{Buffers: [][]byte{make([]byte, 1<<16)}, Addr: to}, syscall.EMSGSIZE},
		{"wrong-family", Message{Buffers: [][]byte{{0}}, Addr: UnixAddr("/x")}, syscall.EAFNOSUPPORT},
		{"no-address", Message{Buffers: [][]byte{{0}}}, syscall.EDESTADDRREQ},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := boundTest(t, INET, UDP)
			out := messages(5, 8, to)
			out[3] = c.bad
			n, err := a.SendBatch(out, 0)
			if n != 3 || !errors.Is(err, c.want) {
				t.Errorf("got %d, %v, want 3, %v", n, err, c.want)
			}
			checkNesting(t, err)
		})
	}
}

func TestBatchLargerThanTheKernels(t *testing.T) {
	const count = 2*maxBatch + 10
	a, _ := boundTest(t, INET, UDP)
	b, to := boundTest(t, INET, UDP)
	received := make(chan int, 1)
	go func() {
		total := 0
		in := messages(count, 8, Addr{})
		for {
			_ = b.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			n, err := b.RecvBatch(in, 0)
			if err != nil {
				received <- total
				return
			}
			total += n
		}
	}()
	if n := must(a.SendBatch(messages(count, 1, to), 0))(t); n != count {
		t.Errorf("sent %d, want %d", n, count)
	}
	if n := <-received; n < 100 || n > count { // the receiver's queue may have overflowed
		t.Errorf("received %d of %d", n, count)
	}
}

func TestBatchEmpty(t *testing.T) {
	a, _ := boundTest(t, INET, UDP)
	if n, err := a.SendBatch(nil, 0); n != 0 || err != nil {
		t.Errorf("send: got %d, %v", n, err)
	}
	if n, err := a.RecvBatch(nil, 0); n != 0 || err != nil {
		t.Errorf("receive: got %d, %v", n, err)
	}
}

// What Append writes, ControlMessages reads.
func TestControlRoundTrip(t *testing.T) {
	want := []ControlMessage{{1, 2, []byte("abc")}, {41, 50, nil}, {0, 8, bytes.Repeat([]byte("x"), 20)}}
	var b []byte
	for _, m := range want {
		b = AppendControl(b, m)
	}
	if size := ControlSpace(3) + ControlSpace(0) + ControlSpace(20); len(b) != size || unix.CmsgSpace(3) != ControlSpace(3) {
		t.Errorf("%d bytes, want %d", len(b), size)
	}
	i := 0
	for m := range ControlMessages(b) {
		if m.Level != want[i].Level || m.Type != want[i].Type || !bytes.Equal(m.Data, want[i].Data) {
			t.Errorf("%d: got %v, want %v", i, m, want[i])
		}
		i++
	}
	if i != len(want) {
		t.Errorf("got %d messages, want %d", i, len(want))
	}
}

// The standard library reads the same.
func TestControlAgainstSyscall(t *testing.T) {
	b := AppendSegmentSize(AppendRights(AppendTTL(nil, 7), 3, 4), 1200)
	theirs := must(syscall.ParseSocketControlMessage(b))(t)
	ours := slices.Collect(ControlMessages(b))
	if len(ours) != 3 || len(theirs) != 3 {
		t.Fatalf("got %d and %d messages, want 3", len(ours), len(theirs))
	}
	for i := range ours {
		h := theirs[i].Header
		if ours[i].Level != int(h.Level) || ours[i].Type != int(h.Type) || !bytes.Equal(ours[i].Data, theirs[i].Data) {
			t.Errorf("%d: got %v, want %v", i, ours[i], theirs[i])
		}
	}
}

func TestControlMalformed(t *testing.T) {
	whole := AppendCredentials(nil, Credentials{PID: 1})
	huge := bytes.Clone(whole)
	huge[0] = 0xff
	for name, b := range map[string][]byte{
		"short-header":      whole[:headerSize-1],
		"short-data":        whole[:headerSize+4],
		"zero-length":       make([]byte, 32),
		"too-long":          huge,
		"short-credentials": AppendControl(nil, ControlMessage{unix.SOL_SOCKET, unix.SCM_CREDENTIALS, make([]byte, 4)}),
		"short-error":       AppendControl(nil, ControlMessage{unix.SOL_IP, unix.IP_RECVERR, make([]byte, 15)}),
		"short-packet-info": AppendControl(nil, ControlMessage{unix.SOL_IPV6, unix.IPV6_PKTINFO, make([]byte, 19)}),
		"short-timestamp":   AppendControl(nil, ControlMessage{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, make([]byte, 4)}),
		"odd-rights":        AppendControl(nil, ControlMessage{unix.SOL_SOCKET, unix.SCM_RIGHTS, make([]byte, 5)}),
	} {
		if c, err := ParseControl(b); err != ErrControl {
			t.Errorf("%s: got %+v, %v, want ErrControl", name, c, err)
		}
	}
	c, err := ParseControl(append(AppendRights(nil, 5), 1, 2, 3))
	if err != ErrControl || !slices.Equal(c.Rights, []int{5}) {
		t.Errorf("rights before the damage: got %v, %v, want [5], ErrControl", c.Rights, err)
	}
}

func FuzzControl(f *testing.F) {
	f.Add(AppendRights(AppendTTL(nil, 1), 3))
	f.Add(AppendPacketInfo(nil, PacketInfo{Local: netip.MustParseAddr("::1")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, err := ParseControl(b)
		if n := len(slices.Collect(ControlMessages(b))); err == nil && n == 0 && len(b) > 0 {
			t.Errorf("%x: accepted as no message: %+v", b, ours)
		}
	})
}

func TestDrainedPipeIsWhole(t *testing.T) {
	p := must(newPipe())(t)
	defer p.close()
	want := bytes.Repeat([]byte("x"), 1000)
	must(unix.Write(p.w, want))(t)
	p.held = len(want)
	if got := p.drain(); !bytes.Equal(got, want) || p.held != 0 {
		t.Errorf("got %d bytes, %d held, want %d and 0", len(got), p.held, len(want))
	}
}

// What the kernel says in a control message (here: how much is left to read) does not hide the end
// of a stream.
func TestMessageEndOfStreamWithControl(t *testing.T) {
	for _, k := range []struct {
		stream
		level, option int
	}{
		{stream{"tcp", INET, STREAM, TCP}, unix.SOL_TCP, unix.TCP_INQ},
		{stream{"unix", UNIX, STREAM, 0}, unix.SOL_SOCKET, unix.SO_PASSCRED},
		{stream{"unixpacket", UNIX, SEQPACKET, 0}, unix.SOL_SOCKET, unix.SO_PASSCRED},
	} {
		t.Run(k.name, func(t *testing.T) {
			a, b := connected(t, k.family, k.typ, k.proto)
			setNumber(t, b, k.level, k.option, 1)
			must(a.Send([]byte("last"), 0))(t)
			check(t, a.Shutdown(ShutWR))
			m := []Message{{Buffers: [][]byte{make([]byte, 16)}, Control: make([]byte, 128)}}
			if n, err := b.RecvMsg(&m[0], 0); n != 4 || err != nil || m[0].NControl == 0 {
				t.Fatalf("got %d, %v with %d bytes of control; want 4 and some", n, err, m[0].NControl)
			}
			if n, err := b.RecvMsg(&m[0], 0); err != io.EOF {
				t.Errorf("RecvMsg = %d, %v with %d bytes of control; want io.EOF", n, err, m[0].NControl)
			}
			if n, err := b.RecvBatch(m, 0); err != io.EOF {
				t.Errorf("RecvBatch = %d, %v with %d bytes of control; want io.EOF", n, err, m[0].NControl)
			}
		})
	}
}

// RecvError neither waits its turn behind a receive that waits, nor minds its deadline.
func TestRecvErrorDoesNotWait(t *testing.T) {
	s := newTest(t, INET, DGRAM, UDP)
	errorOption(t, s)
	result := make(chan error, 1)
	<-waitsInRecv(t, s, result)
	waitUntilParked(t)
	failed := make(chan error, 1)
	go func() {
		_, _, err := s.RecvError(nil)
		failed <- err
	}()
	select {
	case err := <-failed:
		if !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("beside a Recv: got %v, want EAGAIN", err)
		}
	case <-time.After(someTime / 10):
		t.Error("RecvError waits for the Recv")
	}
	check(t, s.SetReadDeadline(time.Unix(1, 0)))
	<-result
	if _, _, err := s.RecvError(nil); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("after the deadline: got %v, want EAGAIN", err)
	}
}

// A batch of which only some go to an address waits for room without spinning: each refused attempt
// makes the socket writable again, so that the poller is no help.
func TestBatchMixedWaitsForRoom(t *testing.T) {
	_, peer := boundTest(t, UNIX, 0)
	_, full := boundTest(t, UNIX, 0)
	other := newTest(t, UNIX, DGRAM, 0)
	for {
		if _, err := other.SendTo([]byte("other"), MsgDontWait, full); errors.Is(err, syscall.EAGAIN) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	s := newTest(t, UNIX, DGRAM, 0)
	check(t, s.Connect(within(t), peer))
	const wait = 300 * time.Millisecond
	check(t, s.SetWriteDeadline(time.Now().Add(wait)))
	before := cpuTime(t)
	n, err := s.SendBatch(append(messages(1, 1, Addr{}), messages(1, 1, full)...), 0)
	if n != 1 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d, %v; want 1 and os.ErrDeadlineExceeded", n, err)
	}
	if spent := cpuTime(t) - before; spent > wait/2 {
		t.Errorf("the wait of %v took %v of CPU, want next to none", wait, spent)
	}
}
