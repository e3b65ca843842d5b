package socket

// The levels of setsockopt(2), as Linux numbers them.
const (
	levelIP      = 0
	levelSocket  = 1
	levelTCP     = 6
	levelUDP     = 17
	levelVsock   = int(VSOCK)
	levelIPV6    = 41
	levelICMPV6  = 58
	levelSCTP    = 132
	levelUDPLite = 136
	levelRaw     = 255
	levelPacket  = 263
	levelNetlink = 270
	levelTLS     = 282
	levelMPTCP   = 284
)

var levelNames = map[int]string{
	levelIP:      "IPPROTO_IP",
	levelSocket:  "SOL_SOCKET",
	levelTCP:     "IPPROTO_TCP",
	levelUDP:     "IPPROTO_UDP",
	levelVsock:   "AF_VSOCK",
	levelIPV6:    "IPPROTO_IPV6",
	levelICMPV6:  "IPPROTO_ICMPV6",
	levelSCTP:    "IPPROTO_SCTP",
	levelUDPLite: "IPPROTO_UDPLITE",
	levelRaw:     "SOL_RAW",
	levelPacket:  "SOL_PACKET",
	levelNetlink: "SOL_NETLINK",
	levelTLS:     "SOL_TLS",
	levelMPTCP:   "SOL_MPTCP",
}

// Which sockets have an option: what rows share.
var (
	inetFamilies = []Family{INET, INET6}
	inet6Family  = []Family{INET6}
	unixFamily   = []Family{UNIX}

	tcpProtocols = []Protocol{TCP, MPTCP}
	plainTCP     = []Protocol{TCP}
	udpProtocols = []Protocol{UDP, UDPLITE}
	plainUDP     = []Protocol{UDP}
	tcpAndUDP    = []Protocol{TCP, MPTCP, UDP, UDPLITE}

	streamType    = []Type{STREAM}
	connTypes     = []Type{STREAM, SEQPACKET}
	datagramTypes = []Type{DGRAM, RAW}
	rawType       = []Type{RAW}
)
