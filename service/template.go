package service

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"sock/internal/syntax"
	"sock/socket"
)

// placeholders are what a greeting may hold in braces, in the order help
// shows them.
var placeholders = []struct {
	name, doc string
	value     func(facts) string
}{
	{"peer", "the peer's address", func(f facts) string { return named(f.peer) }},
	{"peer-host", "the peer's host alone", func(f facts) string { return hostOf(f.peer) }},
	{"peer-port", "the peer's port alone", func(f facts) string { return portOf(f.peer) }},
	{"local", "the address the peer came to", func(f facts) string { return named(f.local) }},
	{"local-host", "its host alone", func(f facts) string { return hostOf(f.local) }},
	{"local-port", "its port alone", func(f facts) string { return portOf(f.local) }},
	{"time", "the time of this computer, RFC 3339", func(f facts) string { return f.now.Format(time.RFC3339) }},
	{"host", "the name of this computer", func(facts) string { return hostname() }},
}

// facts are what one connection fills a greeting with.
type facts struct {
	peer, local socket.Addr
	now         time.Time
}

// A template is a text cut at its placeholders: the literals stand between the
// values, so there is one literal more than there are values.
type template struct {
	literals []string
	values   []func(facts) string
}

// parseTemplate cuts a text at its placeholders. "{{" and "}}" stand for the
// braces themselves. An error is an *ArgumentError of argument 0.
func parseTemplate(text string) (*template, error) {
	var t template
	var literal strings.Builder
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "{{"), strings.HasPrefix(text[i:], "}}"):
			literal.WriteByte(text[i])
			i += 2
		case text[i] == '{':
			value, length, err := parsePlaceholder(text, i)
			if err != nil {
				return nil, err
			}
			t.literals = append(t.literals, literal.String())
			t.values = append(t.values, value)
			literal.Reset()
			i += length
		default:
			literal.WriteByte(text[i])
			i++
		}
	}
	t.literals = append(t.literals, literal.String())
	return &t, nil
}

// parsePlaceholder reads the "{name}" at an offset.
func parsePlaceholder(text string, offset int) (value func(facts) string, length int, err error) {
	end := strings.IndexByte(text[offset:], '}')
	if end < 0 {
		return nil, 0, &ArgumentError{
			Offset: offset, Length: len(text) - offset,
			Message: "a { without its }; {{ stands for the brace itself",
		}
	}
	name := text[offset+1 : offset+end]
	names := make([]string, len(placeholders))
	for i, p := range placeholders {
		if p.name == name {
			return p.value, end + 1, nil
		}
		names[i] = p.name
	}
	return nil, 0, &ArgumentError{
		Offset: offset, Length: end + 1,
		Message:    fmt.Sprintf("unknown placeholder %q; there are {%s}", text[offset:offset+end+1], strings.Join(names, "} {")),
		Suggestion: syntax.Nearest(name, names),
	}
}

// fill gives the text with its values, ended by a line end where it has none.
func (t *template) fill(f facts) string {
	var b strings.Builder
	for i, value := range t.values {
		b.WriteString(t.literals[i])
		b.WriteString(value(f))
	}
	b.WriteString(t.literals[len(t.literals)-1])
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// named is an address for people. A client's UNIX socket has no name as a rule.
func named(a socket.Addr) string {
	if isUnnamed(a) {
		return "a local process"
	}
	return a.String()
}

func isUnnamed(a socket.Addr) bool { return !a.AddrPort().IsValid() && a.Path() == "" }

// hostOf is the address without the port; of a UNIX socket its path.
func hostOf(a socket.Addr) string {
	if ap := a.AddrPort(); ap.IsValid() {
		return ap.Addr().String()
	}
	return named(a)
}

// portOf is the port in decimal; of a UNIX socket it is empty.
func portOf(a socket.Addr) string {
	if !a.AddrPort().IsValid() {
		return ""
	}
	return strconv.Itoa(a.Port())
}
