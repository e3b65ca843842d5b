package diag

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
)

// answering gives a Conn whose kernel is a function, and the requests it got.
func answering(t *testing.T, answer ...netlink.Message) (*Conn, *[]netlink.Message) {
	t.Helper()
	var requests []netlink.Message
	c := &Conn{nl: nltest.Dial(func(request []netlink.Message) ([]netlink.Message, error) {
		requests = append(requests, request...)
		for i := range answer {
			answer[i].Header.Sequence, answer[i].Header.PID = request[0].Header.Sequence, nltest.PID
		}
		return answer, nil
	})}
	t.Cleanup(func() { _ = c.Close() })
	return c, &requests
}

func part(flags netlink.HeaderFlags, data []byte) netlink.Message {
	return netlink.Message{Header: netlink.Header{Type: byFamily, Flags: netlink.Multi | flags}, Data: data}
}

var done = netlink.Message{Header: netlink.Header{Type: netlink.Done, Flags: netlink.Multi}, Data: make([]byte, 4)}

// What was read before the table changed is good, and the change is told last.
func TestDumpInterrupted(t *testing.T) {
	c, _ := answering(t, part(0, make([]byte, inetSize)), part(dumpInterrupted, make([]byte, inetSize)), done)
	var got []error
	for _, err := range c.Inet(t.Context(), InetRequest{Family: Inet, Protocol: TCP}) {
		got = append(got, err)
	}
	if len(got) != 3 || got[0] != nil || got[1] != nil || !errors.Is(got[2], ErrInterrupted) {
		t.Errorf("got %v, want two sockets and ErrInterrupted", got)
	}
}

func TestDumpShortMessage(t *testing.T) {
	c, _ := answering(t, part(0, make([]byte, 10)), done)
	for _, err := range c.Unix(t.Context(), UnixRequest{}) {
		if !errors.Is(err, ErrShort) {
			t.Errorf("got %v, want ErrShort", err)
		}
		return
	}
	t.Error("a short message gave nothing")
}

func TestDumpRefused(t *testing.T) {
	for errno, unsupported := range map[syscall.Errno]bool{syscall.ENOENT: true, syscall.EOPNOTSUPP: true, syscall.EPERM: false, syscall.EINVAL: false} {
		code := native.AppendUint32(nil, uint32(-int32(errno)))
		c, _ := answering(t, netlink.Message{Header: netlink.Header{Type: netlink.Error}, Data: append(code, make([]byte, 16)...)})
		var got error
		for _, err := range c.Vsock(t.Context(), 0) {
			got = err
		}
		var wrapped *Error
		if !errors.Is(got, errno) || !errors.As(got, &wrapped) || wrapped.Table != "vsock" || errors.Is(got, errors.ErrUnsupported) != unsupported {
			t.Errorf("errno %v: got %v, unsupported %v; want that errno, %v", errno, got, errors.Is(got, errors.ErrUnsupported), unsupported)
		}
	}
}

// The requests, byte for byte where the kernel's structures have them.
func TestRequests(t *testing.T) {
	c, requests := answering(t, done)
	filter := Port(Source, 80)
	for range c.Inet(t.Context(), InetRequest{Family: Inet6, Protocol: MPTCP, Extensions: WantInfo | WantMemory, States: 1 << Listen, Filter: filter}) {
	}
	for range c.Packet(t.Context()) {
	}
	sent := *requests
	if len(sent) != 2 || sent[0].Header.Type != byFamily || sent[0].Header.Flags&netlink.Dump != netlink.Dump {
		t.Fatalf("requests %+v", sent)
	}
	inet := sent[0].Data
	if !slices.Equal(inet[:4], []byte{Inet6, noProtocol, 0x42, 0}) || native.Uint32(inet[4:]) != 1<<Listen || len(inet) != 56+4+len(filter)+8 {
		t.Errorf("inet_diag_req_v2 is %x", inet)
	}
	attrs := map[uint16][]byte{}
	attributes(inet[56:], func(kind uint16, value []byte) { attrs[kind] = value })
	if !slices.Equal(attrs[requestFilter], filter) || native.Uint32(attrs[requestProtocol]) != MPTCP {
		t.Errorf("attributes %x, want the program and protocol 262", attrs)
	}
	if packet := sent[1].Data; len(packet) != 20 || packet[0] != Packet || native.Uint32(packet[8:]) != packetShow {
		t.Errorf("packet_diag_req is %x", packet)
	}
}
