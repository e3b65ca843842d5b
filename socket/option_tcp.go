package socket

import "math"

// The options of tcp(7), level IPPROTO_TCP. MPTCP sockets have those that the
// kernel passes to their subflows.
var (
	NoDelay = flagOption(Option{
		Name: "nodelay", Symbol: "TCP_NODELAY", Level: levelTCP, Number: 1, Source: "tcp(7)",
		Doc: "sends small segments at once instead of gathering them until the last is acknowledged (no Nagle)",
	})
	MaxSeg = intOption(Option{
		Name: "maxseg", Symbol: "TCP_MAXSEG", Level: levelTCP, Number: 2, Unit: UnitBytes, Max: 65535, When: BeforeUse,
		Source: "tcp(7)", Doc: "bounds a segment's data, ours and, before connecting, what the peer is told; 0 leaves it to the kernel",
	})
	Cork = flagOption(Option{
		Name: "cork", Symbol: "TCP_CORK", Level: levelTCP, Number: 3, Source: "tcp(7)",
		Doc: "holds back partial segments until it is off again, for 200ms at most",
	})
	KeepAliveIdle = durationOption(Option{
		Name: "keepalive-idle", Symbol: "TCP_KEEPIDLE", Level: levelTCP, Number: 4, Unit: UnitSeconds, Min: 1, Max: 32767,
		Source: "tcp(7)", Doc: "sets how long a connection is idle before keepalive probes it",
	})
	KeepAliveInterval = durationOption(Option{
		Name: "keepalive-interval", Symbol: "TCP_KEEPINTVL", Level: levelTCP, Number: 5, Unit: UnitSeconds, Min: 1, Max: 32767,
		Source: "tcp(7)", Doc: "sets the time between keepalive probes",
	})
	KeepAliveCount = intOption(Option{
		Name: "keepalive-count", Symbol: "TCP_KEEPCNT", Level: levelTCP, Number: 6, Unit: UnitProbes, Min: 1, Max: 127,
		Source: "tcp(7)", Doc: "sets how many unanswered probes end the connection",
	})
	SynCount = intOption(Option{
		Name: "syncnt", Symbol: "TCP_SYNCNT", Level: levelTCP, Number: 7, Unit: UnitPackets, Min: 1, Max: 127,
		When: DialerSide, Source: "tcp(7)", Doc: "sets how often connect repeats its SYN",
	})
	Linger2 = durationOption(Option{
		Name: "linger2", Symbol: "TCP_LINGER2", Level: levelTCP, Number: 8, Unit: UnitSeconds, Min: -1, Max: math.MaxInt32,
		Values: []Value{{"off", -1}}, Source: "tcp(7)",
		Doc: "bounds how long a closed connection waits for the peer's FIN; off does not wait, 0 is the system's default",
	})
	DeferAccept = durationOption(Option{
		Name: "defer-accept", Symbol: "TCP_DEFER_ACCEPT", Level: levelTCP, Number: 9, Unit: UnitSeconds, When: ListenerSide,
		Source: "tcp(7)", Doc: "accepts a connection only once data arrived, or this time passed; the kernel rounds it to its retransmissions",
	})
	WindowClamp = intOption(Option{
		Name: "window-clamp", Symbol: "TCP_WINDOW_CLAMP", Level: levelTCP, Number: 10, Unit: UnitBytes, Source: "tcp(7)",
		Doc: "bounds the window offered to the peer; the kernel raises small values",
	})
	Info = structOption(Option{
		Name: "info", Symbol: "TCP_INFO", Level: levelTCP, Number: 11, Source: "tcp(7)",
		Doc: "tells what the kernel knows about the connection",
	}, 512, ParseTCPInfo)
	QuickAck = flagOption(Option{
		Name: "quickack", Symbol: "TCP_QUICKACK", Level: levelTCP, Number: 12, When: Connected, Source: "tcp(7)",
		fresh: true, Doc: "acknowledges at once, until the kernel thinks better of it",
	})
	Congestion = stringOption(Option{
		Name: "congestion", Symbol: "TCP_CONGESTION", Level: levelTCP, Number: 13, Since: "2.6.13", Source: "tcp(7)",
		Doc: "chooses the congestion control, such as cubic, reno or bbr; others than the allowed ones need CAP_NET_ADMIN",
	}, 16)
	MD5Sig = bytesOption(Option{
		Name: "md5sig", Symbol: "TCP_MD5SIG", Level: levelTCP, Number: 14, Access: Write, Min: 216, Max: 216,
		Since: "2.6.20", Protocols: plainTCP, Source: "linux/tcp.h",
		Doc: "signs segments to and from a peer with an MD5 key (RFC 2385): struct tcp_md5sig",
	}, 0)
	ThinLinearTimeouts = flagOption(Option{
		Name: "thin-linear-timeouts", Symbol: "TCP_THIN_LINEAR_TIMEOUTS", Level: levelTCP, Number: 16, Since: "2.6.34",
		Source: "linux/tcp.h", Doc: "retransmits at even intervals while little is in flight",
	})
	ThinDupAck = flagOption(Option{
		Name: "thin-dupack", Symbol: "TCP_THIN_DUPACK", Level: levelTCP, Number: 17, Since: "2.6.34", ignored: true,
		Source: "linux/tcp.h", Doc: "does nothing since Linux 4.11; it reads as off",
	})
	UserTimeout = durationOption(Option{
		Name: "user-timeout", Symbol: "TCP_USER_TIMEOUT", Level: levelTCP, Number: 18, Unit: UnitMilliseconds,
		Since: "2.6.37", Source: "tcp(7); RFC 5482",
		Doc: "bounds how long sent data may stay unacknowledged; 0 is the system's default",
	})
	Repair = intOption(Option{
		Name: "repair", Symbol: "TCP_REPAIR", Level: levelTCP, Number: 19, Min: -1, Max: 1, Since: "3.5",
		Values:     []Value{{"off-no-probe", -1}, {"off", 0}, {"on", 1}},
		Capability: "CAP_NET_ADMIN", Protocols: plainTCP, Source: "linux/tcp.h",
		When: BeforeUse | Connected,
		Doc:  "lets a checkpointing program take the connection apart and put it together elsewhere",
	})
	RepairQueue = intOption(Option{
		Name: "repair-queue", Symbol: "TCP_REPAIR_QUEUE", Level: levelTCP, Number: 20, Max: 2, Since: "3.5",
		Values: []Value{{"none", 0}, {"recv", 1}, {"send", 2}}, Capability: "CAP_NET_ADMIN", Protocols: plainTCP,
		Source: "linux/tcp.h", fresh: true, When: BeforeUse | Connected,
		Doc: "chooses the queue that repair works on",
	})
	RepairSequence = uint32Option(Option{
		Name: "repair-seq", Symbol: "TCP_QUEUE_SEQ", Level: levelTCP, Number: 21, Max: math.MaxUint32, Since: "3.5",
		Capability: "CAP_NET_ADMIN", Protocols: plainTCP, Source: "linux/tcp.h", fresh: true,
		When: BeforeUse | Connected, Doc: "sets the sequence number of the queue under repair",
	})
	RepairOptions = bytesOption(Option{
		Name: "repair-options", Symbol: "TCP_REPAIR_OPTIONS", Level: levelTCP, Number: 22, Access: Write,
		Min: 8, Max: 512, Since: "3.5", Capability: "CAP_NET_ADMIN", Protocols: plainTCP, Source: "linux/tcp.h",
		When: Connected, Doc: "restores the negotiated TCP options: struct tcp_repair_opt, code and value of 32 bits each",
	}, 0)
	FastOpen = intOption(Option{
		Name: "fastopen", Symbol: "TCP_FASTOPEN", Level: levelTCP, Number: 23, Since: "3.7", When: ListenerSide,
		Values: []Value{{"off", 0}, {"on", 256}}, Bare: "on", Source: "tcp(7); RFC 7413", fresh: true,
		Doc: "takes data in the SYN, from at most this many connections not yet established; 256 by name alone",
	})
	TCPTimestamp = uint32Option(Option{
		Name: "tcp-timestamp", Symbol: "TCP_TIMESTAMP", Level: levelTCP, Number: 24, Max: math.MaxUint32, Since: "3.9",
		Capability: "CAP_NET_ADMIN", Source: "linux/tcp.h", fresh: true, Protocols: plainTCP,
		When: BeforeUse | Connected, Doc: "gives the clock of the timestamp option; under repair it sets it",
	})
	NotSentLowat = uint32Option(Option{
		Name: "notsent-lowat", Symbol: "TCP_NOTSENT_LOWAT", Level: levelTCP, Number: 25, Unit: UnitBytes,
		Max: math.MaxUint32, Since: "3.12", Source: "linux/tcp.h",
		Doc: "bounds the unsent bytes in the send buffer before the socket is no longer writable; 0 is the system's default",
	})
	CongestionInfo = bytesOption(Option{
		Name: "cc-info", Symbol: "TCP_CC_INFO", Level: levelTCP, Number: 26, Access: Read, When: Connected, Since: "4.1",
		Source: "linux/inet_diag.h", Doc: "gives what the congestion control tells of itself: union tcp_cc_info",
	}, 64)
	SaveSyn = intOption(Option{
		Name: "save-syn", Symbol: "TCP_SAVE_SYN", Level: levelTCP, Number: 27, Max: 2, Since: "4.2", When: ListenerSide,
		Values: []Value{{"off", 0}, {"on", 1}, {"with-link-layer", 2}}, Bare: "on", Source: "linux/tcp.h",
		Doc: "keeps each connection's SYN for saved-syn; with-link-layer needs Linux 5.11",
	})
	SavedSyn = bytesOption(Option{
		Name: "saved-syn", Symbol: "TCP_SAVED_SYN", Level: levelTCP, Number: 28, Access: Read, When: Connected,
		Since: "4.2", Source: "linux/tcp.h", Doc: "gives the headers of the connection's SYN, once, and forgets them",
	}, 256)
	RepairWindow = bytesOption(Option{
		Name: "repair-window", Symbol: "TCP_REPAIR_WINDOW", Level: levelTCP, Number: 29, Min: 20, Max: 20, Since: "4.8",
		Capability: "CAP_NET_ADMIN", Protocols: plainTCP, Source: "linux/tcp.h", When: Connected, fresh: true,
		Doc: "gives or restores the windows under repair: struct tcp_repair_window",
	}, 20)
	FastOpenConnect = flagOption(Option{
		Name: "fastopen-connect", Symbol: "TCP_FASTOPEN_CONNECT", Level: levelTCP, Number: 30, Since: "4.11",
		When: DialerSide, Source: "tcp(7); RFC 7413",
		Doc: "lets connect return at once when a cookie is known, and the first send put its data in the SYN",
	})
	ULP = stringOption(Option{
		Name: "ulp", Symbol: "TCP_ULP", Level: levelTCP, Number: 31, Since: "4.13", When: Connected,
		Protocols: plainTCP, Source: "linux/tcp.h", fresh: true,
		Doc: "puts a protocol of the kernel's on top, such as tls; for good",
	}, 16)
	MD5SigExt = bytesOption(Option{
		Name: "md5sig-ext", Symbol: "TCP_MD5SIG_EXT", Level: levelTCP, Number: 32, Access: Write, Min: 216, Max: 216,
		Since: "4.14", Protocols: plainTCP, Source: "linux/tcp.h",
		Doc: "is md5sig with its flags obeyed: a prefix of addresses, an interface",
	}, 0)
	FastOpenKey = bytesOption(Option{
		Name: "fastopen-key", Symbol: "TCP_FASTOPEN_KEY", Level: levelTCP, Number: 33, Min: 16, Max: 32, Since: "4.15",
		When: ListenerSide, Source: "linux/tcp.h", fresh: true,
		Doc: "sets the key that makes Fast Open cookies: 16 bytes, or 32 with the key before it",
	}, 32)
	FastOpenNoCookie = flagOption(Option{
		Name: "fastopen-no-cookie", Symbol: "TCP_FASTOPEN_NO_COOKIE", Level: levelTCP, Number: 34, Since: "4.15",
		When: BeforeUse | Listening, Source: "linux/tcp.h",
		Doc: "does Fast Open without a cookie, for peers that are trusted otherwise",
	})
	Inq = flagOption(Option{
		Name: "inq", Symbol: "TCP_INQ", Level: levelTCP, Number: 36, Since: "4.18", Source: "linux/tcp.h",
		Doc: "passes the number of bytes still waiting as a control message",
	})
	TxDelay = durationOption(Option{
		Name: "tx-delay", Symbol: "TCP_TX_DELAY", Level: levelTCP, Number: 37, Unit: UnitMicroseconds, Since: "5.3",
		Protocols: plainTCP, Source: "linux/tcp.h",
		Doc: "delays every outgoing packet, to imitate a long way; needs the fq queue",
	})
	AOAddKey = bytesOption(Option{
		Name: "ao-add-key", Symbol: "TCP_AO_ADD_KEY", Level: levelTCP, Number: 38, Access: Write, Min: 280, Max: 512,
		Since: "6.7", Protocols: plainTCP, Source: "linux/tcp.h; RFC 5925", Doc: "adds an authentication key: struct tcp_ao_add",
	}, 0)
	AODelKey = bytesOption(Option{
		Name: "ao-del-key", Symbol: "TCP_AO_DEL_KEY", Level: levelTCP, Number: 39, Access: Write, Min: 144, Max: 512,
		Since: "6.7", Protocols: plainTCP, Source: "linux/tcp.h; RFC 5925", Doc: "removes an authentication key: struct tcp_ao_del",
	}, 0)
	AOInfo = bytesOption(Option{
		Name: "ao-info", Symbol: "TCP_AO_INFO", Level: levelTCP, Number: 40, Min: 56, Max: 512,
		Since: "6.7", Protocols: plainTCP, Source: "linux/tcp.h; RFC 5925", Doc: "gives or sets the authentication's keys in use: struct tcp_ao_info_opt",
	}, 56)
	AORepair = bytesOption(Option{
		Name: "ao-repair", Symbol: "TCP_AO_REPAIR", Level: levelTCP, Number: 42, Min: 24, Max: 512, When: Connected,
		Since: "6.7", Protocols: plainTCP, Capability: "CAP_NET_ADMIN", Source: "linux/tcp.h; RFC 5925",
		Doc: "gives or restores the authentication's state under repair: struct tcp_ao_repair",
	}, 24)
	IsMPTCP = flagOption(Option{
		Name: "is-mptcp", Symbol: "TCP_IS_MPTCP", Level: levelTCP, Number: 43, Access: Read, Since: "5.16",
		Source: "linux/tcp.h", Doc: "tells whether the connection is MPTCP and did not fall back to TCP",
	})
	RTOMax = durationOption(Option{
		Name: "rto-max", Symbol: "TCP_RTO_MAX_MS", Level: levelTCP, Number: 44, Unit: UnitMilliseconds, Min: 1000, Max: 120000,
		Since: "6.15", Source: "linux/tcp.h", Doc: "bounds the retransmission timeout from above",
	})
	RTOMin = durationOption(Option{
		Name: "rto-min", Symbol: "TCP_RTO_MIN_US", Level: levelTCP, Number: 45, Unit: UnitMicroseconds, Min: 1, Max: 200000,
		Since: "6.15", Source: "linux/tcp.h", Doc: "bounds the retransmission timeout from below",
	})
	DelAckMax = durationOption(Option{
		Name: "delack-max", Symbol: "TCP_DELACK_MAX_US", Level: levelTCP, Number: 46, Unit: UnitMicroseconds, Min: 1, Max: 200000,
		Since: "6.15", Source: "linux/tcp.h", Doc: "bounds how long an acknowledgement is delayed",
	})
)

// The options of MPTCP, level SOL_MPTCP.
var (
	MPTCPInfo = bytesOption(Option{
		Name: "mptcp-info", Symbol: "MPTCP_INFO", Level: levelMPTCP, Number: 1, Access: Read, Since: "5.16",
		Source: "linux/mptcp.h", Doc: "tells what the kernel knows about the MPTCP connection: struct mptcp_info",
	}, 256)
)
