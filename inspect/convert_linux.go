package inspect

import (
	"encoding/binary"
	"time"

	"sock/internal/diag"
	"sock/socket"
)

// How the kernel's messages become Sockets. All are built in one place, which
// the next message overwrites: what is passed on is a copy.

// kindType is the type of an Internet socket of each kind.
func kindType(k Kind) socket.Type {
	switch k {
	case UDP, UDPLite:
		return socket.DGRAM
	case Raw:
		return socket.RAW
	}
	return socket.STREAM
}

func (r *reading) inetSocket(ns *Namespace, k Kind, m *diag.InetMessage) *Socket {
	s := &r.socket
	*s = Socket{
		Kind: k, Type: kindType(k), Family: socket.INET, State: State(m.State), Netns: ns,
		Timer: TimerKind(m.Timer), Expires: time.Duration(m.Expires) * time.Millisecond, Retransmits: m.Retransmits,
		UID: m.UID, Inode: m.Inode, Cookie: m.Cookie, Interface: m.Interface,
		Mark: m.Mark, CgroupID: m.Cgroup, Shutdown: Shutdown(m.Shutdown), V6Only: m.V6Only,
		TOS: m.TOS, TClass: m.TClass, Options: Options(m.Options),
		Congestion: r.name(m.Congestion), ULP: r.name(m.ULP),
	}
	if m.Family == diag.Inet6 {
		s.Family = socket.INET6
	}
	s.Local = addrPort(s.Family, m.Source, m.SourcePort)
	if m.DestinationPort != 0 || m.Destination != [16]byte{} {
		s.Peer = addrPort(s.Family, m.Destination, m.DestinationPort)
	}
	if k == Raw {
		s.raw(m)
	}
	if s.Timer == NoTimer {
		s.Expires = 0
	}
	s.queues(m.ReceiveQueue, m.SendQueue)
	s.facts(m)
	if m.Has(diag.AttrMemory) {
		s.memory(m.Memory)
	}
	s.info(k, m)
	return s
}

// raw keeps the protocol, which stands in the place of the port.
func (s *Socket) raw(m *diag.InetMessage) {
	s.Protocol = m.SourcePort
	if m.Has(diag.AttrProtocol) {
		s.Protocol = uint16(m.Protocol)
	}
	s.Local = addrPort(s.Family, m.Source, 0)
	if s.Peer.IsValid() {
		s.Peer = addrPort(s.Family, m.Destination, 0)
	}
}

// queues knows that the numbers of a listener are connections.
func (s *Socket) queues(receive, send uint32) {
	s.Known |= HasQueues
	if s.State == Listen {
		s.Accept, s.Backlog = receive, send
		return
	}
	s.Receive, s.Send = receive, send
}

// facts notes what the kernel has sent. The uid of a socket without an inode
// is 0 for want of a better one, which is not root's.
func (s *Socket) facts(m *diag.InetMessage) {
	for _, row := range &inetFacts {
		if m.Has(row.attribute) {
			s.Known |= row.fact
		}
	}
	if m.Inode != 0 || m.UID != 0 {
		s.Known |= HasUID
	}
}

// inetFacts are the attributes that tell a fact.
var inetFacts = [...]struct {
	attribute int
	fact      Fact
}{
	{diag.AttrMark, HasMark},
	{diag.AttrShutdown, HasShutdown},
	{diag.AttrV6Only, HasV6Only},
	{diag.AttrTOS, HasTOS},
	{diag.AttrCgroup, HasCgroup},
	{diag.AttrOptions, HasOptions},
}

func (s *Socket) memory(m diag.Memory) {
	s.Known |= HasMemory
	s.Drops = m.Drops
	s.Memory = Memory{
		m.ReceiveAlloc, m.ReceiveBuffer, m.SendAlloc, m.SendBuffer, m.Forward, m.SendQueued, m.Option, m.Backlog,
	}
}

// info reads struct tcp_info, or for MPTCP the beginning of struct mptcp_info:
// subflows at 0, flags at 8, the token at 12.
func (s *Socket) info(k Kind, m *diag.InetMessage) {
	switch {
	case k == TCP && s.State != Listen:
		if info, err := socket.ParseTCPInfo(m.Info); err == nil {
			s.Info = &info
		}
	case k == MPTCP && len(m.Info) >= 16:
		flags := binary.NativeEndian.Uint32(m.Info[8:])
		s.MPTCP = MPTCPInfo{Subflows: m.Info[0], Fallback: flags&1 != 0, Token: binary.NativeEndian.Uint32(m.Info[12:])}
		s.Known |= HasMPTCP
	}
}

// name gives a string for bytes that are one of a few names.
func (r *reading) name(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if name, ok := r.names[string(b)]; ok {
		return name
	}
	name := string(b)
	r.names[name] = name
	return name
}

func (r *reading) unix(ns *Namespace, m *diag.UnixMessage) *Socket {
	s := &r.socket
	*s = Socket{
		Kind: Unix, Type: socket.Type(m.Type), Family: socket.UNIX, State: State(m.State), Netns: ns,
		Local: unixName(m.Name), UID: m.UID, Inode: m.Inode, Cookie: m.Cookie,
		Shutdown: Shutdown(m.Shutdown), PeerInode: m.Peer, File: File{m.FileInode, m.FileDevice},
	}
	if m.Has(diag.UnixPeer) {
		s.Peer = socket.UnixAddr("")
	}
	if m.Has(diag.UnixQueues) {
		s.queues(m.ReceiveQueue, m.SendQueue)
	}
	if m.Has(diag.UnixUID) {
		s.Known |= HasUID
	}
	if m.Has(diag.UnixShutdown) {
		s.Known |= HasShutdown
	}
	if m.Has(diag.UnixMemory) {
		s.memory(m.Memory)
	}
	return s
}

// unixName reads sun_path: a NUL begins an abstract name and ends a path.
func unixName(b []byte) socket.Addr {
	if len(b) == 0 || b[0] == 0 {
		return socket.UnixAddr(string(b))
	}
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	if b[0] == '@' {
		return socket.UnixAddr("./" + string(b))
	}
	return socket.UnixAddr(string(b))
}

func (r *reading) packet(ns *Namespace, m *diag.PacketMessage) *Socket {
	s := &r.socket
	*s = Socket{
		Kind: Packet, Type: socket.Type(m.Type), Family: socket.PACKET, State: Closed, Netns: ns,
		Local: socket.PacketAddr(m.Protocol, int(m.Interface), nil), Protocol: m.Protocol,
		UID: m.UID, Inode: m.Inode, Cookie: m.Cookie, Interface: m.Interface,
	}
	if m.Has(diag.PacketUID) {
		s.Known |= HasUID
	}
	if m.Has(diag.PacketMemory) {
		s.memory(m.Memory)
		s.Known |= HasQueues
		s.Receive, s.Send = m.Memory.ReceiveAlloc, m.Memory.SendAlloc
	}
	return s
}

// netlink reads a state of its own: 1 is connected.
func (r *reading) netlink(ns *Namespace, m *diag.NetlinkMessage) *Socket {
	s := &r.socket
	*s = Socket{
		Kind: Netlink, Type: socket.Type(m.Type), Family: socket.NETLINK, State: Closed, Netns: ns,
		Local: socket.NetlinkAddr(m.Port, m.Groups), Protocol: uint16(m.Protocol), Inode: m.Inode, Cookie: m.Cookie,
	}
	if m.State == 1 {
		s.State = Established
		s.Peer = socket.NetlinkAddr(m.PeerPort, m.PeerGroup)
	}
	if m.Has(diag.NetlinkMemory) {
		s.memory(m.Memory)
		s.Known |= HasQueues
		s.Receive, s.Send = m.Memory.ReceiveAlloc, m.Memory.SendAlloc
	}
	return s
}

func (r *reading) vsock(ns *Namespace, m *diag.VsockMessage) *Socket {
	s := &r.socket
	*s = Socket{
		Kind: Vsock, Type: socket.Type(m.Type), Family: socket.VSOCK, State: State(m.State), Netns: ns,
		Local: socket.VsockAddr(m.Context, m.Port), Inode: m.Inode, Cookie: m.Cookie, Shutdown: Shutdown(m.Shutdown),
	}
	s.Known |= HasShutdown
	if s.State == Established || s.State == SynSent || s.State == Closing {
		s.Peer = socket.VsockAddr(m.PeerContext, m.PeerPort)
	}
	return s
}
