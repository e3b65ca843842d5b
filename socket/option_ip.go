package socket

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// The options of ip(7), level IPPROTO_IP. INET6 sockets that are not raw take
// them too: for the IPv4 they carry, and for what has no IPv6 option of its
// own. Rows with a Twin do on an INET6 socket what the IPv6 row does.
var (
	TOS = intOption(Option{
		Name: "tos", Symbol: "IP_TOS", Level: levelIP, Number: 1, Max: 255, Values: tosValues, Twin: "v6-tclass",
		Source: "ip(7); RFC 2474", Doc: "sets the type-of-service byte: DSCP in the upper six bits, ECN in the lower two (which TCP keeps)",
	})
	TTL = intOption(Option{
		Name: "ttl", Symbol: "IP_TTL", Level: levelIP, Number: 2, Min: -1, Max: 255, Unit: UnitHops, Twin: "v6-hops",
		Values: defaultHops, Source: "ip(7)",
		Doc: "bounds how many routers a packet may pass; on an INET6 socket the hop limit",
	})
	HdrIncl = flagOption(Option{
		Name: "hdrincl", Symbol: "IP_HDRINCL", Level: levelIP, Number: 3, Types: rawType, Twin: "v6-hdrincl",
		Source: "ip(7)", Doc: "says that the program writes the IP header itself",
	})
	IPOptions = bytesOption(Option{
		Name: "ip-options", Symbol: "IP_OPTIONS", Level: levelIP, Number: 4, Max: 40, Source: "ip(7); RFC 791",
		Doc: "puts these IP options into every packet", fresh: true,
	}, 40)
	RouterAlert = flagOption(Option{
		Name: "router-alert", Symbol: "IP_ROUTER_ALERT", Level: levelIP, Number: 5, Types: rawType,
		Families: []Family{INET}, Source: "ip(7)",
		Doc: "hands over packets to be forwarded that carry the router alert option",
	})
	RecvOpts = flagOption(Option{
		Name: "recvopts", Symbol: "IP_RECVOPTS", Level: levelIP, Number: 6, Source: "ip(7)",
		Doc: "passes incoming IP options as a control message",
	})
	RetOpts = flagOption(Option{
		Name: "retopts", Symbol: "IP_RETOPTS", Level: levelIP, Number: 7, Source: "ip(7)",
		Doc: "passes incoming IP options, unprocessed, as a control message",
	})
	PktInfo = flagOption(Option{
		Name: "pktinfo", Symbol: "IP_PKTINFO", Level: levelIP, Number: 8, Twin: "v6-recvpktinfo", Source: "ip(7)",
		Doc: "passes each packet's interface and destination address as a control message",
	})
	PktOptions = bytesOption(Option{
		Name: "pktoptions", Symbol: "IP_PKTOPTIONS", Level: levelIP, Number: 9, Access: Read, Types: streamType,
		Source: "linux/in.h", Doc: "gives, on a stream, the control messages that are switched on, as cmsg bytes",
	}, 256)
	MTUDiscover = intOption(Option{
		Name: "mtu-discover", Symbol: "IP_MTU_DISCOVER", Level: levelIP, Number: 10, Max: 5, Values: mtuDiscovery,
		Twin: "v6-mtu-discover", Source: "ip(7)",
		Doc: "says whether packets may be fragmented on the way, or the path's MTU is to be found",
	})
	RecvErr = flagOption(Option{
		Name: "recverr", Symbol: "IP_RECVERR", Level: levelIP, Number: 11, Twin: "v6-recverr", Source: "ip(7)",
		Doc: "queues network errors (ICMP) for RecvError",
	})
	RecvTTL = flagOption(Option{
		Name: "recvttl", Symbol: "IP_RECVTTL", Level: levelIP, Number: 12, Twin: "v6-recvhoplimit", Source: "ip(7)",
		Doc: "passes each packet's TTL as a control message",
	})
	RecvTOS = flagOption(Option{
		Name: "recvtos", Symbol: "IP_RECVTOS", Level: levelIP, Number: 13, Twin: "v6-recvtclass", Source: "ip(7)",
		Doc: "passes each packet's type-of-service byte as a control message",
	})
	MTU = intOption(Option{
		Name: "mtu", Symbol: "IP_MTU", Level: levelIP, Number: 14, Unit: UnitBytes, Access: Read, When: Connected,
		Source: "ip(7)", Doc: "gives the path MTU as known",
	})
	FreeBind = flagOption(Option{
		Name: "freebind", Symbol: "IP_FREEBIND", Level: levelIP, Number: 15, When: BeforeBind, Twin: "v6-freebind",
		Source: "ip(7)", Doc: "lets bind take an address that this host does not have (yet)",
	})
	IPSecPolicy = bytesOption(Option{
		Name: "ipsec-policy", Symbol: "IP_IPSEC_POLICY", Level: levelIP, Number: 16, Access: Write, Min: 8, Max: 4096,
		Capability: "CAP_NET_ADMIN", Source: "linux/in.h", Doc: "sets an IPsec policy in the form of PF_KEY",
	}, 0)
	XfrmPolicy = bytesOption(Option{
		Name: "xfrm-policy", Symbol: "IP_XFRM_POLICY", Level: levelIP, Number: 17, Access: Write, Min: 8, Max: 4096,
		Capability: "CAP_NET_ADMIN", Source: "linux/in.h", Doc: "sets an IPsec policy: struct xfrm_userpolicy_info",
	}, 0)
	IPPassSec = flagOption(Option{
		Name: "ip-passsec", Symbol: "IP_PASSSEC", Level: levelIP, Number: 18, Since: "2.6.17", Source: "ip(7)",
		Doc: "passes the peer's security context as a control message",
	})
	Transparent = flagOption(Option{
		Name: "transparent", Symbol: "IP_TRANSPARENT", Level: levelIP, Number: 19, When: BeforeBind | Listening | Connected,
		Since: "2.6.28", Capability: "CAP_NET_ADMIN", Twin: "v6-transparent", Source: "ip(7)",
		Doc: "lets the socket be bound to foreign addresses and take redirected traffic (a transparent proxy)",
	})
	RecvOrigDstAddr = flagOption(Option{
		Name: "recvorigdstaddr", Symbol: "IP_RECVORIGDSTADDR", Level: levelIP, Number: 20, Since: "2.6.29",
		Twin: "v6-recvorigdstaddr", Source: "ip(7)",
		Doc: "passes each datagram's original destination as a control message",
	})
	MinTTL = intOption(Option{
		Name: "minttl", Symbol: "IP_MINTTL", Level: levelIP, Number: 21, Max: 255, Unit: UnitHops, Since: "2.6.34",
		Twin: "v6-minhopcount", Source: "linux/in.h; RFC 5082",
		Doc: "drops packets whose TTL is lower; 0 drops none",
	})
	NoDefrag = flagOption(Option{
		Name: "nodefrag", Symbol: "IP_NODEFRAG", Level: levelIP, Number: 22, Types: rawType, Families: []Family{INET},
		Since: "2.6.36", Source: "ip(7)", Doc: "keeps the packet filter from reassembling outgoing packets",
	})
	RecvChecksum = flagOption(Option{
		Name: "recvchecksum", Symbol: "IP_CHECKSUM", Level: levelIP, Number: 23, Since: "4.0", Source: "linux/in.h",
		Doc: "passes each datagram's checksum as a control message",
	})
	BindAddressNoPort = flagOption(Option{
		Name: "bind-address-no-port", Symbol: "IP_BIND_ADDRESS_NO_PORT", Level: levelIP, Number: 24,
		When: BeforeBind, Since: "4.2", Source: "ip(7)",
		Doc: "leaves the choice of a port from bind to connect, where it need only differ by peer",
	})
	RecvFragSize = flagOption(Option{
		Name: "recvfragsize", Symbol: "IP_RECVFRAGSIZE", Level: levelIP, Number: 25, Since: "4.10",
		Types: datagramTypes, Twin: "v6-recvfragsize", Source: "linux/in.h",
		Doc: "passes the size of the largest fragment of each datagram as a control message",
	})
	RecvErrRFC4884 = flagOption(Option{
		Name: "recverr-rfc4884", Symbol: "IP_RECVERR_RFC4884", Level: levelIP, Number: 26, Since: "5.9",
		Twin: "v6-recverr-rfc4884", Source: "linux/in.h; RFC 4884",
		Doc: "adds where the extensions of an ICMP error begin to what recverr queues",
	})
	MulticastIf = interfaceOption(Option{
		Name: "multicast-if", Symbol: "IP_MULTICAST_IF", Level: levelIP, Number: 32, Types: datagramTypes,
		Twin: "v6-multicast-if", Source: "ip(7)",
		Doc: "sends multicast through this interface; IPv4 reads back an address only if one was given",
	})
	MulticastTTL = intOption(Option{
		Name: "multicast-ttl", Symbol: "IP_MULTICAST_TTL", Level: levelIP, Number: 33, Min: -1, Max: 255, Unit: UnitHops,
		Values: defaultHops, Types: datagramTypes, Twin: "v6-multicast-hops", Source: "ip(7)",
		Doc: "bounds how many routers a multicast may pass; 1, the default, stays on the link",
	})
	MulticastLoop = flagOption(Option{
		Name: "multicast-loop", Symbol: "IP_MULTICAST_LOOP", Level: levelIP, Number: 34, Types: datagramTypes,
		Twin: "v6-multicast-loop", Source: "ip(7)", Doc: "delivers our own multicasts to this host as well",
	})
	MulticastJoin = membershipOption(Option{
		Name: "multicast-join", Symbol: "IP_ADD_MEMBERSHIP", Level: levelIP, Number: 35, Types: datagramTypes,
		Twin: "v6-multicast-join", Source: "ip(7)", Doc: "joins a multicast group on an interface",
	})
	MulticastLeave = membershipOption(Option{
		Name: "multicast-leave", Symbol: "IP_DROP_MEMBERSHIP", Level: levelIP, Number: 36, Types: datagramTypes,
		Twin: "v6-multicast-leave", Source: "ip(7)", Doc: "leaves a multicast group",
	})
	MulticastUnblock = membershipOption(Option{
		Name: "multicast-unblock", Symbol: "IP_UNBLOCK_SOURCE", Level: levelIP, Number: 37, Types: datagramTypes,
		Twin: "v6-mcast-unblock-source", Source: "ip(7)", Doc: "hears a blocked source of a joined group again",
	})
	MulticastBlock = membershipOption(Option{
		Name: "multicast-block", Symbol: "IP_BLOCK_SOURCE", Level: levelIP, Number: 38, Types: datagramTypes,
		Twin: "v6-mcast-block-source", Source: "ip(7)", Doc: "no longer hears one source of a joined group",
	})
	MulticastJoinSource = membershipOption(Option{
		Name: "multicast-join-source", Symbol: "IP_ADD_SOURCE_MEMBERSHIP", Level: levelIP, Number: 39,
		Types: datagramTypes, Twin: "v6-mcast-join-source", Source: "ip(7)",
		Doc: "joins a multicast group for one source; the interface goes by its address",
	})
	MulticastLeaveSource = membershipOption(Option{
		Name: "multicast-leave-source", Symbol: "IP_DROP_SOURCE_MEMBERSHIP", Level: levelIP, Number: 40,
		Types: datagramTypes, Twin: "v6-mcast-leave-source", Source: "ip(7)",
		Doc: "leaves one source of a multicast group",
	})
	MulticastFilter = bytesOption(Option{
		Name: "multicast-filter", Symbol: "IP_MSFILTER", Level: levelIP, Number: 41, Access: Write, Types: datagramTypes,
		Min: 16, Max: 4096, Source: "ip(7)", Doc: "sets the whole list of sources of a joined group: struct ip_msfilter",
	}, 0)
	McastJoinGroup = membershipOption(Option{
		Name: "mcast-join-group", Symbol: "MCAST_JOIN_GROUP", Level: levelIP, Number: 42, Types: datagramTypes,
		Twin: "v6-mcast-join-group", Source: "linux/in.h; RFC 3678", Doc: "joins a multicast group of either family",
	})
	McastBlockSource = membershipOption(Option{
		Name: "mcast-block-source", Symbol: "MCAST_BLOCK_SOURCE", Level: levelIP, Number: 43, Types: datagramTypes,
		Twin: "v6-mcast-block-source", Source: "linux/in.h; RFC 3678",
		Doc: "no longer hears one source of a joined group of either family",
	})
	McastUnblockSource = membershipOption(Option{
		Name: "mcast-unblock-source", Symbol: "MCAST_UNBLOCK_SOURCE", Level: levelIP, Number: 44, Types: datagramTypes,
		Twin: "v6-mcast-unblock-source", Source: "linux/in.h; RFC 3678",
		Doc: "hears a blocked source of a joined group of either family again",
	})
	McastLeaveGroup = membershipOption(Option{
		Name: "mcast-leave-group", Symbol: "MCAST_LEAVE_GROUP", Level: levelIP, Number: 45, Types: datagramTypes,
		Twin: "v6-mcast-leave-group", Source: "linux/in.h; RFC 3678", Doc: "leaves a multicast group of either family",
	})
	McastJoinSource = membershipOption(Option{
		Name: "mcast-join-source", Symbol: "MCAST_JOIN_SOURCE_GROUP", Level: levelIP, Number: 46, Types: datagramTypes,
		Twin: "v6-mcast-join-source", Source: "linux/in.h; RFC 3678",
		Doc: "joins a multicast group of either family for one source",
	})
	McastLeaveSource = membershipOption(Option{
		Name: "mcast-leave-source", Symbol: "MCAST_LEAVE_SOURCE_GROUP", Level: levelIP, Number: 47, Types: datagramTypes,
		Twin: "v6-mcast-leave-source", Source: "linux/in.h; RFC 3678",
		Doc: "leaves one source of a multicast group of either family",
	})
	McastFilter = bytesOption(Option{
		Name: "mcast-filter", Symbol: "MCAST_MSFILTER", Level: levelIP, Number: 48, Access: Write, Types: datagramTypes,
		Min: 128 + 8 + longSize, Max: 65536, Source: "linux/in.h; RFC 3678",
		Doc: "sets the whole list of sources of a joined group: struct group_filter",
	}, 0)
	MulticastAll = flagOption(Option{
		Name: "multicast-all", Symbol: "IP_MULTICAST_ALL", Level: levelIP, Number: 49, Types: datagramTypes,
		Since: "2.6.31", Twin: "v6-multicast-all", Source: "ip(7)",
		Doc: "hears every group that anybody on this host joined; off: those of this socket only",
	})
	UnicastIf = interfaceOption(Option{
		Name: "unicast-if", Symbol: "IP_UNICAST_IF", Level: levelIP, Number: 50, Since: "3.4", Twin: "v6-unicast-if",
		Source: "linux/in.h", Doc: "sends through this interface without binding to it",
	})
	LocalPortRange = newOption[PortRange](Option{
		Name: "local-port-range", Symbol: "IP_LOCAL_PORT_RANGE", Level: levelIP, Number: 51, Kind: KindPortRange,
		When: BeforeBind | BeforeConnect, Since: "6.3", Source: "ip(7)",
		Doc: "narrows the ports that the kernel chooses from; 0-0 is the system's range",
	}, portRangeCodec{})
	IPProtocol = intOption(Option{
		Name: "ip-protocol", Symbol: "IP_PROTOCOL", Level: levelIP, Number: 52, Access: Read, Since: "6.4",
		Families: []Family{INET}, Types: rawType,
		Source: "linux/in.h", Doc: "gives the protocol that goes into the IP header",
	})
	OriginalDst = structOption(Option{
		Name: "original-dst", Symbol: "SO_ORIGINAL_DST", Level: levelIP, Number: 80, When: Connected, Types: connTypes,
		Twin: "v6-original-dst", Source: "linux/netfilter_ipv4.h",
		Doc: "gives where the peer meant to connect, before the packet filter redirected it here",
	}, 28, decodeAddrPort)
)

// tosValues are the names of RFC 1349, and the per-hop behaviours of RFC
// 2474, 2597, 3246, 5865 and 8622.
var tosValues = []Value{
	{"default", 0},
	{"cs0", 0},
	{"lowdelay", 0x10},
	{"throughput", 0x08},
	{"reliability", 0x04},
	{"mincost", 0x02},
	{"le", 0x04},
	{"cs1", 0x20},
	{"cs2", 0x40},
	{"cs3", 0x60},
	{"cs4", 0x80},
	{"cs5", 0xa0},
	{"cs6", 0xc0},
	{"cs7", 0xe0},
	{"af11", 0x28},
	{"af12", 0x30},
	{"af13", 0x38},
	{"af21", 0x48},
	{"af22", 0x50},
	{"af23", 0x58},
	{"af31", 0x68},
	{"af32", 0x70},
	{"af33", 0x78},
	{"af41", 0x88},
	{"af42", 0x90},
	{"af43", 0x98},
	{"ef", 0xb8},
	{"voice-admit", 0xb0},
}

// decodeAddrPort reads a struct sockaddr_in or sockaddr_in6, in a buffer with
// room for either: the packet filter does not say how much it filled.
func decodeAddrPort(wire []byte) (netip.AddrPort, error) {
	if len(wire) < 28 {
		return netip.AddrPort{}, errShort
	}
	port := binary.BigEndian.Uint16(wire[2:])
	if Family(binary.NativeEndian.Uint16(wire)) == INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(wire[4:8])), port), nil
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(wire[8:24])), port), nil
}

var defaultHops = []Value{{"default", -1}}

// mtuDiscovery are IP_PMTUDISC_* and IPV6_PMTUDISC_*.
var mtuDiscovery = []Value{{"dont", 0}, {"want", 1}, {"do", 2}, {"probe", 3}, {"interface", 4}, {"omit", 5}}

// The options of raw IPv4 and IPv6 sockets, raw(7).
var (
	ICMPFilter = uint32Option(Option{
		Name: "icmp-filter", Symbol: "ICMP_FILTER", Level: levelRaw, Number: 1, Max: math.MaxUint32,
		Protocols: []Protocol{ICMP}, Source: "raw(7)",
		Doc: "drops ICMP messages of these types: one bit for each of the first 32",
	})
	ICMPV6Filter = bytesOption(Option{
		Name: "icmp6-filter", Symbol: "ICMPV6_FILTER", Level: levelICMPV6, Number: 1, Min: 32, Max: 32,
		Protocols: []Protocol{ICMPV6}, Source: "linux/icmpv6.h; RFC 3542",
		Doc: "drops ICMPv6 messages of these types: one bit for each of the 256",
	}, 32)
)
