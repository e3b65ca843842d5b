package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"sock/socket"
)

// lookup finds a host's addresses; a variable so that tests need no network.
var lookup = func(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// Resolve gives the addresses to listen on, in the resolver's order (RFC 6724),
// each once. What connects calls [Endpoint.ResolvePeer].
//
//   - ":8080" is the wildcard: 0.0.0.0 for tcp4 and udp4, else [::] alone, which
//     is to be bound dual-stack where the scheme has both families.
//   - localhost, and so a bare port, is ::1 and 127.0.0.1, without asking the
//     resolver: names never make it leave the machine. RFC 6761, section 6.3.
//   - A host gives its addresses of the scheme's families.
//   - A zone's name is looked up among the interfaces of the calling thread's
//     network namespace.
//   - A UNIX endpoint gives its path.
//
// Errors are *net.OpError: around a *net.DNSError where the name has no
// address, around a *net.AddrError where it has none of the wanted family or
// where no interface has the zone. An inherited descriptor has no address to
// resolve, and the error wraps errors.ErrUnsupported. Option timeout is the
// caller's to apply to ctx.
func (e Endpoint) Resolve(ctx context.Context) ([]socket.Addr, error) {
	row := schemeOf(e.Scheme)
	switch {
	case row.unix:
		return []socket.Addr{socket.UnixAddr(e.Path)}, nil
	case !row.inet:
		return nil, e.failResolve(fmt.Errorf("an inherited descriptor has no address to resolve: %w", errors.ErrUnsupported))
	case e.Host == "" && !row.has6():
		return e.withPort(netip.IPv4Unspecified()), nil
	case e.Host == "":
		return e.withPort(netip.IPv6Unspecified()), nil
	}
	return e.resolveHost(ctx, row)
}

// ResolvePeer gives the addresses to connect to, in the order to try them:
// those of [Endpoint.Resolve], but every interface (":8080", 0.0.0.0, [::]) is
// this host's loopback.
func (e Endpoint) ResolvePeer(ctx context.Context) ([]socket.Addr, error) {
	if e.IsWildcard() {
		e.Host = e.loopback()
	}
	return e.Resolve(ctx)
}

// loopback is the host that stands for a wildcard when connecting.
func (e Endpoint) loopback() string {
	switch ip, err := netip.ParseAddr(e.Host); {
	case err != nil:
		return loopbackName
	case ip.Is4():
		return "127.0.0.1"
	}
	return "::1"
}

// resolveHost resolves a host that is not empty.
func (e Endpoint) resolveHost(ctx context.Context, row scheme) ([]socket.Addr, error) {
	if ip, err := netip.ParseAddr(e.Host); err == nil {
		return e.resolveIP(ip)
	}
	ips, err := lookupHost(ctx, row, e.Host)
	if err != nil {
		return nil, e.failResolve(err)
	}
	var found []netip.Addr
	for _, ip := range ips {
		ip = ip.Unmap()
		if (row.has6() && ip.Is6() || row.has4() && ip.Is4()) && !slices.Contains(found, ip) {
			found = append(found, ip)
		}
	}
	if len(found) == 0 {
		return nil, e.failResolve(&net.AddrError{Err: "no suitable address for " + e.Network(), Addr: e.Host})
	}
	return e.withPort(found...), nil
}

// lookupHost asks the resolver, but for localhost.
func lookupHost(ctx context.Context, row scheme, host string) ([]netip.Addr, error) {
	switch {
	case host == loopbackName || host == loopbackName+".":
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	case !row.has6():
		return lookup(ctx, "ip4", host)
	case !row.has4():
		return lookup(ctx, "ip6", host)
	}
	return lookup(ctx, "ip", host)
}

// resolveIP gives a literal address, its zone looked up.
func (e Endpoint) resolveIP(ip netip.Addr) ([]socket.Addr, error) {
	addrs := e.withPort(ip)
	if !addrs[0].IsValid() {
		return nil, e.failResolve(&net.AddrError{Err: "no network interface has the zone " + strconv.Quote(ip.Zone()), Addr: e.Host})
	}
	return addrs, nil
}

func (e Endpoint) withPort(ips ...netip.Addr) []socket.Addr {
	addrs := make([]socket.Addr, len(ips))
	for i, ip := range ips {
		addrs[i] = socket.AddrFrom(netip.AddrPortFrom(ip, e.PortNumber()))
	}
	return addrs
}

// failResolve names the endpoint in an error.
func (e Endpoint) failResolve(err error) error {
	return &net.OpError{Op: "resolve", Net: e.Network(), Addr: e, Err: err}
}
