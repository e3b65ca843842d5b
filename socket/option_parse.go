package socket

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseFlag reads a flag; the empty text is on.
func parseFlag(o *Option, text string) (bool, error) {
	switch strings.ToLower(text) {
	case "", "on", "true", "yes", "1":
		return true, nil
	case "off", "false", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("%s is a flag: %q is neither on nor off", o.Name, text)
}

// sizes are the suffixes of a number of bytes. A lone letter means the power
// of 1024, as in dd and socat.
var sizes = map[string]int64{
	"":  1,
	"b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

// parseNumber reads a decimal or 0x number, with a size's suffix where the
// row counts bytes, or one of the row's words.
func parseNumber(o *Option, text string) (int64, error) {
	if text == "" {
		return 0, o.needsValue()
	}
	if n, ok := o.word(text); ok {
		return n, nil
	}
	if o.Unit == UnitBytes || o.Unit == UnitBytesPerSecond {
		return parseSize(o, text)
	}
	n, err := parseInteger(text)
	return n, o.badNumber(text, err)
}

// word reads one of the row's words, or several of a mask joined by "|".
func (o *Option) word(text string) (int64, bool) {
	for _, v := range o.Values {
		if strings.EqualFold(v.Word, text) {
			return v.Number, true
		}
	}
	first, rest, several := strings.Cut(text, "|")
	if !o.Mask || !several {
		return 0, false
	}
	a, ok1 := o.word(first)
	b, ok2 := o.word(rest)
	return a | b, ok1 && ok2
}

func parseInteger(text string) (int64, error) {
	digits, negative := strings.CutPrefix(text, "-")
	base := 10
	if rest, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits, base = rest, 16
	}
	if strings.HasPrefix(digits, "+") || strings.HasPrefix(digits, "-") {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(digits, base, 64)
	if negative {
		n = -n
	}
	return n, err
}

func parseSize(o *Option, text string) (int64, error) {
	n, err := parseInteger(text)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return n, o.badNumber(text, err)
	}
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end <= 0 {
		return 0, o.badNumber(text, strconv.ErrSyntax)
	}
	unit, ok := sizes[strings.ToLower(text[end:])]
	if !ok {
		return 0, fmt.Errorf("%s: %q is no unit of size; write 4096, 64k, 1MiB or 1MB", o.Name, text[end:])
	}
	n, err = strconv.ParseInt(text[:end], 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, o.badNumber(text, strconv.ErrRange)
	}
	return n * unit, nil
}

// badNumber puts into words what strconv said, if anything.
func (o *Option) badNumber(text string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s: %s is out of range", o.Name, text)
	}
	if len(o.Values) > 0 {
		return fmt.Errorf("%s: %q is neither a number nor one of %s", o.Name, text, o.words())
	}
	return fmt.Errorf("%s needs a number, not %q", o.Name, text)
}

// words lists the row's words, a long list shortened.
func (o *Option) words() string {
	var list []string
	for _, v := range o.Values {
		list = append(list, v.Word)
	}
	if len(list) > 12 {
		list = append(list[:12], "…")
	}
	return strings.Join(list, ", ")
}

func (o *Option) needsValue() error {
	return fmt.Errorf("%s needs a value (%s)", o.Name, o.Example())
}

// Example describes a value that the option takes: "a size such as 64KiB".
func (o *Option) Example() string {
	switch o.Kind {
	case KindBool:
		return "on or off"
	case KindDuration:
		if o.Unit == UnitSeconds {
			return "a duration such as 30s"
		}
		return "a duration such as 500ms"
	case KindString:
		return "a name"
	case KindBytes:
		return "bytes in hexadecimal"
	case KindInterface:
		return "an interface such as eth0"
	case KindMembership:
		return "a group such as 239.1.2.3%eth0"
	case KindPortRange:
		return "a range of ports such as 40000-49999"
	case KindAction:
		return "no value"
	}
	return o.exampleNumber()
}

func (o *Option) exampleNumber() string {
	switch {
	case o.Unit == UnitBytes:
		return "a size such as 64KiB"
	case o.Unit == UnitBytesPerSecond:
		return "a rate in bytes per second such as 1MB"
	case len(o.Values) > 0:
		return "a number, or one of " + o.words()
	}
	return "a number"
}

// checkNumber holds n to the row's bounds, or to lo and hi where it has none.
func (o *Option) checkNumber(n, lo, hi int64) error {
	if o.Min != 0 || o.Max != 0 {
		lo, hi = max(lo, o.Min), min(hi, o.Max)
		if o.Max == 0 {
			hi = math.MaxInt32
		}
	} else {
		lo = max(lo, 0)
	}
	switch {
	case n < lo && lo == 0:
		return fmt.Errorf("%s cannot be negative: %d", o.Name, n)
	case n < lo:
		return fmt.Errorf("%s cannot be below %d: %d", o.Name, lo, n)
	case n > hi:
		return fmt.Errorf("%s cannot be above %d: %d", o.Name, hi, n)
	}
	return nil
}

// formatNumber gives the row's word for n, or its digits.
func formatNumber(o *Option, n int64) string {
	for _, v := range o.Values {
		if v.Number == n {
			return v.Word
		}
	}
	if o.Mask && n > 0 {
		return o.formatMask(n)
	}
	return strconv.FormatInt(n, 10)
}

// formatMask joins the words of the bits; a bit without a word makes it a number.
func (o *Option) formatMask(n int64) string {
	var words []string
	rest := n
	for _, v := range o.Values {
		if v.Number != 0 && rest&v.Number == v.Number {
			words = append(words, v.Word)
			rest &^= v.Number
		}
	}
	if rest != 0 {
		return fmt.Sprintf("%#x", n)
	}
	return strings.Join(words, "|")
}

// unitOf gives how long one unit of the wire lasts.
func unitOf(u Unit) time.Duration {
	switch u {
	case UnitSeconds:
		return time.Second
	case UnitMilliseconds:
		return time.Millisecond
	}
	return time.Microsecond
}

// parseDuration reads a duration. A number without a unit is refused, save 0,
// for some options count seconds and others milliseconds.
func parseDuration(o *Option, text string) (time.Duration, error) {
	if text == "" {
		return 0, o.needsValue()
	}
	for _, v := range o.Values {
		if strings.EqualFold(v.Word, text) {
			return time.Duration(v.Number) * unitOf(o.Unit), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if n, err := parseInteger(text); err == nil {
		return 0, fmt.Errorf("%s: %d of what? Write %ds or %dms", o.Name, n, n, n)
	}
	return 0, fmt.Errorf("%s needs a duration such as 30s or 500ms, not %q", o.Name, text)
}

// checkDuration refuses what the kernel cannot hold: a part of its unit, a
// negative time, more units than an int.
func (o *Option) checkDuration(d time.Duration) error {
	unit := unitOf(o.Unit)
	n := int64(d / unit)
	if d%unit != 0 {
		return fmt.Errorf("%s: %v is not a whole number of %s, which the kernel counts in", o.Name, d, wireUnit(o.Unit))
	}
	most := int64(math.MaxInt32)
	if o.Unit == UnitTimeval {
		most = math.MaxInt64
	}
	if err := o.checkNumber(n, math.MinInt32, most); err != nil {
		return fmt.Errorf("%s: %v is out of range: %s", o.Name, d, o.durationBounds(unit))
	}
	return nil
}

func wireUnit(u Unit) Unit {
	if u == UnitTimeval {
		return UnitMicroseconds
	}
	return u
}

func (o *Option) durationBounds(unit time.Duration) string {
	most := o.Max
	if most == 0 {
		most = math.MaxInt32
	}
	return fmt.Sprintf("it must be from %v to %v", time.Duration(o.Min)*unit, time.Duration(most)*unit)
}

// parseHex reads bytes: hexadecimal digits, perhaps after 0x, or none.
func parseHex(o *Option, text string) ([]byte, error) {
	if text == noneWord {
		return nil, nil
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	if digits == "" {
		return nil, o.needsValue()
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("%s needs bytes in hexadecimal, two digits each: %q", o.Name, text)
	}
	return b, nil
}
