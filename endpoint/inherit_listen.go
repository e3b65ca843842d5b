package endpoint

import (
	"fmt"
	"strconv"

	"sock/socket"
)

// adopt makes a listener of an inherited stream socket: one that listens, as
// systemd passes it, or a connection to serve, as inetd does. The path of a UNIX
// socket belongs to whoever made it, and is not removed.
func (c ListenConfig) adopt(l *Listener) (*Listener, error) {
	fd := l.endpoint
	s, err := inherited(fd)
	if err != nil {
		return nil, listenFailure(fd, err)
	}
	if err := l.take(s); err != nil {
		number := s.FD()
		s.Close()
		return nil, listenFailure(fd, &InheritError{number, fd.Host, err})
	}
	return l, nil
}

func (l *Listener) take(s *socket.Socket) error {
	if s.Type() == socket.DGRAM {
		return fmt.Errorf("it is %s; a service of connections takes a stream socket", describe(s))
	}
	now := standingOf(s)
	if now == idle {
		return fmt.Errorf("it is %s; a service takes one that listens, or one connection", describe(s))
	}
	state := socket.Listening
	if now == connected {
		state = socket.Connected
	}
	if err := setOptions(s, l.endpoint, state, 0); err != nil {
		return err
	}
	l.after = afterAccept(l.endpoint)
	if now == connected {
		l.single, l.after = s, nil
		return l.name(s)
	}
	l.sockets = []*socket.Socket{s}
	return l.name(s)
}

// name fills in the address and the endpoint of an inherited socket.
func (b *binding) name(s *socket.Socket) error {
	at, err := s.LocalAddr()
	if err != nil {
		return err
	}
	b.addrs = []socket.Addr{at}
	b.endpoint = endpointOf(s, at, b.endpoint.Options)
	return nil
}

// endpointOf is what would open a socket like s.
func endpointOf(s *socket.Socket, at socket.Addr, options []Option) Endpoint {
	e := Endpoint{Options: options}
	stream, datagram := "tcp", "udp"
	if s.Family() == socket.UNIX {
		stream, datagram, e.Path = "unix", "unixgram", at.Path()
	} else {
		ip := at.AddrPort().Addr()
		e.Host = ip.String()
		if only, err := socket.V6Only.Get(s); ip.IsUnspecified() && ip.Is6() && err == nil && !only {
			e.Host = ""
		}
		e.Port = strconv.Itoa(at.Port())
	}
	switch s.Type() {
	case socket.DGRAM:
		e.Scheme = datagram
	case socket.SEQPACKET:
		e.Scheme = "unixpacket"
	default:
		e.Scheme = stream
	}
	return e
}

// adoptPackets makes a packet listener of an inherited datagram socket.
func adoptPackets(p *PacketListener) (*PacketListener, error) {
	fd := p.endpoint
	s, err := inherited(fd)
	if err != nil {
		return nil, listenFailure(fd, err)
	}
	if err := p.take(s); err != nil {
		number := s.FD()
		s.Close()
		return nil, listenFailure(fd, &InheritError{number, fd.Host, err})
	}
	return p, nil
}

func (p *PacketListener) take(s *socket.Socket) error {
	if s.Type() != socket.DGRAM {
		return fmt.Errorf("it is %s; a service of datagrams takes a datagram socket", describe(s))
	}
	if err := setOptions(s, p.endpoint, socket.Anytime, 0); err != nil {
		return err
	}
	p.sockets = []*socket.Socket{s}
	if err := p.name(s); err != nil {
		return err
	}
	if ip := p.addrs[0].AddrPort().Addr(); ip.IsValid() && ip.IsUnspecified() {
		return socket.PktInfo.Set(s, true)
	}
	return nil
}
