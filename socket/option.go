package socket

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Option is one row of the option table: what the kernel calls a socket
// option, what its value means, where and when it may be set, and where that
// is written down. The table feeds the typed rows (NoDelay, RcvBuf, …), the
// options of an endpoint's text and every list of options. A row is immutable.
type Option struct {
	Name   string // lower case, as an endpoint spells it: "nodelay"
	Symbol string // the C constant: "TCP_NODELAY"
	Level  int    // setsockopt's level, as Linux numbers it
	Number int    // setsockopt's option name, as Linux numbers it
	Kind   Kind   // the Go type of the value
	Unit   Unit   // what a number counts, or a duration's unit on the wire

	When      When   // in which states of a socket setting it has an effect
	Inherited bool   // an accepted socket takes the listener's value
	Access    Access // read, write or both; the zero value means both

	// Families, Types and Protocols say which sockets have the option; an
	// empty list means any. Protocols narrows INET and INET6 only.
	Families  []Family
	Types     []Type
	Protocols []Protocol

	Min, Max int64   // bounds of a numeric value, in the wire's unit; both zero: the type's own
	Values   []Value // words that stand for numbers
	Mask     bool    // a number of bits: words may be joined by "|"
	Bare     string  // what the name alone means; empty: a value is needed

	// Twin names the IPv6 row of an IPv4 row. Set on an INET6 socket, the
	// IPv4 row sets its twin, and itself too while the socket is dual-stack.
	Twin string

	Since      string // the Linux version that brought it, "3.9"; empty: older than 2.4
	Capability string // the capability that setting it needs: "CAP_NET_ADMIN"
	Source     string // a man page or a kernel header
	Doc        string // one line, a verb phrase without a final stop

	row     textual
	fresh   bool // an accepted socket starts with the default, not the listener's value
	ignored bool // the kernel takes any value and keeps none
}

// Value is a word that an option accepts in place of a number.
type Value struct {
	Word   string
	Number int64
}

// Kind is the Go type of an option's value.
type Kind uint8

// The kinds, each with the Go type that the typed row takes and gives.
const (
	KindBool       Kind = iota + 1 // bool
	KindInt                        // int
	KindUint32                     // uint32
	KindUint64                     // uint64
	KindDuration                   // time.Duration
	KindString                     // string
	KindBytes                      // []byte: a structure or program as the kernel lays it out; hexadecimal as text
	KindInterface                  // Interface
	KindMembership                 // Membership
	KindPortRange                  // PortRange
	KindStruct                     // a structure of this package, named by the row's type
	KindAction                     // Action: there is no value, to set it is to do it
)

// String gives the kind as documentation spells it.
func (k Kind) String() string {
	names := [...]string{
		"unknown", "bool", "int", "uint32", "uint64", "duration", "string",
		"bytes", "interface", "membership", "port-range", "struct", "action",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Unit is what a number counts, or the unit in which a duration travels to
// the kernel (time.Duration hides it, but its resolution shows).
type Unit string

// The units.
const (
	UnitBytes          Unit = "bytes"
	UnitBytesPerSecond Unit = "bytes per second"
	UnitHops           Unit = "hops"
	UnitPackets        Unit = "packets"
	UnitProbes         Unit = "probes"
	UnitSeconds        Unit = "seconds"
	UnitMilliseconds   Unit = "milliseconds"
	UnitMicroseconds   Unit = "microseconds"
	UnitTimeval        Unit = "timeval" // struct timeval: microseconds
)

// When is a set of socket states.
type When uint8

// The states in which setting an option has an effect.
const (
	BeforeBind    When = 1 << iota // after socket(2)
	BeforeListen                   // bound, not yet listening
	BeforeConnect                  // perhaps bound, not yet connecting
	Listening                      // after listen(2)
	Connected                      // after connect(2) or accept(2)

	Anytime      = BeforeBind | BeforeListen | BeforeConnect | Listening | Connected
	BeforeUse    = BeforeBind | BeforeListen | BeforeConnect
	ListenerSide = BeforeBind | BeforeListen | Listening
	DialerSide   = BeforeBind | BeforeConnect
)

// String lists the states, joined by commas.
func (w When) String() string {
	if w == Anytime {
		return "anytime"
	}
	var words []string
	for i, word := range []string{"before-bind", "before-listen", "before-connect", "listening", "connected"} {
		if w&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

// Access says whether an option can be read, written or both.
type Access uint8

// The ways of access. ReadWrite is what the zero value of a row's Access
// becomes when the row enters the table.
const (
	Read Access = 1 << iota
	Write
	ReadWrite = Read | Write
)

// String gives "read", "write" or "read-write".
func (a Access) String() string {
	switch a {
	case Read:
		return "read"
	case Write:
		return "write"
	}
	return "read-write"
}

// textual is the part of a typed row that works on text.
type textual interface {
	parse(text string) error
	setText(s *Socket, text string) error
	getText(s *Socket) (string, error)
	reprint(text string) (string, bool) // the text's value as getText would print it
}

// table collects the rows while the package's variables initialise; after
// that nothing writes to it.
var table []*Option

// sorted is the table by level, then number, then name.
var sorted = sync.OnceValue(func() []*Option {
	rows := slices.Clone(table)
	slices.SortFunc(rows, compareOptions)
	return rows
})

func compareOptions(a, b *Option) int {
	if a.Level != b.Level {
		return a.Level - b.Level
	}
	if a.Number != b.Number {
		return a.Number - b.Number
	}
	return strings.Compare(a.Name, b.Name)
}

// index finds rows by name and by C symbol, both in lower case. Where two
// levels share a symbol, the lower level (IPv4 before IPv6) has it.
var index = sync.OnceValue(func() map[string]*Option {
	rows := make(map[string]*Option, 2*len(table))
	for _, o := range sorted() {
		rows[o.Name] = o
		symbol := strings.ToLower(o.Symbol)
		if _, taken := rows[symbol]; !taken {
			rows[symbol] = o
		}
	}
	return rows
})

// Options returns every row, sorted by level and number. The slice is the
// caller's, the rows are shared and must not be changed.
func Options() []*Option { return slices.Clone(sorted()) }

// Lookup finds a row by its name or, in any case of letters, by its C symbol.
func Lookup(name string) (*Option, bool) {
	rows := index()
	if o, ok := rows[name]; ok {
		return o, true
	}
	lower := strings.ToLower(name)
	if !strings.Contains(lower, "_") {
		return nil, false
	}
	o, ok := rows[lower]
	return o, ok
}

// LevelName gives the C constant of the level.
func (o *Option) LevelName() string {
	if name, ok := levelNames[o.Level]; ok {
		return name
	}
	return fmt.Sprintf("level %d", o.Level)
}

// AppliesTo reports whether a socket of this kind has the option at all. The
// protocol may be zero, the family's default.
func (o *Option) AppliesTo(family Family, typ Type, protocol Protocol) bool {
	if len(o.Families) > 0 && !slices.Contains(o.Families, family) {
		return false
	}
	if len(o.Types) > 0 && !slices.Contains(o.Types, typ) {
		return false
	}
	if o.Level == levelIP && family == INET6 && typ == RAW && o.Twin == "" {
		return false // the kernel takes IPPROTO_IP on INET6 sockets that may carry IPv4, and a raw one may not
	}
	if len(o.Protocols) == 0 || family != INET && family != INET6 {
		return true
	}
	return slices.Contains(o.Protocols, defaultProtocol(typ, protocol))
}

func defaultProtocol(typ Type, protocol Protocol) Protocol {
	switch {
	case protocol != 0:
		return protocol
	case typ == STREAM:
		return TCP
	case typ == DGRAM:
		return UDP
	}
	return protocol
}

// Check returns an error that says why a socket of this kind cannot have the
// option, or nil. It wraps errors.ErrUnsupported. It makes no system call.
func (o *Option) Check(family Family, typ Type, protocol Protocol) error {
	if o.AppliesTo(family, typ, protocol) {
		return nil
	}
	return &OptionError{Option: o, unsupported: true, Err: fmt.Errorf("not an option of %s sockets, only of %s (%s)",
		networkName(family, typ, protocol), o.Scope(), o.Source)}
}

// Scope says in words which sockets have the option: "any", "tcp, mptcp",
// "inet, inet6 (dgram, raw)".
func (o *Option) Scope() string {
	if len(o.Protocols) > 0 {
		words := lowerWords(o.Protocols, "IPPROTO_")
		if slices.Contains(o.Families, VSOCK) {
			words += ", vsock"
		}
		return words
	}
	words := lowerWords(o.Families, "AF_")
	switch types := lowerWords(o.Types, "SOCK_"); {
	case words == "" && types == "":
		return "any"
	case types == "":
		return words
	case words == "":
		return types
	default:
		return words + " (" + types + ")"
	}
}

// lowerWords joins C names without their prefix, in lower case.
func lowerWords[T fmt.Stringer](list []T, prefix string) string {
	words := make([]string, 0, len(list))
	for _, v := range list {
		words = append(words, strings.ToLower(strings.TrimPrefix(v.String(), prefix)))
	}
	return strings.Join(words, ", ")
}

// ForListener reports whether the option has a meaning for a server's socket:
// one that listens, or that it accepts.
func (o *Option) ForListener() bool {
	return o.When&(BeforeListen|Listening|Connected) != 0 || o.When == BeforeBind
}

// ForDialer reports whether the option has a meaning for a socket that connects.
func (o *Option) ForDialer() bool {
	return o.When&(BeforeConnect|Connected) != 0 || o.When == BeforeBind
}

// OnAccepted reports whether a server sets the option on each socket that it
// accepts: the listening socket's setting does not carry over, or there is none.
func (o *Option) OnAccepted() bool {
	if o.Kind == KindAction {
		return o.When == Connected
	}
	return o.When&Connected != 0 && !o.Inherited
}

// Parse reports whether SetText would accept the text on a socket that has
// the option, without one. The empty text is the bare name: for a flag it
// means on. Names of interfaces are not looked up here.
func (o *Option) Parse(text string) error {
	if o.Access&Write == 0 {
		return fmt.Errorf("%s can only be read", o.Name)
	}
	return o.row.parse(text)
}

// SetText sets the option from text: flags as on, off, true, false, yes, no,
// 1, 0, or nothing for on; sizes as 4096, 64k, 1MiB, 1MB; durations as 30s or
// 500ms; bytes in hexadecimal; numbers in decimal or 0x notation; and the
// row's own words. Errors are those of the typed row's Set.
func (o *Option) SetText(s *Socket, text string) error {
	if err := o.Parse(text); err != nil {
		return &OptionError{Option: o, Err: err}
	}
	if err := o.Check(s.Family(), s.Type(), s.Protocol()); err != nil {
		return err
	}
	return o.row.setText(s, text)
}

// GetText reads the option as text that SetText takes again.
func (o *Option) GetText(s *Socket) (string, error) { return o.row.getText(s) }

// OptionError says which option could not be set, read or understood. Err
// holds the errno where the kernel refused. Where the kernel or the socket
// does not have the option it also is errors.ErrUnsupported.
type OptionError struct {
	Option *Option
	Err    error
	Hint   string // what would help: a kernel version, a capability; may be empty

	unsupported bool
}

// Error gives the option's name and symbol, the reason and the hint.
func (e *OptionError) Error() string {
	text := e.Err.Error()
	if !strings.HasPrefix(text, e.Option.Name) {
		text = fmt.Sprintf("%s (%s): %s", e.Option.Name, e.Option.Symbol, text)
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap gives the reason.
func (e *OptionError) Unwrap() error { return e.Err }

// Is reports that an option the kernel does not know is errors.ErrUnsupported.
func (e *OptionError) Is(target error) bool {
	return e.unsupported && target == errors.ErrUnsupported
}
