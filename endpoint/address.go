package endpoint

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"sock/internal/syntax"
)

// Limits of the kernel on names.
const (
	maxUnixPath = 107 // sockaddr_un's 108 less the final NUL, or less the leading one of an abstract name; unix(7)
	maxZone     = 15  // IFNAMSIZ less the final NUL; netdevice(7)
	maxHost     = 253 // RFC 1035, section 2.3.4, as text
	maxLabel    = 63
	maxFDName   = 255 // sd_listen_fds_with_names(3)
)

// loopbackName is the host of a bare port.
const loopbackName = "localhost"

func (e *Endpoint) parseAddress(row scheme, address span) error {
	switch {
	case row.unix:
		return e.parseUnix(address)
	case row.inet:
		return e.parseInet(row, address)
	}
	return e.parseFD(address)
}

// parseUnix reads a UNIX socket's path or abstract name.
func (e *Endpoint) parseUnix(address span) error {
	path, err := unescape(address)
	if err != nil {
		return err
	}
	if f := checkUnixPath(path); f != nil {
		return f.at(address, path)
	}
	e.Path = path
	return nil
}

// checkUnixPath refuses what can be no UNIX socket's address.
func checkUnixPath(path string) *fault {
	abstract := strings.HasPrefix(path, "@")
	switch {
	case path == "":
		return wrong("", "missing path; write one like /run/x.sock, ./x.sock or @name")
	case path == "@":
		return wrong("", "an abstract socket needs a name after @")
	case abstract && len(path)-1 > maxUnixPath:
		return wrong("", "an abstract socket's name has at most %d bytes, and this one has %d", maxUnixPath, len(path)-1)
	case abstract:
		return nil
	case !isPath(path):
		return wrong("./"+path, "a UNIX socket's path begins with /, ./ or ../, an abstract name with @")
	case strings.Contains(path, "\x00"):
		return wrong("", "a path cannot hold a NUL byte")
	case strings.HasSuffix(path, "/"):
		return wrong("", "the path ends in a slash: it names a directory, not a socket")
	case len(path) > maxUnixPath:
		return wrong("", "a UNIX socket's path has at most %d bytes, and this one has %d", maxUnixPath, len(path))
	}
	return nil
}

// parseFD reads an inherited descriptor's number or name.
func (e *Endpoint) parseFD(address span) error {
	name, err := unescape(address)
	if err != nil {
		return err
	}
	if isDigits(name) {
		n, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return address.fail("", "descriptor %s is out of range", quote(name))
		}
		e.Host = strconv.FormatInt(n, 10)
		return nil
	}
	if f := checkFDName(name); f != nil {
		return f.at(address, name)
	}
	e.Host = name
	return nil
}

func checkFDName(name string) *fault {
	switch {
	case name == "":
		return wrong("", "missing descriptor: a number, or a name of LISTEN_FDNAMES")
	case len(name) > maxFDName:
		return wrong("", "a descriptor's name has at most %d bytes, and this one has %d", maxFDName, len(name))
	}
	for i, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || c == ':' {
			return wrongAt(i, 1, "a descriptor's name is of ASCII characters without spaces and colons")
		}
	}
	return nil
}

// parseInet reads host and port in each of their forms, and an URL's path
// where the scheme has one.
func (e *Endpoint) parseInet(row scheme, address span) error {
	address, path := address.splitPath()
	if err := e.parseURLPath(row, path); err != nil {
		return err
	}
	text := address.String()
	switch {
	case text == "":
		return address.fail("", "missing address; write one like localhost:8080, :8080 or 8080")
	case text[0] == '@':
		return address.fail("", "an abstract name is for the schemes unix, unixgram and unixpacket")
	case strings.ContainsRune(text, '@'):
		return address.slice(0, strings.IndexByte(text, '@')+1).fail("", "an endpoint names no user")
	case isDigits(text):
		e.Host = loopbackName
		return e.parsePort(row, address)
	case text[0] == '[':
		return e.parseBracketed(row, address)
	case strings.Count(text, ":") > 1:
		return failUnbracketed(address)
	}
	host, port, hasPort := address.cut(":")
	if err := e.parseHost(row, host); err != nil {
		return err
	}
	return e.parseLastPort(row, port, hasPort)
}

// splitPath parts an address at its first slash, which begins the path; one
// in brackets is a slip in an IPv6 address.
func (s span) splitPath() (address, path span) {
	text, start := s.String(), 0
	if strings.HasPrefix(text, "[") {
		start = max(strings.IndexByte(text, ']'), 0)
	}
	if i := strings.IndexByte(text[start:], '/'); i >= 0 {
		return s.slice(0, start+i), s.from(start + i)
	}
	return s, s.from(s.len())
}

// parseURLPath keeps an URL's path as it is, escapes and all, for it goes into
// a request; only what may not stand in one is encoded. RFC 3986, section 3.3.
func (e *Endpoint) parseURLPath(row scheme, path span) error {
	text := path.String()
	if text == "" {
		return nil
	}
	if !row.urlPath {
		return path.fail("", "a path cannot follow a %s address; only http and https have one", row.name)
	}
	var b strings.Builder
	for i, c := range []byte(text) {
		switch {
		case c == '#':
			return path.from(i).fail("", "a fragment is never sent; a # in the path itself is %%23")
		case c == '%':
			if err := checkEscape(path, i); err != nil {
				return err
			}
			b.WriteByte(c)
		case isAlnum(c) || strings.IndexByte("-._~!$&()*+,;=:@/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	e.Path = b.String()
	return nil
}

// parseBracketed reads "[ipv6%zone]:port".
func (e *Endpoint) parseBracketed(row scheme, address span) error {
	end := strings.IndexByte(address.String(), ']')
	if end < 0 {
		return address.slice(0, 1).fail("", "the bracket is not closed")
	}
	if err := e.parseIPv6(row, address.slice(0, end+1)); err != nil {
		return err
	}
	after := address.from(end + 1)
	if after.len() > 0 && after.String()[0] != ':' {
		return after.fail("", "only a colon and the port may follow the bracket")
	}
	hasPort := after.len() > 0
	return e.parseLastPort(row, after.from(min(after.len(), 1)), hasPort)
}

// parseIPv6 reads "[ipv6%zone]". An IPv4 address in IPv6's form is the IPv4
// one, as everywhere in this library.
func (e *Endpoint) parseIPv6(row scheme, bracketed span) error {
	inside := bracketed.slice(1, bracketed.len()-1)
	address, zone, hasZone := inside.cut("%")
	ip, err := netip.ParseAddr(address.String())
	switch {
	case address.len() == 0:
		return bracketed.fail("", "no address between the brackets")
	case err == nil && ip.Is4():
		return bracketed.fail(ip.String(), "only an IPv6 address stands in brackets")
	case err != nil:
		return address.fail("", "%s is not an IPv6 address", quote(address.String()))
	case !hasZone:
		return e.setIP(row, bracketed, ip.Unmap())
	case ip.Is4In6():
		return span{zone.text, zone.start - 1, zone.end}.fail("", "only an IPv6 address has a zone")
	}
	if f := checkZone(zone.String()); f != nil {
		return f.at(zone, zone.String())
	}
	return e.setIP(row, bracketed, ip.WithZone(zone.String()))
}

// checkZone refuses what can be no interface's name or index.
func checkZone(zone string) *fault {
	if zone == "" {
		return wrong("", "missing zone after %%: an interface's name or index")
	}
	for i, c := range []byte(zone) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(unsafeBytes+"/:[]", c) >= 0 {
			return wrongAt(i, 1, "an interface's name cannot hold this character")
		}
	}
	if len(zone) > maxZone {
		return wrong("", "an interface's name has at most %d bytes, and this one has %d", maxZone, len(zone))
	}
	return nil
}

// setIP takes a literal address, if the scheme is of its family.
func (e *Endpoint) setIP(row scheme, at span, ip netip.Addr) error {
	family, other := "IPv4", "4"
	if ip.Is6() {
		family, other = "IPv6", "6"
	}
	if row.has6() && ip.Is6() || row.has4() && ip.Is4() {
		e.Host = ip.String()
		return nil
	}
	return at.fail("", "this is an %s address, for which the scheme is %s", family, row.name[:len(row.name)-1]+other)
}

// failUnbracketed explains an address with too many colons: most often an IPv6
// address without its brackets.
func failUnbracketed(address span) error {
	text := address.String()
	last := strings.LastIndexByte(text, ':')
	whole, tail := text, ""
	if _, err := netip.ParseAddr(text[:last]); err == nil && isDigits(text[last+1:]) {
		whole, tail = text[:last], text[last:]
	}
	if ip, err := netip.ParseAddr(whole); err == nil && ip.Is6() {
		return address.fail("["+whole+"]"+tail, "an IPv6 address stands in brackets, and a colon and the port follow")
	}
	first := strings.IndexByte(text, ':')
	second := first + 1 + strings.IndexByte(text[first+1:], ':')
	return address.from(second).fail("", "too many colons: an address is host:port or [ipv6]:port")
}

// parseHost reads a name or an IPv4 address; an empty host is every interface.
func (e *Endpoint) parseHost(row scheme, host span) error {
	text := host.String()
	if ip, err := netip.ParseAddr(text); err == nil {
		return e.setIP(row, host, ip)
	}
	if text == "*" {
		return host.fail("", "every interface is written without a host, as in :8080")
	}
	if text == "" {
		return nil
	}
	if f := checkHost(text); f != nil {
		return f.at(host, text)
	}
	e.Host = strings.ToLower(text)
	return nil
}

// checkHost checks the form of a host's name. RFC 1123, section 2.1, and the
// underscores that people do use.
func checkHost(text string) *fault {
	for i, c := range []byte(text) {
		switch {
		case c >= 0x80:
			return wrong("", "a host's name is of ASCII characters; write an international name in its xn-- form")
		case !isAlnum(c) && strings.IndexByte("-._", c) < 0:
			return wrongAt(i, 1, "a host's name cannot hold %s", quote(string(c)))
		}
	}
	name := strings.TrimSuffix(text, ".")
	if len(name) > maxHost {
		return wrong("", "a host's name has at most %d bytes, and this one has %d", maxHost, len(name))
	}
	offset, last := 0, ""
	for label := range strings.SplitSeq(name, ".") {
		if f := checkLabel(label, offset); f != nil {
			return f
		}
		offset, last = offset+len(label)+1, label
	}
	if isDigits(last) {
		return wrong("", "%s is not an IPv4 address", quote(text))
	}
	return nil
}

func checkLabel(label string, offset int) *fault {
	switch {
	case label == "":
		return wrongAt(offset, 1, "a host's name cannot have an empty part")
	case len(label) > maxLabel:
		return wrongAt(offset, len(label), "a part of a host's name has at most %d bytes, and this one has %d", maxLabel, len(label))
	case label[0] == '-' || label[len(label)-1] == '-':
		return wrongAt(offset, len(label), "a part of a host's name cannot begin or end with a hyphen")
	}
	return nil
}

// parseLastPort reads the port after the host, or takes the scheme's own.
func (e *Endpoint) parseLastPort(row scheme, port span, hasPort bool) error {
	switch {
	case port.len() > 0:
		return e.parsePort(row, port)
	case !hasPort && row.port != "":
		e.Port = row.port
		return nil
	case !hasPort && e.Host != "" && lookupPort(row, e.Host) >= 0:
		return span{port.text, port.start - len(e.Host), port.end}.fail(loopbackName+":"+e.Host, "missing host before the port %s", quote(e.Host))
	}
	return port.fail("", "missing port")
}

// parsePort reads a port's number or its name in the services database.
func (e *Endpoint) parsePort(row scheme, port span) error {
	text := port.String()
	if isDigits(text) {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return port.fail("", "port %s is out of range; ports are 0 to 65535", quote(text))
		}
		e.Port = strconv.FormatUint(n, 10)
		return nil
	}
	n := lookupPort(row, text)
	if n < 0 {
		return port.fail(nearestService(row, text), "%s is neither a port number nor a service's name", quote(text))
	}
	e.Port = strconv.Itoa(n)
	return nil
}

// isPortText reports whether text can be a port and nothing else.
func isPortText(text string) bool {
	return isDigits(text) || lookupPort(schemeOf("tcp"), text) >= 0
}

// commonServices are the names that a misspelt port is compared with.
var commonServices = []string{
	"echo", "discard", "daytime", "chargen", "time", "ftp", "ssh", "telnet", "smtp", "domain", "http", "kerberos", "pop3",
	"ntp", "imap2", "snmp", "ldap", "https", "submission", "ldaps", "imaps", "pop3s", "socks", "mysql", "postgresql",
}

// nearestService is a service that name may be meant for, if this machine knows it.
func nearestService(row scheme, name string) string {
	service := syntax.Nearest(name, commonServices)
	if lookupPort(row, service) < 0 {
		return ""
	}
	return service
}

// lookupPort is the port of a service's name, or -1. services(5)
func lookupPort(row scheme, name string) int {
	for _, c := range []byte(name) {
		if !isAlnum(c) && strings.IndexByte("-_.+*/", c) < 0 {
			return -1
		}
	}
	if name == "" || isDigit(name[0]) && isDigits(name) || len(name) > maxLabel || strings.ContainsAny(name[:1], "+-") {
		return -1
	}
	n, err := (&net.Resolver{PreferGo: true}).LookupPort(context.Background(), row.network, name)
	if err != nil {
		return -1
	}
	return n
}
