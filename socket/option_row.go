package socket

import "time"

// flagOption enters a row whose value is a bool.
func flagOption(o Option) *Opt[bool] {
	o.Kind = KindBool
	return newOption(o, flagCodec{})
}

// intOption enters a row whose value is an int; without bounds of its own, not negative.
func intOption(o Option) *Opt[int] {
	o.Kind = KindInt
	return newOption(o, intCodec{})
}

func uint32Option(o Option) *Opt[uint32] {
	o.Kind = KindUint32
	return newOption(o, uint32Codec{})
}

func uint64Option(o Option) *Opt[uint64] {
	o.Kind = KindUint64
	return newOption(o, uint64Codec{})
}

// durationOption enters a row whose value is a time in o.Unit on the wire.
func durationOption(o Option) *Opt[time.Duration] {
	o.Kind = KindDuration
	return newOption(o, durationCodec{})
}

// stringOption enters a row whose value is a name; size is the kernel's
// buffer for it, with the closing NUL.
func stringOption(o Option, size int) *Opt[string] {
	o.Kind = KindString
	return newOption(o, stringCodec{size})
}

// bytesOption enters a row whose value is a structure as the kernel lays it
// out; size is the most that is ever read.
func bytesOption(o Option, size int) *Opt[[]byte] {
	o.Kind = KindBytes
	return newOption(o, bytesCodec{size})
}

func interfaceOption(o Option) *Opt[Interface] {
	o.Kind = KindInterface
	return newOption(o, interfaceCodec{})
}

func membershipOption(o Option) *Opt[Membership] {
	o.Kind, o.Access = KindMembership, Write
	return newOption(o, membershipCodec{})
}

func actionOption(o Option) *Opt[Action] {
	o.Kind, o.Access = KindAction, Write
	return newOption(o, actionCodec{})
}

// structOption enters a row that reads a structure of at most size bytes.
func structOption[T any](o Option, size int, decode func([]byte) (T, error)) *Opt[T] {
	o.Kind, o.Access = KindStruct, Read
	return newOption(o, structCodec[T]{size, decode})
}

// scope fills in which sockets have the options of a level, where the row
// does not say so itself.
func (o *Option) scope() {
	if o.Families == nil {
		o.Families = levelFamilies[o.Level]
	}
	switch o.Level {
	case levelTCP:
		o.fill(streamType, tcpProtocols)
	case levelMPTCP:
		o.fill(streamType, []Protocol{MPTCP})
	case levelUDP:
		o.fill([]Type{DGRAM}, udpProtocols)
	case levelUDPLite:
		o.fill([]Type{DGRAM}, []Protocol{UDPLITE})
	case levelSCTP:
		o.fill(connTypes, []Protocol{SCTP})
	case levelRaw, levelICMPV6:
		o.fill(rawType, nil)
	case levelVsock:
		o.fill(connTypes, nil)
	}
}

func (o *Option) fill(types []Type, protocols []Protocol) {
	if o.Types == nil {
		o.Types = types
	}
	if o.Protocols == nil {
		o.Protocols = protocols
	}
}

var levelFamilies = map[int][]Family{
	levelIP:      inetFamilies,
	levelTCP:     inetFamilies,
	levelMPTCP:   inetFamilies,
	levelUDP:     inetFamilies,
	levelUDPLite: inetFamilies,
	levelSCTP:    inetFamilies,
	levelIPV6:    inet6Family,
	levelICMPV6:  inet6Family,
	levelRaw:     {INET},
	levelVsock:   {VSOCK},
	levelPacket:  {PACKET},
	levelNetlink: {NETLINK},
}
