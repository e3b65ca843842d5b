package cli

import (
	"encoding/binary"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sock/inspect"
	"sock/internal/syntax"
	"sock/socket"
)

// lsColumn is a row of the table of what `sock ls` can show.
type lsColumn struct {
	name, doc string
	with      inspect.With // what it takes to know it
	right     bool         // aligned to the right
	elide     elision      // how it gives way on a narrow terminal
	text      cell         // for a person
	raw       cell         // for --csv and --count; nil: text
	key       cell         // in the order of --sort; nil: text
}

// A cell appends what a column says of a socket, nothing where it says nothing.
type cell func(b []byte, s *inspect.Socket) []byte

// elision is where a cell that is too long is cut.
type elision uint8

const (
	keep    elision = iota // it is never cut
	cutEnd                 // a process's name is known by its beginning
	cutHead                // a path, or an address with its port, by its end
)

// lsColumns is the table, in the order in which help lists it.
var lsColumns = []*lsColumn{
	{name: "kind", doc: "tcp, udp, unix, …", text: func(b []byte, s *inspect.Socket) []byte { return append(b, s.Kind.String()...) }, key: kindKey},
	{name: "state", doc: "the state, in words", text: func(b []byte, s *inspect.Socket) []byte { return append(b, s.State.Describe(s.Kind)...) }},
	{name: "local", doc: "the socket's own address", elide: cutHead, text: localText, key: func(b []byte, s *inspect.Socket) []byte { return addrKey(b, s.Local) }},
	{name: "peer", doc: "its peer's address", elide: cutHead, text: peerText, key: func(b []byte, s *inspect.Socket) []byte { return addrKey(b, s.Peer) }},
	{
		name: "queue", doc: "what waits: bytes, or on a listener connections of its backlog", with: inspect.WithMemory, text: queueText,
		key: func(b []byte, s *inspect.Socket) []byte {
			return numberKey(b, int64(s.Receive)+int64(s.Send)+int64(s.Accept))
		},
	},
	numberColumn("recvq", "bytes not read yet; of a listener, connections to be accepted", 0, countUnit, func(s *inspect.Socket) (int64, bool) {
		return int64(s.Receive) + int64(s.Accept), s.Has(inspect.HasQueues)
	}),
	numberColumn("sendq", "bytes not acknowledged yet; of a listener, its backlog", 0, countUnit, func(s *inspect.Socket) (int64, bool) {
		return int64(s.Send) + int64(s.Backlog), s.Has(inspect.HasQueues)
	}),
	{name: "process", doc: "who has it open, or why nobody has", with: inspect.WithOwners, elide: cutEnd, text: processText, raw: processRaw},
	{name: "peer-process", doc: "who has the other end, where that is on this host", with: inspect.WithOwners | inspect.WithPeers, elide: cutEnd, text: remoteText},
	numberColumn("pid", "the number of the first such process", inspect.WithOwners, countUnit, func(s *inspect.Socket) (int64, bool) {
		if len(s.Owners) == 0 {
			return 0, false
		}
		return int64(s.Owners[0].PID), true
	}),
	{name: "fd", doc: "its descriptors for the socket", with: inspect.WithOwners, text: descriptorText},
	{name: "command", doc: "its command line", with: inspect.WithOwners, elide: cutEnd, text: commandText},
	{name: "started", doc: "when it was started", with: inspect.WithOwners, text: startedText},
	{name: "user", doc: "whose it is", text: userText},
	numberColumn("drops", "packets without room; of a listener, connections it turned away", inspect.WithMemory, countUnit, func(s *inspect.Socket) (int64, bool) {
		return int64(s.Drops), s.Has(inspect.HasMemory)
	}),
	numberColumn("memory", "what its queues take", inspect.WithMemory, sizeUnit, func(s *inspect.Socket) (int64, bool) {
		return int64(s.Memory.ReceiveAlloc) + int64(s.Memory.SendQueued), s.Has(inspect.HasMemory)
	}),
	infoColumn("rtt", "smoothed round trip time", microsUnit, func(i *socket.TCPInfo) int64 { return i.RTT.Microseconds() }),
	infoColumn("minrtt", "the least round trip time", microsUnit, func(i *socket.TCPInfo) int64 { return i.MinRTT.Microseconds() }),
	infoColumn("retrans", "segments sent again", countUnit, func(i *socket.TCPInfo) int64 { return int64(i.TotalRetrans) }),
	infoColumn("unacked", "segments under way", countUnit, func(i *socket.TCPInfo) int64 { return int64(i.Unacked) }),
	infoColumn("cwnd", "congestion window, in segments", countUnit, func(i *socket.TCPInfo) int64 { return int64(i.SndCwnd) }),
	infoColumn("sent", "bytes acknowledged", sizeUnit, func(i *socket.TCPInfo) int64 { return int64(i.BytesAcked) }),
	infoColumn("received", "bytes received", sizeUnit, func(i *socket.TCPInfo) int64 { return int64(i.BytesReceived) }),
	infoColumn("rate", "delivery rate, bytes a second", sizeUnit, func(i *socket.TCPInfo) int64 { return int64(i.DeliveryRate) }),
	infoColumn("idle", "since data last came or went", microsUnit, func(i *socket.TCPInfo) int64 {
		return min(i.LastDataSent, i.LastDataRecv).Microseconds()
	}),
	{name: "congestion", doc: "congestion control", with: inspect.WithCongestion, text: func(b []byte, s *inspect.Socket) []byte { return append(b, s.Congestion...) }},
	{name: "ulp", doc: "upper layer on TCP", with: inspect.WithInfo, text: func(b []byte, s *inspect.Socket) []byte { return append(b, s.ULP...) }},
	{name: "timer", doc: "what TCP waits for, and how long", text: timerText},
	{name: "shutdown", doc: "directions that were shut down", text: func(b []byte, s *inspect.Socket) []byte { return append(b, s.Shutdown.String()...) }},
	{name: "device", doc: "interface that it is bound to", text: named((*inspect.Socket).Device)},
	numberColumn("mark", "SO_MARK", 0, countUnit, func(s *inspect.Socket) (int64, bool) { return int64(s.Mark), s.Has(inspect.HasMark) }),
	{name: "options", doc: "options that are on", text: func(b []byte, s *inspect.Socket) []byte {
		return append(b, strings.Join(s.Options.Names(), ",")...)
	}},
	{name: "container", doc: "container, from the cgroup", with: inspect.WithCgroup, text: named((*inspect.Socket).Container)},
	{name: "unit", doc: "systemd unit, from the cgroup", with: inspect.WithCgroup, elide: cutHead, text: named((*inspect.Socket).Unit)},
	{name: "cgroup", doc: "path of the cgroup", with: inspect.WithCgroup, elide: cutHead, text: named(func(s *inspect.Socket) string { return s.Cgroup })},
	{name: "netns", doc: "network namespace", text: named(func(s *inspect.Socket) string { return s.Netns.String() })},
	numberColumn("inode", "inode, as in /proc/PID/fd", 0, countUnit, func(s *inspect.Socket) (int64, bool) { return int64(s.Inode), s.Inode != 0 }),
	numberColumn("cookie", "the kernel's own name for it", 0, countUnit, func(s *inspect.Socket) (int64, bool) { return int64(s.Cookie), s.Cookie != 0 }),
}

// lookupColumn finds a column, or the nearest name.
func lookupColumn(name string) (*lsColumn, string) {
	var names []string
	for _, c := range lsColumns {
		if c.name == name {
			return c, ""
		}
		names = append(names, c.name)
	}
	return nil, syntax.Nearest(name, names)
}

// columnsNamed gives columns that are known to be there.
func columnsNamed(names ...string) []*lsColumn {
	list := make([]*lsColumn, len(names))
	for i, name := range names {
		list[i], _ = lookupColumn(name)
	}
	return list
}

// plain is the cell for programs.
func (c *lsColumn) plain(b []byte, s *inspect.Socket) []byte {
	if c.raw != nil {
		return c.raw(b, s)
	}
	return c.text(b, s)
}

// order is the cell for sorting.
func (c *lsColumn) order(b []byte, s *inspect.Socket) []byte {
	if c.key != nil {
		return c.key(b, s)
	}
	return c.text(b, s)
}

// unit says how a number is written.
type unit uint8

const (
	countUnit unit = iota
	sizeUnit
	microsUnit
)

func (u unit) append(b []byte, n int64) []byte {
	switch u {
	case sizeUnit:
		return appendSize(b, n)
	case microsUnit:
		return appendMicros(b, n)
	}
	return strconv.AppendInt(b, n, 10)
}

// numberColumn is a column of numbers, which read says whether a socket has.
func numberColumn(name, doc string, with inspect.With, u unit, read func(*inspect.Socket) (int64, bool)) *lsColumn {
	write := func(u unit) cell {
		return func(b []byte, s *inspect.Socket) []byte {
			n, ok := read(s)
			if !ok {
				return b
			}
			return u.append(b, n)
		}
	}
	return &lsColumn{
		name: name, doc: doc, with: with, right: true, text: write(u), raw: write(countUnit),
		key: func(b []byte, s *inspect.Socket) []byte {
			n, ok := read(s)
			if !ok {
				return b
			}
			return numberKey(b, n)
		},
	}
}

func infoColumn(name, doc string, u unit, read func(*socket.TCPInfo) int64) *lsColumn {
	return numberColumn(name, doc, inspect.WithInfo, u, func(s *inspect.Socket) (int64, bool) {
		if s.Info == nil {
			return 0, false
		}
		n := read(s.Info)
		return n, n != 0 || u != microsUnit || name == "idle"
	})
}

// numberKey orders as the number does; a socket without one comes first.
func numberKey(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

// named is the cell of a name that others chose: what would control a terminal
// is taken out of it.
func named(read func(*inspect.Socket) string) cell {
	return func(b []byte, s *inspect.Socket) []byte { return append(b, syntax.Printable(read(s))...) }
}

func kindKey(b []byte, s *inspect.Socket) []byte { return append(b, byte(s.Kind)) }

// addrKey orders by port, then address: people look for a port.
func addrKey(b []byte, a socket.Addr) []byte {
	at := a.AddrPort()
	if !at.IsValid() {
		return append(binary.BigEndian.AppendUint32(b, uint32(a.Port())), a.Path()...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(at.Port()))
	ip := at.Addr().As16()
	return append(b, ip[:]...)
}

// appendSize writes 0, 512, 1.5K, 64K, 3.2M: three digits at most, in units of 1024.
func appendSize(b []byte, n int64) []byte {
	if n < 1000 {
		return strconv.AppendInt(b, n, 10)
	}
	f := float64(n)
	for _, suffix := range "KMGTPE" {
		f /= 1024
		if f < 999.5 {
			decimals := 0
			if f < 9.95 {
				decimals = 1
			}
			b = strconv.AppendFloat(b, f, 'f', decimals, 64)
			return append(b, string(suffix)...)
		}
	}
	return b
}

// appendMicros writes 0, 85µs, 1.5ms, 250ms, 12s, 3m, 5h.
func appendMicros(b []byte, n int64) []byte {
	for _, u := range []struct {
		below, size int64
		suffix      string
	}{
		{1e3, 1, "µs"}, {1e6, 1e3, "ms"}, {60e6, 1e6, "s"}, {3600e6, 60e6, "m"}, {1 << 62, 3600e6, "h"},
	} {
		if n < u.below {
			f, decimals := float64(n)/float64(u.size), 0
			if f < 9.95 && u.size > 1 {
				decimals = 1
			}
			return append(strconv.AppendFloat(b, f, 'f', decimals, 64), u.suffix...)
		}
	}
	return b
}

func localText(b []byte, s *inspect.Socket) []byte { return appendAddr(b, s, s.Local, "*") }

func peerText(b []byte, s *inspect.Socket) []byte { return appendAddr(b, s, s.Peer, "") }

// appendAddr writes an address with what belongs to it: the protocol of a raw
// socket, the device of a link-local address.
func appendAddr(b []byte, s *inspect.Socket, a socket.Addr, none string) []byte {
	at := a.AddrPort()
	switch {
	case !a.IsValid():
		return append(b, none...)
	case !at.IsValid():
		return append(b, otherAddr(s, a)...)
	case at.Addr().IsLinkLocalUnicast() && at.Addr().Is6() && s.Interface != 0:
		return append(b, "["+at.Addr().String()+"%"+syntax.Printable(s.Device())+"]:"+strconv.Itoa(int(at.Port()))...)
	case s.Kind == inspect.Raw:
		return append(b, at.Addr().String()...)
	}
	return at.AppendTo(b)
}

func otherAddr(s *inspect.Socket, a socket.Addr) string {
	switch a.Family() {
	case socket.UNIX:
		if a.Path() == "" {
			return ""
		}
	case socket.NETLINK:
		port, _ := a.Netlink()
		return netlinkName(s.Protocol) + ":" + strconv.FormatUint(uint64(port), 10)
	case socket.PACKET:
		return packetName(s)
	}
	return a.String()
}

// netlinkNames are the families of netlink(7), by number.
var netlinkNames = map[uint16]string{
	0: "route", 2: "usersock", 4: "sock-diag", 5: "nflog", 6: "xfrm", 7: "selinux", 8: "iscsi", 9: "audit", 10: "fib-lookup",
	11: "connector", 12: "netfilter", 15: "uevent", 16: "generic", 18: "scsi", 20: "rdma", 21: "crypto",
}

func netlinkName(family uint16) string {
	if name, ok := netlinkNames[family]; ok {
		return name
	}
	return "netlink-" + strconv.Itoa(int(family))
}

func packetName(s *inspect.Socket) string {
	device := syntax.Printable(s.Device())
	if device == "" {
		device = "*"
	}
	protocol := "0x" + strconv.FormatUint(uint64(s.Protocol), 16)
	if s.Protocol == 3 {
		protocol = "all"
	}
	return device + ":" + protocol
}

// queueText says in a few characters what waits: "3/128" on a listener, with
// how many it has turned away; "512 unread, 1.5K unsent" on others.
func queueText(b []byte, s *inspect.Socket) []byte {
	start := len(b)
	if s.IsListener() {
		b = strconv.AppendUint(b, uint64(s.Accept), 10)
		b = append(b, '/')
		b = strconv.AppendUint(b, uint64(s.Backlog), 10)
	}
	for _, part := range []struct {
		n    uint32
		what string
	}{{s.Receive, " unread"}, {s.Send, " unsent"}, {s.Drops, dropped(s)}} {
		if part.n == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, ", "...)
		}
		b = append(appendSize(b, int64(part.n)), part.what...)
	}
	return b
}

func dropped(s *inspect.Socket) string {
	if s.IsListener() {
		return " refused"
	}
	return " dropped"
}

func processText(b []byte, s *inspect.Socket) []byte { return appendOwners(b, s.Owners, s.Reason) }

// processRaw is the name alone, for counting.
func processRaw(b []byte, s *inspect.Socket) []byte {
	if len(s.Owners) == 0 {
		return appendOwners(b, nil, s.Reason)
	}
	return append(b, syntax.Printable(s.Owners[0].Name)...)
}

func remoteText(b []byte, s *inspect.Socket) []byte {
	if s.Remote == nil {
		return b
	}
	b = appendOwners(b, s.Remote.Owners, s.Remote.Reason)
	if len(s.Remote.Owners) > 0 && s.Remote.Reason != inspect.Owned {
		b = append(b, " ("+s.Remote.Reason.String()+")"...)
	}
	return b
}

// appendOwners writes "nginx 4242 +3" or "(time-wait)".
func appendOwners(b []byte, owners []inspect.Owner, reason inspect.Reason) []byte {
	if len(owners) == 0 {
		if reason == inspect.Owned {
			return b
		}
		return append(append(append(b, '('), reason.String()...), ')')
	}
	b = append(b, syntax.Printable(owners[0].Name)...)
	b = strconv.AppendInt(append(b, ' '), int64(owners[0].PID), 10)
	if more := len(owners) - 1; more > 0 {
		b = strconv.AppendInt(append(b, " +"...), int64(more), 10)
	}
	return b
}

func descriptorText(b []byte, s *inspect.Socket) []byte {
	for i, o := range s.Owners {
		for j, fd := range o.FDs {
			if i+j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(fd), 10)
		}
	}
	return b
}

func commandText(b []byte, s *inspect.Socket) []byte {
	if len(s.Owners) == 0 {
		return b
	}
	return append(b, syntax.Printable(strings.Join(s.Owners[0].Command, " "))...)
}

func startedText(b []byte, s *inspect.Socket) []byte {
	if len(s.Owners) == 0 {
		return b
	}
	return s.Owners[0].Start.AppendFormat(b, time.DateTime)
}

func userText(b []byte, s *inspect.Socket) []byte {
	if !s.Has(inspect.HasUID) {
		return b
	}
	return append(b, userName(s.UID)...)
}

// userNames are those that were looked up.
var userNames sync.Map

// userName is the name of a user, or the number of one without a name.
func userName(uid uint32) string {
	if name, ok := userNames.Load(uid); ok {
		return name.(string)
	}
	name := strconv.FormatUint(uint64(uid), 10)
	if found, err := user.LookupId(name); err == nil {
		name = syntax.Printable(found.Username)
	}
	userNames.Store(uid, name)
	return name
}

func timerText(b []byte, s *inspect.Socket) []byte {
	if s.Timer == inspect.NoTimer {
		return b
	}
	b = append(append(b, s.Timer.String()...), ' ')
	b = appendMicros(b, s.Expires.Microseconds())
	if s.Retransmits > 0 {
		b = strconv.AppendUint(append(b, " ×"...), uint64(s.Retransmits), 10)
	}
	return b
}

// columnNames lists every name, for help and completion.
func columnNames() []string {
	names := make([]string, len(lsColumns))
	for i, c := range lsColumns {
		names[i] = c.name
	}
	return slices.Clip(names)
}
