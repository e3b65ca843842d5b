package inspect

import (
	"fmt"
	"net"
	"net/netip"
	"os/user"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sock/socket"
)

// member is a word of a set field, and the values it stands for.
type member struct {
	word string
	bits uint32
}

// words of each set field; the first of several with the same bits is the one
// that is printed.
var words = map[string][]member{
	"kind":   kindWords(),
	"state":  stateWords(),
	"family": {{"ipv4", 1 << 4}, {"ipv6", 1 << 6}},
	"type": {
		{"stream", 1 << socket.STREAM}, {"dgram", 1 << socket.DGRAM}, {"seqpacket", 1 << socket.SEQPACKET},
	},
}

func kindWords() []member {
	var list []member
	for _, k := range Kinds() {
		list = append(list, member{k.String(), 1 << k})
	}
	return list
}

func stateWords() []member {
	var list []member
	for _, s := range States() {
		list = append(list, member{s.String(), 1 << s})
	}
	return append(list,
		member{"connected", uint32(connected)},
		member{"listening", 1 << Listen}, member{"estab", 1 << Established}, member{"syn-received", 1 << SynRecv},
		member{"fin-wait1", 1 << FinWait1}, member{"fin-wait2", 1 << FinWait2}, member{"timewait", 1 << TimeWait},
		member{"unconnected", 1 << Closed}, member{"close", 1 << Closed}, member{"bound", 1 << Closed}, member{"open", 1 << Closed},
	)
}

// lookupWord finds a word of the field, as people spell it.
func lookupWord(field, word string) (member, bool) {
	word = strings.ReplaceAll(strings.ToLower(word), "_", "-")
	for _, m := range words[field] {
		if m.word == word {
			return canonical(field, m), true
		}
	}
	return member{}, false
}

func canonical(field string, m member) member {
	for _, first := range words[field] {
		if first.bits == m.bits {
			return first
		}
	}
	return m
}

// A valueError is what is wrong with a value, and the nearest right one.
type valueError struct{ message, suggestion string }

func wrongValue(format string, args ...any) *valueError {
	return &valueError{message: fmt.Sprintf(format, args...)}
}

// setValue reads the value of c from text, by the sort of its field.
func (c *comparison) setValue(text string) *valueError {
	c.text = text
	if c.op == matches || c.op == matchesNot {
		return c.setPattern(text)
	}
	switch c.field.sort {
	case setSort:
		return c.setWord(text)
	case numberSort:
		return c.setNumber(text)
	case portSort:
		return c.setPort(text)
	case sizeSort:
		return c.setSize(text)
	case durationSort:
		return c.setDuration(text)
	case userSort:
		return c.setUser(text)
	case addrSort:
		return c.setAddr(text)
	}
	return nil
}

func (c *comparison) setPattern(text string) *valueError {
	pattern, err := regexp.Compile(text)
	if err != nil {
		return wrongValue("not a regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	c.pattern = pattern
	return nil
}

func (c *comparison) setWord(text string) *valueError {
	m, ok := lookupWord(c.field.name, text)
	if !ok {
		return &valueError{fmt.Sprintf("%q is no %s", text, c.field.name), nearestWord(text, c.field.name)}
	}
	c.set, c.text = m.bits, m.word
	return nil
}

func (c *comparison) setNumber(text string) *valueError {
	n, err := strconv.ParseUint(text, 0, 63)
	if err != nil {
		return wrongValue("%q is not a whole number", text)
	}
	c.number, c.text = int64(n), strconv.FormatUint(n, 10)
	return nil
}

// setPort takes ":80" too, as ss does.
func (c *comparison) setPort(text string) *valueError {
	text = strings.TrimPrefix(text, ":")
	n, err := strconv.ParseUint(text, 10, 32)
	switch {
	case err == nil && n <= 0xffff:
	case err == nil && c.field.kinds.has(Vsock):
	default:
		port, lookupErr := servicePort(text)
		if lookupErr != nil {
			return wrongValue("%q is neither a port nor a service of /etc/services", text)
		}
		n = uint64(port)
	}
	c.number, c.text = int64(n), strconv.FormatUint(n, 10)
	return nil
}

func servicePort(name string) (int, error) {
	if name == "" || strings.Trim(name, "0123456789") == "" {
		return 0, strconv.ErrSyntax
	}
	if port, err := net.LookupPort("tcp", name); err == nil {
		return port, nil
	}
	return net.LookupPort("udp", name)
}

var sizeUnits = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"K", 1 << 10},
	{"k", 1 << 10},
	{"M", 1 << 20},
	{"G", 1 << 30},
	{"T", 1 << 40},
	{"B", 1},
}

func (c *comparison) setSize(text string) *valueError {
	number, factor := text, 1.0
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			number, factor = rest, u.factor
			break
		}
	}
	if n, err := strconv.ParseUint(number, 10, 63); err == nil && factor == 1 {
		c.number, c.text = int64(n), strconv.FormatUint(n, 10)
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0 && f*factor < 1<<53) {
		return wrongValue("%q is not a size; write one like 4096, 64KiB or 1.5MB", text)
	}
	c.number = int64(f * factor)
	c.text = strconv.FormatInt(c.number, 10)
	return nil
}

func (c *comparison) setDuration(text string) *valueError {
	d, err := time.ParseDuration(text)
	if err != nil {
		wrong := wrongValue("%q is not a duration; write one like 50ms, 200us or 1.5s", text)
		if _, numErr := strconv.ParseUint(text, 10, 32); numErr == nil {
			wrong.suggestion = text + "ms"
		}
		return wrong
	}
	c.number, c.text = int64(d), d.String()
	return nil
}

func (c *comparison) setUser(text string) *valueError {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		c.number, c.text = int64(n), strconv.FormatUint(n, 10)
		return nil
	}
	if found, err := user.Lookup(text); err == nil {
		if n, err := strconv.ParseUint(found.Uid, 10, 32); err == nil {
			c.number = int64(n)
			return nil
		}
	}
	return wrongValue("this host has no user %q", text)
}

// setAddr takes an address, a prefix, an address and port, ":port", or a path.
func (c *comparison) setAddr(text string) *valueError {
	pattern, ok := parseAddrPattern(text)
	if !ok {
		return wrongValue("%q is not an address; write one like 10.0.0.1, 10.0.0.0/8, [::1]:80 or /run/x.sock", text)
	}
	c.addr, c.text = pattern, pattern.String()
	return nil
}

func parseAddrPattern(text string) (addrPattern, bool) {
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") || strings.HasPrefix(text, "./") {
		return addrPattern{port: -1, path: text, isPath: true}, true
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return addrPattern{prefix: unmap(prefix), port: -1}, true
	}
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil && ip.Zone() == "" {
		return addrPattern{prefix: hostPrefix(ip), port: -1}, true
	}
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return addrPattern{}, false
	}
	port, err := strconv.ParseUint(text[at+1:], 10, 16)
	if err != nil {
		return addrPattern{}, false
	}
	host := text[:at]
	if host == "" || host == "*" {
		return addrPattern{port: int(port)}, true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || ip.Zone() != "" {
		return addrPattern{}, false
	}
	return addrPattern{prefix: hostPrefix(ip), port: int(port)}, true
}

func hostPrefix(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap()
	return netip.PrefixFrom(ip, ip.BitLen())
}

// unmap makes ::ffff:10.0.0.0/104 the IPv4 prefix that it stands for, and
// clears the bits behind the prefix.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// String prints a pattern so that parseAddrPattern gives it again.
func (p addrPattern) String() string {
	switch {
	case p.isPath:
		return p.path
	case !p.prefix.IsValid():
		return ":" + strconv.Itoa(p.port)
	case p.port >= 0:
		return netip.AddrPortFrom(p.prefix.Addr(), uint16(p.port)).String()
	case p.prefix.IsSingleIP():
		return p.prefix.Addr().String()
	}
	return p.prefix.String()
}
