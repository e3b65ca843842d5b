package diag

// What a UnixRequest may ask for: UDIAG_SHOW_*.
const (
	ShowName    = 1 << iota // the address it is bound to
	ShowVFS                 // the file of that address
	ShowPeer                // the inode of the socket at the other end
	ShowWaiting             // of a listener, who waits to be accepted
	ShowQueues
	ShowMemory
	ShowUID
)

// Attributes of a UnixMessage, for Has: UNIX_DIAG_*.
const (
	UnixName = iota
	UnixVFS
	UnixPeer
	UnixWaiting
	UnixQueues
	UnixMemory
	UnixShutdown
	UnixUID
)

// UnixMessage is one UNIX socket: struct unix_diag_msg and its attributes.
// The slices are views that the next message overwrites. A socket that waits
// to be accepted has no inode and is not told of: its listener's Waiting names
// the client.
//
//	| family| type  | state | –     | inode         | cookie, two words             |   16 bytes
type UnixMessage struct {
	Type, State uint8
	Inode       uint32
	Cookie      uint64

	Name                    []byte // sun_path; begins with a NUL when abstract
	FileInode, FileDevice   uint32
	Peer                    uint32 // zero: the peer has not been accepted yet
	Waiting                 []byte // inodes of the clients, as Clients gives them
	ReceiveQueue, SendQueue uint32 // of a listener: waiting connections, backlog
	Memory                  Memory
	Shutdown                uint8
	UID                     uint32

	present uint32
}

// Has reports whether the kernel sent an attribute.
func (m *UnixMessage) Has(attribute int) bool { return m.present&(1<<attribute) != 0 }

// Clients visits the inodes of the sockets that wait to be accepted.
func (m *UnixMessage) Clients(visit func(inode uint32)) {
	for b := m.Waiting; len(b) >= 4; b = b[4:] {
		visit(native.Uint32(b))
	}
}

// Parse reads a message without its netlink header into m.
func (m *UnixMessage) Parse(b []byte) error {
	if len(b) < 16 {
		return ErrShort
	}
	*m = UnixMessage{Type: b[1], State: b[2], Inode: native.Uint32(b[4:]), Cookie: cookie(b[8:])}
	attributes(b[16:], m.attribute)
	return nil
}

func (m *UnixMessage) attribute(kind uint16, b []byte) {
	switch {
	case kind == UnixName:
		m.Name = b
	case kind == UnixWaiting:
		m.Waiting = b
	case kind == UnixVFS && len(b) >= 8:
		m.FileInode, m.FileDevice = native.Uint32(b), native.Uint32(b[4:])
	case kind == UnixPeer && len(b) >= 4:
		m.Peer = native.Uint32(b)
	case kind == UnixQueues && len(b) >= 8:
		m.ReceiveQueue, m.SendQueue = native.Uint32(b), native.Uint32(b[4:])
	case kind == UnixMemory && m.Memory.parse(b):
	case kind == UnixShutdown && len(b) >= 1:
		m.Shutdown = b[0]
	case kind == UnixUID && len(b) >= 4:
		m.UID = native.Uint32(b)
	default:
		return
	}
	m.present |= 1 << kind
}

// UnixRequest asks for UNIX sockets.
type UnixRequest struct {
	States uint32 // a bit for each state; zero asks for all
	Show   uint32 // Show…
}

func (r UnixRequest) append(b []byte) []byte {
	states := r.States
	if states == 0 {
		states = AllStates
	}
	b = append(b, Unix, 0, 0, 0)
	for _, word := range []uint32{states, 0, r.Show, ^uint32(0), ^uint32(0)} {
		b = native.AppendUint32(b, word)
	}
	return b
}
