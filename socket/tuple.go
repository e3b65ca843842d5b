package socket

// Tuple is the socket pair: the protocol and both addresses, by which the kernel tells one
// connection from every other (the 4-tuple of TCP). It is comparable.
type Tuple struct {
	Protocol string // tcp, udp, unix, …: the words of package net
	Local    Addr
	Peer     Addr // invalid while there is no peer
}

// Reverse gives the same connection as the peer sees it.
func (t Tuple) Reverse() Tuple {
	return Tuple{Protocol: t.Protocol, Local: t.Peer, Peer: t.Local}
}

// String gives "tcp 127.0.0.1:51000 -> 127.0.0.1:65432", and "*" for a peer that is not there.
func (t Tuple) String() string {
	peer := "*"
	if t.Peer.IsValid() {
		peer = t.Peer.String()
	}
	return t.Protocol + " " + t.Local.String() + " -> " + peer
}
