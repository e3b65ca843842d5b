package endpoint

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sock/internal/syntax"
	"sock/socket"
)

func checkDuration(_ *Endpoint, value string) *fault {
	d, err := time.ParseDuration(value)
	switch {
	case isDigits(value) && value != "0":
		return wrong(value+"s", "a duration needs a unit: ms, s, m or h")
	case err != nil:
		return wrong("", "%s is not a duration; write one like 300ms, 5s, 2m or 1h30m", quote(value))
	case d < 0:
		return wrong(strings.TrimPrefix(value, "-"), "a duration cannot be negative")
	}
	return nil
}

func checkCount(_ *Endpoint, value string) *fault {
	if !isDigits(value) {
		return wrong("", "%s is not a number", quote(value))
	}
	if n, err := strconv.ParseInt(value, 10, 32); err != nil || n == 0 {
		return wrong("", "%s is out of range; it is 1 to %d", quote(value), math.MaxInt32)
	}
	return nil
}

func checkFlag(_ *Endpoint, value string) *fault {
	if _, ok := flagValue(value); !ok {
		return wrong(syntax.Nearest(value, flagWords()), "%s is neither on nor off", quote(value))
	}
	return nil
}

// flagValue reads a flag's value as the socket option table does.
func flagValue(value string) (on, ok bool) {
	switch strings.ToLower(value) {
	case "", "1", "on", "true", "yes":
		return true, true
	case "0", "off", "false", "no":
		return false, true
	}
	return false, false
}

func flagWords() []string { return []string{"on", "off", "true", "false", "yes", "no"} }

func checkModel(_ *Endpoint, value string) *fault {
	if slices.Contains(models, value) {
		return nil
	}
	return wrong(syntax.Nearest(value, models), "unknown model %s; models are %s", quote(value), strings.Join(models, ", "))
}

func checkBackend(_ *Endpoint, value string) *fault {
	if slices.Contains(backends, value) {
		return nil
	}
	return wrong(syntax.Nearest(value, backends), "unknown backend %s; backends are %s", quote(value), strings.Join(backends, ", "))
}

// checkPrefixes checks each element of a comma list.
func checkPrefixes(_ *Endpoint, value string) *fault {
	offset := 0
	for element := range strings.SplitSeq(value, ",") {
		if _, err := parsePrefix(element); err != nil {
			return wrongAt(offset, len(element), "%s is no address and no prefix like 10.0.0.0/8: %v", quote(element), err)
		}
		offset += len(element) + 1
	}
	return nil
}

// parsePrefix reads an address or a prefix. An IPv4 address in IPv6's form is
// the IPv4 one; bits beyond the prefix's length are a slip, not a wish.
func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("not an IP address")
		}
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("not a CIDR prefix")
	case prefix.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("write the IPv4 prefix itself")
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("it has bits beyond its length; %s is the prefix", prefix.Masked())
	}
	return prefix, nil
}

func checkNetNS(_ *Endpoint, value string) *fault {
	switch {
	case strings.Contains(value, "\x00"):
		return wrong("", "a name cannot hold a NUL byte")
	case strings.HasPrefix(value, "/"):
		return nil
	case strings.Contains(value, "/") || value == "." || value == "..":
		return wrong("", "a network namespace is a name in /run/netns or an absolute path")
	}
	return nil
}

func checkFile(_ *Endpoint, value string) *fault {
	if strings.Contains(value, "\x00") {
		return wrong("", "a path cannot hold a NUL byte")
	}
	if strings.HasSuffix(value, "/") {
		return wrong("", "the path ends in a slash: it names a directory, not a file")
	}
	return nil
}

func checkSNI(_ *Endpoint, value string) *fault {
	if _, err := netip.ParseAddr(value); err == nil {
		return nil
	}
	return checkHost(value)
}

func checkALPN(_ *Endpoint, value string) *fault {
	offset := 0
	for protocol := range strings.SplitSeq(value, ",") {
		if len(protocol) < 1 || len(protocol) > 255 {
			return wrongAt(offset, len(protocol), "a protocol's name has 1 to 255 bytes; RFC 7301")
		}
		offset += len(protocol) + 1
	}
	return nil
}

func checkMode(_ *Endpoint, value string) *fault {
	n, err := strconv.ParseUint(value, 8, 32)
	switch {
	case err != nil:
		return wrong("", "%s is not an octal mode; write one like 0660", quote(value))
	case n > 0o777:
		return wrong("", "mode %s has more than the permission bits; it is 0 to 0777", quote(value))
	}
	return nil
}

// checkFrom checks that an address to bind is of a family that the endpoint
// can have.
func checkFrom(e *Endpoint, value string) *fault {
	row := schemeOf(e.Scheme)
	if row.unix {
		return checkUnixPath(value)
	}
	from, f := parseFrom(value)
	if f != nil || !from.Addr().IsValid() {
		return f
	}
	family := socket.INET
	if from.Addr().Is6() {
		family = socket.INET6
	}
	if !slices.Contains(e.families(row), family) {
		return wrong("", "%s is not of the family of the address to connect to", quote(value))
	}
	return nil
}

// parseFrom reads ADDR:PORT, ADDR or :PORT, where an IPv6 ADDR stands in
// brackets. Without ADDR the address is invalid, without PORT the port is 0.
func parseFrom(value string) (netip.AddrPort, *fault) {
	text := value
	switch {
	case isDigits(value):
		return netip.AddrPort{}, wrong(":"+value, "a port alone is written with its colon")
	case strings.HasSuffix(value, "]"), !strings.Contains(value, ":"):
		text += ":0"
	case value[0] == ':' && isDigits(value[1:]):
		text = "0.0.0.0" + value
	}
	from, err := netip.ParseAddrPort(text)
	if ip, bare := netip.ParseAddr(value); err != nil && bare == nil {
		return from, wrong("["+ip.String()+"]", "an IPv6 address stands in brackets")
	}
	if err != nil {
		return from, wrong("", "%s is not an address to bind; write one like 192.0.2.1:5000, [2001:db8::1]:5000 or :5000", quote(value))
	}
	if value[0] == ':' {
		return netip.AddrPortFrom(netip.Addr{}, from.Port()), nil
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), checkFromZone(from.Addr())
}

func checkFromZone(ip netip.Addr) *fault {
	if ip.Zone() == "" {
		return nil
	}
	f := checkZone(ip.Zone())
	if f != nil {
		f.length = -1
	}
	return f
}
