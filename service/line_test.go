package service

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sock/internal/syntax"
)

func TestParseLine(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		service    string
		args       []string
		canonical  string
	}{
		{"bare", "tcp://127.0.0.1:7 echo", "echo", nil, "tcp://127.0.0.1:7 echo"},
		{"spaces-and-tabs", "  tcp://127.0.0.1:7\t \techo  ", "echo", nil, "tcp://127.0.0.1:7 echo"},
		{"comment", "tcp://127.0.0.1:7 echo # says it again", "echo", nil, "tcp://127.0.0.1:7 echo"},
		{"hash-in-word", "tcp://127.0.0.1:7 greet a#b", "greet", []string{"a#b"}, "tcp://127.0.0.1:7 greet a#b"},
		{"hash-quoted", "tcp://127.0.0.1:7 greet '# b'", "greet", []string{"# b"}, `tcp://127.0.0.1:7 greet "# b"`},
		{"double", `tcp://127.0.0.1:7 greet "Hi, {peer}"`, "greet", []string{"Hi, {peer}"}, `tcp://127.0.0.1:7 greet "Hi, {peer}"`},
		{"escapes", `tcp://127.0.0.1:7 greet "a\tb\n\"c\"\\\x41\x07"`, "greet", []string{"a\tb\n\"c\"\\A\a"}, `tcp://127.0.0.1:7 greet "a\tb\n\"c\"\\A\x07"`},
		{"single", `tcp://127.0.0.1:7 exec sh -c 'echo "$x\n"'`, "exec", []string{"sh", "-c", `echo "$x\n"`}, `tcp://127.0.0.1:7 exec sh -c 'echo "$x\n"'`},
		{"escaped-dollar", "tcp://127.0.0.1:7 exec sh -c \"echo \\$x \\`y\\` $z\"", "exec", []string{"sh", "-c", "echo $x `y` $z"}, "tcp://127.0.0.1:7 exec sh -c \"echo $x `y` $z\""},
		{"glued", `tcp://127.0.0.1:7 exec a"b c"'d e'\ f`, "exec", []string{"ab cd e f"}, `tcp://127.0.0.1:7 exec "ab cd e f"`},
		{"empty-word", `tcp://127.0.0.1:7 exec printf ''`, "exec", []string{"printf", ""}, `tcp://127.0.0.1:7 exec printf ""`},
		{"quoted-endpoint", `"tcp://127.0.0.1:7" echo`, "echo", nil, "tcp://127.0.0.1:7 echo"},
		{"line-end", "tcp://127.0.0.1:7 echo\r\n", "echo", nil, "tcp://127.0.0.1:7 echo"},
		{"options", "tcp://127.0.0.1:7?max-conns=3 echo", "echo", nil, "tcp://127.0.0.1:7?max-conns=3 echo"},
		{"datagram", "udp://127.0.0.1:7 chargen", "chargen", nil, "udp://127.0.0.1:7 chargen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := ParseLine(tt.text)
			if err != nil {
				t.Fatalf("ParseLine(%q): %v", tt.text, err)
			}
			if l.Name != tt.service || !slices.Equal(l.Args, tt.args) {
				t.Errorf("got %q %q, want %q %q", l.Name, l.Args, tt.service, tt.args)
			}
			if got := l.String(); got != tt.canonical {
				t.Errorf("String() = %s, want %s", got, tt.canonical)
			}
			checkRoundTrip(t, l)
		})
	}
}

// checkRoundTrip holds that String says all there is to a line.
func checkRoundTrip(t *testing.T, l Line) {
	t.Helper()
	again, err := ParseLine(l.String())
	if err != nil {
		t.Fatalf("ParseLine(String()) of %q: %v", l.Text, err)
	}
	if again.String() != l.String() || again.Name != l.Name || !slices.Equal(again.Args, l.Args) || !again.Endpoint.Equal(l.Endpoint) {
		t.Fatalf("round trip of %q: got %+v, want %+v", l.Text, again, l)
	}
}

// TestParseLineErrors marks the offending part in the second line of each case.
func TestParseLineErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, marked, message, suggestion string }{
		{"empty", "", "", "empty service line", ""},
		{"comment-only", "# nothing", "", "empty service line", ""},
		{"no-service", "tcp://127.0.0.1:7", "", "no service after the endpoint", ""},
		{"unknown-service", "tcp://127.0.0.1:7 ehco", "ehco", `unknown service "ehco"`, "echo"},
		{"unknown-service-far", "tcp://127.0.0.1:7 nonsense", "nonsense", `unknown service "nonsense"`, ""},
		{"swapped", "echo tcp://127.0.0.1:7", "echo", "begins with its endpoint", ""},
		{"endpoint-option", "tcp://127.0.0.1:7?nodlay echo", "nodlay", "nodlay", "nodelay"},
		{"endpoint-option-quoted", `"tcp://127.0.0.1:7?nodlay" echo`, "nodlay", "nodlay", "nodelay"},
		{"argument-too-many", "tcp://127.0.0.1:7 echo loud", "loud", "echo takes no arguments", ""},
		{"argument-missing", "tcp://127.0.0.1:7 exec", "", "exec needs a command", ""},
		{"greet-two-texts", "tcp://127.0.0.1:7 greet Hello you", "you", "one text", ""},
		{"placeholder", `tcp://127.0.0.1:7 greet "Hi, {pear}!"`, "{pear}", `unknown placeholder "{pear}"`, "peer"},
		{"placeholder-after-escape", `tcp://127.0.0.1:7 greet "\t\x41 {pear}!"`, "{pear}", `unknown placeholder`, "peer"},
		{"placeholder-open", `tcp://127.0.0.1:7 greet "Hi, {peer"`, "{peer", "without its }", ""},
		{"datagram-exec", "udp://127.0.0.1:7 exec date", "udp://127.0.0.1:7", "exec needs a stream", ""},
		{"http", "http://127.0.0.1:80 echo", "http://127.0.0.1:80", "does not speak HTTP", ""},
		{"dial-option", "tcp://127.0.0.1:7?from=127.0.0.1:9 echo", "tcp://127.0.0.1:7?from=127.0.0.1:9", "from is for connecting", ""},
		{"single-open", "tcp://127.0.0.1:7 greet 'Hi", "'Hi", "single quote is not closed", ""},
		{"double-open", `tcp://127.0.0.1:7 greet "Hi`, `"Hi`, "double quote is not closed", ""},
		{"double-open-backslash", `tcp://127.0.0.1:7 greet "Hi\`, `\`, "double quote is not closed", ""},
		{"backslash-end", `tcp://127.0.0.1:7 greet Hi\`, `\`, "nothing to quote", ""},
		{"escape", `tcp://127.0.0.1:7 greet "\d"`, `\d`, "unknown escape", ""},
		{"escape-hex", `tcp://127.0.0.1:7 greet "\x4"`, `\x`, "two hexadecimal digits", ""},
		{"escape-nul", `tcp://127.0.0.1:7 greet "\x00"`, `\x00`, "NUL", ""},
		{"nul", "tcp://127.0.0.1:7 greet a\x00b", "\x00", "control character", ""},
		{"newline", "tcp://127.0.0.1:7 greet a\nb", "\n", "control character", ""},
		{"c1-control", "tcp://127.0.0.1:7 greet a\u009bb", "\u009b", "control character", ""},
		{"utf-8", "tcp://127.0.0.1:7 greet a\xffb", "\xff", "not UTF-8", ""},
		{"exec-inner-quote", `tcp://127.0.0.1:7 exec "sh 'x"`, `"sh 'x"`, "single quote is not closed", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseLine(tt.text)
			fault, ok := errors.AsType[*syntax.Error](err)
			if !ok {
				t.Fatalf("ParseLine(%q) = %v, want a *syntax.Error", tt.text, err)
			}
			if got := fault.Text[fault.Offset : fault.Offset+fault.Length]; got != tt.marked {
				t.Errorf("marked %q, want %q\n%s", got, tt.marked, fault.Underline())
			}
			if !strings.Contains(fault.Message, tt.message) || fault.Suggestion != tt.suggestion {
				t.Errorf("got %q, suggestion %q; want %q, suggestion %q", fault.Message, fault.Suggestion, tt.message, tt.suggestion)
			}
		})
	}
}

func TestParseLineBounds(t *testing.T) {
	fits := "tcp://127.0.0.1:7 greet " + strings.Repeat("x", maxLine-len("tcp://127.0.0.1:7 greet "))
	l, err := ParseLine(fits)
	if err != nil {
		t.Fatalf("a line of %d bytes: %v", len(fits), err)
	}
	checkRoundTrip(t, l)
	if _, err := ParseLine(fits + "x"); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a line of %d bytes: %v, want an error: too long", len(fits)+1, err)
	}
	grows := "tcp://127.0.0.1:7 greet '" + strings.Repeat(`"`, maxLine/2) + `'"'"`
	if _, err := ParseLine(grows); err == nil || !strings.Contains(err.Error(), "written out") {
		t.Errorf("a line whose canonical form is too long: %v, want an error", err)
	}
}

func TestParseFile(t *testing.T) {
	const text = "\ufeff# services\r\n\r\ntcp://127.0.0.1:7 echo\r\n   # more\n\n udp://127.0.0.1:7 echo\ntcp://127.0.0.1:13 daytime"
	lines, err := ParseFile("sock.conf", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprintf("%s:%d %s", l.File, l.Number, l))
	}
	want := []string{"sock.conf:3 tcp://127.0.0.1:7 echo", "sock.conf:6 udp://127.0.0.1:7 echo", "sock.conf:7 tcp://127.0.0.1:13 daytime"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseFileErrors(t *testing.T) {
	const first = "tcp://127.0.0.1:7 echo\n"
	for _, tt := range []struct{ name, text, want string }{
		{"place", first + "  tcp://127.0.0.1:9 ehco", `f:2:21: unknown service "ehco"; there are `},
		{"wide-characters", first + `tcp://127.0.0.1:9 greet "ä {pear}"`, `f:2:28: unknown placeholder "{pear}"`},
		{"same-endpoint", first + "\n\ttcp://127.0.0.1:7 daytime", "f:3:2: tcp://127.0.0.1:7 is taken by an earlier line: f:1"},
		{"same-address-other-options", first + "tcp4://127.0.0.1:7?max-conns=3 echo", "f:2:1: tcp4://127.0.0.1:7?max-conns=3 is taken by an earlier line: f:1"},
		{"same-path", "unix:///tmp/x echo\nunixpacket:///tmp/x echo", "f:2:1: unixpacket:///tmp/x is taken"},
		{"too-long", first + strings.Repeat("x", maxLine+1) + "\n" + first, "f:2:61: a line of "},
		{"utf-16", "\xff\xfet\x00c\x00p\x00", "f:1:1: a byte that is not UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseFile("f", strings.NewReader(tt.text))
			if _, ok := errors.AsType[*syntax.Error](err); !ok || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want a *syntax.Error: %s…", err, tt.want)
			}
		})
	}
}

func TestParseFileBounds(t *testing.T) {
	if _, err := ParseFile("f", strings.NewReader(strings.Repeat("\n", maxLines))); err != nil {
		t.Errorf("%d lines: %v", maxLines, err)
	}
	for name, text := range map[string]string{
		"lines": strings.Repeat("\n", maxLines+1),
		"bytes": strings.Repeat("#"+strings.Repeat("x", maxLine-2)+"\n", maxFile/maxLine+1),
	} {
		if _, err := ParseFile("f", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Errorf("too many %s: %v, want an error: at most", name, err)
		}
	}
}

// TestParseFilePortZero: nothing is shared where the kernel gives the port.
func TestParseFilePortZero(t *testing.T) {
	if _, err := ParseFile("f", strings.NewReader("tcp://127.0.0.1:0 echo\ntcp://127.0.0.1:0 echo\n")); err != nil {
		t.Error(err)
	}
}

func TestParseFileReadError(t *testing.T) {
	broken := errors.New("broken")
	_, err := ParseFile("f", errorReader{broken})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want it to wrap %v", err, broken)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestSplit(t *testing.T) {
	got, err := Split(`date -u "+%H %M" # now`)
	if want := []string{"date", "-u", "+%H %M"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

var seeds = []string{
	"tcp://127.0.0.1:7 echo", `tcp://127.0.0.1:7 greet "Hi, {peer}"`, `unix:///run/x exec sh -c 'a "b" \c'`,
	`tcp://127.0.0.1:7 exec a"b\x41\n" '' \ # c`, "udp://:7 chat room", "\ttls://[::1]:7?idle=5s daytime\r", "tcp://127.0.0.1:7 greet {{{peer}}}",
	`fd://3 exec "date -u"`, "é", "", "#", `"`, `\`, "tcp://127.0.0.1:7 exec \"\\xff\"",
}

func FuzzParseLine(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLine(text)
		if err != nil {
			checkFault(t, err)
			return
		}
		checkRoundTrip(t, l)
		if _, err := l.Handler(); err != nil {
			t.Fatalf("Handler of %q: %v", text, err)
		}
	})
}

// checkFault holds that an error points into its own text.
func checkFault(t *testing.T, err error) {
	t.Helper()
	fault, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		t.Fatalf("%T %v, want a *syntax.Error", err, err)
	}
	if fault.Offset < 0 || fault.Length < 0 || fault.Offset+fault.Length > len(fault.Text) || fault.Message == "" {
		t.Fatalf("%+v points outside of its text, or says nothing", fault)
	}
	_, _ = fault.Error(), fault.Underline()
}

// FuzzParseFile: writing the lines out and reading them back changes nothing,
// and a file that parses is the sum of its lines.
func FuzzParseFile(f *testing.F) {
	f.Add([]byte(strings.Join(seeds, "\n")))
	for _, s := range seeds {
		f.Add([]byte(s + "\r\n"))
	}
	f.Add([]byte("\ufeff# x\r\ntcp://127.0.0.1:7 echo\r\n\r\nudp://127.0.0.1:7 echo"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, err := ParseFile("f", bytes.NewReader(text))
		if err != nil {
			checkFault(t, err)
			return
		}
		var out strings.Builder
		for i, l := range lines {
			if l.Number < 1 || i > 0 && l.Number <= lines[i-1].Number {
				t.Fatalf("line numbers do not rise: %d after %d", l.Number, lines[max(i-1, 0)].Number)
			}
			alone, err := ParseLine(l.Text)
			if err != nil || alone.String() != l.String() {
				t.Fatalf("line %q alone: %v, %v; in the file %v", l.Text, alone, err, l)
			}
			out.WriteString(l.String() + "\n")
		}
		again, err := ParseFile("f", strings.NewReader(out.String()))
		if err != nil || len(again) != len(lines) {
			t.Fatalf("read back %d lines, %v; want %d\n%s", len(again), err, len(lines), out.String())
		}
		for i := range again {
			if again[i].String() != lines[i].String() {
				t.Fatalf("line %d read back as %s, want %s", i, again[i], lines[i])
			}
		}
	})
}
