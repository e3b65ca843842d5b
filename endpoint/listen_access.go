package endpoint

import (
	"net/netip"
	"slices"

	"sock/socket"
)

// AccessList says which peers may connect: allow= and deny=. It is immutable
// and may be shared between goroutines; the zero AccessList lets everyone in.
//
// A peer that a deny matches is refused, whatever else matches it: neither the
// order of the rules nor how narrow they are plays a part, so that a deny can be
// trusted at sight. Where there is any allow, a peer that none matches is
// refused too. To let in one host of a network that is denied, list what is
// allowed instead.
//
// An IPv4-mapped IPv6 address, in a rule or of a peer, is the IPv4 address it
// stands for; ::/0 therefore means IPv6 peers alone. Zones are ignored. A peer
// without IP address (of a UNIX socket) matches no rule.
type AccessList struct {
	allow, deny []netip.Prefix
}

// NewAccessList makes an access list of prefixes; invalid ones match nothing.
func NewAccessList(allow, deny []netip.Prefix) AccessList {
	return AccessList{allow: unmapAll(allow), deny: unmapAll(deny)}
}

// Access is the list of the endpoint's allow= and deny=.
func (e Endpoint) Access() AccessList {
	return NewAccessList(e.Allow(), e.Deny())
}

// IsEmpty reports whether everyone may connect.
func (l AccessList) IsEmpty() bool { return len(l.allow) == 0 && len(l.deny) == 0 }

// Permits reports whether a peer may connect. It does not allocate for an
// address without zone.
func (l AccessList) Permits(peer socket.Addr) bool {
	if l.IsEmpty() {
		return true
	}
	ip := peer.AddrPort().Addr().Unmap().WithZone("")
	if matches(l.deny, ip) {
		return false
	}
	return len(l.allow) == 0 || matches(l.allow, ip)
}

func matches(rules []netip.Prefix, ip netip.Addr) bool {
	for _, p := range rules {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// unmapAll turns ::ffff:10.0.0.0/104 into 10.0.0.0/8.
func unmapAll(rules []netip.Prefix) []netip.Prefix {
	rules = slices.Clone(rules)
	for i, p := range rules {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			rules[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return rules
}
