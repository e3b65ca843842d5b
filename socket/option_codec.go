package socket

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// longSize is the size of the kernel's long, and so of time_t in the old
// struct timeval, as a program of this word size sees it.
const longSize = strconv.IntSize / 8

var errShort = errors.New("the kernel's answer is too short")

func appendInt(wire []byte, n int64) []byte {
	return binary.NativeEndian.AppendUint32(wire, uint32(n))
}

func appendLong(wire []byte, n int64) []byte {
	if longSize == 8 {
		return binary.NativeEndian.AppendUint64(wire, uint64(n))
	}
	return binary.NativeEndian.AppendUint32(wire, uint32(n))
}

// decodeUint reads a number of whatever width the kernel chose to answer in.
func decodeUint(wire []byte) (uint64, error) {
	switch {
	case len(wire) >= 8:
		return binary.NativeEndian.Uint64(wire), nil
	case len(wire) >= 4:
		return uint64(binary.NativeEndian.Uint32(wire)), nil
	case len(wire) >= 1:
		return uint64(wire[0]), nil
	}
	return 0, errShort
}

// flagCodec carries a bool as an int of 0 or 1.
type flagCodec struct{}

func (flagCodec) parse(o *Option, text string) (bool, error) { return parseFlag(o, text) }
func (flagCodec) check(*Option, bool) error                  { return nil }
func (flagCodec) room() int                                  { return 4 }

func (flagCodec) format(_ *Option, v bool) string {
	if v {
		return "on"
	}
	return "off"
}

func (flagCodec) encode(_ *Socket, _ *Option, v bool, wire []byte) ([]byte, error) {
	if v {
		return appendInt(wire, 1), nil
	}
	return appendInt(wire, 0), nil
}

func (flagCodec) decode(_ *Option, wire []byte) (bool, error) {
	n, err := decodeUint(wire)
	return n != 0, err
}

// intCodec carries an int as the kernel's int.
type intCodec struct{}

func (intCodec) format(o *Option, v int) string { return formatNumber(o, int64(v)) }
func (intCodec) room() int                      { return 4 }

func (intCodec) parse(o *Option, text string) (int, error) {
	n, err := parseNumber(o, text)
	if err == nil {
		err = o.checkNumber(n, math.MinInt32, math.MaxInt32)
	}
	return int(n), err
}

func (intCodec) check(o *Option, v int) error {
	return o.checkNumber(int64(v), math.MinInt32, math.MaxInt32)
}

func (intCodec) encode(_ *Socket, _ *Option, v int, wire []byte) ([]byte, error) {
	return appendInt(wire, int64(v)), nil
}

func (intCodec) decode(_ *Option, wire []byte) (int, error) {
	n, err := decodeUint(wire)
	return int(int32(n)), err
}

// uint32Codec carries a uint32.
type uint32Codec struct{}

func (uint32Codec) format(o *Option, v uint32) string { return formatNumber(o, int64(v)) }
func (uint32Codec) room() int                         { return 4 }

func (uint32Codec) parse(o *Option, text string) (uint32, error) {
	n, err := parseNumber(o, text)
	if err == nil {
		err = o.checkNumber(n, 0, math.MaxUint32)
	}
	return uint32(n), err
}

func (uint32Codec) check(o *Option, v uint32) error {
	return o.checkNumber(int64(v), 0, math.MaxUint32)
}

func (uint32Codec) encode(_ *Socket, _ *Option, v uint32, wire []byte) ([]byte, error) {
	return appendInt(wire, int64(v)), nil
}

func (uint32Codec) decode(_ *Option, wire []byte) (uint32, error) {
	n, err := decodeUint(wire)
	return uint32(n), err
}

// uint64Codec carries a uint64. A row's word with the number -1 is all ones.
type uint64Codec struct{}

func (uint64Codec) room() int                   { return 8 }
func (uint64Codec) check(*Option, uint64) error { return nil }

func (uint64Codec) parse(o *Option, text string) (uint64, error) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	n, err := parseNumber(o, text)
	if err == nil && n < 0 && strings.HasPrefix(text, "-") {
		err = fmt.Errorf("%s cannot be negative: %d", o.Name, n)
	}
	return uint64(n), err
}

func (uint64Codec) format(o *Option, v uint64) string {
	if n := int64(v); n >= 0 || len(o.Values) > 0 && n == -1 {
		return formatNumber(o, n)
	}
	return strconv.FormatUint(v, 10)
}

func (uint64Codec) encode(_ *Socket, _ *Option, v uint64, wire []byte) ([]byte, error) {
	return binary.NativeEndian.AppendUint64(wire, v), nil
}

func (uint64Codec) decode(_ *Option, wire []byte) (uint64, error) { return decodeUint(wire) }

// durationCodec carries a duration as an int of the row's unit, or as a
// struct timeval: two longs, seconds and microseconds.
type durationCodec struct{}

func (durationCodec) room() int { return 2 * longSize }

func (durationCodec) parse(o *Option, text string) (time.Duration, error) {
	return parseDuration(o, text)
}

func (durationCodec) check(o *Option, v time.Duration) error { return o.checkDuration(v) }

func (durationCodec) format(o *Option, v time.Duration) string {
	for _, word := range o.Values {
		if time.Duration(word.Number)*unitOf(o.Unit) == v {
			return word.Word
		}
	}
	return v.String()
}

func (durationCodec) encode(_ *Socket, o *Option, v time.Duration, wire []byte) ([]byte, error) {
	if o.Unit != UnitTimeval {
		return appendInt(wire, int64(v/unitOf(o.Unit))), nil
	}
	wire = appendLong(wire, int64(v/time.Second))
	return appendLong(wire, int64(v%time.Second/time.Microsecond)), nil
}

func (durationCodec) decode(o *Option, wire []byte) (time.Duration, error) {
	if o.Unit != UnitTimeval {
		n, err := decodeUint(wire[:min(len(wire), 4)])
		return time.Duration(int32(n)) * unitOf(o.Unit), err
	}
	if len(wire) < 2*longSize {
		return 0, errShort
	}
	seconds, _ := decodeUint(wire[:longSize])
	micros, _ := decodeUint(wire[longSize : 2*longSize])
	return time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond, nil
}

// lingerCodec carries struct linger: a flag and seconds. Off is negative.
type lingerCodec struct{}

func (lingerCodec) room() int { return 8 }

func (lingerCodec) parse(o *Option, text string) (time.Duration, error) {
	switch strings.ToLower(text) {
	case "off", "no", "false":
		return -1, nil
	}
	d, err := parseDuration(o, text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s cannot be negative; say off", o.Name)
	}
	return d, err
}

func (lingerCodec) format(_ *Option, v time.Duration) string {
	if v < 0 {
		return "off"
	}
	return v.String()
}

func (lingerCodec) check(o *Option, v time.Duration) error {
	if v < 0 {
		return nil
	}
	return o.checkDuration(v)
}

func (lingerCodec) encode(_ *Socket, _ *Option, v time.Duration, wire []byte) ([]byte, error) {
	if v < 0 {
		return append(wire, 0, 0, 0, 0, 0, 0, 0, 0), nil
	}
	return appendInt(appendInt(wire, 1), int64(v/time.Second)), nil
}

func (lingerCodec) decode(_ *Option, wire []byte) (time.Duration, error) {
	if len(wire) < 8 {
		return 0, errShort
	}
	if binary.NativeEndian.Uint32(wire) == 0 {
		return -1, nil
	}
	return time.Duration(int32(binary.NativeEndian.Uint32(wire[4:]))) * time.Second, nil
}

// noneWord stands for an empty name and for no bytes, as text.
const noneWord = "none"

// stringCodec carries a name, as long as the row's Max bytes at most. The
// kernel's closing NUL is not part of it.
type stringCodec struct{ size int }

func (c stringCodec) room() int { return c.size }

func (stringCodec) parse(o *Option, text string) (string, error) {
	switch text {
	case "":
		return "", o.needsValue()
	case noneWord:
		return "", nil
	}
	return text, nil
}

func (stringCodec) format(_ *Option, v string) string {
	if v == "" {
		return noneWord
	}
	return v
}

func (c stringCodec) check(o *Option, v string) error {
	if len(v) >= c.size {
		return fmt.Errorf("%s: %q is longer than the kernel's %d bytes", o.Name, v, c.size-1)
	}
	if strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }) >= 0 {
		return fmt.Errorf("%s: %q is not a name", o.Name, v)
	}
	return nil
}

func (stringCodec) encode(_ *Socket, _ *Option, v string, wire []byte) ([]byte, error) {
	return append(append(wire, v...), 0), nil
}

func (stringCodec) decode(_ *Option, wire []byte) (string, error) {
	if i := bytes.IndexByte(wire, 0); i >= 0 {
		wire = wire[:i]
	}
	return string(wire), nil
}

// bytesCodec carries a structure as the kernel lays it out, of the row's Min
// to Max bytes; size is what getsockopt is offered.
type bytesCodec struct{ size int }

func (c bytesCodec) room() int                                  { return c.size }
func (bytesCodec) parse(o *Option, text string) ([]byte, error) { return parseHex(o, text) }

func (bytesCodec) format(_ *Option, v []byte) string {
	if len(v) == 0 {
		return noneWord
	}
	return hex.EncodeToString(v)
}

func (bytesCodec) check(o *Option, v []byte) error {
	n := int64(len(v))
	switch {
	case n >= o.Min && (n <= o.Max || o.Max == 0):
		return nil
	case o.Min == o.Max:
		return fmt.Errorf("%s takes %d bytes, not %d", o.Name, o.Min, n)
	}
	return fmt.Errorf("%s takes %d to %d bytes, not %d", o.Name, o.Min, o.Max, n)
}

func (bytesCodec) encode(_ *Socket, _ *Option, v []byte, wire []byte) ([]byte, error) {
	return append(wire, v...), nil
}

func (bytesCodec) decode(_ *Option, wire []byte) ([]byte, error) { return bytes.Clone(wire), nil }

// Action is the value of an option that has none: to set it is to do it.
type Action struct{}

// actionCodec carries nothing; the kernel wants room for an int.
type actionCodec struct{}

func (actionCodec) format(*Option, Action) string          { return "" }
func (actionCodec) check(*Option, Action) error            { return nil }
func (actionCodec) decode(*Option, []byte) (Action, error) { return Action{}, nil }
func (actionCodec) room() int                              { return 4 }
func (actionCodec) encode(_ *Socket, _ *Option, _ Action, wire []byte) ([]byte, error) {
	return appendInt(wire, 0), nil
}

func (actionCodec) parse(o *Option, text string) (Action, error) {
	if on, err := parseFlag(o, text); err != nil || !on {
		return Action{}, fmt.Errorf("%s takes no value", o.Name)
	}
	return Action{}, nil
}

// structCodec carries a structure of this package that can only be read.
type structCodec[T any] struct {
	size    int
	decodes func(wire []byte) (T, error)
}

func (c structCodec[T]) room() int                                { return c.size }
func (c structCodec[T]) decode(_ *Option, wire []byte) (T, error) { return c.decodes(wire) }
func (structCodec[T]) check(*Option, T) error                     { return errReadOnly }
func (structCodec[T]) format(_ *Option, v T) string               { return formatFields(v) }
func (structCodec[T]) parse(*Option, string) (v T, err error)     { return v, errReadOnly }
func (structCodec[T]) encode(*Socket, *Option, T, []byte) ([]byte, error) {
	return nil, errReadOnly
}

// formatFields prints a structure as "name=value name=value".
func formatFields(v any) string {
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	value := reflect.ValueOf(v)
	if value.Kind() != reflect.Struct {
		return fmt.Sprint(v)
	}
	var words []string
	for i := range value.NumField() {
		name := strings.ToLower(value.Type().Field(i).Name)
		words = append(words, fmt.Sprintf("%s=%v", name, value.Field(i).Interface()))
	}
	return strings.Join(words, " ")
}
