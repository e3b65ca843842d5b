package diag

import (
	"bytes"
	"errors"
	"testing"
)

// wire builds a message: so many bytes of a fixed part, then attributes.
func wire(fixed int, attrs ...[]byte) []byte {
	b := make([]byte, fixed)
	for i := range b {
		b[i] = byte(i + 1)
	}
	for _, a := range attrs {
		b = appendAttribute(b, native.Uint16(a), a[2:])
	}
	return b
}

func attr(kind uint16, value ...byte) []byte {
	return append(native.AppendUint16(nil, kind), value...)
}

func TestInetMessageFixedPart(t *testing.T) {
	var m InetMessage
	if err := m.Parse(wire(inetSize)); err != nil {
		t.Fatal(err)
	}
	if m.Family != 1 || m.State != 2 || m.Timer != 3 || m.Retransmits != 4 {
		t.Errorf("the first word is %d %d %d %d, want 1 2 3 4", m.Family, m.State, m.Timer, m.Retransmits)
	}
	if m.SourcePort != 0x0506 || m.DestinationPort != 0x0708 {
		t.Errorf("the ports are %#x %#x, want 0x506 0x708, in network order", m.SourcePort, m.DestinationPort)
	}
	if m.Source[0] != 9 || m.Destination[15] != 40 {
		t.Errorf("the addresses begin with %d and end with %d, want 9 and 40", m.Source[0], m.Destination[15])
	}
	if got, want := m.Inode, native.Uint32([]byte{69, 70, 71, 72}); got != want {
		t.Errorf("inode %#x, want %#x", got, want)
	}
	if m.present != 0 {
		t.Errorf("attributes %b, want none", m.present)
	}
}

func TestInetMessageAttributes(t *testing.T) {
	ulp := appendAttribute(nil, 1, []byte("mptcp\x00"))
	ulp = appendAttribute(ulp, 3, []byte{1, 2, 3, 4})
	memory := make([]byte, 36)
	native.PutUint32(memory[32:], 7)
	var m InetMessage
	err := m.Parse(wire(inetSize,
		attr(AttrShutdown, 3), attr(AttrV6Only, 1), attr(AttrMark, 1, 0, 0, 0), attr(AttrCongestion, 'b', 'b', 'r', 0),
		attr(AttrCgroup, 9, 0, 0, 0, 0, 0, 0, 0), attr(AttrMemory, memory...), attr(AttrULP|0x8000, ulp...),
		attr(AttrInfo, bytes.Repeat([]byte{5}, 280)...), attr(99, 1), attr(AttrTOS),
	))
	if err != nil {
		t.Fatal(err)
	}
	if m.Shutdown != 3 || !m.V6Only || string(m.Congestion) != "bbr" || m.Memory.Drops != 7 || len(m.Info) != 280 {
		t.Errorf("got %+v", m)
	}
	if string(m.ULP) != "mptcp" || m.ULPKind != 3 || len(m.ULPInfo) != 4 {
		t.Errorf("upper layer %q, %d, %v; want mptcp, 3 and its 4 bytes", m.ULP, m.ULPKind, m.ULPInfo)
	}
	for _, a := range []int{AttrShutdown, AttrV6Only, AttrMark, AttrCongestion, AttrCgroup, AttrMemory, AttrULP, AttrInfo} {
		if !m.Has(a) {
			t.Errorf("attribute %d is not there", a)
		}
	}
	if m.Has(AttrTOS) || m.Has(AttrTClass) {
		t.Error("an empty TOS, or a TCLASS that did not come, is there")
	}
}

// An older kernel's structure is shorter; a damaged attribute is left out.
func TestInetMessageShorter(t *testing.T) {
	var m InetMessage
	if err := m.Parse(make([]byte, inetSize-1)); !errors.Is(err, ErrShort) {
		t.Errorf("71 bytes: %v, want ErrShort", err)
	}
	if err := m.Parse(wire(inetSize, attr(AttrMemory, make([]byte, 32)...))); err != nil || !m.Has(AttrMemory) || m.Memory.Drops != 0 {
		t.Errorf("memory of eight numbers: %v, %v; want it with no drops", err, m.Memory)
	}
	damaged := append(wire(inetSize, attr(AttrShutdown, 1)), 0xff, 0xff, 7, 0)
	if err := m.Parse(damaged); err != nil || !m.Has(AttrShutdown) || m.Has(AttrMemory) {
		t.Errorf("a length past the end: %v, attributes %b; want what came before it", err, m.present)
	}
}

func TestUnixMessageAttributes(t *testing.T) {
	var m UnixMessage
	err := m.Parse(wire(16,
		attr(UnixName, 0, 'x'), attr(UnixPeer, 4, 0, 0, 0), attr(UnixQueues, 1, 0, 0, 0, 2, 0, 0, 0),
		attr(UnixWaiting, 5, 0, 0, 0, 6, 0, 0, 0), attr(UnixUID, 7, 0, 0, 0), attr(UnixShutdown, 1)))
	if err != nil {
		t.Fatal(err)
	}
	var waiting []uint32
	m.Clients(func(inode uint32) { waiting = append(waiting, inode) })
	if string(m.Name) != "\x00x" || len(waiting) != 2 || m.Shutdown != 1 || !m.Has(UnixName) || m.Has(UnixVFS) {
		t.Errorf("got %+v, waiting %v", m, waiting)
	}
	if one := native.Uint32([]byte{1, 0, 0, 0}); m.ReceiveQueue != one || m.SendQueue != 2*one {
		t.Errorf("queues %d %d, want 1 2", m.ReceiveQueue, m.SendQueue)
	}
}

// checkReader holds any reader to this: no panic, and the fixed part decides.
func checkReader(t *testing.T, b []byte, size int, parse func([]byte) error) {
	t.Helper()
	err := parse(b)
	if (len(b) < size) != (err != nil) {
		t.Errorf("%d bytes of at least %d: %v", len(b), size, err)
	}
}

func FuzzInetMessage(f *testing.F) {
	f.Add(wire(inetSize, attr(AttrULP, 8, 0, 1, 0, 't', 'l', 's', 0), attr(AttrInfo, make([]byte, 280)...)))
	f.Add(wire(inetSize, attr(AttrOptions, 1, 2), attr(AttrMD5, make([]byte, 200)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m InetMessage
		checkReader(t, b, inetSize, m.Parse)
		if len(m.Info)+len(m.Congestion)+len(m.ULP)+len(m.ULPInfo)+len(m.Vegas)+len(m.BBR)+len(m.DCTCP) > 7*len(b) {
			t.Errorf("the views are longer than the message of %d bytes", len(b))
		}
	})
}

func FuzzUnixMessage(f *testing.F) {
	f.Add(wire(16, attr(UnixName, '/', 'x', 0), attr(UnixWaiting, 1, 0, 0, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m UnixMessage
		checkReader(t, b, 16, m.Parse)
		n := 0
		m.Clients(func(uint32) { n++ })
		if n > len(b)/4 {
			t.Errorf("%d clients in %d bytes", n, len(b))
		}
	})
}

func FuzzOtherMessages(f *testing.F) {
	f.Add(wire(16, attr(PacketUID, 1, 0, 0, 0)))
	f.Add(wire(28, attr(NetlinkGroups, 1, 0, 0, 0)))
	f.Add(wire(32))
	f.Fuzz(func(t *testing.T, b []byte) {
		var packet PacketMessage
		var netlink NetlinkMessage
		var vsock VsockMessage
		checkReader(t, b, 16, packet.Parse)
		checkReader(t, b, 28, netlink.Parse)
		checkReader(t, b, 32, vsock.Parse)
	})
}
