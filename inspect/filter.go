package inspect

import (
	"slices"
	"strings"
)

// Filter says which sockets are wanted. The zero Filter wants all. A Filter is
// immutable and may be used from any goroutine.
type Filter struct{ root node }

// String prints the filter so that ParseFilter gives the same one again.
func (f Filter) String() string {
	if f.root == nil {
		return ""
	}
	return f.root.print(atTop)
}

// IsZero reports whether f wants every socket.
func (f Filter) IsZero() bool { return f.root == nil }

// Match reports whether f wants s. A comparison is false where s does not have
// what it compares (an rtt, an owner), and its opposite (!=, not) then true.
func (f Filter) Match(s *Socket) bool { return f.root == nil || f.root.match(s) }

// Needs is what has to be found of a socket before f can be asked about it.
func (f Filter) Needs() With {
	var needs With
	walk(f.root, func(c *comparison) { needs |= c.field.needs })
	return needs
}

// names reports whether f asks for a kind by its own word.
func (f Filter) names(k Kind) bool {
	found := false
	walk(f.root, func(c *comparison) { found = found || c.field.name == "kind" && c.set == 1<<k && !c.negative() })
	return found
}

// And is the filter that wants what both f and g want.
func (f Filter) And(g Filter) Filter {
	switch {
	case f.root == nil:
		return g
	case g.root == nil:
		return f
	}
	return Filter{joinAll(f.root, g.root)}
}

// A node is one part of a filter: *all, *some, *not or *comparison.
type node interface {
	match(s *Socket) bool
	print(place) string
}

// place is what a node is printed within; what binds less tightly than that
// gets parentheses.
type place uint8

const (
	atTop place = iota
	inSome
	inAll
	inNot
)

// all is a conjunction, some a disjunction, of two nodes or more, none of them
// of the same sort; no node is shared with another filter's owner who changes it.
type (
	all  struct{ parts []node }
	some struct{ parts []node }
	not  struct{ part node }
)

func (n *all) match(s *Socket) bool {
	return !slices.ContainsFunc(n.parts, func(p node) bool { return !p.match(s) })
}

func (n *some) match(s *Socket) bool {
	return slices.ContainsFunc(n.parts, func(p node) bool { return p.match(s) })
}

func (n *not) match(s *Socket) bool { return !n.part.match(s) }

func (n *all) print(p place) string  { return printParts(n.parts, " and ", inAll, p > inAll) }
func (n *some) print(p place) string { return printParts(n.parts, " or ", inSome, p > inSome) }
func (n *not) print(place) string    { return "not " + n.part.print(inNot) }

func printParts(parts []node, word string, within place, parentheses bool) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.print(within)
	}
	if parentheses {
		return "(" + strings.Join(texts, word) + ")"
	}
	return strings.Join(texts, word)
}

// joinAll makes a conjunction, flat.
func joinAll(nodes ...node) node {
	var parts []node
	for _, n := range nodes {
		if inner, ok := n.(*all); ok {
			parts = append(parts, inner.parts...)
		} else {
			parts = append(parts, n)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &all{parts}
}

// joinSome makes a disjunction, flat.
func joinSome(nodes ...node) node {
	var parts []node
	for _, n := range nodes {
		if inner, ok := n.(*some); ok {
			parts = append(parts, inner.parts...)
		} else {
			parts = append(parts, n)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &some{parts}
}

// walk visits every comparison below n, which may be nil.
func walk(n node, visit func(*comparison)) {
	switch n := n.(type) {
	case *all:
		for _, p := range n.parts {
			walk(p, visit)
		}
	case *some:
		for _, p := range n.parts {
			walk(p, visit)
		}
	case *not:
		walk(n.part, visit)
	case *comparison:
		visit(n)
	}
}
