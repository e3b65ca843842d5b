package inspect

import "strconv"

// Kind is what a socket speaks.
type Kind uint8

// The kinds, in the order in which Sockets gives them.
const (
	TCP Kind = 1 + iota
	MPTCP
	UDP
	UDPLite
	Raw
	Unix
	Packet
	Netlink
	Vsock
)

var kindNames = [...]string{"", "tcp", "mptcp", "udp", "udplite", "raw", "unix", "packet", "netlink", "vsock"}

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{TCP, MPTCP, UDP, UDPLite, Raw, Unix, Packet, Netlink, Vsock} }

// String is the kind's word in filters, tables and JSON: tcp, unix, ….
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// kindSet holds kinds as bits.
type kindSet uint16

func kindsOf(kinds ...Kind) kindSet {
	var s kindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k Kind) bool { return s&(1<<k) != 0 }

// Groups of kinds.
var (
	inetKinds   = kindsOf(TCP, MPTCP, UDP, UDPLite, Raw)
	streamKinds = kindsOf(TCP, MPTCP)
	allKinds    = inetKinds | kindsOf(Unix, Packet, Netlink, Vsock)
)

// State is a socket's state. TCP's are those of RFC 9293; the other kinds use
// Established for having a peer, Listen, and Closed for neither.
type State uint8

// The states, with the kernel's numbers.
const (
	Established State = 1 + iota
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listen
	Closing
)

var stateNames = [...]string{
	"", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "closed",
	"close-wait", "last-ack", "listen", "closing",
}

// States lists every state.
func States() []State {
	return []State{Established, SynSent, SynRecv, FinWait1, FinWait2, TimeWait, Closed, CloseWait, LastAck, Listen, Closing}
}

// String is the state's word in filters, tables and JSON.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "state " + strconv.Itoa(int(s))
}

// stateSet holds states as bits, as the kernel takes them.
type stateSet uint32

const (
	allStates stateSet = 1<<(Closing+1) - 2

	// connected are those of a socket with a peer that is still there, or was
	// until a moment ago: what ss shows when it is not asked for more.
	connected = allStates &^ (1<<Listen | 1<<Closed | 1<<TimeWait | 1<<SynRecv)
)

// states are those that a socket of the kind can be in.
func (k Kind) states() stateSet {
	switch k {
	case Unix:
		return 1<<Established | 1<<Listen | 1<<Closed
	case Vsock:
		return 1<<Established | 1<<Listen | 1<<Closed | 1<<SynSent | 1<<Closing
	case UDP, UDPLite, Raw, Netlink:
		return 1<<Established | 1<<Closed
	case Packet:
		return 1 << Closed
	}
	return allStates
}

// Describe says in words what the state means for a socket of this kind. Closed
// is "bound" for TCP, which tells of a closed socket only while it holds a port,
// "unconnected" for UNIX and vsock, and "open" for the rest.
func (s State) Describe(k Kind) string {
	switch {
	case streamKinds.has(k) && s == Closed:
		return "bound"
	case streamKinds.has(k):
		return s.String()
	case s == Closed && (k == Unix || k == Vsock):
		return "unconnected"
	case s == Closed:
		return "open"
	case s == Established && k == Netlink:
		return "connected"
	}
	return s.String()
}

// Shutdown says which directions a program has shut down.
type Shutdown uint8

// The directions.
const (
	ShutdownReceive Shutdown = 1 << iota
	ShutdownSend
)

// String is "", "receive", "send" or "both".
func (s Shutdown) String() string {
	return [...]string{"", "receive", "send", "both"}[s&3]
}

// TimerKind is what a TCP socket waits for.
type TimerKind uint8

// The kinds, with the kernel's numbers.
const (
	NoTimer TimerKind = iota
	RetransmitTimer
	KeepaliveTimer
	TimeWaitTimer
	ProbeTimer // the peer's window is closed
)

// String is the timer's name, empty where there is none.
func (t TimerKind) String() string {
	names := [...]string{"", "retransmit", "keepalive", "time-wait", "probe"}
	if int(t) < len(names) {
		return names[t]
	}
	return "timer " + strconv.Itoa(int(t))
}
