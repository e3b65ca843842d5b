package diag

import (
	"context"
	"errors"
	"iter"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
)

// Kinds of message.
const (
	byFamily = 20 // SOCK_DIAG_BY_FAMILY
	destroy  = 21 // SOCK_DESTROY
)

// Conn is a netlink socket to the kernel's tables of one network namespace. It
// carries one dump at a time; its methods may not be called concurrently.
type Conn struct {
	nl   *netlink.Conn
	port uint32
}

// Close closes the socket. A dump under way ends with an error.
func (c *Conn) Close() error { return wrap("close", "", c.nl.Close()) }

// PortID is the socket's own netlink address, by which it can be told in what
// Netlink gives.
func (c *Conn) PortID() uint32 { return c.port }

// Inet dumps the Internet sockets that r asks for. The error of a table that
// the kernel does not have is errors.ErrUnsupported; that of a program it does
// not accept is EINVAL, or EPERM for marks without CAP_NET_ADMIN.
func (c *Conn) Inet(ctx context.Context, r InetRequest) iter.Seq2[*InetMessage, error] {
	table := inetTable(r)
	return func(yield func(*InetMessage, error) bool) {
		m := new(InetMessage)
		c.dump(ctx, table, r.append(nil, SocketID{}), m.Parse, func(err error) bool { return yield(m, err) })
	}
}

// Unix dumps the UNIX sockets that r asks for.
func (c *Conn) Unix(ctx context.Context, r UnixRequest) iter.Seq2[*UnixMessage, error] {
	return func(yield func(*UnixMessage, error) bool) {
		m := new(UnixMessage)
		c.dump(ctx, "unix", r.append(nil), m.Parse, func(err error) bool { return yield(m, err) })
	}
}

// Packet dumps the packet sockets.
func (c *Conn) Packet(ctx context.Context) iter.Seq2[*PacketMessage, error] {
	return func(yield func(*PacketMessage, error) bool) {
		m := new(PacketMessage)
		c.dump(ctx, "packet", appendShow(nil, Packet, 0, packetShow), m.Parse, func(err error) bool { return yield(m, err) })
	}
}

// Netlink dumps the netlink sockets of every protocol, c's own among them.
func (c *Conn) Netlink(ctx context.Context) iter.Seq2[*NetlinkMessage, error] {
	return func(yield func(*NetlinkMessage, error) bool) {
		m := new(NetlinkMessage)
		c.dump(ctx, "netlink", appendShow(nil, Netlink, allProtocols, netlinkShow), m.Parse, func(err error) bool { return yield(m, err) })
	}
}

// Vsock dumps the vsock sockets in the states, a bit for each; zero is all.
func (c *Conn) Vsock(ctx context.Context, states uint32) iter.Seq2[*VsockMessage, error] {
	return func(yield func(*VsockMessage, error) bool) {
		m := new(VsockMessage)
		c.dump(ctx, "vsock", appendVsock(nil, states), m.Parse, func(err error) bool { return yield(m, err) })
	}
}

// Destroy closes the Internet socket that id names, whoever has it open: its
// owner gets ECONNABORTED. It needs CAP_NET_ADMIN (EPERM); a socket that is gone
// is ENOENT, one that cannot be closed like this EOPNOTSUPP.
func (c *Conn) Destroy(ctx context.Context, family uint8, protocol uint16, id SocketID) error {
	request := InetRequest{Family: family, Protocol: protocol}
	stop := c.watch(ctx)
	defer stop()
	_, err := c.nl.Execute(netlink.Message{
		Header: netlink.Header{Type: destroy, Flags: netlink.Request | netlink.Acknowledge},
		Data:   request.append(nil, id),
	})
	return wrap("destroy", inetTable(request), reason(ctx, err))
}

// dump sends a request and gives each message that answers it to parse, then
// to visit, which says whether to go on. An error is the last thing it visits.
func (c *Conn) dump(ctx context.Context, table string, request []byte, parse func([]byte) error, visit func(error) bool) {
	if cause := context.Cause(ctx); cause != nil {
		visit(wrap("dump", table, cause))
		return
	}
	stop := c.watch(ctx)
	defer stop()
	_, err := c.nl.Send(netlink.Message{
		Header: netlink.Header{Type: byFamily, Flags: netlink.Request | netlink.Dump},
		Data:   request,
	})
	if err != nil {
		visit(wrap("dump", table, reason(ctx, err)))
		return
	}
	interrupted := false
	for message, err := range c.nl.ReceiveIter() {
		if err != nil {
			visit(wrap("dump", table, reason(ctx, err)))
			return
		}
		interrupted = interrupted || message.Header.Flags&dumpInterrupted != 0
		if !visit(wrap("dump", table, parse(message.Data))) {
			c.abandon()
			return
		}
	}
	if interrupted {
		visit(wrap("dump", table, ErrInterrupted))
	}
}

// dumpInterrupted is NLM_F_DUMP_INTR.
const dumpInterrupted netlink.HeaderFlags = 0x10

// past is a deadline that ends a call at once.
var past = time.Unix(1, 0)

// abandon makes the rest of a dump fail rather than be read to its end. The
// Conn is of no use afterwards but to be closed.
func (c *Conn) abandon() { _ = c.nl.SetReadDeadline(past) }

// watch ends calls when ctx does. The function it returns ends the watch.
func (c *Conn) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.nl.SetDeadline(past) })
}

// reason is the errno inside err, or the cause that ended ctx.
func reason(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

// inetTable names what a request reads.
func inetTable(r InetRequest) string {
	name := map[uint16]string{TCP: "tcp", UDP: "udp", UDPLite: "udplite", Raw: "raw", MPTCP: "mptcp"}[r.Protocol]
	if r.Family == Inet6 {
		name += "6"
	}
	return name
}
