package socket

import (
	"encoding/binary"
	"math/bits"
)

// The options of netlink(7), level SOL_NETLINK.
var (
	NetlinkJoin = uint32Option(Option{
		Name: "netlink-join", Symbol: "NETLINK_ADD_MEMBERSHIP", Level: levelNetlink, Number: 1, Access: Write,
		Since: "2.6.14", Source: "netlink(7)", Doc: "joins a group by its number",
	})
	NetlinkLeave = uint32Option(Option{
		Name: "netlink-leave", Symbol: "NETLINK_DROP_MEMBERSHIP", Level: levelNetlink, Number: 2, Access: Write,
		Since: "2.6.14", Source: "netlink(7)", Doc: "leaves a group",
	})
	NetlinkPktInfo = flagOption(Option{
		Name: "netlink-pktinfo", Symbol: "NETLINK_PKTINFO", Level: levelNetlink, Number: 3, Since: "2.6.14",
		Source: "netlink(7)", Doc: "passes each message's group as a control message",
	})
	NetlinkBroadcastError = flagOption(Option{
		Name: "netlink-broadcast-error", Symbol: "NETLINK_BROADCAST_ERROR", Level: levelNetlink, Number: 4,
		Since: "2.6.30", Source: "netlink(7)", Doc: "tells the sender of a broadcast when a full queue lost it",
	})
	NetlinkNoENOBUFS = flagOption(Option{
		Name: "netlink-no-enobufs", Symbol: "NETLINK_NO_ENOBUFS", Level: levelNetlink, Number: 5, Since: "2.6.30",
		Source: "netlink(7)", Doc: "does not report lost messages with ENOBUFS",
	})
	NetlinkListenAllNSID = flagOption(Option{
		Name: "netlink-listen-all-nsid", Symbol: "NETLINK_LISTEN_ALL_NSID", Level: levelNetlink, Number: 8,
		Since: "4.2", Capability: "CAP_NET_BROADCAST", Source: "netlink(7)",
		Doc: "hears other network namespaces that have a number here",
	})
	NetlinkMemberships = structOption(Option{
		Name: "netlink-memberships", Symbol: "NETLINK_LIST_MEMBERSHIPS", Level: levelNetlink, Number: 9, Since: "4.2",
		Source: "netlink(7)", Doc: "gives the groups joined",
	}, 256, decodeMemberships)
	NetlinkCapAck = flagOption(Option{
		Name: "netlink-cap-ack", Symbol: "NETLINK_CAP_ACK", Level: levelNetlink, Number: 10, Since: "4.3",
		Source: "netlink(7)", Doc: "acknowledges without repeating the request",
	})
	NetlinkExtAck = flagOption(Option{
		Name: "netlink-ext-ack", Symbol: "NETLINK_EXT_ACK", Level: levelNetlink, Number: 11, Since: "4.12",
		Source: "linux/netlink.h", Doc: "explains errors in words and by the offending attribute",
	})
	NetlinkStrictCheck = flagOption(Option{
		Name: "netlink-get-strict-chk", Symbol: "NETLINK_GET_STRICT_CHK", Level: levelNetlink, Number: 12, Since: "4.20",
		Source: "linux/netlink.h", Doc: "checks dump requests strictly, and filters by what they say",
	})
)

// decodeMemberships reads a set of bits in 32-bit words: bit 0 of the first is group 1.
func decodeMemberships(wire []byte) ([]uint32, error) {
	var groups []uint32
	for first := uint32(1); len(wire) >= 4; first, wire = first+32, wire[4:] {
		for set := binary.NativeEndian.Uint32(wire); set != 0; set &= set - 1 {
			groups = append(groups, first+uint32(bits.TrailingZeros32(set)))
		}
	}
	return groups, nil
}
