package diag

import "encoding/binary"

// Attributes of an InetMessage, for Has: INET_DIAG_*.
const (
	AttrMemInfo    = 1
	AttrInfo       = 2
	AttrVegas      = 3
	AttrCongestion = 4
	AttrTOS        = 5
	AttrTClass     = 6
	AttrMemory     = 7
	AttrShutdown   = 8
	AttrDCTCP      = 9
	AttrProtocol   = 10
	AttrV6Only     = 11
	AttrMark       = 15
	AttrBBR        = 16
	AttrClassID    = 17
	AttrMD5        = 18
	AttrULP        = 19
	AttrCgroup     = 21
	AttrOptions    = 22
)

// Extensions that an InetRequest may ask for; the rest comes unasked or with
// one of these (BBR and DCTCP with Vegas, the class with the traffic class, ULP
// and MD5 with Info).
const (
	WantMemInfo    uint8 = 1 << (AttrMemInfo - 1)
	WantInfo       uint8 = 1 << (AttrInfo - 1)
	WantVegas      uint8 = 1 << (AttrVegas - 1)
	WantCongestion uint8 = 1 << (AttrCongestion - 1)
	WantTOS        uint8 = 1 << (AttrTOS - 1)
	WantTClass     uint8 = 1 << (AttrTClass - 1)
	WantMemory     uint8 = 1 << (AttrMemory - 1)
)

// Options are those that the kernel tells of unasked (struct inet_diag_sockopt).
type Options uint16

// The bits of Options, in the order of the structure.
const (
	OptRecvErr Options = 1 << iota
	OptConnectionOriented
	OptFreeBind
	OptHeaderIncluded
	OptMulticastLoop
	OptTransparent
	OptMulticastAll
	OptNoDefragment
	OptBindAddressNoPort
	OptRecvErrRFC4884
	OptDeferConnect
)

// InetMessage is one Internet socket: struct inet_diag_msg and its attributes.
// The slices are views that the next message overwrites.
//
//	0       1       2       3       4
//	| family| state | timer | retran| source port   | dest. port    |   network order
//	| source address, 16 bytes                                      |   network order
//	| destination address, 16 bytes                                 |
//	| interface     | cookie, two words             | expires (ms)  |
//	| receive queue | send queue    | uid           | inode         |   72 bytes
type InetMessage struct {
	Family, State       uint8
	Timer, Retransmits  uint8
	SourcePort          uint16
	DestinationPort     uint16
	Source, Destination [16]byte // IPv4 in the first four
	Interface           uint32
	Cookie              uint64
	Expires             uint32 // milliseconds
	ReceiveQueue        uint32
	SendQueue           uint32
	UID, Inode          uint32

	Info       []byte // struct tcp_info or mptcp_info, as long as the kernel's is
	Vegas      []byte
	BBR        []byte
	DCTCP      []byte
	Congestion []byte
	ULP        []byte // the upper layer's name: tls, mptcp, espintcp
	ULPInfo    []byte // its attributes
	ULPKind    uint16 // which: 2 TLS, 3 MPTCP
	Memory     Memory
	MemInfo    [4]uint32 // receive, send queued, forward, send
	Mark       uint32
	ClassID    uint32
	MD5Keys    int
	Cgroup     uint64
	Options    Options
	Shutdown   uint8
	TOS        uint8
	TClass     uint8
	Protocol   uint8 // of a raw socket
	V6Only     bool

	present uint32
}

// inetSize is the fixed part.
const inetSize = 72

// Has reports whether the kernel sent an attribute.
func (m *InetMessage) Has(attribute int) bool { return m.present&(1<<attribute) != 0 }

// Parse reads a message without its netlink header into m. It fails on a
// message shorter than its fixed part; attributes that are damaged are left out.
func (m *InetMessage) Parse(b []byte) error {
	if len(b) < inetSize {
		return ErrShort
	}
	*m = InetMessage{
		Family: b[0], State: b[1], Timer: b[2], Retransmits: b[3],
		SourcePort: binary.BigEndian.Uint16(b[4:]), DestinationPort: binary.BigEndian.Uint16(b[6:]),
		Source: [16]byte(b[8:24]), Destination: [16]byte(b[24:40]),
		Interface: native.Uint32(b[40:]), Cookie: cookie(b[44:]),
		Expires: native.Uint32(b[52:]), ReceiveQueue: native.Uint32(b[56:]), SendQueue: native.Uint32(b[60:]),
		UID: native.Uint32(b[64:]), Inode: native.Uint32(b[68:]),
	}
	attributes(b[inetSize:], m.attribute)
	return nil
}

// attribute reads one; what is too short for its kind is as if it had not come.
func (m *InetMessage) attribute(kind uint16, b []byte) {
	if kind < 32 && m.bytes(kind, b) || m.number(kind, b) {
		m.present |= 1 << kind
	}
}

func (m *InetMessage) bytes(kind uint16, b []byte) bool {
	switch kind {
	case AttrInfo:
		m.Info = b
	case AttrVegas:
		m.Vegas = b
	case AttrBBR:
		m.BBR = b
	case AttrDCTCP:
		m.DCTCP = b
	case AttrCongestion:
		m.Congestion = text(b)
	case AttrMemory:
		return m.Memory.parse(b)
	case AttrMemInfo:
		return m.memInfo(b)
	case AttrULP:
		attributes(b, m.ulp)
	case AttrMD5:
		m.MD5Keys = len(b) / md5Size
	default:
		return false
	}
	return true
}

// md5Size is that of struct tcp_diag_md5sig.
const md5Size = 100

func (m *InetMessage) memInfo(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	for i := range m.MemInfo {
		m.MemInfo[i] = native.Uint32(b[4*i:])
	}
	return true
}

func (m *InetMessage) number(kind uint16, b []byte) bool {
	switch {
	case len(b) < 1:
		return false
	case kind == AttrShutdown:
		m.Shutdown = b[0]
	case kind == AttrTOS:
		m.TOS = b[0]
	case kind == AttrTClass:
		m.TClass = b[0]
	case kind == AttrProtocol:
		m.Protocol = b[0]
	case kind == AttrV6Only:
		m.V6Only = b[0] != 0
	case kind == AttrOptions && len(b) >= 2:
		m.Options = options(b)
	case kind == AttrMark && len(b) >= 4:
		m.Mark = native.Uint32(b)
	case kind == AttrClassID && len(b) >= 4:
		m.ClassID = native.Uint32(b)
	case kind == AttrCgroup && len(b) >= 8:
		m.Cgroup = native.Uint64(b)
	default:
		return false
	}
	return true
}

// options reads bit fields, which compilers lay out from the low end on
// little-endian machines and from the high end on others.
func options(b []byte) Options {
	if native.Uint16([]byte{1, 0}) == 1 {
		return Options(b[0]) | Options(b[1])<<8
	}
	var o Options
	for i := range 8 {
		o |= Options(b[0]>>(7-i)&1)<<i | Options(b[1]>>(7-i)&1)<<(8+i)
	}
	return o
}

func (m *InetMessage) ulp(kind uint16, b []byte) {
	switch kind {
	case 1: // INET_ULP_INFO_NAME
		m.ULP = text(b)
	case 2, 3: // INET_ULP_INFO_TLS, _MPTCP
		m.ULPKind, m.ULPInfo = kind, b
	}
}

// InetRequest asks for the Internet sockets of one family and protocol.
type InetRequest struct {
	Family     uint8  // Inet or Inet6
	Protocol   uint16 // TCP, UDP, UDPLite, Raw or MPTCP
	Extensions uint8  // Want…
	States     uint32 // a bit for each state; zero asks for all
	Filter     Code   // a program that the kernel runs on each; empty lets all pass
}

// SocketID names one Internet socket for Destroy. A zero Cookie matches any.
type SocketID struct {
	SourcePort, DestinationPort uint16
	Source, Destination         [16]byte
	Interface                   uint32
	Cookie                      uint64
}

// Attributes of a request.
const (
	requestFilter   = 1
	requestProtocol = 3
)

// noProtocol stands in the eight bits of a protocol that has more: a kernel
// that does not know the attribute then knows no such table, rather than give TCP.
const noProtocol = 254

// append encodes struct inet_diag_req_v2 and the request's attributes.
func (r InetRequest) append(b []byte, id SocketID) []byte {
	protocol := byte(r.Protocol)
	if r.Protocol > 255 {
		protocol = noProtocol
	}
	states := r.States
	if states == 0 {
		states = AllStates
	}
	b = append(b, r.Family, protocol, r.Extensions, 0)
	b = native.AppendUint32(b, states)
	b = id.append(b)
	if len(r.Filter) > 0 {
		b = appendAttribute(b, requestFilter, r.Filter)
	}
	if r.Protocol > 255 {
		b = appendAttribute(b, requestProtocol, native.AppendUint32(nil, uint32(r.Protocol)))
	}
	return b
}

func (id SocketID) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, id.SourcePort)
	b = binary.BigEndian.AppendUint16(b, id.DestinationPort)
	b = append(b, id.Source[:]...)
	b = append(b, id.Destination[:]...)
	b = native.AppendUint32(b, id.Interface)
	if id.Cookie == 0 {
		id.Cookie = ^uint64(0) // INET_DIAG_NOCOOKIE, twice
	}
	b = native.AppendUint32(b, uint32(id.Cookie))
	return native.AppendUint32(b, uint32(id.Cookie>>32))
}
