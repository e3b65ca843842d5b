package socket

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Interface says which network interface: by its name, by its index, or, for
// IPv4 multicast, by an address it has. The zero value is any interface. A
// name is looked up, through the socket, when the option is set.
type Interface struct {
	Name  string
	Index int
	Addr  netip.Addr
}

// String gives what an option's text takes again.
func (i Interface) String() string {
	switch {
	case i.Name != "":
		return i.Name
	case i.Index != 0:
		return strconv.Itoa(i.Index)
	case i.Addr.IsValid() && !i.Addr.IsUnspecified():
		return i.Addr.String()
	}
	return "any"
}

// maxInterfaceName is IFNAMSIZ without the closing NUL.
const maxInterfaceName = 15

func parseInterface(text string) (Interface, error) {
	if text == "any" {
		return Interface{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
		return Interface{Index: int(n)}, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return Interface{Addr: addr}, nil
	}
	bad := func(r rune) bool { return r <= ' ' || r == '/' || r == ':' || r == 0x7f }
	if text == "" || len(text) > maxInterfaceName || strings.IndexFunc(text, bad) >= 0 {
		return Interface{}, fmt.Errorf("%q is not the name of an interface", text)
	}
	return Interface{Name: text}, nil
}

// resolve gives the interface's index, zero for any.
func (i Interface) resolve(s *Socket) (int, error) {
	if i.Name == "" {
		return i.Index, nil
	}
	index, err := interfaceIndex(s, i.Name)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", i.Name, err)
	}
	return index, nil
}

// interfaceCodec carries an interface as its index: in the machine's byte
// order, or in the network's for IP_UNICAST_IF and IPV6_UNICAST_IF. Only
// IP_MULTICAST_IF differs: it takes a struct ip_mreqn and answers with an
// address.
type interfaceCodec struct{}

func (interfaceCodec) room() int { return 4 }

func (interfaceCodec) parse(o *Option, text string) (Interface, error) {
	if text == "" {
		return Interface{}, o.needsValue()
	}
	i, err := parseInterface(text)
	if err != nil {
		err = fmt.Errorf("%s: %w", o.Name, err)
	}
	return i, err
}

func (interfaceCodec) format(_ *Option, v Interface) string { return v.String() }

func (interfaceCodec) check(o *Option, v Interface) error {
	switch {
	case v.Index < 0:
		return fmt.Errorf("%s: an interface's index cannot be negative: %d", o.Name, v.Index)
	case !v.Addr.IsValid():
		return nil
	case o.Symbol != "IP_MULTICAST_IF":
		return fmt.Errorf("%s takes an interface's name or index, not the address %v", o.Name, v.Addr)
	case !v.Addr.Unmap().Is4():
		return fmt.Errorf("%s takes an interface's IPv4 address, not %v; its name will do", o.Name, v.Addr)
	}
	return nil
}

func (interfaceCodec) encode(s *Socket, o *Option, v Interface, wire []byte) ([]byte, error) {
	index, err := v.resolve(s)
	if err != nil {
		return nil, err
	}
	switch o.Symbol {
	case "IP_MULTICAST_IF":
		return appendIPMreqn(wire, netip.IPv4Unspecified(), v.Addr, index), nil
	case "IP_UNICAST_IF", "IPV6_UNICAST_IF":
		return binary.BigEndian.AppendUint32(wire, uint32(index)), nil
	}
	return appendInt(wire, int64(index)), nil
}

func (interfaceCodec) decode(o *Option, wire []byte) (Interface, error) {
	if len(wire) < 4 {
		return Interface{}, errShort
	}
	switch o.Symbol {
	case "IP_MULTICAST_IF":
		if addr := netip.AddrFrom4([4]byte(wire)); !addr.IsUnspecified() {
			return Interface{Addr: addr}, nil
		}
		return Interface{}, nil
	case "IP_UNICAST_IF", "IPV6_UNICAST_IF":
		return Interface{Index: int(binary.BigEndian.Uint32(wire))}, nil
	}
	return Interface{Index: int(binary.NativeEndian.Uint32(wire))}, nil
}

// Membership is a multicast group (or an anycast address) on an interface,
// with one source where the option is about a source.
type Membership struct {
	Group     netip.Addr
	Source    netip.Addr
	Interface Interface
}

// String gives GROUP[%INTERFACE][,SOURCE].
func (m Membership) String() string {
	text := m.Group.String()
	if m.Interface != (Interface{}) {
		text += "%" + m.Interface.String()
	}
	if m.Source.IsValid() {
		text += "," + m.Source.String()
	}
	return text
}

func parseMembership(text string) (Membership, error) {
	var m Membership
	head, source, hasSource := strings.Cut(text, ",")
	group, on, hasInterface := strings.Cut(head, "%")
	var err error
	if m.Group, err = netip.ParseAddr(group); err != nil {
		return m, fmt.Errorf("%q is not an address", group)
	}
	if hasInterface {
		if m.Interface, err = parseInterface(on); err != nil {
			return m, err
		}
	}
	if hasSource {
		if m.Source, err = netip.ParseAddr(source); err != nil || m.Source.Zone() != "" {
			return m, fmt.Errorf("%q is not a source's address", source)
		}
	}
	return m, nil
}

// membershipCodec carries the five structures of multicast membership; the
// row's symbol says which. Those with "SOURCE" in it need a source.
type membershipCodec struct{}

func (membershipCodec) room() int                             { return 0 }
func (membershipCodec) format(_ *Option, v Membership) string { return v.String() }
func (membershipCodec) decode(*Option, []byte) (Membership, error) {
	return Membership{}, errWriteOnly
}

func (membershipCodec) parse(o *Option, text string) (Membership, error) {
	if text == "" {
		return Membership{}, o.needsValue()
	}
	m, err := parseMembership(text)
	if err != nil {
		err = fmt.Errorf("%s: %w", o.Name, err)
	}
	return m, err
}

func (membershipCodec) check(o *Option, m Membership) error {
	wantsSource := strings.Contains(o.Symbol, "SOURCE")
	anycast := strings.Contains(o.Symbol, "ANYCAST")
	switch {
	case !m.Group.IsValid():
		return fmt.Errorf("%s needs a group", o.Name)
	case anycast == m.Group.IsMulticast():
		return fmt.Errorf("%s: %v is not %s address", o.Name, m.Group, map[bool]string{true: "an anycast", false: "a multicast"}[anycast])
	case wantsSource && !m.Source.IsValid():
		return fmt.Errorf("%s needs a source as well, such as 232.1.2.3,192.0.2.1", o.Name)
	case !wantsSource && m.Source.IsValid():
		return fmt.Errorf("%s takes no source; %s", o.Name, "multicast-join-source does")
	case wantsSource && m.Source.Unmap().Is4() != m.Group.Unmap().Is4():
		return fmt.Errorf("%s: group %v and source %v are of two families", o.Name, m.Group, m.Source)
	case o.Twin == "" && o.Level != levelIP && m.Group.Unmap().Is4():
		return fmt.Errorf("%s takes an IPv6 address, not %v", o.Name, m.Group)
	}
	return nil
}

func (membershipCodec) encode(s *Socket, o *Option, m Membership, wire []byte) ([]byte, error) {
	group, source := m.Group.Unmap(), m.Source.Unmap()
	if is4 := o.Level == levelIP; is4 != group.Is4() {
		return nil, fmt.Errorf("%v is of another family than the socket", group)
	}
	index, err := m.Interface.resolve(s)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(o.Symbol, "IPV6_"):
		addr := group.As16()
		return appendInt(append(wire, addr[:]...), int64(index)), nil
	case strings.HasPrefix(o.Symbol, "MCAST_"):
		return appendGroupReq(wire, index, group, source), nil
	case strings.Contains(o.Symbol, "SOURCE"):
		if index != 0 {
			return nil, fmt.Errorf("%s names an interface by its address; mcast-join-source takes a name", o.Symbol)
		}
		return appendAddr4(appendAddr4(appendAddr4(wire, group), m.Interface.Addr), source), nil
	}
	return appendIPMreqn(wire, group, m.Interface.Addr, index), nil
}

// appendIPMreqn appends struct ip_mreqn: group, interface's address, index.
func appendIPMreqn(wire []byte, group, on netip.Addr, index int) []byte {
	return appendInt(appendAddr4(appendAddr4(wire, group), on), int64(index))
}

func appendAddr4(wire []byte, addr netip.Addr) []byte {
	if addr = addr.Unmap(); !addr.Is4() {
		return append(wire, 0, 0, 0, 0)
	}
	b := addr.As4()
	return append(wire, b[:]...)
}

// appendGroupReq appends struct group_req, or group_source_req where there is
// a source: the interface's index, padded to a long, then one or two struct
// sockaddr_storage of 128 bytes.
func appendGroupReq(wire []byte, index int, group, source netip.Addr) []byte {
	wire = appendInt(wire, int64(index))
	wire = append(wire, make([]byte, longSize-4)...)
	wire = appendStorage(wire, group)
	if source.IsValid() {
		wire = appendStorage(wire, source)
	}
	return wire
}

// appendStorage appends an address as a struct sockaddr_storage with port 0.
func appendStorage(wire []byte, addr netip.Addr) []byte {
	var storage [128]byte
	if addr.Is4() {
		binary.NativeEndian.PutUint16(storage[:], uint16(INET))
		b := addr.As4()
		copy(storage[4:], b[:])
	} else {
		binary.NativeEndian.PutUint16(storage[:], uint16(INET6))
		b := addr.As16()
		copy(storage[8:], b[:])
	}
	return append(wire, storage[:]...)
}

// PortRange is a range of local ports, both ends included; a zero end leaves
// that end to the system's range.
type PortRange struct{ Low, High uint16 }

// String gives "40000-49999".
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.Low, r.High) }

// portRangeCodec carries the range as a 32-bit number, the high end in the
// upper half.
type portRangeCodec struct{}

func (portRangeCodec) room() int                            { return 4 }
func (portRangeCodec) format(_ *Option, v PortRange) string { return v.String() }

func (portRangeCodec) parse(o *Option, text string) (PortRange, error) {
	if text == "" {
		return PortRange{}, o.needsValue()
	}
	low, high, ok := strings.Cut(text, "-")
	l, err1 := strconv.ParseUint(low, 10, 16)
	h, err2 := strconv.ParseUint(high, 10, 16)
	if !ok || err1 != nil || err2 != nil {
		return PortRange{}, fmt.Errorf("%s needs a range of ports such as 40000-49999, not %q", o.Name, text)
	}
	return PortRange{uint16(l), uint16(h)}, nil
}

func (portRangeCodec) check(o *Option, v PortRange) error {
	if v.Low != 0 && v.High != 0 && v.Low > v.High {
		return fmt.Errorf("%s: the range %v is upside down", o.Name, v)
	}
	return nil
}

func (portRangeCodec) encode(_ *Socket, _ *Option, v PortRange, wire []byte) ([]byte, error) {
	return appendInt(wire, int64(v.High)<<16|int64(v.Low)), nil
}

func (portRangeCodec) decode(_ *Option, wire []byte) (PortRange, error) {
	n, err := decodeUint(wire)
	return PortRange{uint16(n), uint16(n >> 16)}, err
}
