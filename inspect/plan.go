package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sock/internal/diag"
	"sock/socket"
)

// dump is one table of the kernel that a query reads, and what the kernel is
// asked to leave out of it. The kernel's part is never narrower than the
// filter's: everything it sends is put to the whole filter.
type dump struct {
	kind   Kind
	family socket.Family // of the Internet kinds
	states stateSet
	code   diag.Code
	told   []string // what code says, in words
	rest   node     // what only we can decide; nil where nothing is left
}

// protocols of the Internet kinds.
var protocols = map[Kind]uint16{TCP: diag.TCP, MPTCP: diag.MPTCP, UDP: diag.UDP, UDPLite: diag.UDPLite, Raw: diag.Raw}

// plan splits a filter into dumps. devices finds the index of an interface.
func plan(kinds kindSet, f Filter, devices func(name string) (uint32, bool)) []dump {
	var list []dump
	for _, k := range Kinds() {
		if !kinds.has(k) {
			continue
		}
		families := []socket.Family{0}
		if inetKinds.has(k) {
			families = []socket.Family{socket.INET, socket.INET6}
		}
		for _, family := range families {
			d := dump{kind: k, family: family, states: k.states()}
			if d.narrow(f.root, devices) {
				list = append(list, d)
			}
		}
	}
	return list
}

// narrow works the filter into d, and reports whether anything is left.
func (d *dump) narrow(root node, devices func(string) (uint32, bool)) bool {
	if root == nil {
		return true
	}
	n, always := d.reduce(root)
	if n == nil {
		return always
	}
	d.states &= d.statesOf(n, false)
	if d.states == 0 {
		return false
	}
	d.push(n, codeBuilder{devices: devices})
	return true
}

// reduce puts in what is known of every socket of the dump: its kind, its
// family, which fields it has. It gives what is left to ask, or nil and the answer.
func (d *dump) reduce(n node) (left node, answer bool) {
	switch n := n.(type) {
	case *all:
		return d.reduceParts(n.parts, false, joinAll)
	case *some:
		return d.reduceParts(n.parts, true, joinSome)
	case *not:
		left, answer = d.reduce(n.part)
		if left == nil {
			return nil, !answer
		}
		return &not{left}, false
	case *comparison:
		return d.reduceLeaf(n)
	}
	panic("inspect: a filter has a node of no known kind")
}

// reduceParts ends with decisive as soon as one part is that.
func (d *dump) reduceParts(parts []node, decisive bool, join func(...node) node) (node, bool) {
	var left []node
	for _, p := range parts {
		n, answer := d.reduce(p)
		switch {
		case n != nil:
			left = append(left, n)
		case answer == decisive:
			return nil, decisive
		}
	}
	if len(left) == 0 {
		return nil, !decisive
	}
	return join(left...), false
}

func (d *dump) reduceLeaf(c *comparison) (node, bool) {
	switch {
	case !c.field.kinds.has(d.kind):
		return nil, c.negative()
	case c.field.name == "kind":
		return nil, c.set&(1<<d.kind) != 0 != c.negative()
	case c.field.name == "family":
		s := Socket{Family: d.family}
		return nil, c.set&(1<<familyMember(&s)) != 0 != c.negative()
	}
	return c, false
}

// statesOf is every state in which n, or with negated its opposite, may hold.
func (d *dump) statesOf(n node, negated bool) stateSet {
	switch n := n.(type) {
	case *not:
		return d.statesOf(n.part, !negated)
	case *all:
		return d.statesOfParts(n.parts, negated, negated)
	case *some:
		return d.statesOfParts(n.parts, negated, !negated)
	case *comparison:
		if n.field.name != "state" {
			return allStates
		}
		set := stateSet(n.set) & allStates
		if n.negative() != negated {
			set = allStates &^ set
		}
		return set
	}
	return allStates
}

func (d *dump) statesOfParts(parts []node, negated, union bool) stateSet {
	set := allStates
	if union {
		set = 0
	}
	for _, p := range parts {
		if union {
			set |= d.statesOf(p, negated)
		} else {
			set &= d.statesOf(p, negated)
		}
	}
	return set
}

// push makes the kernel's program, and takes out of rest what the kernel
// decides for good. Only some kernels have a program for raw sockets, and those
// take the protocol for a port.
func (d *dump) push(n node, b codeBuilder) {
	var rest []node
	for _, part := range conjuncts(n) {
		var p pushed
		if inetKinds.has(d.kind) && d.kind != Raw {
			p = b.build(part, false)
		}
		if p.code != nil && len(p.code)+len(d.code) <= diag.MaxCode {
			d.code = diag.And(d.code, p.code)
			d.told = append(d.told, p.text)
		}
		if !p.exact && !(isState(part) && d.kernelKnowsStates()) {
			rest = append(rest, part)
		}
	}
	if len(rest) > 0 {
		d.rest = joinAll(rest...)
	}
}

func conjuncts(n node) []node {
	if a, ok := n.(*all); ok {
		return a.parts
	}
	return []node{n}
}

// isState reports whether a part is about nothing but the state, which the
// bitmap of a dump decides.
func isState(n node) bool {
	only := true
	walk(n, func(c *comparison) { only = only && c.field.name == "state" })
	return only
}

// pushed is a program for the kernel that lets pass at least what a node does:
// exactly that if exact is set. Without a program everything passes.
type pushed struct {
	code  diag.Code
	text  string
	exact bool
}

type codeBuilder struct {
	devices func(string) (uint32, bool)
}

// build gives the program of n, or with negated of its opposite.
func (b codeBuilder) build(n node, negated bool) pushed {
	switch n := n.(type) {
	case *not:
		return b.build(n.part, !negated)
	case *all:
		return b.parts(n.parts, negated, negated)
	case *some:
		return b.parts(n.parts, negated, !negated)
	case *comparison:
		return b.leaf(n, negated != n.negative())
	}
	return pushed{}
}

// parts joins programs: with alternatives all of them are needed, else any
// that there are will do.
func (b codeBuilder) parts(parts []node, negated, alternatives bool) pushed {
	var whole pushed
	var texts []string
	exact := true
	for i, part := range parts {
		p := b.build(part, negated)
		exact = exact && p.exact
		switch {
		case p.code == nil && alternatives:
			return pushed{}
		case p.code == nil:
			continue
		case i > 0 && alternatives:
			whole.code = diag.Or(whole.code, p.code)
		default:
			whole.code = diag.And(whole.code, p.code)
		}
		texts = append(texts, p.text)
		if len(whole.code) > diag.MaxCode {
			return pushed{}
		}
	}
	word := " and "
	if alternatives {
		word = " or "
	}
	whole.text, whole.exact = strings.Join(texts, word), exact && whole.code != nil
	if len(texts) > 1 {
		whole.text = "(" + whole.text + ")"
	}
	return whole
}

// leaf gives the program of a comparison that the kernel can make, with = or an
// order; negated turns it round.
func (b codeBuilder) leaf(c *comparison, negated bool) pushed {
	if c.pattern != nil {
		return pushed{}
	}
	code, exact := b.compare(c)
	if code == nil || negated && !exact {
		return pushed{}
	}
	positive := *c
	if c.op == notEqual {
		positive.op = equal
	}
	p := pushed{code: code, text: positive.print(atTop), exact: exact}
	if negated {
		p.code, p.text = diag.Not(code), "not "+p.text
	}
	return p
}

// compare gives the program of c, taken as = where it is !=.
func (b codeBuilder) compare(c *comparison) (code diag.Code, exact bool) {
	switch c.field.name {
	case "sport":
		return portCode(diag.Source, c), true
	case "dport":
		return portCode(diag.Destination, c), true
	case "port":
		return diag.Or(portCode(diag.Source, c), portCode(diag.Destination, c)), true
	case "local":
		return addrCode(diag.Source, c.addr)
	case "peer":
		return peerCode(c.addr)
	case "addr":
		local, _ := addrCode(diag.Source, c.addr)
		peer, _ := peerCode(c.addr)
		return diag.Or(local, peer), false
	case "device":
		if index, ok := b.devices(c.text); ok {
			return diag.Device(index), true
		}
	}
	return nil, false
}

// portCode compares the port of one end. Every value beyond 65535 is compared
// after the kernel.
func portCode(end diag.End, c *comparison) diag.Code {
	if c.number < 0 || c.number > 0xffff {
		return nil
	}
	p := uint16(c.number)
	switch c.op {
	case greaterEq:
		return diag.PortAtLeast(end, p)
	case lessEqual:
		return diag.PortAtMost(end, p)
	case greater:
		return diag.Not(diag.PortAtMost(end, p))
	case less:
		return diag.Not(diag.PortAtLeast(end, p))
	}
	return diag.Port(end, p)
}

// addrCode compares the address and port of one end. It is exact but for
// prefixes of IPv6 that hold the mapped addresses, which are IPv4 to us.
func addrCode(end diag.End, a addrPattern) (diag.Code, bool) {
	if a.isPath {
		return nil, false
	}
	var code diag.Code
	exact := true
	if a.prefix.IsValid() {
		code = diag.Within(end, a.prefix)
		exact = a.prefix.Addr().Is4() || !a.prefix.Contains(mapped)
	}
	if a.port >= 0 {
		code = diag.And(code, diag.Port(end, uint16(a.port)))
	}
	return code, exact
}

var mapped = netip.MustParseAddr("::ffff:0:0")

// peerCode compares the peer. The kernel takes a socket without a peer for one
// whose peer is 0.0.0.0:0, so what may fit that is not exact.
func peerCode(a addrPattern) (diag.Code, bool) {
	code, exact := addrCode(diag.Destination, a)
	unspecified := a.prefix.IsValid() && (a.prefix.Contains(netip.IPv4Unspecified()) || a.prefix.Contains(netip.IPv6Unspecified()))
	return code, exact && !unspecified && (a.prefix.IsValid() || a.port > 0)
}

// Explain says in lines of text what q asks of the kernel, table by table, and
// what is decided afterwards.
func (q Query) Explain() []string {
	var lines []string
	for _, group := range groupDumps(plan(q.kinds(), q.Filter, q.anyDevice)) {
		d := group[0]
		var names []string
		for _, member := range group {
			names = append(names, member.table())
		}
		line := strings.Join(names, ", ") + ": the kernel is asked for " + d.asked()
		if d.rest != nil {
			line += "; then " + d.rest.print(atTop)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return []string{"no socket can match: the kernel is not asked"}
	}
	return append(lines, q.explainCosts()...)
}

// anyDevice gives an index to every name: an explanation asks no namespace.
func (q Query) anyDevice(string) (uint32, bool) { return 1, true }

func (q Query) explainCosts() []string {
	var lines []string
	needs := q.needs()
	if needs&WithOwners != 0 {
		lines = append(lines, "owners: the descriptors of every process are read once")
	}
	if needs&WithPeers != 0 {
		lines = append(lines, "peers: the tables of connections are read once more, for the other ends")
	}
	if needs&WithCgroup != 0 {
		lines = append(lines, "cgroups: the tree of cgroups is walked once")
	}
	return lines
}

// groupDumps puts dumps together that ask the same.
func groupDumps(list []dump) [][]dump {
	var groups [][]dump
	for _, d := range list {
		i := slices.IndexFunc(groups, func(g []dump) bool { return g[0].asked() == d.asked() && sameRest(g[0].rest, d.rest) })
		if i < 0 {
			groups = append(groups, []dump{d})
		} else {
			groups[i] = append(groups[i], d)
		}
	}
	return groups
}

func sameRest(a, b node) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.print(atTop) == b.print(atTop)
}

// table names what d reads: tcp over IPv4.
func (d *dump) table() string {
	switch d.family {
	case socket.INET:
		return d.kind.String() + " ipv4"
	case socket.INET6:
		return d.kind.String() + " ipv6"
	}
	return d.kind.String()
}

// asked says what the kernel leaves out.
func (d *dump) asked() string {
	var parts []string
	if d.states != d.kind.states() && d.kernelKnowsStates() {
		parts = append(parts, "state "+d.states.String())
	}
	parts = append(parts, d.told...)
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, ", and ")
}

// kernelKnowsStates reports whether the table takes a bitmap of states.
func (d *dump) kernelKnowsStates() bool { return d.kind != Packet && d.kind != Netlink }

// String lists states: "listen", "all but time-wait".
func (s stateSet) String() string {
	var in, out []string
	for _, state := range States() {
		if s&(1<<state) != 0 {
			in = append(in, state.String())
		} else {
			out = append(out, state.String())
		}
	}
	if len(out) > 0 && len(out) < 4 && len(in) > len(out) {
		return fmt.Sprintf("all but %s", strings.Join(out, ", "))
	}
	return strings.Join(in, ", ")
}
