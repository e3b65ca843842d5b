package socket

import (
	"encoding/binary"
	"net/netip"
)

// The options of ipv6(7) and RFC 3493, 3542, 3678 and 5014, level
// IPPROTO_IPV6. Where an IPv4 row has the plain name, that row also sets the
// option here; these rows set the IPv6 side alone.
var (
	V6AddrForm = intOption(Option{
		Name: "v6-addrform", Symbol: "IPV6_ADDRFORM", Level: levelIPV6, Number: 1, Min: 2, Max: 2, Access: Write,
		Values: []Value{{"inet", 2}}, When: Connected, Source: "ipv6(7)",
		Doc: "turns a socket connected to a mapped IPv4 address into an IPv4 socket",
	})
	V62292PktInfo = flagOption(Option{
		Name: "v6-2292pktinfo", Symbol: "IPV6_2292PKTINFO", Level: levelIPV6, Number: 2, Source: "linux/in6.h; RFC 2292",
		Doc: "is v6-recvpktinfo in its older form",
	})
	V62292HopOpts = flagOption(Option{
		Name: "v6-2292hopopts", Symbol: "IPV6_2292HOPOPTS", Level: levelIPV6, Number: 3, Source: "linux/in6.h; RFC 2292",
		Doc: "is v6-recvhopopts in its older form",
	})
	V62292DstOpts = flagOption(Option{
		Name: "v6-2292dstopts", Symbol: "IPV6_2292DSTOPTS", Level: levelIPV6, Number: 4, Source: "linux/in6.h; RFC 2292",
		Doc: "is v6-recvdstopts in its older form",
	})
	V62292RtHdr = flagOption(Option{
		Name: "v6-2292rthdr", Symbol: "IPV6_2292RTHDR", Level: levelIPV6, Number: 5, Source: "linux/in6.h; RFC 2292",
		Doc: "is v6-recvrthdr in its older form",
	})
	V62292PktOptions = bytesOption(Option{
		Name: "v6-2292pktoptions", Symbol: "IPV6_2292PKTOPTIONS", Level: levelIPV6, Number: 6, Max: 4096,
		Types: streamType, Source: "linux/in6.h; RFC 2292", fresh: true,
		Doc: "sets options to send, or gives those received on a stream, as cmsg bytes",
	}, 512)
	V6Checksum = intOption(Option{
		Name: "v6-checksum", Symbol: "IPV6_CHECKSUM", Level: levelIPV6, Number: 7, Min: -1, Max: 65534, Types: rawType,
		Unit: UnitBytes, Values: []Value{{"off", -1}}, Source: "linux/in6.h; RFC 3542",
		Doc: "says at which (even) offset the kernel writes and checks a checksum",
	})
	V62292HopLimit = flagOption(Option{
		Name: "v6-2292hoplimit", Symbol: "IPV6_2292HOPLIMIT", Level: levelIPV6, Number: 8, Source: "linux/in6.h; RFC 2292",
		Doc: "is v6-recvhoplimit in its older form",
	})
	V6FlowInfo = flagOption(Option{
		Name: "v6-flowinfo", Symbol: "IPV6_FLOWINFO", Level: levelIPV6, Number: 11, Source: "linux/in6.h",
		Doc: "passes each packet's traffic class and flow label as a control message",
	})
	V6Hops = intOption(Option{
		Name: "v6-hops", Symbol: "IPV6_UNICAST_HOPS", Level: levelIPV6, Number: 16, Min: -1, Max: 255, Unit: UnitHops,
		Values: defaultHops, Source: "ipv6(7)", Doc: "bounds how many routers a packet may pass",
	})
	V6MulticastIf = interfaceOption(Option{
		Name: "v6-multicast-if", Symbol: "IPV6_MULTICAST_IF", Level: levelIPV6, Number: 17, Types: datagramTypes,
		Source: "ipv6(7)", Doc: "sends multicast through this interface",
	})
	V6MulticastHops = intOption(Option{
		Name: "v6-multicast-hops", Symbol: "IPV6_MULTICAST_HOPS", Level: levelIPV6, Number: 18, Min: -1, Max: 255,
		Unit: UnitHops, Values: defaultHops, Types: datagramTypes, Source: "ipv6(7)",
		Doc: "bounds how many routers a multicast may pass",
	})
	V6MulticastLoop = flagOption(Option{
		Name: "v6-multicast-loop", Symbol: "IPV6_MULTICAST_LOOP", Level: levelIPV6, Number: 19, Types: datagramTypes,
		Source: "ipv6(7)", Doc: "delivers our own multicasts to this host as well",
	})
	V6MulticastJoin = membershipOption(Option{
		Name: "v6-multicast-join", Symbol: "IPV6_ADD_MEMBERSHIP", Level: levelIPV6, Number: 20, Types: datagramTypes,
		Source: "ipv6(7)", Doc: "joins a multicast group on an interface",
	})
	V6MulticastLeave = membershipOption(Option{
		Name: "v6-multicast-leave", Symbol: "IPV6_DROP_MEMBERSHIP", Level: levelIPV6, Number: 21, Types: datagramTypes,
		Source: "ipv6(7)", Doc: "leaves a multicast group",
	})
	V6RouterAlert = intOption(Option{
		Name: "v6-router-alert", Symbol: "IPV6_ROUTER_ALERT", Level: levelIPV6, Number: 22, Min: -1, Max: 65535,
		Types: rawType, Values: []Value{{"off", -1}}, Source: "ipv6(7); RFC 2711",
		Doc: "hands over packets to be forwarded that carry this router alert value",
	})
	V6MTUDiscover = intOption(Option{
		Name: "v6-mtu-discover", Symbol: "IPV6_MTU_DISCOVER", Level: levelIPV6, Number: 23, Max: 5, Values: mtuDiscovery,
		Source: "ipv6(7)", Doc: "says whether packets may be fragmented, or the path's MTU is to be found",
	})
	V6MTU = intOption(Option{
		Name: "v6-mtu", Symbol: "IPV6_MTU", Level: levelIPV6, Number: 24, Unit: UnitBytes, Source: "ipv6(7)",
		Doc: "bounds the size of packets (0: by the path alone, else at least 1280); once connected it reads the path MTU",
	})
	V6RecvErr = flagOption(Option{
		Name: "v6-recverr", Symbol: "IPV6_RECVERR", Level: levelIPV6, Number: 25, Source: "ipv6(7)",
		Doc: "queues network errors (ICMPv6) for RecvError",
	})
	V6Only = flagOption(Option{
		Name: "v6only", Symbol: "IPV6_V6ONLY", Level: levelIPV6, Number: 26, When: BeforeBind,
		Types: []Type{STREAM, DGRAM, SEQPACKET}, Source: "ipv6(7)",
		Doc: "keeps the socket to IPv6; off, it also carries IPv4 as mapped addresses",
	})
	V6JoinAnycast = membershipOption(Option{
		Name: "v6-join-anycast", Symbol: "IPV6_JOIN_ANYCAST", Level: levelIPV6, Number: 27, Source: "linux/in6.h",
		Types: datagramTypes, Capability: "CAP_NET_ADMIN", Doc: "joins an anycast address on an interface",
	})
	V6LeaveAnycast = membershipOption(Option{
		Name: "v6-leave-anycast", Symbol: "IPV6_LEAVE_ANYCAST", Level: levelIPV6, Number: 28, Source: "linux/in6.h",
		Types: datagramTypes, Doc: "leaves an anycast address",
	})
	V6MulticastAll = flagOption(Option{
		Name: "v6-multicast-all", Symbol: "IPV6_MULTICAST_ALL", Level: levelIPV6, Number: 29, Since: "4.20",
		Types: datagramTypes, Source: "linux/in6.h",
		Doc: "hears every group that anybody on this host joined; off: those of this socket only",
	})
	V6RouterAlertIsolate = flagOption(Option{
		Name: "v6-router-alert-isolate", Symbol: "IPV6_ROUTER_ALERT_ISOLATE", Level: levelIPV6, Number: 30,
		Types: rawType, Since: "5.1", Source: "linux/in6.h",
		Doc: "keeps router alerts to the socket's own network namespace",
	})
	V6RecvErrRFC4884 = flagOption(Option{
		Name: "v6-recverr-rfc4884", Symbol: "IPV6_RECVERR_RFC4884", Level: levelIPV6, Number: 31, Since: "5.9",
		Source: "linux/in6.h; RFC 4884",
		Doc:    "adds where the extensions of an ICMPv6 error begin to what v6-recverr queues",
	})
	V6FlowLabelManager = bytesOption(Option{
		Name: "v6-flowlabel-mgr", Symbol: "IPV6_FLOWLABEL_MGR", Level: levelIPV6, Number: 32, Min: 32, Max: 1024,
		Source: "linux/in6.h", fresh: true, Doc: "takes, renews or gives back a flow label: struct in6_flowlabel_req",
	}, 32)
	V6FlowInfoSend = flagOption(Option{
		Name: "v6-flowinfo-send", Symbol: "IPV6_FLOWINFO_SEND", Level: levelIPV6, Number: 33, Source: "linux/in6.h",
		Doc: "puts the flow information of the destination address into outgoing packets",
	})
	V6IPSecPolicy = bytesOption(Option{
		Name: "v6-ipsec-policy", Symbol: "IPV6_IPSEC_POLICY", Level: levelIPV6, Number: 34, Access: Write,
		Min: 8, Max: 4096, Capability: "CAP_NET_ADMIN", Source: "linux/in6.h", Doc: "sets an IPsec policy in the form of PF_KEY",
	}, 0)
	V6XfrmPolicy = bytesOption(Option{
		Name: "v6-xfrm-policy", Symbol: "IPV6_XFRM_POLICY", Level: levelIPV6, Number: 35, Access: Write,
		Min: 8, Max: 4096, Capability: "CAP_NET_ADMIN", Source: "linux/in6.h", Doc: "sets an IPsec policy: struct xfrm_userpolicy_info",
	}, 0)
	V6HdrIncl = flagOption(Option{
		Name: "v6-hdrincl", Symbol: "IPV6_HDRINCL", Level: levelIPV6, Number: 36, Types: rawType, Since: "4.15",
		Source: "linux/in6.h", Doc: "says that the program writes the IPv6 header itself",
	})
	V6McastJoinGroup = membershipOption(Option{
		Name: "v6-mcast-join-group", Symbol: "MCAST_JOIN_GROUP", Level: levelIPV6, Number: 42, Types: datagramTypes,
		Source: "linux/in.h; RFC 3678", Doc: "joins a multicast group",
	})
	V6McastBlockSource = membershipOption(Option{
		Name: "v6-mcast-block-source", Symbol: "MCAST_BLOCK_SOURCE", Level: levelIPV6, Number: 43, Types: datagramTypes,
		Source: "linux/in.h; RFC 3678", Doc: "no longer hears one source of a joined group",
	})
	V6McastUnblockSource = membershipOption(Option{
		Name: "v6-mcast-unblock-source", Symbol: "MCAST_UNBLOCK_SOURCE", Level: levelIPV6, Number: 44,
		Types: datagramTypes, Source: "linux/in.h; RFC 3678", Doc: "hears a blocked source of a joined group again",
	})
	V6McastLeaveGroup = membershipOption(Option{
		Name: "v6-mcast-leave-group", Symbol: "MCAST_LEAVE_GROUP", Level: levelIPV6, Number: 45, Types: datagramTypes,
		Source: "linux/in.h; RFC 3678", Doc: "leaves a multicast group",
	})
	V6McastJoinSource = membershipOption(Option{
		Name: "v6-mcast-join-source", Symbol: "MCAST_JOIN_SOURCE_GROUP", Level: levelIPV6, Number: 46,
		Types: datagramTypes, Source: "linux/in.h; RFC 3678", Doc: "joins a multicast group for one source",
	})
	V6McastLeaveSource = membershipOption(Option{
		Name: "v6-mcast-leave-source", Symbol: "MCAST_LEAVE_SOURCE_GROUP", Level: levelIPV6, Number: 47,
		Types: datagramTypes, Source: "linux/in.h; RFC 3678", Doc: "leaves one source of a multicast group",
	})
	V6McastFilter = bytesOption(Option{
		Name: "v6-mcast-filter", Symbol: "MCAST_MSFILTER", Level: levelIPV6, Number: 48, Access: Write,
		Types: datagramTypes, Min: 128 + 8 + longSize, Max: 65536, Source: "linux/in.h; RFC 3678",
		Doc: "sets the whole list of sources of a joined group: struct group_filter",
	}, 0)
	V6RecvPktInfo = flagOption(Option{
		Name: "v6-recvpktinfo", Symbol: "IPV6_RECVPKTINFO", Level: levelIPV6, Number: 49, Since: "2.6.14",
		Source: "ipv6(7); RFC 3542",
		Doc:    "passes each packet's interface and destination address as a control message",
	})
	V6PktInfo = bytesOption(Option{
		Name: "v6-pktinfo", Symbol: "IPV6_PKTINFO", Level: levelIPV6, Number: 50, Access: Write, Min: 20, Max: 20,
		Since: "2.6.14", Source: "linux/in6.h; RFC 3542", fresh: true,
		Doc: "sends from this address and interface: struct in6_pktinfo, 16 bytes and 4",
	}, 0)
	V6RecvHopLimit = flagOption(Option{
		Name: "v6-recvhoplimit", Symbol: "IPV6_RECVHOPLIMIT", Level: levelIPV6, Number: 51, Since: "2.6.14",
		Source: "ipv6(7); RFC 3542", Doc: "passes each packet's hop limit as a control message",
	})
	V6RecvHopOpts = flagOption(Option{
		Name: "v6-recvhopopts", Symbol: "IPV6_RECVHOPOPTS", Level: levelIPV6, Number: 53, Since: "2.6.14",
		Source: "ipv6(7); RFC 3542", Doc: "passes each packet's hop-by-hop options as a control message",
	})
	V6HopOpts = bytesOption(Option{
		Name: "v6-hopopts", Symbol: "IPV6_HOPOPTS", Level: levelIPV6, Number: 54, Max: 2048, Since: "2.6.14",
		Capability: "CAP_NET_RAW", Source: "ipv6(7); RFC 3542", Doc: "puts a hop-by-hop options header into every packet",
	}, 2048)
	V6RtHdrDstOpts = bytesOption(Option{
		Name: "v6-rthdrdstopts", Symbol: "IPV6_RTHDRDSTOPTS", Level: levelIPV6, Number: 55, Max: 2048, Since: "2.6.14",
		Capability: "CAP_NET_RAW", Source: "linux/in6.h; RFC 3542",
		Doc: "puts a destination options header before the routing header of every packet",
	}, 2048)
	V6RecvRtHdr = flagOption(Option{
		Name: "v6-recvrthdr", Symbol: "IPV6_RECVRTHDR", Level: levelIPV6, Number: 56, Since: "2.6.14",
		Source: "ipv6(7); RFC 3542", Doc: "passes each packet's routing header as a control message",
	})
	V6RtHdr = bytesOption(Option{
		Name: "v6-rthdr", Symbol: "IPV6_RTHDR", Level: levelIPV6, Number: 57, Max: 2048, Since: "2.6.14",
		Source: "ipv6(7); RFC 3542", Doc: "puts a routing header into every packet",
	}, 2048)
	V6RecvDstOpts = flagOption(Option{
		Name: "v6-recvdstopts", Symbol: "IPV6_RECVDSTOPTS", Level: levelIPV6, Number: 58, Since: "2.6.14",
		Source: "ipv6(7); RFC 3542", Doc: "passes each packet's destination options as a control message",
	})
	V6DstOpts = bytesOption(Option{
		Name: "v6-dstopts", Symbol: "IPV6_DSTOPTS", Level: levelIPV6, Number: 59, Max: 2048, Since: "2.6.14",
		Capability: "CAP_NET_RAW", Source: "ipv6(7); RFC 3542", Doc: "puts a destination options header into every packet",
	}, 2048)
	V6RecvPathMTU = flagOption(Option{
		Name: "v6-recvpathmtu", Symbol: "IPV6_RECVPATHMTU", Level: levelIPV6, Number: 60, Since: "2.6.35",
		Source: "linux/in6.h; RFC 3542", Doc: "passes a change of the path MTU as an empty message",
	})
	V6PathMTU = structOption(Option{
		Name: "v6-path-mtu", Symbol: "IPV6_PATHMTU", Level: levelIPV6, Number: 61, Since: "2.6.35", When: Connected,
		Source: "linux/in6.h; RFC 3542", Doc: "gives the destination and the path MTU to it",
	}, 32, decodePathMTU)
	V6DontFrag = flagOption(Option{
		Name: "v6-dontfrag", Symbol: "IPV6_DONTFRAG", Level: levelIPV6, Number: 62, Since: "2.6.35",
		Source: "linux/in6.h; RFC 3542", Doc: "drops datagrams that do not fit the path's MTU instead of fragmenting them",
	})
	V6RecvTClass = flagOption(Option{
		Name: "v6-recvtclass", Symbol: "IPV6_RECVTCLASS", Level: levelIPV6, Number: 66, Since: "2.6.14",
		Source: "linux/in6.h; RFC 3542", Doc: "passes each packet's traffic class as a control message",
	})
	V6TClass = intOption(Option{
		Name: "v6-tclass", Symbol: "IPV6_TCLASS", Level: levelIPV6, Number: 67, Min: -1, Max: 255, Values: tosValues,
		Since: "2.6.14", Source: "linux/in6.h; RFC 3542", Doc: "sets the traffic class: DSCP in the upper six bits, ECN in the lower two; -1 is the default",
	})
	V6AutoFlowLabel = flagOption(Option{
		Name: "v6-autoflowlabel", Symbol: "IPV6_AUTOFLOWLABEL", Level: levelIPV6, Number: 70, Since: "3.17",
		Source: "linux/in6.h; RFC 6438", Doc: "labels the packets of a flow by a hash of its addresses and ports",
	})
	V6AddrPreferences = uint32Option(Option{
		Name: "v6-addr-preferences", Symbol: "IPV6_ADDR_PREFERENCES", Level: levelIPV6, Number: 72, Max: 0xffff,
		Mask: true, Since: "2.6.26", Source: "linux/in6.h; RFC 5014", Doc: "says which source addresses are preferred",
		Values: []Value{
			{"tmp", 1}, {"public", 2}, {"pubtmp-default", 0x100}, {"coa", 4}, {"home", 0x400}, {"cga", 8}, {"noncga", 0x800},
		},
	})
	V6MinHopCount = intOption(Option{
		Name: "v6-minhopcount", Symbol: "IPV6_MINHOPCOUNT", Level: levelIPV6, Number: 73, Max: 255, Unit: UnitHops,
		Since: "2.6.35", Source: "linux/in6.h; RFC 5082", Doc: "drops packets whose hop limit is lower; 0 drops none",
	})
	V6RecvOrigDstAddr = flagOption(Option{
		Name: "v6-recvorigdstaddr", Symbol: "IPV6_RECVORIGDSTADDR", Level: levelIPV6, Number: 74, Since: "2.6.37",
		Source: "linux/in6.h", Doc: "passes each datagram's original destination as a control message",
	})
	V6Transparent = flagOption(Option{
		Name: "v6-transparent", Symbol: "IPV6_TRANSPARENT", Level: levelIPV6, Number: 75, Since: "2.6.37",
		When: BeforeBind | Listening | Connected, Capability: "CAP_NET_ADMIN", Source: "linux/in6.h",
		Doc: "lets the socket be bound to foreign addresses and take redirected traffic",
	})
	V6UnicastIf = interfaceOption(Option{
		Name: "v6-unicast-if", Symbol: "IPV6_UNICAST_IF", Level: levelIPV6, Number: 76, Since: "3.4",
		Source: "linux/in6.h", Doc: "sends through this interface without binding to it",
	})
	V6RecvFragSize = flagOption(Option{
		Name: "v6-recvfragsize", Symbol: "IPV6_RECVFRAGSIZE", Level: levelIPV6, Number: 77, Since: "4.10",
		Source: "linux/in6.h", Doc: "passes the size of the largest fragment of each datagram as a control message",
	})
	V6FreeBind = flagOption(Option{
		Name: "v6-freebind", Symbol: "IPV6_FREEBIND", Level: levelIPV6, Number: 78, When: BeforeBind, Since: "4.15",
		Source: "linux/in6.h", Doc: "lets bind take an address that this host does not have (yet)",
	})
	V6OriginalDst = structOption(Option{
		Name: "v6-original-dst", Symbol: "IP6T_SO_ORIGINAL_DST", Level: levelIPV6, Number: 80, When: Connected,
		Types: connTypes, Since: "3.7", Source: "linux/netfilter_ipv6/ip6_tables.h",
		Doc: "gives where the peer meant to connect, before the packet filter redirected it here",
	}, 28, decodeAddrPort)
)

// PathMTU is what IPV6_PATHMTU tells: how large a packet to a destination may be.
type PathMTU struct {
	To  netip.Addr
	MTU uint32
}

// decodePathMTU reads struct ip6_mtuinfo: a sockaddr_in6 of 28 bytes, then the MTU.
func decodePathMTU(wire []byte) (PathMTU, error) {
	if len(wire) < 32 {
		return PathMTU{}, errShort
	}
	return PathMTU{netip.AddrFrom16([16]byte(wire[8:24])), binary.NativeEndian.Uint32(wire[28:])}, nil
}
