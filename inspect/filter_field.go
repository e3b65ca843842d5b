package inspect

import (
	"strings"

	"sock/socket"
)

// sort is what a field's values are, and so how they are written and compared.
type sort uint8

const (
	setSort      sort = iota // one of a few words
	numberSort               // a count or an id, in any base Go writes
	portSort                 // a number or a service's name
	sizeSort                 // bytes: 4096, 64KiB
	durationSort             // 50ms
	userSort                 // a name or a number
	deviceSort               // an interface's name
	textSort                 // = exactly, ~ a regular expression
	addrSort                 // an address, a prefix, a path
)

// field is a row of the table of what filters can ask about. Exactly one of
// numbers, texts, addrs and member reads it (addrs and member have texts too,
// for ~). The readers report whether visit was true of any value; a socket that
// does not have the field has no value.
type field struct {
	name, doc string
	sort      sort
	kinds     kindSet // that have it
	needs     With
	word      bool // its values are words of their own: "tcp" is kind=tcp

	numbers func(s *Socket, visit func(int64) bool) bool
	texts   func(s *Socket, visit func(string) bool) bool
	addrs   func(s *Socket, visit func(socket.Addr) bool) bool
	member  func(s *Socket) uint8
}

// Field describes a field of the filter language.
type Field struct{ Name, Doc, Values string }

// Fields lists the fields that a filter can name.
func Fields() []Field {
	list := make([]Field, len(fields))
	for i, f := range fields {
		list[i] = Field{f.name, f.doc, f.sort.values()}
	}
	return list
}

func (s sort) values() string {
	return [...]string{"word", "number", "port", "size", "duration", "user", "device", "text", "address"}[s]
}

// fields is the table, in the order in which help lists it.
var fields = []*field{
	{
		name: "kind", doc: "tcp, mptcp, udp, udplite, raw, unix, packet, netlink or vsock", sort: setSort, kinds: allKinds, word: true,
		member: func(s *Socket) uint8 { return uint8(s.Kind) },
	},
	{
		name: "state", doc: "a state of TCP's; connected is all but listen, closed, time-wait and syn-recv", sort: setSort, kinds: allKinds, word: true,
		member: func(s *Socket) uint8 { return uint8(s.State) },
	},
	{name: "family", doc: "ipv4 or ipv6", sort: setSort, kinds: inetKinds, word: true, member: familyMember},
	{
		name: "type", doc: "stream, dgram, seqpacket: of UNIX and vsock", sort: setSort, kinds: kindsOf(Unix, Vsock), word: true,
		member: func(s *Socket) uint8 { return uint8(s.Type) },
	},

	{name: "port", doc: "either end's port", sort: portSort, kinds: portKinds, numbers: ends(localPort, peerPort)},
	{name: "sport", doc: "the socket's own port", sort: portSort, kinds: portKinds, numbers: ends(localPort)},
	{name: "dport", doc: "its peer's port", sort: portSort, kinds: portKinds, numbers: ends(peerPort)},
	{name: "addr", doc: "either end's address: 10.0.0.0/8, [::1]:80, /run/x.sock", sort: addrSort, kinds: allKinds, addrs: addresses(localAddr, peerAddr)},
	{name: "local", doc: "the socket's own address", sort: addrSort, kinds: allKinds, addrs: addresses(localAddr)},
	{name: "peer", doc: "its peer's address", sort: addrSort, kinds: allKinds, addrs: addresses(peerAddr)},
	{name: "path", doc: "the path of a UNIX socket, or of its peer", sort: textSort, kinds: kindsOf(Unix), needs: WithPeers, texts: paths},
	{name: "device", doc: "the interface that it is bound to", sort: deviceSort, kinds: inetKinds | kindsOf(Packet), texts: one((*Socket).Device)},

	{name: "process", doc: "the name of a process that has it open", sort: textSort, kinds: allKinds, needs: WithOwners, texts: processName},
	{name: "command", doc: "the command line of such a process", sort: textSort, kinds: allKinds, needs: WithOwners, texts: processCommand},
	{name: "pid", doc: "the number of such a process", sort: numberSort, kinds: allKinds, needs: WithOwners, numbers: processID},
	{name: "user", doc: "who made it", sort: userSort, kinds: allKinds, numbers: known(HasUID, func(s *Socket) int64 { return int64(s.UID) })},
	{name: "container", doc: "the container, from the cgroup", sort: textSort, kinds: allKinds, needs: WithCgroup, texts: one((*Socket).Container)},
	{name: "unit", doc: "the systemd unit, from the cgroup", sort: textSort, kinds: allKinds, needs: WithCgroup, texts: one((*Socket).Unit)},
	{name: "cgroup", doc: "the path of the cgroup", sort: textSort, kinds: allKinds, needs: WithCgroup, texts: one(func(s *Socket) string { return s.Cgroup })},
	{name: "netns", doc: "the network namespace's name", sort: textSort, kinds: allKinds, texts: one(func(s *Socket) string { return s.Netns.Name })},

	{
		name: "recvq", doc: "bytes that wait to be read; of a listener, connections to be accepted", sort: sizeSort, kinds: allKinds,
		numbers: known(HasQueues, func(s *Socket) int64 { return int64(s.Receive) + int64(s.Accept) }),
	},
	{
		name: "sendq", doc: "bytes not acknowledged or not sent yet", sort: sizeSort, kinds: allKinds,
		numbers: known(HasQueues, func(s *Socket) int64 { return int64(s.Send) }),
	},
	{
		name: "backlog", doc: "how many connections may wait on a listener", sort: numberSort, kinds: streamKinds | kindsOf(Unix),
		numbers: when(func(s *Socket) bool { return s.IsListener() && s.Has(HasQueues) }, func(s *Socket) int64 { return int64(s.Backlog) }),
	},
	{
		name: "drops", doc: "packets without room; of a listener, connections it turned away", sort: numberSort, kinds: allKinds, needs: WithMemory,
		numbers: known(HasMemory, func(s *Socket) int64 { return int64(s.Drops) }),
	},

	{
		name: "rtt", doc: "smoothed round trip time", sort: durationSort, kinds: streamKinds, needs: WithInfo,
		numbers: measured(func(i *socket.TCPInfo) int64 { return int64(i.RTT) }),
	},
	{
		name: "minrtt", doc: "the least round trip time seen", sort: durationSort, kinds: streamKinds, needs: WithInfo,
		numbers: measured(func(i *socket.TCPInfo) int64 { return int64(i.MinRTT) }),
	},
	{
		name: "retrans", doc: "segments sent again, in all", sort: numberSort, kinds: streamKinds, needs: WithInfo,
		numbers: info(func(i *socket.TCPInfo) int64 { return int64(i.TotalRetrans) }),
	},
	{
		name: "unacked", doc: "segments under way", sort: numberSort, kinds: streamKinds, needs: WithInfo,
		numbers: info(func(i *socket.TCPInfo) int64 { return int64(i.Unacked) }),
	},
	{
		name: "cwnd", doc: "congestion window, in segments", sort: numberSort, kinds: streamKinds, needs: WithInfo,
		numbers: info(func(i *socket.TCPInfo) int64 { return int64(i.SndCwnd) }),
	},
	{
		name: "sent", doc: "bytes sent that the peer has acknowledged", sort: sizeSort, kinds: streamKinds, needs: WithInfo,
		numbers: info(func(i *socket.TCPInfo) int64 { return int64(i.BytesAcked) }),
	},
	{
		name: "received", doc: "bytes received", sort: sizeSort, kinds: streamKinds, needs: WithInfo,
		numbers: info(func(i *socket.TCPInfo) int64 { return int64(i.BytesReceived) }),
	},
	{
		name: "idle", doc: "since data last came or went", sort: durationSort, kinds: streamKinds, needs: WithInfo,
		numbers: info(func(i *socket.TCPInfo) int64 { return int64(min(i.LastDataSent, i.LastDataRecv)) }),
	},
	{
		name: "congestion", doc: "the congestion control: cubic, bbr", sort: textSort, kinds: streamKinds, needs: WithCongestion,
		texts: one(func(s *Socket) string { return s.Congestion }),
	},
	{
		name: "ulp", doc: "the upper layer on TCP: tls, mptcp", sort: textSort, kinds: streamKinds, needs: WithInfo,
		texts: one(func(s *Socket) string { return s.ULP }),
	},
	{
		name: "timer", doc: "what TCP waits for: retransmit, keepalive, time-wait, probe", sort: textSort, kinds: streamKinds,
		texts: one(func(s *Socket) string { return s.Timer.String() }),
	},

	{
		name: "inode", doc: "its inode, as in /proc/PID/fd; 0 when no process has it", sort: numberSort, kinds: allKinds,
		numbers: always(func(s *Socket) int64 { return int64(s.Inode) }),
	},
	{
		name: "cookie", doc: "its cookie, the kernel's own name for it", sort: numberSort, kinds: allKinds,
		numbers: always(func(s *Socket) int64 { return int64(s.Cookie) }),
	},
	{
		name: "mark", doc: "SO_MARK (needs CAP_NET_ADMIN)", sort: numberSort, kinds: inetKinds,
		numbers: known(HasMark, func(s *Socket) int64 { return int64(s.Mark) }),
	},
}

// portKinds have ports. What the kernel gives as a raw socket's is its protocol.
var portKinds = kindsOf(TCP, MPTCP, UDP, UDPLite, Vsock)

// fieldAliases are second names.
var fieldAliases = map[string]string{
	"src": "local", "dst": "peer", "uid": "user", "dev": "device", "proc": "process", "comm": "process", "cmdline": "command",
	"address": "addr", "service": "unit", "retransmits": "retrans",
}

var fieldsByName = func() map[string]*field {
	m := map[string]*field{}
	for _, f := range fields {
		if f.texts == nil && f.addrs != nil {
			f.texts = addrTexts(f.addrs)
		}
		m[f.name] = f
	}
	return m
}()

func lookupField(name string) (*field, bool) {
	name = strings.ToLower(name)
	if other, ok := fieldAliases[name]; ok {
		name = other
	}
	f, ok := fieldsByName[name]
	return f, ok
}

func familyMember(s *Socket) uint8 {
	if s.Family == socket.INET6 {
		return 6
	}
	return 4
}

func localAddr(s *Socket) socket.Addr { return s.Local }
func peerAddr(s *Socket) socket.Addr  { return s.Peer }
func localPort(s *Socket) int         { return s.Local.Port() }
func peerPort(s *Socket) int          { return s.Peer.Port() }

// ends reads the ports of some ends; an end without a port has none.
func ends(ports ...func(*Socket) int) func(*Socket, func(int64) bool) bool {
	return func(s *Socket, visit func(int64) bool) bool {
		for _, port := range ports {
			if visit(int64(port(s))) {
				return true
			}
		}
		return false
	}
}

func addresses(ends ...func(*Socket) socket.Addr) func(*Socket, func(socket.Addr) bool) bool {
	return func(s *Socket, visit func(socket.Addr) bool) bool {
		for _, end := range ends {
			if a := end(s); a.IsValid() && visit(a) {
				return true
			}
		}
		return false
	}
}

func addrTexts(addrs func(*Socket, func(socket.Addr) bool) bool) func(*Socket, func(string) bool) bool {
	return func(s *Socket, visit func(string) bool) bool {
		return addrs(s, func(a socket.Addr) bool { return visit(a.String()) })
	}
}

func paths(s *Socket, visit func(string) bool) bool {
	for _, a := range []socket.Addr{s.Local, s.Peer} {
		if path := a.Path(); path != "" && visit(path) {
			return true
		}
	}
	return false
}

// one reads a text that is empty where there is none.
func one(read func(*Socket) string) func(*Socket, func(string) bool) bool {
	return func(s *Socket, visit func(string) bool) bool {
		v := read(s)
		return v != "" && visit(v)
	}
}

func always(read func(*Socket) int64) func(*Socket, func(int64) bool) bool {
	return func(s *Socket, visit func(int64) bool) bool { return visit(read(s)) }
}

func when(has func(*Socket) bool, read func(*Socket) int64) func(*Socket, func(int64) bool) bool {
	return func(s *Socket, visit func(int64) bool) bool { return has(s) && visit(read(s)) }
}

func known(fact Fact, read func(*Socket) int64) func(*Socket, func(int64) bool) bool {
	return when(func(s *Socket) bool { return s.Has(fact) }, read)
}

func info(read func(*socket.TCPInfo) int64) func(*Socket, func(int64) bool) bool {
	return func(s *Socket, visit func(int64) bool) bool { return s.Info != nil && visit(read(s.Info)) }
}

// measured reads a time that is 0 until it was measured.
func measured(read func(*socket.TCPInfo) int64) func(*Socket, func(int64) bool) bool {
	return func(s *Socket, visit func(int64) bool) bool {
		return s.Info != nil && read(s.Info) != 0 && visit(read(s.Info))
	}
}

func processName(s *Socket, visit func(string) bool) bool {
	for _, o := range s.Owners {
		if visit(o.Name) {
			return true
		}
	}
	return false
}

func processCommand(s *Socket, visit func(string) bool) bool {
	for _, o := range s.Owners {
		if visit(strings.Join(o.Command, " ")) {
			return true
		}
	}
	return false
}

func processID(s *Socket, visit func(int64) bool) bool {
	for _, o := range s.Owners {
		if visit(int64(o.PID)) {
			return true
		}
	}
	return false
}
