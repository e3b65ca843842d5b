package diag

// Attributes of a PacketMessage, for Has: PACKET_DIAG_*.
const (
	PacketInfo   = 0
	PacketFanout = 4
	PacketUID    = 5
	PacketMemory = 6
)

// PacketMessage is one packet socket: struct packet_diag_msg and its attributes.
//
//	| family| type  | protocol      | inode         | cookie, two words             |   16 bytes
type PacketMessage struct {
	Type      uint8
	Protocol  uint16 // Ethernet's; 3 is every one
	Inode     uint32
	Cookie    uint64
	Interface uint32 // zero: every one
	Fanout    uint32
	UID       uint32
	Memory    Memory

	present uint32
}

// Has reports whether the kernel sent an attribute.
func (m *PacketMessage) Has(attribute int) bool { return m.present&(1<<attribute) != 0 }

// Parse reads a message without its netlink header into m.
func (m *PacketMessage) Parse(b []byte) error {
	if len(b) < 16 {
		return ErrShort
	}
	*m = PacketMessage{Type: b[1], Protocol: native.Uint16(b[2:]), Inode: native.Uint32(b[4:]), Cookie: cookie(b[8:])}
	attributes(b[16:], m.attribute)
	return nil
}

func (m *PacketMessage) attribute(kind uint16, b []byte) {
	switch {
	case len(b) < 4:
		return
	case kind == PacketInfo:
		m.Interface = native.Uint32(b)
	case kind == PacketFanout:
		m.Fanout = native.Uint32(b)
	case kind == PacketUID:
		m.UID = native.Uint32(b)
	case kind == PacketMemory && m.Memory.parse(b):
	default:
		return
	}
	m.present |= 1 << kind
}

// packetShow asks for PACKET_SHOW_INFO, _FANOUT and _MEMINFO.
const packetShow = 1 | 8 | 16

// Attributes of a NetlinkMessage, for Has: NETLINK_DIAG_*.
const (
	NetlinkMemory = 0
	NetlinkGroups = 1
)

// NetlinkMessage is one netlink socket: struct netlink_diag_msg and its attributes.
//
//	| family| type  | proto | state | port id       | peer's port id| peer's group  |
//	| inode         | cookie, two words             |                                   28 bytes
type NetlinkMessage struct {
	Type, Protocol, State uint8
	Port                  uint32 // zero: the kernel's own socket
	PeerPort, PeerGroup   uint32
	Inode                 uint32
	Cookie                uint64
	Groups                uint32 // the first 32 of those it has joined, as a bitmap
	Memory                Memory

	present uint32
}

// Has reports whether the kernel sent an attribute.
func (m *NetlinkMessage) Has(attribute int) bool { return m.present&(1<<attribute) != 0 }

// Parse reads a message without its netlink header into m.
func (m *NetlinkMessage) Parse(b []byte) error {
	if len(b) < 28 {
		return ErrShort
	}
	*m = NetlinkMessage{
		Type: b[1], Protocol: b[2], State: b[3], Port: native.Uint32(b[4:]), PeerPort: native.Uint32(b[8:]),
		PeerGroup: native.Uint32(b[12:]), Inode: native.Uint32(b[16:]), Cookie: cookie(b[20:]),
	}
	attributes(b[28:], m.attribute)
	return nil
}

func (m *NetlinkMessage) attribute(kind uint16, b []byte) {
	switch {
	case kind == NetlinkMemory && m.Memory.parse(b):
	case kind == NetlinkGroups && len(b) >= 4:
		m.Groups = native.Uint32(b)
	default:
		return
	}
	m.present |= 1 << kind
}

// netlinkShow asks for NDIAG_SHOW_MEMINFO and _GROUPS, of every protocol.
const (
	netlinkShow  = 1 | 2
	allProtocols = 0xff
)

// VsockMessage is one vsock socket: struct vsock_diag_msg.
//
//	| family| type  | state | shutd.| context       | port          | peer context  |
//	| peer port     | inode         | cookie, two words             |                   32 bytes
type VsockMessage struct {
	Type, State, Shutdown uint8
	Context, Port         uint32
	PeerContext, PeerPort uint32
	Inode                 uint32
	Cookie                uint64
}

// Parse reads a message without its netlink header into m.
func (m *VsockMessage) Parse(b []byte) error {
	if len(b) < 32 {
		return ErrShort
	}
	*m = VsockMessage{
		Type: b[1], State: b[2], Shutdown: b[3], Context: native.Uint32(b[4:]), Port: native.Uint32(b[8:]),
		PeerContext: native.Uint32(b[12:]), PeerPort: native.Uint32(b[16:]),
		Inode: native.Uint32(b[20:]), Cookie: cookie(b[24:]),
	}
	return nil
}

// appendShow encodes struct packet_diag_req and netlink_diag_req, which are alike.
func appendShow(b []byte, family, protocol byte, show uint32) []byte {
	b = append(b, family, protocol, 0, 0)
	for _, word := range []uint32{0, show, ^uint32(0), ^uint32(0)} {
		b = native.AppendUint32(b, word)
	}
	return b
}

// appendVsock encodes struct vsock_diag_req.
func appendVsock(b []byte, states uint32) []byte {
	if states == 0 {
		states = AllStates
	}
	b = append(b, Vsock, 0, 0, 0)
	for _, word := range []uint32{states, 0, 0, 0, 0} {
		b = native.AppendUint32(b, word)
	}
	return b
}
