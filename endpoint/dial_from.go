package endpoint

import (
	"fmt"
	"net/netip"

	"sock/socket"
)

// source is where a client's socket is bound: from=. Each part may be missing.
type source struct {
	ip   netip.Addr
	port uint16
	path string // of unixgram and unix
}

// sourceOf reads from=: 127.0.0.2, :5000, 127.0.0.2:5000, [::1], [::1]:5000; for
// a UNIX endpoint a path or an abstract name.
func sourceOf(e Endpoint) (source, error) {
	text, ok := e.Get("from")
	switch {
	case !ok:
		return source{}, nil
	case e.IsUnix():
		return source{path: text}, nil
	}
	at, f := parseFrom(text)
	if f != nil {
		return source{}, fmt.Errorf("from=%s: %s", text, f.message)
	}
	return source{ip: at.Addr(), port: at.Port()}, nil
}

// fits reports whether a socket bound to f can connect to that address.
func (f source) fits(to socket.Addr) bool {
	return !f.ip.IsValid() || to.Family() == f.family()
}

func (f source) family() socket.Family {
	if f.ip.Unmap().Is4() {
		return socket.INET
	}
	return socket.INET6
}

// misfit is the error where no address is left.
func (f source) misfit(e Endpoint) error {
	mine, theirs := "IPv6", "IPv4"
	if f.family() == socket.INET {
		mine, theirs = theirs, mine
	}
	return fmt.Errorf("from=%s is %s, and %s has only %s addresses", f.ip, mine, e.Host, theirs)
}

// bind binds s, with options set by configure before that. Defaults come first,
// so that the endpoint's own reuseaddr=0 has the last word.
func (f source) bind(s *socket.Socket, e Endpoint, configure func() error) error {
	if err := f.defaults(s); err != nil {
		return err
	}
	if err := configure(); err != nil {
		return err
	}
	switch {
	case s.Family() == socket.UNIX && (f.path != "" || s.Type() == socket.DGRAM):
		return s.Bind(socket.UnixAddr(f.path)) // no name: the kernel finds one, to which replies can come
	case f.ip.IsValid() || f.port != 0:
		return s.Bind(f.addr(s.Family()))
	}
	return nil
}

func (f source) defaults(s *socket.Socket) error {
	if err := sendAtOnce(s); err != nil {
		return err
	}
	switch {
	case f.port != 0 && s.Type() == socket.STREAM:
		return socket.ReuseAddr.Set(s, true)
	case f.port == 0 && f.ip.IsValid():
		return socket.BindAddressNoPort.Set(s, true)
	}
	return nil
}

func (f source) addr(family socket.Family) socket.Addr {
	ip := f.ip
	switch {
	case ip.IsValid():
	case family == socket.INET:
		ip = netip.IPv4Unspecified()
	default:
		ip = netip.IPv6Unspecified()
	}
	return socket.AddrFrom(netip.AddrPortFrom(ip, f.port))
}
