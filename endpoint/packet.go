package endpoint

import (
	"context"
	"fmt"

	"sock/socket"
)

// PacketListener receives the datagrams of one endpoint, which may have several
// sockets: localhost has one for each loopback address, on one port. Its methods
// may be called concurrently.
type PacketListener struct {
	binding
}

// ListenPacket receives on a datagram endpoint with the zero [ListenConfig].
func ListenPacket(ctx context.Context, e Endpoint) (*PacketListener, error) {
	return ListenConfig{}.ListenPacket(ctx, e)
}

// ListenPacket receives on a datagram endpoint: udp, unixgram or fd. What it
// says of addresses, ports, families, options and UNIX paths is as for
// [ListenConfig.Listen], but for SO_REUSEADDR, which stays off: for UDP it would
// let a second program take the first one's datagrams.
//
// On a wildcard socket every datagram tells the address it was sent to
// (IP_PKTINFO, IPV6_RECVPKTINFO): a reply has to leave from there, or its
// receiver will not know it. See [socket.Control].
func (c ListenConfig) ListenPacket(ctx context.Context, e Endpoint) (*PacketListener, error) {
	if err := e.Check(ForListen); err != nil {
		return nil, listenFailure(e, err)
	}
	p := &PacketListener{binding{endpoint: e}}
	if e.IsFD() {
		return adoptPackets(p)
	}
	if !e.IsDatagram() {
		return nil, listenFailure(e, fmt.Errorf("%s is a scheme of connections; it takes Listen", e.Scheme))
	}
	ready := func(*socket.Socket, *binding) error { return nil }
	if err := p.open(ctx, ready); err != nil {
		return nil, err
	}
	return p, nil
}

// Close closes the sockets, and removes the UNIX path if it is still ours.
func (p *PacketListener) Close() error { return p.close() }
