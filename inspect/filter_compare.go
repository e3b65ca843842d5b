package inspect

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"sock/socket"
)

// operator is how a comparison compares.
type operator string

const (
	equal       operator = "="
	notEqual    operator = "!="
	less        operator = "<"
	lessEqual   operator = "<="
	greater     operator = ">"
	greaterEq   operator = ">="
	matches     operator = "~"
	matchesNot  operator = "!~"
	within      operator = "in"
	noOperator  operator = ""
	operatorSet          = "=!<>~"
)

// operators, the longer ones first, with a second spelling of one.
var operators = []operator{"==", notEqual, matchesNot, lessEqual, greaterEq, less, greater, equal, matches}

// comparison is one leaf: a field, an operator, a value in the form that the
// field's sort needs.
type comparison struct {
	field *field
	op    operator
	text  string // the value as it is printed

	number  int64
	set     uint32
	addr    addrPattern
	pattern *regexp.Regexp
}

// addrPattern is what an address is compared with: each part that is given
// must fit.
type addrPattern struct {
	prefix netip.Prefix // invalid: any address
	port   int          // negative: any port
	path   string       // of a UNIX socket, with "@" when abstract
	isPath bool
}

func (p addrPattern) fits(a socket.Addr) bool {
	if p.isPath {
		return a.Family() == socket.UNIX && a.Path() == p.path
	}
	if family := a.Family(); family != socket.INET && family != socket.INET6 {
		return false
	}
	at := a.AddrPort()
	return (!p.prefix.IsValid() || p.prefix.Contains(at.Addr())) && (p.port < 0 || p.port == int(at.Port()))
}

// match applies the operator to every value that the socket has for the field:
// = and its like want one that fits, != and !~ want none.
func (c *comparison) match(s *Socket) bool {
	if !c.field.kinds.has(s.Kind) {
		return c.negative()
	}
	return c.any(s) != c.negative()
}

func (c *comparison) negative() bool { return c.op == notEqual || c.op == matchesNot }

func (c *comparison) any(s *Socket) bool {
	switch {
	case c.pattern != nil:
		return c.field.texts(s, c.pattern.MatchString)
	case c.field.sort == setSort:
		return c.set&(1<<c.field.member(s)) != 0
	case c.field.sort == addrSort:
		return c.field.addrs(s, c.addr.fits)
	case c.field.sort == textSort, c.field.sort == deviceSort:
		return c.field.texts(s, func(v string) bool { return v == c.text })
	}
	return c.field.numbers(s, c.compare)
}

func (c *comparison) compare(v int64) bool {
	switch c.op {
	case less:
		return v < c.number
	case lessEqual:
		return v <= c.number
	case greater:
		return v > c.number
	case greaterEq:
		return v >= c.number
	}
	return v == c.number
}

// print gives the word alone for what is said by a word: "tcp", "listen".
func (c *comparison) print(place) string {
	if c.field.word && c.op == equal {
		return c.text
	}
	if c.op == within {
		return c.field.name + " in " + quote(c.text)
	}
	return c.field.name + string(c.op) + quote(c.text)
}

// quote quotes a value where it would not be read as one word.
func quote(value string) string {
	if value == "" || strings.ContainsAny(value, "()\"'") || strings.ContainsAny(value[:1], operatorSet) ||
		strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(value)
	}
	return value
}
