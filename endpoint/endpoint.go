package endpoint

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sock/internal/syntax"
)

// MaxLength bounds the text of an endpoint, in bytes, as written and in its
// canonical form alike.
const MaxLength = 4096

// SyntaxError is what [Parse] returns: the text, the offending bytes of it,
// what is wrong with them and the nearest right spelling.
type SyntaxError = syntax.Error

// Endpoint is where to connect to or to listen on, and how. It is a plain
// value: [Parse] makes it, nothing changes it, and it may be shared between
// goroutines. The zero Endpoint is no endpoint at all; its String is empty.
// Endpoints are compared with [Endpoint.Equal].
//
// An Endpoint is also a net.Addr, an encoding.TextMarshaler, and its pointer a
// flag.Value.
type Endpoint struct {
	Scheme  string   // lowercase, never empty after Parse
	Host    string   // a name in lowercase, an IP address in its shortest form (with %zone), or what follows fd://; empty: every interface
	Port    string   // decimal, resolved when it was a name; empty for UNIX sockets and fd
	Path    string   // a UNIX socket's path, decoded, "@" first when abstract; of http and https: the URL's path, still escaped
	Options []Option // in the order written
}

// Option is one option as written, its name in canonical spelling and its
// value decoded.
type Option struct {
	Name, Value string
	HasValue    bool // false for "nodelay", true for "nodelay=1" and for "ca="
}

// Get returns the value of the first option of that name, and whether there is
// one. The name is the canonical one. The value is empty for an option without.
func (e Endpoint) Get(name string) (value string, ok bool) {
	for _, o := range e.Options {
		if o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// All returns the values of every option of that name, in the order written.
func (e Endpoint) All(name string) []string {
	var values []string
	for _, o := range e.Options {
		if o.Name == name {
			values = append(values, o.Value)
		}
	}
	return values
}

// Equal reports whether both are the same endpoint: the same canonical form,
// options in the same order.
func (e Endpoint) Equal(other Endpoint) bool {
	return e.Scheme == other.Scheme && e.Host == other.Host && e.Port == other.Port &&
		e.Path == other.Path && slices.Equal(e.Options, other.Options)
}

// IsZero reports whether e is the zero Endpoint.
func (e Endpoint) IsZero() bool {
	return e.Equal(Endpoint{})
}

// Network is the name package net has for it: tcp, tcp4, tcp6, udp, udp4,
// udp6, unix, unixgram or unixpacket. It is tcp for tls, http and https, and
// empty for fd, whose kind only the descriptor knows.
func (e Endpoint) Network() string {
	return schemeOf(e.Scheme).network
}

// IsStream reports whether the endpoint is a byte stream or a sequence of
// packets with connections: everything but udp, unixgram and fd.
func (e Endpoint) IsStream() bool {
	return schemeOf(e.Scheme).stream
}

// IsDatagram reports whether the scheme is one of udp, udp4, udp6 and unixgram.
func (e Endpoint) IsDatagram() bool {
	return schemeOf(e.Scheme).datagram
}

// IsTLS reports whether the scheme is tls or https.
func (e Endpoint) IsTLS() bool {
	return schemeOf(e.Scheme).tls
}

// IsUnix reports whether the scheme is one of unix, unixgram and unixpacket.
func (e Endpoint) IsUnix() bool {
	return schemeOf(e.Scheme).unix
}

// IsFD reports whether the endpoint is an inherited descriptor; Host is then
// its number or its name in LISTEN_FDNAMES.
func (e Endpoint) IsFD() bool {
	return e.Scheme == "fd"
}

// IsWildcard reports whether the endpoint is every interface: ":8080",
// "0.0.0.0:8080" or "[::]:8080".
func (e Endpoint) IsWildcard() bool {
	if e.Port == "" {
		return false
	}
	ip, err := netip.ParseAddr(e.Host)
	return e.Host == "" || err == nil && ip.IsUnspecified()
}

// PortNumber is the port, or 0 where there is none.
func (e Endpoint) PortNumber() uint16 {
	n, _ := strconv.ParseUint(e.Port, 10, 16)
	return uint16(n)
}

// WithPort returns the endpoint with another port: the real one, once port 0
// has been bound. It changes nothing where the scheme has no ports.
func (e Endpoint) WithPort(port uint16) Endpoint {
	if schemeOf(e.Scheme).inet {
		e.Port = strconv.Itoa(int(port))
	}
	return e
}

// String is the canonical form: [Parse] of it gives the same endpoint. What
// would end a word or a part (a space, a quote, '?', '&', '#', '%', a control
// character) is percent-encoded, so that it also stands in a service line.
func (e Endpoint) String() string {
	if e.Scheme == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(e.Scheme)
	b.WriteString("://")
	e.writeAddress(&b)
	for i, o := range e.Options {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(escape(o.Name))
		if o.HasValue {
			b.WriteByte('=')
			b.WriteString(escape(o.Value))
		}
	}
	return b.String()
}

func (e Endpoint) writeAddress(b *strings.Builder) {
	switch s := schemeOf(e.Scheme); {
	case s.unix:
		b.WriteString(escape(e.Path))
		return
	case e.IsFD():
		b.WriteString(escape(e.Host))
		return
	case strings.Contains(e.Host, ":"):
		b.WriteString("[" + e.Host + "]")
	default:
		b.WriteString(e.Host)
	}
	if e.Port != "" {
		b.WriteString(":" + e.Port)
	}
	b.WriteString(e.Path)
}

// MarshalText gives String; it never fails.
func (e Endpoint) MarshalText() ([]byte, error) {
	return []byte(e.String()), nil
}

// UnmarshalText parses text; an empty text gives the zero Endpoint, which
// MarshalText turns back into one.
func (e *Endpoint) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*e = Endpoint{}
		return nil
	}
	return e.Set(string(text))
}

// Set parses text: with String and Type it makes *Endpoint a flag.Value and a
// pflag.Value. On an error e is unchanged.
func (e *Endpoint) Set(text string) error {
	parsed, err := Parse(text)
	if err == nil {
		*e = parsed
	}
	return err
}

// Type is the word for an endpoint in a command's help.
func (e *Endpoint) Type() string { return "endpoint" }
