package service

import (
	"sync"
	"time"

	"sock/socket"
)

// A datagram's source can be forged. Two services that answer every datagram
// could so be set on each other for ever, and a small forged request could
// draw a large answer to a victim. The guard keeps both small:
//
//   - no answer goes to a port where a service that answers anything is known
//     to live (reflective), nor to the port the service itself has, nor to
//     another service of this process;
//   - services whose answer is not the request's own size answer one peer at
//     most answersPerSecond times a second;
//   - what can be kept as small as the request is (chargen).
//
// Echo is not rate-bound: it answers byte for byte, so nothing is gained by
// forging, and a load test is a fair use of it.
//
// CERT Advisory CA-1996-01; RFC 4732 section 3.1.

// reflective are the UDP ports of services that answer any datagram, or that
// are known to be used so.
var reflective = map[int]string{
	0: "reserved", 7: "echo", 9: "discard", 13: "daytime", 17: "qotd", 19: "chargen", 37: "time",
	53: "domain", 69: "tftp", 111: "portmapper", 123: "ntp", 137: "netbios", 161: "snmp",
	389: "ldap", 427: "slp", 520: "rip", 1900: "ssdp", 3702: "ws-discovery", 5353: "mdns", 11211: "memcached",
}

// answersPerSecond is what one peer gets at most, and as many at once.
const answersPerSecond = 256

// served counts, per local port, the sessions that datagram services of this
// process have open.
var served = struct {
	mu    sync.Mutex
	ports map[int]int
}{ports: map[int]int{}}

// A guard belongs to one session and is used by its goroutine or loop only.
type guard struct {
	muted  bool // the peer is one never to answer
	port   int  // the service's own port; 0: none to give back
	tokens float64
	last   time.Time
}

// newGuard judges a session's peer; close gives back what it holds. A UNIX
// socket without a name cannot be answered, and one that is the service's own
// must not be.
func newGuard(local, peer socket.Addr, now time.Time) *guard {
	g := &guard{tokens: answersPerSecond, last: now}
	if !peer.AddrPort().IsValid() {
		g.muted = peer.Path() == "" || peer == local
		return g
	}
	g.port = local.Port()
	served.mu.Lock()
	defer served.mu.Unlock()
	served.ports[g.port]++
	g.muted = isReflector(local, peer)
	return g
}

// isReflector reports whether an answer to the peer could come straight back.
// The caller holds served.mu.
func isReflector(local, peer socket.Addr) bool {
	port := peer.Port()
	if _, known := reflective[port]; known || port == local.Port() {
		return true
	}
	here := isHere(peer) || peer.AddrPort().Addr() == local.AddrPort().Addr()
	return here && served.ports[port] > 0
}

// allow reports whether the peer may be answered now, and counts the answer.
func (g *guard) allow(now time.Time) bool {
	if g.muted {
		return false
	}
	g.tokens = min(g.tokens+now.Sub(g.last).Seconds()*answersPerSecond, answersPerSecond)
	g.last = now
	if g.tokens < 1 {
		return false
	}
	g.tokens--
	return true
}

func (g *guard) close() {
	if g.port == 0 {
		return
	}
	served.mu.Lock()
	defer served.mu.Unlock()
	if served.ports[g.port]--; served.ports[g.port] <= 0 {
		delete(served.ports, g.port)
	}
}

// isHere reports whether a peer is on this machine for certain: nobody
// elsewhere can forge a loopback address or a UNIX socket.
func isHere(peer socket.Addr) bool {
	ap := peer.AddrPort()
	return !ap.IsValid() || ap.Addr().IsLoopback()
}
