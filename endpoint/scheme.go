package endpoint

import "sock/socket"

// scheme is one row of the table of schemes.
type scheme struct {
	name     string
	network  string // as package net names it
	port     string // the default one, or empty
	doc      string
	inet     bool // host and port
	unix     bool // a path
	stream   bool // connections
	datagram bool
	tls      bool
	urlPath  bool // a path may follow the address
}

// schemes is the one table of schemes: parsing, help and docs come from it.
var schemes = []scheme{
	{name: "tcp", network: "tcp", inet: true, stream: true, doc: "TCP over IPv6 and IPv4"},
	{name: "tcp4", network: "tcp4", inet: true, stream: true, doc: "TCP over IPv4 only"},
	{name: "tcp6", network: "tcp6", inet: true, stream: true, doc: "TCP over IPv6 only"},
	{name: "udp", network: "udp", inet: true, datagram: true, doc: "UDP over IPv6 and IPv4"},
	{name: "udp4", network: "udp4", inet: true, datagram: true, doc: "UDP over IPv4 only"},
	{name: "udp6", network: "udp6", inet: true, datagram: true, doc: "UDP over IPv6 only"},
	{name: "unix", network: "unix", unix: true, stream: true, doc: "a UNIX stream socket"},
	{name: "unixgram", network: "unixgram", unix: true, datagram: true, doc: "a UNIX datagram socket"},
	{name: "unixpacket", network: "unixpacket", unix: true, stream: true, doc: "a UNIX socket of packets in sequence"},
	{name: "tls", network: "tcp", inet: true, stream: true, tls: true, doc: "TLS over TCP"},
	{name: "http", network: "tcp", port: "80", inet: true, stream: true, urlPath: true, doc: "HTTP over TCP; port 80 unless given"},
	{name: "https", network: "tcp", port: "443", inet: true, stream: true, tls: true, urlPath: true, doc: "HTTP over TLS over TCP; port 443 unless given"},
	{name: "fd", doc: "an inherited descriptor, by number or by its name in LISTEN_FDNAMES"},
}

// Scheme describes one scheme, for help.
type Scheme struct{ Name, Doc string }

// Schemes returns every scheme in the order of the documentation.
func Schemes() []Scheme {
	list := make([]Scheme, len(schemes))
	for i, s := range schemes {
		list[i] = Scheme{s.name, s.doc}
	}
	return list
}

// schemeOf returns the row of that name, or an empty row.
func schemeOf(name string) scheme {
	for _, s := range schemes {
		if s.name == name {
			return s
		}
	}
	return scheme{}
}

func schemeNames() []string {
	names := make([]string, len(schemes))
	for i, s := range schemes {
		names[i] = s.name
	}
	return names
}

// has4 and has6 report whether sockets of the scheme may be of the family.
func (s scheme) has4() bool { return s.inet && s.network[len(s.network)-1] != '6' }
func (s scheme) has6() bool { return s.inet && s.network[len(s.network)-1] != '4' }

func (s scheme) socketType() socket.Type {
	switch {
	case s.datagram:
		return socket.DGRAM
	case s.name == "unixpacket":
		return socket.SEQPACKET
	}
	return socket.STREAM
}

func (s scheme) protocol() socket.Protocol {
	switch {
	case !s.inet:
		return 0
	case s.datagram:
		return socket.UDP
	}
	return socket.TCP
}
