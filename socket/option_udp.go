package socket

// The options of udp(7), level IPPROTO_UDP.
var (
	UDPCork = flagOption(Option{
		Name: "udp-cork", Symbol: "UDP_CORK", Level: levelUDP, Number: 1, Since: "2.5.44", Source: "udp(7)",
		Doc: "gathers what is sent into one datagram, which leaves when it is off again",
	})
	UDPEncap = intOption(Option{
		Name: "udp-encap", Symbol: "UDP_ENCAP", Level: levelUDP, Number: 100, Max: 7, Since: "2.5.67", Source: "linux/udp.h",
		Protocols: plainUDP,
		Values:    []Value{{"off", 0}, {"espinudp-non-ike", 1}, {"espinudp", 2}, {"l2tpinudp", 3}, {"gtp0", 4}, {"gtp1u", 5}, {"rxrpc", 6}},
		Doc:       "hands datagrams to another protocol of the kernel that they carry",
	})
	UDPNoCheck6Tx = flagOption(Option{
		Name: "udp-no-check6-tx", Symbol: "UDP_NO_CHECK6_TX", Level: levelUDP, Number: 101, Since: "3.16",
		Source: "linux/udp.h; RFC 6935", Doc: "sends UDP over IPv6 without a checksum",
	})
	UDPNoCheck6Rx = flagOption(Option{
		Name: "udp-no-check6-rx", Symbol: "UDP_NO_CHECK6_RX", Level: levelUDP, Number: 102, Since: "3.16",
		Source: "linux/udp.h; RFC 6935", Doc: "accepts UDP over IPv6 without a checksum",
	})
	Segment = intOption(Option{
		Name: "segment", Symbol: "UDP_SEGMENT", Level: levelUDP, Number: 103, Unit: UnitBytes, Max: 65535, Since: "4.18",
		Protocols: plainUDP, Source: "udp(7)", Doc: "cuts what is sent into datagrams of this size (GSO); 0 does not cut",
	})
	GRO = flagOption(Option{
		Name: "gro", Symbol: "UDP_GRO", Level: levelUDP, Number: 104, Since: "5.0", Protocols: plainUDP, Source: "udp(7)",
		Doc: "receives several datagrams as one, with their size as a control message",
	})
)

// The options of udplite(7), level IPPROTO_UDPLITE.
var (
	UDPLiteSendCoverage = intOption(Option{
		Name: "udplite-send-cscov", Symbol: "UDPLITE_SEND_CSCOV", Level: levelUDPLite, Number: 10, Unit: UnitBytes,
		Max: 65535, Since: "2.6.20", Source: "udplite(7); RFC 3828",
		Doc: "sets how many bytes of each datagram sent the checksum covers; 0 covers all",
	})
	UDPLiteRecvCoverage = intOption(Option{
		Name: "udplite-recv-cscov", Symbol: "UDPLITE_RECV_CSCOV", Level: levelUDPLite, Number: 11, Unit: UnitBytes,
		Max: 65535, Since: "2.6.20", Source: "udplite(7); RFC 3828",
		Doc: "drops datagrams whose checksum covers less than this",
	})
)
