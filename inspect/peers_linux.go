package inspect

import (
	"errors"

	"sock/internal/diag"
	"sock/socket"
)

// peerIndex knows the other ends: every connection of the namespaces that are
// looked at by its two addresses, and every named UNIX socket by its inode.
// A connection takes some sixty bytes of it.
type peerIndex struct {
	connections map[tuple]end
	names       map[uint32]unixEnd // by inode
	listeners   map[uint32]uint32  // the listener at which a UNIX client waits, by the client's inode
}

// tuple is a connection as one end sees it.
type tuple struct {
	local, peer         [16]byte // IPv4 as mapped
	localPort, peerPort uint16
	netns               uint16
	datagram            bool
}

type end struct {
	inode uint32
	state State
}

type unixEnd struct {
	name  socket.Addr
	netns uint16
}

// index reads the other ends, if they are asked for, of the kinds that the
// query will give.
func (r *reading) index(conns []*diag.Conn) error {
	if r.needs&WithPeers == 0 {
		return nil
	}
	r.peers = &peerIndex{connections: map[tuple]end{}, names: map[uint32]unixEnd{}, listeners: map[uint32]uint32{}}
	var kinds kindSet
	for _, d := range plan(r.query.kinds(), r.query.Filter, r.query.anyDevice) {
		kinds |= kindsOf(d.kind)
	}
	for i, conn := range conns {
		if conn == nil {
			continue
		}
		if err := r.indexNamespace(uint16(i), conn, kinds); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) indexNamespace(i uint16, conn *diag.Conn, kinds kindSet) error {
	for _, family := range []uint8{diag.Inet, diag.Inet6} {
		if kinds&streamKinds != 0 {
			err := r.indexInet(i, conn, diag.InetRequest{
				Family: family, Protocol: diag.TCP,
				States: uint32(allStates &^ (1<<Listen | 1<<Closed | 1<<TimeWait)),
			})
			if err != nil {
				return err
			}
		}
		if kinds.has(UDP) {
			if err := r.indexInet(i, conn, diag.InetRequest{Family: family, Protocol: diag.UDP, States: 1 << Established}); err != nil {
				return err
			}
		}
	}
	if !kinds.has(Unix) {
		return nil
	}
	return r.tolerate(each(conn.Unix(r.ctx, diag.UnixRequest{Show: diag.ShowName | diag.ShowWaiting}), func(m *diag.UnixMessage) error {
		r.peers.names[m.Inode] = unixEnd{unixName(m.Name), i}
		m.Clients(func(client uint32) { r.peers.listeners[client] = m.Inode })
		return nil
	}))
}

func (r *reading) indexInet(i uint16, conn *diag.Conn, request diag.InetRequest) error {
	return r.tolerate(each(conn.Inet(r.ctx, request), func(m *diag.InetMessage) error {
		t := tuple{
			local: mappedBytes(m.Family, m.Source), peer: mappedBytes(m.Family, m.Destination),
			localPort: m.SourcePort, peerPort: m.DestinationPort, netns: i, datagram: request.Protocol == diag.UDP,
		}
		r.peers.connections[t] = end{m.Inode, State(m.State)}
		return nil
	}))
}

// tolerate lets an index be incomplete where its table is.
func (r *reading) tolerate(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, diag.ErrInterrupted) {
		return nil
	}
	return err
}

// mappedBytes gives an IPv4 address the form that an IPv6 socket has for it.
func mappedBytes(family uint8, ip [16]byte) [16]byte {
	if family == diag.Inet6 {
		return ip
	}
	return [16]byte{10: 0xff, 11: 0xff, 12: ip[0], 13: ip[1], 14: ip[2], 15: ip[3]}
}

// join finds the other end of a socket, if it is on this host.
func (r *reading) join(i int, s *Socket) {
	switch {
	case r.peers == nil || !s.Peer.IsValid():
	case s.Kind == Unix:
		r.joinUnix(s)
	case streamKinds.has(s.Kind) || s.Kind == UDP:
		r.joinInet(uint16(i), s)
	}
}

func (r *reading) joinInet(i uint16, s *Socket) {
	local, peer := s.Local.AddrPort(), s.Peer.AddrPort()
	t := tuple{
		local: peer.Addr().As16(), peer: local.Addr().As16(), localPort: peer.Port(), peerPort: local.Port(),
		netns: i, datagram: s.Kind == UDP,
	}
	found, ok := r.peers.connections[t]
	for other := 0; !ok && other < len(r.namespaces) && !peer.Addr().IsLoopback(); other++ {
		t.netns = uint16(other)
		found, ok = r.peers.connections[t]
	}
	if !ok || peer == local {
		return
	}
	s.Remote = &Remote{Inode: found.inode, Netns: r.namespaces[t.netns]}
	if r.owners != nil {
		s.Remote.Owners, s.Remote.Reason = r.ownersOf(found.inode, func() Reason {
			if found.inode != 0 {
				return Unheld
			}
			return unownedStream(found.state)
		}, false)
	}
}

// joinUnix knows the peer by its inode. A peer without one has not been
// accepted: then the listener's owners are who should.
func (r *reading) joinUnix(s *Socket) {
	inode, reason := s.PeerInode, Owned
	if inode == 0 {
		listener, ok := r.peers.listeners[s.Inode]
		if !ok {
			return
		}
		inode, reason = listener, NotAccepted
	}
	at, known := r.peers.names[inode]
	if known {
		s.Peer = at.name
	}
	s.Remote = &Remote{Inode: inode, Reason: reason}
	if known {
		s.Remote.Netns = r.namespaces[at.netns]
	}
	if r.owners != nil {
		owners, why := r.ownersOf(inode, func() Reason { return Unheld }, false)
		s.Remote.Owners = owners
		if reason == Owned {
			s.Remote.Reason = why
		}
	}
}
