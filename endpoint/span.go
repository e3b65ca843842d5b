package endpoint

import (
	"fmt"
	"strings"
)

// span is a part of a text that knows where it stands in it, so that an error
// can point at it.
type span struct {
	text       string
	start, end int
}

func spanOf(text string) span { return span{text, 0, len(text)} }

func (s span) String() string { return s.text[s.start:s.end] }

func (s span) len() int { return s.end - s.start }

// slice is s[from:to].
func (s span) slice(from, to int) span {
	return span{s.text, s.start + from, s.start + to}
}

// from is s[n:].
func (s span) from(n int) span { return s.slice(n, s.len()) }

// cut parts s at the first sep. Without one, before is s and after the empty
// span at its end.
func (s span) cut(sep string) (before, after span, found bool) {
	i := strings.Index(s.String(), sep)
	if i < 0 {
		return s, s.from(s.len()), false
	}
	return s.slice(0, i), s.from(i + len(sep)), true
}

// fail points at s. The suggestion, where there is one, is what to write
// instead of it.
func (s span) fail(suggestion, format string, args ...any) error {
	return &SyntaxError{
		Text: s.text, Offset: s.start, Length: s.len(),
		Message: shorten(fmt.Sprintf(format, args...), 300), Suggestion: suggestion,
	}
}

// quote shows a part of the input in a message.
func quote(s string) string {
	return fmt.Sprintf("%q", shorten(s, 64))
}

// shorten cuts what is longer than so many bytes.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
