package socket

import "encoding/binary"

// The options of packet(7), level SOL_PACKET.
var (
	PacketJoin = bytesOption(Option{
		Name: "packet-join", Symbol: "PACKET_ADD_MEMBERSHIP", Level: levelPacket, Number: 1, Access: Write,
		Min: 16, Max: 48, Source: "packet(7)",
		Doc: "takes more than the interface's own frames, promiscuously for one: struct packet_mreq",
	}, 0)
	PacketLeave = bytesOption(Option{
		Name: "packet-leave", Symbol: "PACKET_DROP_MEMBERSHIP", Level: levelPacket, Number: 2, Access: Write,
		Min: 16, Max: 48, Source: "packet(7)", Doc: "undoes packet-join: struct packet_mreq",
	}, 0)
	PacketRxRing = bytesOption(Option{
		Name: "packet-rx-ring", Symbol: "PACKET_RX_RING", Level: levelPacket, Number: 5, Access: Write, Min: 16, Max: 28,
		Source: "packet(7)", Doc: "makes a ring of memory that frames arrive in: struct tpacket_req or tpacket_req3",
	}, 0)
	PacketStatistics = structOption(Option{
		Name: "packet-statistics", Symbol: "PACKET_STATISTICS", Level: levelPacket, Number: 6, Source: "packet(7)",
		Doc: "gives the frames seen and dropped since it was last asked",
	}, 12, decodePacketStats)
	PacketCopyThreshold = intOption(Option{
		Name: "packet-copy-thresh", Symbol: "PACKET_COPY_THRESH", Level: levelPacket, Number: 7, Unit: UnitBytes, Access: Write,
		Source: "linux/if_packet.h", Doc: "copies frames larger than this whole to the ordinary queue when a ring cuts them",
	})
	PacketAuxData = flagOption(Option{
		Name: "packet-auxdata", Symbol: "PACKET_AUXDATA", Level: levelPacket, Number: 8, Since: "2.6.21",
		Source: "packet(7)", Doc: "passes each frame's lengths and VLAN tag as a control message",
	})
	PacketOrigDev = flagOption(Option{
		Name: "packet-origdev", Symbol: "PACKET_ORIGDEV", Level: levelPacket, Number: 9, Since: "2.6.21",
		Source: "linux/if_packet.h", Doc: "reports the physical interface of a bonded one",
	})
	PacketVersion = intOption(Option{
		Name: "packet-version", Symbol: "PACKET_VERSION", Level: levelPacket, Number: 10, Max: 2, Since: "2.6.27",
		Values: []Value{{"v1", 0}, {"v2", 1}, {"v3", 2}}, Source: "packet(7)",
		Doc: "chooses the layout of a ring, before the ring is made",
	})
	PacketHdrLen = newOption(Option{
		Name: "packet-hdrlen", Symbol: "PACKET_HDRLEN", Level: levelPacket, Number: 11, Kind: KindInt, Unit: UnitBytes,
		Access: Read, Since: "2.6.27", Source: "linux/if_packet.h",
		Doc: "gives the size of a ring's frame header; a getsockopt that also reads its buffer, where 0 asks for v1",
	}, intCodec{})
	PacketReserve = intOption(Option{
		Name: "packet-reserve", Symbol: "PACKET_RESERVE", Level: levelPacket, Number: 12, Unit: UnitBytes, Since: "2.6.28",
		Source: "packet(7)", Doc: "leaves room before each frame of a ring",
	})
	PacketTxRing = bytesOption(Option{
		Name: "packet-tx-ring", Symbol: "PACKET_TX_RING", Level: levelPacket, Number: 13, Access: Write, Min: 16, Max: 28,
		Since: "2.6.31", Source: "packet(7)", Doc: "makes a ring of memory that frames leave from: struct tpacket_req or tpacket_req3",
	}, 0)
	PacketLoss = flagOption(Option{
		Name: "packet-loss", Symbol: "PACKET_LOSS", Level: levelPacket, Number: 14, Since: "2.6.31", Source: "packet(7)",
		Doc: "skips a malformed frame in a transmit ring instead of stopping there",
	})
	PacketVnetHdr = flagOption(Option{
		Name: "packet-vnet-hdr", Symbol: "PACKET_VNET_HDR", Level: levelPacket, Number: 15, Since: "2.6.34",
		Source: "linux/if_packet.h", Doc: "puts a virtio header before each frame",
	})
	PacketTimestamp = uint32Option(Option{
		Name: "packet-timestamp", Symbol: "PACKET_TIMESTAMP", Level: levelPacket, Number: 17, Since: "2.6.36", Mask: true,
		Values: timestampingFlags, Source: "packet(7)", Doc: "chooses the clock of the time stamps in a ring",
	})
	PacketFanout = uint32Option(Option{
		Name: "packet-fanout", Symbol: "PACKET_FANOUT", Level: levelPacket, Number: 18, Since: "3.1", Source: "packet(7)",
		Doc: "shares frames with other sockets: the group in the lower half, mode and flags in the upper; the socket must be bound",
	})
	PacketTxHasOff = flagOption(Option{
		Name: "packet-tx-has-off", Symbol: "PACKET_TX_HAS_OFF", Level: levelPacket, Number: 19, Since: "3.11",
		Source: "linux/if_packet.h", Doc: "obeys the offset in each frame header of a transmit ring",
	})
	PacketQdiscBypass = flagOption(Option{
		Name: "packet-qdisc-bypass", Symbol: "PACKET_QDISC_BYPASS", Level: levelPacket, Number: 20, Since: "3.14",
		Source: "packet(7)", Doc: "hands frames to the driver past the queueing discipline",
	})
	PacketRolloverStats = bytesOption(Option{
		Name: "packet-rollover-stats", Symbol: "PACKET_ROLLOVER_STATS", Level: levelPacket, Number: 21, Access: Read,
		Since: "4.2", Source: "linux/if_packet.h", Doc: "gives how often a fanout rolled over: three 64-bit counts",
	}, 24)
	PacketFanoutData = bytesOption(Option{
		Name: "packet-fanout-data", Symbol: "PACKET_FANOUT_DATA", Level: levelPacket, Number: 22, Access: Write,
		Min: 4, Max: 16, Since: "4.3", Source: "linux/if_packet.h",
		Doc: "sets the program of a fanout: a descriptor, or struct sock_fprog",
	}, 0)
	PacketIgnoreOutgoing = flagOption(Option{
		Name: "packet-ignore-outgoing", Symbol: "PACKET_IGNORE_OUTGOING", Level: levelPacket, Number: 23, Since: "4.20",
		Source: "linux/if_packet.h", Doc: "does not see frames that this host sends",
	})
	PacketVnetHdrSize = intOption(Option{
		Name: "packet-vnet-hdr-size", Symbol: "PACKET_VNET_HDR_SZ", Level: levelPacket, Number: 24, Unit: UnitBytes,
		Max: 12, Since: "6.6", Source: "linux/if_packet.h", Doc: "sets the size of the virtio header: 0, 10 or 12",
	})
)

// PacketStats counts frames of a packet socket; Freezes is for rings of version 3.
type PacketStats struct{ Packets, Drops, Freezes uint32 }

func decodePacketStats(wire []byte) (PacketStats, error) {
	var stats PacketStats
	if len(wire) < 8 {
		return stats, errShort
	}
	stats.Packets, stats.Drops = binary.NativeEndian.Uint32(wire), binary.NativeEndian.Uint32(wire[4:])
	if len(wire) >= 12 {
		stats.Freezes = binary.NativeEndian.Uint32(wire[8:])
	}
	return stats, nil
}
