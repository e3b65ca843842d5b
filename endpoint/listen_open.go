package endpoint

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"sock/socket"
)

// portTries bounds the search for one port that is free on every address.
const portTries = 32

// start is what makes a bound socket ready: listen(2), or options of datagrams.
type start func(*socket.Socket, *binding) error

// open fills the binding with sockets that are bound and started, or leaves
// nothing open and returns a *ListenError.
func (b *binding) open(ctx context.Context, begin start) error {
	if b.endpoint.IsUnix() {
		return b.openUnix(ctx, begin)
	}
	wanted, err := b.slots(ctx)
	if err != nil {
		return listenFailure(b.endpoint, err)
	}
	asked := b.endpoint
	for range portTries {
		var again bool
		if again, err = b.openAll(wanted, begin); err == nil {
			return nil
		}
		b.reset(asked)
		if !again {
			break
		}
	}
	return err
}

// reset closes what an attempt opened.
func (b *binding) reset(asked Endpoint) {
	for _, s := range b.sockets {
		s.Close()
	}
	b.sockets, b.addrs, b.notices, b.endpoint = nil, nil, nil, asked
}

// A slot is one socket to open: its address, and what to do where that cannot be.
type slot struct {
	ip       netip.Addr
	dual     bool       // an IPv6 wildcard that takes IPv4 as well
	only6    bool       // an IPv6 wildcard that does not
	fallback netip.Addr // in place of ip on a host without IPv6
}

// slots lists the sockets of an endpoint.
func (b *binding) slots(ctx context.Context) ([]slot, error) {
	e := b.endpoint
	only6 := v6Only(e)
	ip, literal := netip.ParseAddr(e.Host)
	switch network := e.Network(); {
	case e.Host == "" && strings.HasSuffix(network, "4"):
		return []slot{{ip: netip.IPv4Unspecified()}}, nil
	case e.Host == "" && (strings.HasSuffix(network, "6") || only6):
		return []slot{{ip: netip.IPv6Unspecified(), only6: true}}, nil
	case e.Host == "":
		return []slot{{ip: netip.IPv6Unspecified(), dual: true, fallback: netip.IPv4Unspecified()}}, nil
	case literal == nil && ip == netip.IPv6Unspecified():
		six := strings.HasSuffix(network, "6") || only6
		return []slot{{ip: ip, dual: !six, only6: six}}, nil
	}
	addrs, err := resolveIn(ctx, e, Endpoint.Resolve)
	if err != nil {
		return nil, err
	}
	var list []slot
	for _, a := range addrs {
		if w := (slot{ip: a.AddrPort().Addr()}); !slices.Contains(list, w) && (!only6 || w.ip.Is6()) {
			list = append(list, w)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("v6only=1 leaves no address: there is no IPv6 one")
	}
	return list, nil
}

// v6Only reports whether the endpoint says v6only.
func v6Only(e Endpoint) bool {
	value, ok := e.Get("v6only")
	on, _ := flagValue(value)
	return ok && on
}

// openAll opens a socket for each slot, on one port: the endpoint's, or the one
// the kernel gives the first socket. It reports whether another port might do.
func (b *binding) openAll(wanted []slot, begin start) (again bool, err error) {
	port := b.endpoint.PortNumber()
	free := port == 0
	var left []error
	for _, w := range wanted {
		s, at, err := b.openOne(w, port)
		if isAbsent(err) && len(wanted) > 1 {
			left = append(left, err)
			b.notice("%s is left out: %s", w.ip, phrase(err, "bind"))
			continue
		}
		if err != nil {
			again := free && len(b.sockets) > 0 && errors.Is(err, syscall.EADDRINUSE)
			return again, b.failure(w.addr(port), err)
		}
		b.sockets, b.addrs = append(b.sockets, s), append(b.addrs, at)
		port = uint16(at.Port())
	}
	if len(b.sockets) == 0 {
		return false, b.failure(wanted[0].addr(port), left[0])
	}
	b.endpoint = b.endpoint.WithPort(port)
	for i, s := range b.sockets {
		if err := begin(s, b); err != nil {
			return free && errors.Is(err, syscall.EADDRINUSE), b.failure(b.addrs[i], err)
		}
	}
	return false, nil
}

func (w slot) addr(port uint16) socket.Addr {
	return socket.AddrFrom(netip.AddrPortFrom(w.ip, port))
}

// isAbsent reports whether an error says that this host lacks the address or
// its family, so that the others can do without it.
func isAbsent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// openOne makes one bound socket.
func (b *binding) openOne(w slot, port uint16) (*socket.Socket, socket.Addr, error) {
	s, err := b.bound(w, port)
	if isAbsent(err) && w.fallback.IsValid() {
		s, err = b.bound(slot{ip: w.fallback}, port)
	}
	if err != nil {
		return nil, socket.Addr{}, err
	}
	at, err := s.LocalAddr()
	if err != nil {
		s.Close()
		return nil, socket.Addr{}, err
	}
	return s, at, nil
}

func (b *binding) bound(w slot, port uint16) (*socket.Socket, error) {
	at := w.addr(port)
	s, err := newSocket(b.endpoint, at.Family())
	if err != nil {
		return nil, err
	}
	if err := b.configure(s, w, at); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// configure takes a new socket as far as bind. Defaults come before the
// endpoint's own options, which have the last word.
func (b *binding) configure(s *socket.Socket, w slot, at socket.Addr) error {
	if s.Type() == socket.STREAM {
		if err := socket.ReuseAddr.Set(s, true); err != nil {
			return err
		}
	}
	if err := sendAtOnce(s); err != nil {
		return err
	}
	if w.dual || w.only6 {
		if err := socket.V6Only.Set(s, w.only6); err != nil {
			return err
		}
	}
	if s.Type() == socket.DGRAM && w.ip.IsUnspecified() {
		if err := socket.PktInfo.Set(s, true); err != nil {
			return err
		}
	}
	if err := setOptions(s, b.endpoint, socket.BeforeBind, 0); err != nil {
		return err
	}
	if err := s.Bind(at); err != nil {
		return err
	}
	return setOptions(s, b.endpoint, socket.BeforeListen, socket.BeforeBind)
}
