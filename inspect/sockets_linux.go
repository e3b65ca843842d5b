package inspect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sock/internal/diag"
	"sock/socket"
)

// Sockets gives the sockets that q asks for, as the kernel tells of them: kind
// by kind, in the order of Kinds, for each namespace. An error is the last
// thing it gives: that of ctx, an *netns.Error or *diag.Error within one that
// says what was being done. Stopping early stops reading.
//
// The tables change while they are read. A socket that opens or closes meanwhile
// may be there or not, and each one that is given was there. Owners are those of
// a moment before.
//
// sock_diag(7), proc(5).
func Sockets(ctx context.Context, q Query) iter.Seq2[Socket, error] {
	return func(yield func(Socket, error) bool) {
		r := &reading{ctx: ctx, query: q, needs: q.needs(), yield: yield, noticed: map[string]bool{}}
		walk(q.Filter.root, func(c *comparison) { r.marks = r.marks || c.field.name == "mark" })
		if err := r.all(); err != nil && !errors.Is(err, errStopped) {
			yield(Socket{}, fmt.Errorf("inspect: %w", err))
		}
	}
}

// errStopped ends a reading whose receiver wants no more.
var errStopped = errors.New("inspect: stopped")

// reading is one query under way. It belongs to the goroutine that ranges.
type reading struct {
	ctx     context.Context
	query   Query
	needs   With
	marks   bool // the filter asks for marks
	yield   func(Socket, error) bool
	noticed map[string]bool

	namespaces []*Namespace
	owners     *owners
	rescanned  bool // owners were looked for twice
	missed     int  // sockets whose owner is not to be seen
	peers      *peerIndex
	cgroups    *cgroups
	names      map[string]string // congestion controls and upper layers, each once
	socket     Socket            // the one at hand
}

func (r *reading) all() error {
	if err := r.prepare(); err != nil {
		return err
	}
	conns := make([]*diag.Conn, len(r.namespaces))
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	for i, ns := range r.namespaces {
		conn, err := ns.dial()
		if err != nil && i == 0 {
			return err
		}
		switch {
		case errors.Is(err, os.ErrPermission):
			r.notice("netns", "some network namespaces could not be entered", "CAP_SYS_ADMIN")
			continue
		case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ESRCH):
			continue // it has ended meanwhile, and has no sockets
		case err != nil:
			r.notice("netns", fmt.Sprintf("the network namespace %s could not be entered: %v", ns, err), "")
			continue
		}
		conns[i] = conn
	}
	if err := r.index(conns); err != nil {
		return err
	}
	for i, conn := range conns {
		if conn == nil {
			continue
		}
		if err := r.namespace(i, conn); err != nil {
			return err
		}
	}
	r.tellMissed()
	return nil
}

// prepare finds the namespaces, the owners, the cgroups.
func (r *reading) prepare() (err error) {
	unseen := 0
	switch {
	case r.query.AllNetns:
		r.namespaces, unseen = allNamespaces()
	case r.query.Netns != "":
		ns, err := namedNamespace(r.query.Netns)
		if err != nil {
			return err
		}
		r.namespaces = []*Namespace{ns}
	default:
		r.namespaces = []*Namespace{ownNamespace()}
	}
	if unseen > 0 {
		r.notice("netns", fmt.Sprintf("the network namespaces of %d processes could not be seen", unseen), "CAP_SYS_PTRACE")
	}
	r.names = map[string]string{}
	if r.needs&WithCgroup != 0 {
		r.cgroups = readCgroups()
	}
	if r.needs&(WithOwners|WithCgroup) != 0 {
		r.owners, err = scanOwners(r.needs&WithCgroup != 0)
	}
	return err
}

// namespace gives the sockets of one.
func (r *reading) namespace(i int, conn *diag.Conn) error {
	ns := r.namespaces[i]
	for _, d := range plan(r.query.kinds(), r.query.Filter, ns.index) {
		if err := r.dump(i, conn, d); err != nil {
			return err
		}
	}
	return nil
}

// dump gives the sockets of one table.
func (r *reading) dump(i int, conn *diag.Conn, d dump) (err error) {
	ns := r.namespaces[i]
	switch d.kind {
	case Unix:
		request := diag.UnixRequest{States: d.bitmap(), Show: r.unixShow()}
		err = each(conn.Unix(r.ctx, request), func(m *diag.UnixMessage) error { return r.give(i, r.unix(ns, m)) })
	case Packet:
		err = each(conn.Packet(r.ctx), func(m *diag.PacketMessage) error { return r.give(i, r.packet(ns, m)) })
	case Netlink:
		err = each(conn.Netlink(r.ctx), func(m *diag.NetlinkMessage) error {
			if m.Port == conn.PortID() && m.Protocol == unix.NETLINK_SOCK_DIAG {
				return nil // our own: it is not there but for the asking
			}
			return r.give(i, r.netlink(ns, m))
		})
	case Vsock:
		err = each(conn.Vsock(r.ctx, d.bitmap()), func(m *diag.VsockMessage) error { return r.give(i, r.vsock(ns, m)) })
	default:
		err = r.inet(i, conn, d)
	}
	return r.excuse(d, err)
}

// bitmap is the states for the kernel, which may have some that we do not
// expect of the kind.
func (d *dump) bitmap() uint32 {
	if d.states == d.kind.states() {
		return 0
	}
	bitmap := uint32(d.states)
	if streamKinds.has(d.kind) && bitmap&(1<<Closed) != 0 {
		bitmap |= 1 << diag.Bound
	}
	return bitmap
}

// each visits messages until visit or the dump fails.
func each[M any](messages iter.Seq2[M, error], visit func(M) error) error {
	for m, err := range messages {
		if err != nil {
			return err
		}
		if err := visit(m); err != nil {
			return err
		}
	}
	return nil
}

// inet reads a table of Internet sockets. A kernel that does not take the
// program is asked without one: the filter is applied afterwards anyway.
func (r *reading) inet(i int, conn *diag.Conn, d dump) error {
	request := diag.InetRequest{
		Family: diag.Inet, Protocol: protocols[d.kind], Extensions: r.extensions(d.kind), States: d.bitmap(), Filter: d.code,
	}
	if d.family == socket.INET6 {
		request.Family = diag.Inet6
	}
	visit := func(m *diag.InetMessage) error { return r.give(i, r.inetSocket(r.namespaces[i], d.kind, m)) }
	err := each(conn.Inet(r.ctx, request), visit)
	if len(d.code) > 0 && errors.Is(err, syscall.EINVAL) {
		request.Filter = nil
		err = each(conn.Inet(r.ctx, request), visit)
	}
	if d.kind == Raw && errors.Is(err, errors.ErrUnsupported) {
		return r.rawTable(i, d)
	}
	return err
}

// extensions is what is asked of the kernel beyond what comes anyway.
func (r *reading) extensions(k Kind) uint8 {
	var want uint8
	for _, row := range []struct {
		with With
		want uint8
	}{
		{WithInfo, diag.WantInfo},
		{WithMemory, diag.WantMemory},
		{WithCongestion, diag.WantCongestion},
		{WithTOS, diag.WantTOS | diag.WantTClass},
	} {
		if r.needs&row.with != 0 {
			want |= row.want
		}
	}
	if !streamKinds.has(k) {
		want &^= diag.WantInfo | diag.WantCongestion
	}
	return want
}

func (r *reading) unixShow() uint32 {
	show := uint32(diag.ShowName | diag.ShowVFS | diag.ShowPeer | diag.ShowQueues | diag.ShowUID)
	if r.needs&WithMemory != 0 {
		show |= diag.ShowMemory
	}
	return show
}

// excuse turns the end of a table that is only half bad into a notice.
func (r *reading) excuse(d dump, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, diag.ErrInterrupted):
		r.notice("interrupted", "the kernel's table changed while it was read: a socket may be missing, or be there twice", "")
		return nil
	case errors.Is(err, errors.ErrUnsupported):
		// Said only of a kind that was asked for by name.
		if r.query.Filter.names(d.kind) {
			r.notice(d.kind.String(), "this kernel cannot tell of "+d.kind.String()+" sockets", "")
		}
		return nil
	}
	return err
}

// give completes a socket and passes it on if the filter wants it.
func (r *reading) give(i int, s *Socket) error {
	if s == nil {
		return nil
	}
	r.join(i, s)
	if r.owners != nil {
		r.own(s)
	}
	if r.marks && inetKinds.has(s.Kind) && s.State != TimeWait && !s.Has(HasMark) {
		r.notice("mark", "the marks of sockets are not visible", "CAP_NET_ADMIN")
	}
	if !r.query.Filter.Match(s) {
		return nil
	}
	if s.Reason == Hidden {
		r.missed++
	}
	if !r.yield(*s, nil) {
		return errStopped
	}
	return nil
}

// own finds the owners of a socket, or the reason why it has none.
func (r *reading) own(s *Socket) {
	s.Owners, s.Reason = r.ownersOf(s.Inode, func() Reason { return s.unowned() }, s.Has(HasUID) && int(s.UID) == unix.Geteuid())
	if r.cgroups == nil {
		return
	}
	if s.Has(HasCgroup) {
		s.Cgroup = r.cgroups.paths[s.CgroupID]
	}
	if len(s.Cgroup) <= 1 && len(s.Owners) > 0 {
		s.Cgroup = s.Owners[0].Cgroup
	}
}

// ownersOf looks an inode up. One that nobody has may have been opened after
// the look round: then, once per query, it is looked round again, unless nothing
// could come of it.
func (r *reading) ownersOf(inode uint32, unowned func() Reason, mine bool) ([]Owner, Reason) {
	if inode == 0 {
		return nil, unowned()
	}
	if list := r.owners.of(inode); list != nil {
		return list, Owned
	}
	if reason := unowned(); reason != Unheld {
		return nil, reason
	}
	if !r.rescanned && (mine || !r.owners.blind()) {
		r.rescanned = true
		if again, err := scanOwners(r.needs&WithCgroup != 0); err == nil {
			r.owners = again
		}
		if list := r.owners.of(inode); list != nil {
			return list, Owned
		}
	}
	if r.owners.blind() {
		return nil, Hidden
	}
	return nil, Unheld
}

// unowned is the reason that the socket itself gives; Unheld if it gives none.
func (s *Socket) unowned() Reason {
	switch {
	case s.Kind == Netlink && s.localNetlinkPort() == 0:
		return Kernel
	case s.Inode != 0 || !streamKinds.has(s.Kind):
		return Unheld
	}
	return unownedStream(s.State)
}

func (s *Socket) localNetlinkPort() uint32 {
	port, _ := s.Local.Netlink()
	return port
}

// unownedStream is why a TCP socket without an inode has no owner: it had none
// yet, or it has none any more. A process that closes in CLOSE_WAIT goes on to
// LAST_ACK, so nobody has closed what still is in CLOSE_WAIT.
func unownedStream(state State) Reason {
	switch state {
	case TimeWait:
		return Waiting
	case SynRecv:
		return Handshake
	case Established, CloseWait:
		return NotAccepted
	case FinWait1, FinWait2, Closing, LastAck:
		return Orphaned
	}
	return Unheld
}

// notice tells of something once.
func (r *reading) notice(code, text, needs string) {
	if r.query.Notice != nil && !r.noticed[code] {
		r.noticed[code] = true
		r.query.Notice(Notice{Code: code, Text: text, Needs: needs})
	}
}

// tellMissed says which owners were not to be seen, and what would show them.
func (r *reading) tellMissed() {
	if r.missed == 0 {
		return
	}
	text := fmt.Sprintf("the owners of %d sockets are not visible", r.missed)
	if r.missed == 1 {
		text = "the owner of 1 socket is not visible"
	}
	switch {
	case r.owners.denied > 0:
		r.notice("processes", fmt.Sprintf("%s: %d processes of others could not be looked into", text, r.owners.denied), "CAP_SYS_PTRACE")
	case capable(unix.CAP_SYS_PTRACE):
		r.notice("processes", text+": this /proc shows the processes of one container only", "")
	default:
		r.notice("processes", text+": this /proc does not show every process", "CAP_SYS_PTRACE")
	}
}
