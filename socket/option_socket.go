package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"syscall"
	"time"
)

// The options of socket(7), level SOL_SOCKET, that sockets of several
// families have. Those of UNIX sockets are in a group of their own.
var (
	Debug = flagOption(Option{
		Name: "debug", Symbol: "SO_DEBUG", Level: levelSocket, Number: 1,
		Capability: "CAP_NET_ADMIN", Source: "socket(7)",
		Doc: "records debugging information where the protocol supports it",
	})
	ReuseAddr = flagOption(Option{
		Name: "reuseaddr", Symbol: "SO_REUSEADDR", Level: levelSocket, Number: 2,
		When: BeforeBind, Source: "socket(7)",
		Doc: "lets bind take a local address that only connections in TIME-WAIT still use",
	})
	SocketType = intOption(Option{
		Name: "type", Symbol: "SO_TYPE", Level: levelSocket, Number: 3, Access: Read, Source: "socket(7)",
		Values: []Value{{"stream", 1}, {"dgram", 2}, {"raw", 3}, {"rdm", 4}, {"seqpacket", 5}},
		Doc:    "gives the socket's type",
	})
	PendingError = newOption[syscall.Errno](Option{
		Name: "error", Symbol: "SO_ERROR", Level: levelSocket, Number: 4, Kind: KindStruct, Access: Read,
		Source: "socket(7)", Doc: "gives the pending error, 0 for none, and clears it",
	}, errnoCodec{})
	DontRoute = flagOption(Option{
		Name: "dontroute", Symbol: "SO_DONTROUTE", Level: levelSocket, Number: 5, Source: "socket(7)",
		Doc: "sends to directly connected hosts only, through no gateway",
	})
	Broadcast = flagOption(Option{
		Name: "broadcast", Symbol: "SO_BROADCAST", Level: levelSocket, Number: 6, Source: "socket(7)",
		Families: inetFamilies, Types: datagramTypes,
		Doc: "allows datagrams to broadcast addresses",
	})
	SndBuf = intOption(Option{
		Name: "sndbuf", Symbol: "SO_SNDBUF", Level: levelSocket, Number: 7, Unit: UnitBytes, Source: "socket(7)",
		Doc: "sizes the send buffer and stops its tuning; the kernel doubles the value, caps it at net.core.wmem_max, and reads back what it made of it",
	})
	RcvBuf = intOption(Option{
		Name: "rcvbuf", Symbol: "SO_RCVBUF", Level: levelSocket, Number: 8, Unit: UnitBytes, Source: "socket(7)",
		Doc: "sizes the receive buffer and stops its tuning; the kernel doubles the value, caps it at net.core.rmem_max, and reads back what it made of it",
	})
	KeepAlive = keepAliveOption()
	OOBInline = flagOption(Option{
		Name: "oobinline", Symbol: "SO_OOBINLINE", Level: levelSocket, Number: 10, Source: "socket(7)",
		Doc: "leaves urgent data in the stream instead of setting it aside for MSG_OOB",
	})
	NoCheck = flagOption(Option{
		Name: "no-check", Symbol: "SO_NO_CHECK", Level: levelSocket, Number: 11, Source: "asm-generic/socket.h",
		Families: inetFamilies, Types: datagramTypes,
		Doc: "sends UDP over IPv4 without a checksum",
	})
	Priority = intOption(Option{
		Name: "priority", Symbol: "SO_PRIORITY", Level: levelSocket, Number: 12, Source: "socket(7)",
		Capability: "CAP_NET_ADMIN", fresh: true,
		Doc: "gives outgoing packets a queueing priority; 0 to 6 need no capability",
	})
	Linger = newOption(Option{
		Name: "linger", Symbol: "SO_LINGER", Level: levelSocket, Number: 13, Kind: KindDuration, Unit: UnitSeconds,
		Source: "socket(7)",
		Doc:    "makes close wait this long for unsent data; 0 drops it and resets the connection; off (negative) closes in the background",
	}, lingerCodec{})
	BSDCompat = flagOption(Option{
		Name: "bsdcompat", Symbol: "SO_BSDCOMPAT", Level: levelSocket, Number: 14, Source: "socket(7)", ignored: true,
		Doc: "does nothing since Linux 2.4; it reads as off",
	})
	ReusePort = flagOption(Option{
		Name: "reuseport", Symbol: "SO_REUSEPORT", Level: levelSocket, Number: 15,
		When: BeforeBind, Since: "3.9", Source: "socket(7)",
		Families: inetFamilies,
		Doc:      "lets several sockets of one user bind the same address and share what arrives",
	})
	RcvLowat = intOption(Option{
		Name: "rcvlowat", Symbol: "SO_RCVLOWAT", Level: levelSocket, Number: 18, Unit: UnitBytes, Source: "socket(7)",
		Doc: "sets how many bytes must wait before the socket counts as readable; 0 means 1",
	})
	SndLowat = intOption(Option{
		Name: "sndlowat", Symbol: "SO_SNDLOWAT", Level: levelSocket, Number: 19, Unit: UnitBytes, Access: Read,
		Source: "socket(7)", Doc: "is always 1 on Linux",
	})
	RcvTimeo = durationOption(Option{
		Name: "rcvtimeo", Symbol: "SO_RCVTIMEO", Level: levelSocket, Number: 20, Unit: UnitTimeval, Source: "socket(7)",
		Doc: "bounds a blocking receive; this package's calls never block in the kernel and obey SetReadDeadline instead",
	})
	SndTimeo = durationOption(Option{
		Name: "sndtimeo", Symbol: "SO_SNDTIMEO", Level: levelSocket, Number: 21, Unit: UnitTimeval, Source: "socket(7)",
		Doc: "bounds a blocking send or connect; this package's calls never block in the kernel and obey SetWriteDeadline instead",
	})
	Device = stringOption(Option{
		Name: "device", Symbol: "SO_BINDTODEVICE", Level: levelSocket, Number: 25, Source: "socket(7)",
		When: Anytime, Families: inetFamilies, Capability: "CAP_NET_RAW",
		Doc: "binds to an interface by name: only its packets come in, only through it they go out; changing it needs the capability",
	}, 16)
	AttachFilter = programOption(Option{
		Name: "attach-filter", Symbol: "SO_ATTACH_FILTER", Level: levelSocket, Number: 26, Source: "socket(7)",
		Doc: "filters what arrives with a classic BPF program, 8 bytes an instruction; reading gives it back",
	}, DetachFilter)
	DetachFilter = actionOption(Option{
		Name: "detach-filter", Symbol: "SO_DETACH_FILTER", Level: levelSocket, Number: 27, Source: "socket(7)",
		Doc: "removes the filter program",
	})
	PeerName = peerNameOption(Option{
		Name: "peername", Symbol: "SO_PEERNAME", Level: levelSocket, Number: 28, Access: Read, When: Connected,
		Source: "asm-generic/socket.h", Doc: "gives the peer's address as a struct sockaddr, like getpeername",
	})
	Timestamp = flagOption(Option{
		Name: "timestamp", Symbol: "SO_TIMESTAMP", Level: levelSocket, Number: 29, Source: "socket(7)",
		Doc: "passes each datagram's arrival time in microseconds as a control message; switches timestampns off",
	})
	AcceptConn = flagOption(Option{
		Name: "acceptconn", Symbol: "SO_ACCEPTCONN", Level: levelSocket, Number: 30, Access: Read, Source: "socket(7)",
		Doc: "tells whether the socket listens",
	})
	SndBufForce = intOption(Option{
		Name: "sndbuf-force", Symbol: "SO_SNDBUFFORCE", Level: levelSocket, Number: 32, Unit: UnitBytes, Access: Write,
		Since: "2.6.14", Capability: "CAP_NET_ADMIN", Source: "socket(7)",
		Doc: "sizes the send buffer beyond net.core.wmem_max; sndbuf reads the result",
	})
	RcvBufForce = intOption(Option{
		Name: "rcvbuf-force", Symbol: "SO_RCVBUFFORCE", Level: levelSocket, Number: 33, Unit: UnitBytes, Access: Write,
		Since: "2.6.14", Capability: "CAP_NET_ADMIN", Source: "socket(7)",
		Doc: "sizes the receive buffer beyond net.core.rmem_max; rcvbuf reads the result",
	})
	TimestampNS = flagOption(Option{
		Name: "timestampns", Symbol: "SO_TIMESTAMPNS", Level: levelSocket, Number: 35, Since: "2.6.22",
		Source: "socket(7)",
		Doc:    "passes each datagram's arrival time in nanoseconds as a control message; switches timestamp off",
	})
	Mark = uint32Option(Option{
		Name: "mark", Symbol: "SO_MARK", Level: levelSocket, Number: 36, Since: "2.6.25", Max: math.MaxUint32,
		Capability: "CAP_NET_ADMIN", Source: "socket(7)",
		Doc: "marks outgoing packets for routing rules and packet filters",
	})
	Timestamping = uint32Option(Option{
		Name: "timestamping", Symbol: "SO_TIMESTAMPING", Level: levelSocket, Number: 37, Since: "2.6.30",
		Source: "linux/net_tstamp.h", Mask: true, Values: timestampingFlags,
		Doc: "asks for time stamps of packets sent and received, by software or the network card",
	})
	SocketProtocol = intOption(Option{
		Name: "protocol", Symbol: "SO_PROTOCOL", Level: levelSocket, Number: 38, Access: Read, Since: "2.6.32",
		Source: "socket(7)", Doc: "gives the socket's protocol",
	})
	SocketDomain = intOption(Option{
		Name: "domain", Symbol: "SO_DOMAIN", Level: levelSocket, Number: 39, Access: Read, Since: "2.6.32",
		Values: []Value{{"unix", 1}, {"inet", 2}, {"inet6", 10}, {"netlink", 16}, {"packet", 17}, {"vsock", 40}},
		Source: "socket(7)", Doc: "gives the socket's address family",
	})
	RxqOvfl = flagOption(Option{
		Name: "rxq-ovfl", Symbol: "SO_RXQ_OVFL", Level: levelSocket, Number: 40, Since: "2.6.33", Source: "socket(7)",
		Doc: "passes the number of datagrams dropped so far as a control message",
	})
	WifiStatus = flagOption(Option{
		Name: "wifi-status", Symbol: "SO_WIFI_STATUS", Level: levelSocket, Number: 41, Since: "3.3",
		Source: "asm-generic/socket.h", Doc: "reports in the error queue whether a wireless frame was acknowledged",
	})
	PeekOff = intOption(Option{
		Name: "peek-off", Symbol: "SO_PEEK_OFF", Level: levelSocket, Number: 42, Min: -1, Since: "3.4",
		Unit: UnitBytes, Source: "socket(7)", Families: []Family{UNIX, INET, INET6},
		Doc: "sets where the next MSG_PEEK begins; -1 always at the head",
	})
	NoFCS = flagOption(Option{
		Name: "nofcs", Symbol: "SO_NOFCS", Level: levelSocket, Number: 43, Since: "3.4", Source: "asm-generic/socket.h",
		Doc: "takes the last four bytes of an outgoing frame as its checksum",
	})
	LockFilter = flagOption(Option{
		Name: "lock-filter", Symbol: "SO_LOCK_FILTER", Level: levelSocket, Number: 44, Since: "3.9", Source: "socket(7)",
		Doc: "forbids any change of the filter program, for good",
	})
	SelectErrQueue = flagOption(Option{
		Name: "select-err-queue", Symbol: "SO_SELECT_ERR_QUEUE", Level: levelSocket, Number: 45, Since: "3.10",
		Source: "socket(7)", Doc: "lets select report a waiting error queue as an exception",
	})
	BusyPoll = durationOption(Option{
		Name: "busy-poll", Symbol: "SO_BUSY_POLL", Level: levelSocket, Number: 46, Unit: UnitMicroseconds, Since: "3.11",
		Capability: "CAP_NET_ADMIN", Source: "socket(7)",
		Doc: "polls the network card this long when a receive finds nothing; to raise it needs the capability",
	})
	MaxPacingRate = uint64Option(Option{
		Name: "max-pacing-rate", Symbol: "SO_MAX_PACING_RATE", Level: levelSocket, Number: 47, Unit: UnitBytesPerSecond,
		Since: "3.13", Values: []Value{{"unlimited", -1}}, Source: "asm-generic/socket.h",
		Doc: "bounds the rate at which packets leave, by TCP itself or the fq queue",
	})
	BPFExtensions = intOption(Option{
		Name: "bpf-extensions", Symbol: "SO_BPF_EXTENSIONS", Level: levelSocket, Number: 48, Access: Read,
		Since: "3.14", Source: "asm-generic/socket.h", Doc: "tells how many extensions classic BPF programs may use",
	})
	IncomingCPU = intOption(Option{
		Name: "incoming-cpu", Symbol: "SO_INCOMING_CPU", Level: levelSocket, Number: 49, Min: -1, Since: "3.19",
		Source: "socket(7)",
		Doc:    "prefers this socket of a reuseport group for packets of this CPU; reads the CPU of the last packet",
	})
	AttachBPF = intOption(Option{
		Name: "attach-bpf", Symbol: "SO_ATTACH_BPF", Level: levelSocket, Number: 50, Access: Write, Since: "3.19",
		Source: "socket(7)", Doc: "filters what arrives with the extended BPF program of this descriptor",
	})
	AttachReusePortCBPF = programOption(Option{
		Name: "attach-reuseport-cbpf", Symbol: "SO_ATTACH_REUSEPORT_CBPF", Level: levelSocket, Number: 51,
		Access: Write, Since: "4.5", Families: inetFamilies, Source: "socket(7)",
		Doc: "chooses the socket of a reuseport group with a classic BPF program, 8 bytes an instruction",
	}, DetachReusePortBPF)
	AttachReusePortEBPF = intOption(Option{
		Name: "attach-reuseport-ebpf", Symbol: "SO_ATTACH_REUSEPORT_EBPF", Level: levelSocket, Number: 52,
		Access: Write, Since: "4.5", Families: inetFamilies, Source: "socket(7)",
		Doc: "chooses the socket of a reuseport group with the extended BPF program of this descriptor",
	})
	CnxAdvice = actionOption(Option{
		Name: "cnx-advice", Symbol: "SO_CNX_ADVICE", Level: levelSocket, Number: 53, When: Connected, Since: "4.6",
		Source: "asm-generic/socket.h", Doc: "tells the kernel that the connection goes badly, so that it looks for another route",
	})
	MemInfo = structOption(Option{
		Name: "meminfo", Symbol: "SO_MEMINFO", Level: levelSocket, Number: 55, Since: "4.12",
		Source: "linux/sock_diag.h", Doc: "gives the socket's memory in use and its bounds",
	}, 64, decodeMemory)
	IncomingNAPIID = uint32Option(Option{
		Name: "incoming-napi-id", Symbol: "SO_INCOMING_NAPI_ID", Level: levelSocket, Number: 56, Access: Read,
		Since: "4.12", Source: "socket(7)", Doc: "gives the receive queue that the last packet came through",
	})
	Cookie = uint64Option(Option{
		Name: "cookie", Symbol: "SO_COOKIE", Level: levelSocket, Number: 57, Access: Read, Since: "4.12",
		Source: "asm-generic/socket.h", Doc: "gives a number that no other socket of this machine has until it restarts",
	})
	ZeroCopy = flagOption(Option{
		Name: "zerocopy", Symbol: "SO_ZEROCOPY", Level: levelSocket, Number: 60, Since: "4.14",
		Families: []Family{INET, INET6, VSOCK}, Protocols: tcpAndUDP, Source: "asm-generic/socket.h",
		Doc: "allows MSG_ZEROCOPY",
	})
	TxTime = bytesOption(Option{
		Name: "txtime", Symbol: "SO_TXTIME", Level: levelSocket, Number: 61, Min: 8, Max: 8, Since: "4.19",
		Capability: "CAP_NET_ADMIN", Source: "linux/net_tstamp.h",
		Doc: "allows a control message that says when a packet leaves: clock and flags, 32 bits each",
	}, 8)
	BindInterface = interfaceOption(Option{
		Name: "bind-ifindex", Symbol: "SO_BINDTOIFINDEX", Level: levelSocket, Number: 62, Since: "5.1",
		Families: inetFamilies, Capability: "CAP_NET_RAW", Source: "asm-generic/socket.h",
		Doc: "binds to an interface by its index, or by its name looked up once; any lets go",
	})
	DetachReusePortBPF = actionOption(Option{
		Name: "detach-reuseport-bpf", Symbol: "SO_DETACH_REUSEPORT_BPF", Level: levelSocket, Number: 68, Since: "5.3",
		Families: inetFamilies, Source: "asm-generic/socket.h", Doc: "removes the program of a reuseport group",
	})
	PreferBusyPoll = flagOption(Option{
		Name: "prefer-busy-poll", Symbol: "SO_PREFER_BUSY_POLL", Level: levelSocket, Number: 69, Since: "5.11",
		Capability: "CAP_NET_ADMIN", Source: "asm-generic/socket.h",
		Doc: "prefers polling over interrupts while somebody polls",
	})
	BusyPollBudget = intOption(Option{
		Name: "busy-poll-budget", Symbol: "SO_BUSY_POLL_BUDGET", Level: levelSocket, Number: 70, Max: math.MaxUint16,
		Unit: UnitPackets, Access: Write, Since: "5.11", Capability: "CAP_NET_ADMIN", Source: "asm-generic/socket.h",
		Doc: "bounds how many packets one poll takes; to raise it needs the capability",
	})
	NetNSCookie = uint64Option(Option{
		Name: "netns-cookie", Symbol: "SO_NETNS_COOKIE", Level: levelSocket, Number: 71, Access: Read, Since: "5.14",
		Source: "asm-generic/socket.h", Doc: "gives a number for the socket's network namespace",
	})
	BufLock = uint32Option(Option{
		Name: "buf-lock", Symbol: "SO_BUF_LOCK", Level: levelSocket, Number: 72, Max: 3, Since: "5.14",
		Mask: true, Values: []Value{{"none", 0}, {"sndbuf", 1}, {"rcvbuf", 2}}, Source: "asm-generic/socket.h",
		Doc: "says which buffers keep their size instead of being tuned",
	})
	ReserveMem = intOption(Option{
		Name: "reserve-mem", Symbol: "SO_RESERVE_MEM", Level: levelSocket, Number: 73, Unit: UnitBytes, Since: "5.16",
		Families: inetFamilies, Source: "asm-generic/socket.h",
		Doc: "reserves buffer memory in the memory control group until close",
	})
	TxRehash = intOption(Option{
		Name: "txrehash", Symbol: "SO_TXREHASH", Level: levelSocket, Number: 74, Min: -1, Max: 255, Since: "5.18",
		Families: inetFamilies, Types: streamType, Protocols: plainTCP,
		Values: []Value{{"off", 0}, {"on", 1}, {"default", 255}, {"default", -1}}, Source: "asm-generic/socket.h",
		Doc: "lets TCP try another path by a new flow hash when packets are lost",
	})
	RcvMark = flagOption(Option{
		Name: "rcvmark", Symbol: "SO_RCVMARK", Level: levelSocket, Number: 75, Since: "5.19",
		Capability: "CAP_NET_RAW", Source: "asm-generic/socket.h",
		Doc: "passes each packet's mark as a control message",
	})
	DevMemDontNeed = bytesOption(Option{
		Name: "devmem-dontneed", Symbol: "SO_DEVMEM_DONTNEED", Level: levelSocket, Number: 80, Access: Write,
		Min: 8, Max: 1024, When: Connected, Since: "6.12", Families: inetFamilies, Protocols: plainTCP,
		Source: "asm-generic/socket.h", Doc: "gives device memory back to the kernel: pairs of token and count, 32 bits each",
	}, 0)
	RcvPriority = flagOption(Option{
		Name: "rcvpriority", Symbol: "SO_RCVPRIORITY", Level: levelSocket, Number: 82, Since: "6.14",
		Source: "asm-generic/socket.h", Doc: "passes each packet's priority as a control message",
	})
)

// timestampingFlags are SOF_TIMESTAMPING_*.
var timestampingFlags = []Value{
	{"off", 0},
	{"tx-hardware", 1 << 0},
	{"tx-software", 1 << 1},
	{"rx-hardware", 1 << 2},
	{"rx-software", 1 << 3},
	{"software", 1 << 4},
	{"sys-hardware", 1 << 5},
	{"raw-hardware", 1 << 6},
	{"opt-id", 1 << 7},
	{"tx-sched", 1 << 8},
	{"tx-ack", 1 << 9},
	{"opt-cmsg", 1 << 10},
	{"opt-tsonly", 1 << 11},
	{"opt-stats", 1 << 12},
	{"opt-pktinfo", 1 << 13},
	{"opt-tx-swhw", 1 << 14},
	{"bind-phc", 1 << 15},
	{"opt-id-tcp", 1 << 16},
	{"opt-rx-filter", 1 << 17},
	{"tx-completion", 1 << 18},
}

// keepAliveOption makes the row whose text may also be a duration, which
// switches probing on and sets both the idle time and the interval.
func keepAliveOption() *Opt[bool] {
	row := flagOption(Option{
		Name: "keepalive", Symbol: "SO_KEEPALIVE", Level: levelSocket, Number: 9, Source: "socket(7)",
		Doc: "probes an idle connection; as text also a duration, which sets keepalive-idle and keepalive-interval too",
	})
	row.also = keepAliveEvery
	return row
}

func keepAliveEvery(o *Opt[bool], text string) (func(*Socket) error, error) {
	every, err := time.ParseDuration(text)
	if err != nil || text == "0" {
		return nil, nil //nolint:nilerr // not a duration: a flag
	}
	if err := KeepAliveIdle.checkDuration(every); err != nil {
		return nil, fmt.Errorf("keepalive: %w", err)
	}
	return func(s *Socket) error {
		if err := o.Set(s, true); err != nil {
			return err
		}
		if err := KeepAliveIdle.Set(s, every); err != nil {
			return err
		}
		return KeepAliveInterval.Set(s, every)
	}, nil
}

// programOption enters a row whose value is a classic BPF program. No program
// is the same as the detach that belongs to it, save that nothing need be there.
func programOption(o Option, detach *Opt[Action]) *Opt[[]byte] {
	o.Kind, o.Max = KindBytes, 8*4096
	row := newOption(o, programCodec{})
	row.get = func(s *Socket) ([]byte, error) { return getProgram(s, row.Option) }
	row.set = func(s *Socket, program []byte) error {
		if len(program) > 0 {
			return putProgram(s, row.Option, program)
		}
		if err := detach.Set(s, Action{}); !errors.Is(err, syscall.ENOENT) {
			return err
		}
		return nil
	}
	return row
}

// programCodec holds a program to whole instructions.
type programCodec struct{ bytesCodec }

func (c programCodec) check(o *Option, v []byte) error {
	if len(v)%8 != 0 {
		return fmt.Errorf("%s: an instruction is 8 bytes, and %d bytes are no whole number of them", o.Name, len(v))
	}
	return c.bytesCodec.check(o, v)
}

// errnoCodec carries an errno.
type errnoCodec struct{ structCodec[syscall.Errno] }

func (errnoCodec) room() int { return 4 }

func (errnoCodec) decode(_ *Option, wire []byte) (syscall.Errno, error) {
	n, err := decodeUint(wire)
	return syscall.Errno(n), err
}

func (errnoCodec) format(_ *Option, v syscall.Errno) string {
	if v == 0 {
		return "0"
	}
	if symbol := errnoSymbol(v); symbol != "" {
		return symbol
	}
	return strconv.Itoa(int(v))
}

// Memory is what SO_MEMINFO tells, in bytes but for Drops, which counts packets.
type Memory struct {
	RcvAlloc, RcvBuf, SndAlloc, SndBuf uint32
	ForwardAlloc, SndQueued, Options   uint32
	Backlog, Drops                     uint32
}

func decodeMemory(wire []byte) (Memory, error) {
	var words [9]uint32
	if len(wire) < 8*4 {
		return Memory{}, errShort
	}
	for i := 0; i < len(words) && 4*i+4 <= len(wire); i++ {
		words[i] = binary.NativeEndian.Uint32(wire[4*i:])
	}
	return Memory{
		RcvAlloc: words[0], RcvBuf: words[1], SndAlloc: words[2], SndBuf: words[3],
		ForwardAlloc: words[4], SndQueued: words[5], Options: words[6],
		Backlog: words[7], Drops: words[8],
	}, nil
}

// peerNameOption enters SO_PEERNAME, which refuses a buffer longer than the
// address and cuts one that is shorter: the family says how long it is.
func peerNameOption(o Option) *Opt[[]byte] {
	row := bytesOption(o, 0)
	row.get = func(s *Socket) ([]byte, error) {
		size := map[Family]int{INET: 16, INET6: 28, VSOCK: 16, NETLINK: 12}[s.Family()]
		address := make([]byte, max(size, 2))
		level, number, _ := native(row.Option)
		n, err := s.getsockopt(level, number, address)
		return address[:n], err
	}
	return row
}
