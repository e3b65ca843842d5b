package socket

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Opt is a row of the option table with the Go type of its value, such as
//
//	socket.NoDelay.Set(s, true)
//	d, err := socket.UserTimeout.Get(s)
//
// Its methods may be called from any goroutine.
type Opt[T any] struct {
	*Option
	codec codec[T]

	get     func(s *Socket) (T, error)                                       // instead of a plain getsockopt
	set     func(s *Socket, v T) error                                       // instead of a plain setsockopt
	also    func(o *Opt[T], text string) (do func(*Socket) error, err error) // another meaning of a text; do nil: none
	release func(T)                                                          // frees what a value read holds, once printed
}

// codec turns a value into text and into the kernel's bytes, and back.
type codec[T any] interface {
	parse(o *Option, text string) (T, error)
	format(o *Option, v T) string
	check(o *Option, v T) error
	encode(s *Socket, o *Option, v T, wire []byte) ([]byte, error) // appends to wire
	decode(o *Option, wire []byte) (T, error)
	room() int // how many bytes to offer getsockopt
}

// wires holds buffers for values on their way to and from the kernel, so that
// an option that is a number costs no allocation.
var wires = sync.Pool{New: func() any { b := make([]byte, 512); return &b }}

// newOption enters a row into the table.
func newOption[T any](o Option, c codec[T]) *Opt[T] {
	row := &Opt[T]{Option: &o, codec: c}
	if o.Access == 0 {
		o.Access = ReadWrite
	}
	if o.When == 0 {
		o.When = Anytime
	}
	o.scope()
	o.Inherited = !o.fresh && o.Access&Write != 0 && o.Kind != KindAction && o.When&^(Connected|BeforeConnect) != 0
	o.row = row
	table = append(table, row.Option)
	return row
}

// Set sets the option. A value out of the row's bounds is refused before any
// system call. Where the kernel refuses, the error is a *net.OpError around
// an *OptionError around the errno; where the kernel does not know the option
// it also is errors.ErrUnsupported and names the version that brought it.
//
// On an INET6 socket an IPv4 row that has a Twin sets the twin, and itself as
// well while the socket is dual-stack.
func (o *Opt[T]) Set(s *Socket, v T) error {
	if o.Access&Write == 0 {
		return &OptionError{Option: o.Option, Err: errReadOnly, unsupported: true}
	}
	if err := o.codec.check(o.Option, v); err != nil {
		return &OptionError{Option: o.Option, Err: err}
	}
	switch {
	case o.set != nil:
		if err := o.set(s, v); err != nil {
			return o.explain(s, err)
		}
		return nil
	case o.Twin == "" || s.Family() != INET6:
		return o.put(s, o.Option, v)
	}
	return o.putTwin(s, v)
}

var (
	errReadOnly  = errors.New("can only be read")
	errWriteOnly = errors.New("can only be set")
)

// putTwin sets the IPv6 row and, on a dual-stack socket, the IPv4 row. A
// membership belongs to one of the two, by its group.
func (o *Opt[T]) putTwin(s *Socket, v T) error {
	twin := o.twin()
	if one, ok := any(v).(Membership); ok {
		if one.Group.Is4() {
			return o.put(s, o.Option, v)
		}
		return o.put(s, twin, v)
	}
	if err := o.put(s, twin, v); err != nil || !dualStack(s) {
		return err
	}
	return o.put(s, o.Option, v)
}

func (o *Opt[T]) twin() *Option {
	twin, ok := Lookup(o.Twin)
	if !ok {
		panic("socket: option " + o.Name + " names a twin that is not there: " + o.Twin)
	}
	return twin
}

// dualStack reports whether an INET6 socket also carries IPv4. A raw one never does.
func dualStack(s *Socket) bool {
	if s.Type() == RAW {
		return false
	}
	only, err := V6Only.Get(s)
	return err == nil && !only
}

func (o *Opt[T]) put(s *Socket, row *Option, v T) error {
	buffer := wires.Get().(*[]byte)
	defer wires.Put(buffer)
	wire, err := o.codec.encode(s, row, v, (*buffer)[:0])
	if err != nil {
		return &OptionError{Option: row, Err: err}
	}
	level, number, ok := native(row)
	if !ok {
		return row.missing()
	}
	if err := s.setsockopt(level, number, wire); err != nil {
		return row.explain(s, err)
	}
	return nil
}

// Get reads the option. Errors are as for Set. On an INET6 socket an IPv4 row
// that has a Twin reads the twin.
func (o *Opt[T]) Get(s *Socket) (T, error) {
	var zero T
	row := o.Option
	if o.Twin != "" && s.Family() == INET6 {
		row = o.twin()
	}
	if row.Access&Read == 0 {
		return zero, &OptionError{Option: row, Err: errWriteOnly, unsupported: true}
	}
	if o.get != nil {
		v, err := o.get(s)
		if err != nil {
			err = o.explain(s, err)
		}
		return v, err
	}
	buffer := wires.Get().(*[]byte)
	defer wires.Put(buffer)
	wire, err := row.read(s, *buffer, o.codec.room())
	if err != nil {
		return zero, err
	}
	v, err := o.codec.decode(row, wire)
	if err != nil {
		return zero, &OptionError{Option: row, Err: err}
	}
	return v, nil
}

// read calls getsockopt with room bytes, in buffer where they fit.
func (o *Option) read(s *Socket, buffer []byte, room int) ([]byte, error) {
	if room > len(buffer) {
		buffer = make([]byte, room)
	}
	level, number, ok := native(o)
	if !ok {
		return nil, o.missing()
	}
	buffer = buffer[:room]
	clear(buffer)
	n, err := s.getsockopt(level, number, buffer)
	if err != nil {
		return nil, o.explain(s, err)
	}
	return buffer[:min(n, room)], nil
}

// explain puts the option's name, and what would help, into a kernel's error.
func (o *Option) explain(s *Socket, err error) error {
	explained := &OptionError{Option: o, Err: err}
	switch {
	case errors.Is(err, syscall.ENOPROTOOPT), errors.Is(err, syscall.EOPNOTSUPP):
		explained.unsupported = true
		explained.Hint = o.wanted(s)
	case errors.Is(err, syscall.ENOENT) && o.Kind == KindString:
		explained.unsupported = true
		explained.Hint = "this kernel has none of that name"
	case errors.Is(err, syscall.EPERM) && o.Capability != "":
		explained.Hint = "it needs " + o.Capability
	}
	var outer *net.OpError
	if errors.As(err, &outer) {
		moved := *outer
		explained.Err, moved.Err = outer.Err, explained
		return &moved
	}
	return explained
}

// wanted says what a socket would have to be, or the kernel, to have the option.
func (o *Option) wanted(s *Socket) string {
	if !o.AppliesTo(s.Family(), s.Type(), s.Protocol()) {
		return fmt.Sprintf("it is an option of %s sockets (%s)", o.Scope(), o.Source)
	}
	if s.Protocol() == MPTCP {
		return "this kernel does not have it for mptcp sockets"
	}
	if o.Since == "" {
		return "this kernel does not have it for this socket"
	}
	return "it needs Linux " + o.Since + ", and a kernel built with it"
}

func (o *Opt[T]) parse(text string) error {
	if do, err := o.alternative(text); do != nil || err != nil {
		return err
	}
	v, err := o.codec.parse(o.Option, o.barely(text))
	if err != nil {
		return err
	}
	return o.codec.check(o.Option, v)
}

func (o *Opt[T]) alternative(text string) (func(*Socket) error, error) {
	if o.also == nil {
		return nil, nil
	}
	return o.also(o, text)
}

// barely gives what the bare name stands for.
func (o *Opt[T]) barely(text string) string {
	if text == "" {
		return o.Bare
	}
	return text
}

func (o *Opt[T]) setText(s *Socket, text string) error {
	if do, err := o.alternative(text); err != nil {
		return &OptionError{Option: o.Option, Err: err}
	} else if do != nil {
		return do(s)
	}
	v, err := o.codec.parse(o.Option, o.barely(text))
	if err != nil {
		return &OptionError{Option: o.Option, Err: err}
	}
	return o.Set(s, v)
}

func (o *Opt[T]) getText(s *Socket) (string, error) {
	v, err := o.Get(s)
	if err != nil {
		return "", err
	}
	if o.release != nil {
		defer o.release(v)
	}
	return o.codec.format(o.Option, v), nil
}

func (o *Opt[T]) reprint(text string) (string, bool) {
	if do, err := o.alternative(text); do != nil || err != nil || o.Access&Write == 0 {
		return "", false
	}
	v, err := o.codec.parse(o.Option, o.barely(text))
	if err != nil || o.codec.check(o.Option, v) != nil {
		return "", false
	}
	return o.codec.format(o.Option, v), true
}
