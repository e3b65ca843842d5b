package inspect

import (
	"net/netip"
	"strconv"
	"time"

	"sock/socket"
)

// Fact names something about a socket that may not be known.
type Fact uint16

// The facts, for Socket.Has.
const (
	HasUID    Fact = 1 << iota
	HasQueues      // Receive and Send; of a listener, Accept and Backlog
	HasMemory      // Memory, and Drops
	HasMark        // needs CAP_NET_ADMIN
	HasShutdown
	HasV6Only // listeners and unconnected sockets of INET6
	HasTOS
	HasCgroup
	HasOptions
	HasMPTCP
)

// Socket is one socket. A value is its receiver's to keep; what it points to is
// shared and must not be changed.
type Socket struct {
	Kind   Kind
	Type   socket.Type
	Family socket.Family
	State  State

	// Local and Peer are the two ends. Peer is invalid for a socket without
	// one; a UNIX socket's is the name that its peer is bound to.
	Local, Peer socket.Addr

	// Protocol is a raw socket's IP protocol, a packet socket's Ethernet
	// protocol, a netlink socket's family (see netlink(7)); else 0.
	Protocol uint16

	Netns *Namespace

	// Receive is how many bytes wait to be read, Send how many are not
	// acknowledged yet or wait to be sent.
	Receive, Send uint32
	// Accept is how many connections wait to be accepted on a listener, and
	// Backlog how many may.
	Accept, Backlog uint32
	// Drops is how many packets found no room in the receive queue; on a
	// listener, how many connections it turned away because its queue was full.
	Drops uint32

	Timer       TimerKind
	Expires     time.Duration // until the timer fires
	Retransmits uint8         // of what waits for the timer, in a row

	UID       uint32
	Inode     uint32 // 0: no process has it open
	Cookie    uint64 // names it as long as the host is up
	Mark      uint32
	Interface uint32 // the device that it is bound to, by index; 0 for none
	CgroupID  uint64
	Shutdown  Shutdown
	V6Only    bool
	TOS       uint8
	TClass    uint8
	Options   Options

	Congestion string
	ULP        string          // the upper layer on top of TCP: tls, mptcp, …
	Info       *socket.TCPInfo // with WithInfo, of a TCP connection that the kernel still has in full
	Memory     Memory
	MPTCP      MPTCPInfo

	PeerInode uint32 // of a UNIX socket
	File      File   // of a UNIX socket that is bound to a path

	Cgroup string // the cgroup's path, with WithCgroup

	// Owners are the processes that have it open, with WithOwners: by number,
	// all of them. Where there is none Reason says why.
	Owners []Owner
	Reason Reason

	// Remote is the socket at the other end, where that is on this host too
	// and WithPeers was asked.
	Remote *Remote

	Known Fact // which of the facts are known: see Has
}

// Has reports whether a fact is known.
func (s *Socket) Has(f Fact) bool { return s.Known&f == f }

// Device is the name of the interface that the socket is bound to, empty for
// none. Its namespace is asked once.
func (s *Socket) Device() string {
	if s.Interface == 0 {
		return ""
	}
	return s.Netns.device(s.Interface)
}

// IsListener reports whether the socket has an accept queue.
func (s *Socket) IsListener() bool { return s.State == Listen }

// Memory is what a socket's queues take, in bytes (SK_MEMINFO).
type Memory struct {
	ReceiveAlloc, ReceiveBuffer uint32
	SendAlloc, SendBuffer       uint32
	Forward                     uint32
	SendQueued                  uint32
	Option                      uint32
	Backlog                     uint32
}

// MPTCPInfo is what is told of an MPTCP connection.
type MPTCPInfo struct {
	Subflows uint8 // beyond the first
	Fallback bool  // the peer speaks plain TCP
	Token    uint32
}

// File is the file that a UNIX socket is bound to.
type File struct{ Inode, Device uint32 }

// Options are those that the kernel tells of any Internet socket.
type Options uint16

// The options, named as in the option table of package socket.
const (
	OptRecvErr Options = 1 << iota
	_
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

// optionNames gives the bits that are set out of the ordinary; multicast loop
// and all are on in every socket.
var optionNames = []struct {
	bit  Options
	name string
}{
	{OptRecvErr, "recverr"},
	{OptFreeBind, "freebind"},
	{OptHeaderIncluded, "hdrincl"},
	{OptTransparent, "transparent"},
	{OptNoDefragment, "nodefrag"},
	{OptBindAddressNoPort, "bind-address-no-port"},
	{OptRecvErrRFC4884, "recverr-rfc4884"},
	{OptDeferConnect, "defer-connect"},
}

// Names lists the options that are on, other than those that are on by default.
func (o Options) Names() []string {
	var names []string
	for _, row := range optionNames {
		if o&row.bit != 0 {
			names = append(names, row.name)
		}
	}
	return names
}

// Owner is a process that has a socket open.
type Owner struct {
	*Process
	FDs []int // its descriptors for the socket, rising
}

// Process is one process, as it was when it was looked at. The start time
// tells it from a later one with the same number.
type Process struct {
	PID     int
	Name    string    // the kernel's name for it, at most 15 bytes
	Command []string  // its command line; empty for a process that has wiped it
	Start   time.Time // to a hundredth of a second
	Cgroup  string    // with WithCgroup
}

// String is "nginx (pid 4242)".
func (p *Process) String() string { return p.Name + " (pid " + strconv.Itoa(p.PID) + ")" }

// Reason says why a socket has no owner.
type Reason uint8

// The reasons. Owned is no reason: there are owners, or they were not asked for.
const (
	Owned       Reason = iota
	Waiting            // TIME_WAIT: its process has closed it, the kernel keeps the pair of addresses apart for a minute
	Handshake          // SYN_RECV: the handshake is under way
	NotAccepted        // the listener's process has not accepted it yet
	Orphaned           // its process has closed it, the kernel still sends the rest
	Hidden             // some process that you may not look into, or that this /proc does not show
	Kernel             // the kernel's own
	Unheld             // no process has a descriptor: held by the kernel, in flight in a UNIX message, or just opened or closed
)

// reasonTexts are short enough for a table.
var reasonTexts = [...]string{
	"", "time-wait", "handshake", "not accepted yet", "closed by its process", "not visible", "kernel", "no process",
}

// String is a few words: "not accepted yet".
func (r Reason) String() string {
	if int(r) < len(reasonTexts) {
		return reasonTexts[r]
	}
	return "reason " + strconv.Itoa(int(r))
}

// Explain is a sentence.
func (r Reason) Explain() string {
	switch r {
	case Waiting:
		return "its process has closed it; the kernel keeps it in TIME_WAIT so that late segments find no new connection"
	case Handshake:
		return "the handshake is under way; no process can have it yet"
	case NotAccepted:
		return "connected, but the listener's process has not accepted it yet"
	case Orphaned:
		return "its process has closed it; the kernel still waits for the peer"
	case Hidden:
		return "its process is not visible to you"
	case Kernel:
		return "the kernel's own socket"
	case Unheld:
		return "no process has a descriptor for it: the kernel holds it, a UNIX message carries it, or it was opened or closed just now"
	}
	return ""
}

// Remote is the socket at the other end of a connection within this host.
type Remote struct {
	Inode  uint32
	Netns  *Namespace
	Owners []Owner
	Reason Reason
}

// addrPort builds an address out of the kernel's sixteen bytes.
func addrPort(family socket.Family, ip [16]byte, port uint16) socket.Addr {
	if family == socket.INET {
		return socket.AddrFrom(netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[:4])), port))
	}
	return socket.AddrFrom(netip.AddrPortFrom(netip.AddrFrom16(ip), port))
}
