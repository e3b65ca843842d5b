package cli

import (
	"fmt"
	"os"
	"strings"

	"sock/internal/syntax"
)

// What a person reads on standard error. With --json these say nothing: the
// same facts leave as events.

// say prints a line that matters: where a server listens, for example.
// --quiet leaves it out.
func (a *app) say(format string, args ...any) {
	if !a.json && !a.quiet {
		a.report.line(fmt.Appendf(nil, format, args...))
	}
}

// verbose prints a line that only --verbose asks for.
func (a *app) verbose(format string, args ...any) {
	if a.verbosely && !a.json {
		a.report.line([]byte("sock: " + printable(fmt.Sprintf(format, args...))))
	}
}

// notice tells of something that ends nothing but that one ought to know. The
// words may be a peer's (a certificate, a UNIX path): no control character of
// theirs reaches the terminal.
func (a *app) notice(endpoint, message string) {
	a.say("sock: %s", printable(message))
	a.emit("notice", noticeEvent{Endpoint: endpoint, Message: message})
}

// printable is text of one or several lines without other control characters.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = syntax.Printable(line)
	}
	return strings.Join(lines, "\n")
}

// style paints text for a terminal, and leaves it alone anywhere else.
type style string

const (
	bold  style = "1"
	faint style = "2"
	red   style = "31"
)

func (a *app) paint(out *os.File, s style, text string) string {
	if !colours(out) {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// colours reports whether out is a terminal that wants colour: NO_COLOR and
// TERM=dumb say no (no-color.org).
func colours(out *os.File) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	return terminal(out)
}

// plural is "1 byte", "2 bytes".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// indent puts a margin before every line of text.
func indent(text, margin string) string {
	return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
}
