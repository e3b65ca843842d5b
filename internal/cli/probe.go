package cli

import (
	"strings"

	"sock/endpoint"
	"sock/socket"
)

// A kind is a kind of socket: what an option can be read on.
type kind struct {
	family   socket.Family
	typ      socket.Type
	protocol socket.Protocol
	name     string
}

// everyKind lists the kinds on which options are read, the commonest first:
// an option is read on the first kind that has it.
var everyKind = []kind{
	{socket.INET, socket.STREAM, socket.TCP, "TCP over IPv4"},
	{socket.INET6, socket.STREAM, socket.TCP, "TCP over IPv6"},
	{socket.INET, socket.DGRAM, socket.UDP, "UDP over IPv4"},
	{socket.INET6, socket.DGRAM, socket.UDP, "UDP over IPv6"},
	{socket.UNIX, socket.STREAM, 0, "UNIX stream"},
	{socket.UNIX, socket.DGRAM, 0, "UNIX datagram"},
	{socket.UNIX, socket.SEQPACKET, 0, "UNIX packet"},
	{socket.VSOCK, socket.STREAM, 0, "VSOCK"},
	{socket.INET, socket.STREAM, socket.MPTCP, "MPTCP"},
	{socket.NETLINK, socket.RAW, 0, "netlink"},
	{socket.INET, socket.RAW, socket.ICMP, "raw ICMP"},
	{socket.INET6, socket.RAW, socket.ICMPV6, "raw ICMPv6"},
	{socket.PACKET, socket.RAW, 0, "packet"},
}

// A probe reads options on real sockets, which it opens as it needs them.
type probe struct {
	kinds  []kind
	opened map[kind]opened
}

// opened is what came of opening a socket, so that it is tried once.
type opened struct {
	socket *socket.Socket
	err    error
}

func newProbe() *probe {
	return &probe{kinds: everyKind, opened: map[kind]opened{}}
}

func (p *probe) close() {
	for _, o := range p.opened {
		if o.socket != nil {
			_ = o.socket.Close()
		}
	}
}

// only narrows the probe to the socket that ep needs, with the endpoint's
// socket options applied.
func (p *probe) only(ep endpoint.Endpoint) error {
	k := kindFor(ep)
	s, err := p.open(k)
	if err != nil {
		return err
	}
	p.kinds = []kind{k}
	for _, o := range ep.Options {
		if row, ok := socket.Lookup(o.Name); ok {
			if err := row.SetText(s, o.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// kindFor is the kind of socket that ep is served or reached with.
func kindFor(ep endpoint.Endpoint) kind {
	network := ep.Network()
	six := strings.HasSuffix(network, "6") || strings.Contains(ep.Host, ":") ||
		ep.Host == "" && !strings.HasSuffix(network, "4")
	for _, k := range everyKind {
		matches := false
		switch {
		case ep.IsUnix():
			matches = k.family == socket.UNIX && k.typ == unixType(network)
		case ep.IsDatagram():
			matches = k.protocol == socket.UDP && (k.family == socket.INET6) == six
		default:
			matches = k.protocol == socket.TCP && (k.family == socket.INET6) == six
		}
		if matches {
			return k
		}
	}
	return everyKind[0]
}

func unixType(network string) socket.Type {
	switch network {
	case "unixgram":
		return socket.DGRAM
	case "unixpacket":
		return socket.SEQPACKET
	}
	return socket.STREAM
}

func (p *probe) open(k kind) (*socket.Socket, error) {
	if o, ok := p.opened[k]; ok {
		return o.socket, o.err
	}
	s, err := socket.New(k.family, k.typ, k.protocol)
	p.opened[k] = opened{s, err}
	return s, err
}

// rows reads the options that the probe's kinds have and that mention every
// one of the words.
func (p *probe) rows(words ...string) []optionRow {
	var rows []optionRow
	for _, o := range socket.Options() {
		if p.kindWith(o) != nil && mentions(o, words) {
			rows = append(rows, p.row(o))
		}
	}
	return rows
}

// kindWith is the first of the probe's kinds that has the option.
func (p *probe) kindWith(o *socket.Option) *kind {
	for i, k := range p.kinds {
		if o.AppliesTo(k.family, k.typ, k.protocol) {
			return &p.kinds[i]
		}
	}
	return nil
}

func mentions(o *socket.Option, words []string) bool {
	text := strings.ToLower(strings.Join([]string{o.Name, o.Symbol, o.Doc, o.Source, o.LevelName(), o.Scope()}, " "))
	for _, w := range words {
		if !strings.Contains(text, strings.ToLower(w)) {
			return false
		}
	}
	return true
}

// row reads one option.
func (p *probe) row(o *socket.Option) optionRow {
	r := optionRow{
		Name: o.Name, Symbol: o.Symbol, Level: o.LevelName(), Number: o.Number,
		Kind: o.Kind.String(), Unit: string(o.Unit), When: o.When.String(), Access: o.Access.String(),
		Scope: o.Scope(), Since: o.Since, Capability: o.Capability, Source: o.Source, Doc: o.Doc,
	}
	k := p.kindWith(o)
	if k == nil {
		r.Problem = "no kind of socket here has it"
		return r
	}
	r.Of = k.name
	if o.Access&socket.Read == 0 {
		r.Problem = "it can only be set"
		return r
	}
	s, err := p.open(*k)
	if err == nil {
		var text string
		if text, err = o.GetText(s); err == nil {
			r.Value = &text
			return r
		}
	}
	r.Problem = reason(err)
	return r
}
