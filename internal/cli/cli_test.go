package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"sock/endpoint"
	"sock/internal/syntax"
)

// TestHints goes through the table by what leads to it.
func TestHints(t *testing.T) {
	for _, tt := range []struct {
		op, endpoint string
		err          error
		want         string
	}{
		{"connect", "tcp://127.0.0.1:9", syscall.ECONNREFUSED, "nothing listens on 127.0.0.1:9, or"},
		{"connect", "tls://127.0.0.1:9", syscall.ECONNREFUSED, "nothing listens on 127.0.0.1:9, or"},
		{"connect", "unix:///run/x", syscall.ECONNREFUSED, "the file is there, but"},
		{"connect", "unix:///run/x", syscall.ENOENT, "there is no such file"},
		{"send", "udp://127.0.0.1:9", syscall.ECONNREFUSED, "the host answered that"},
		{"connect", "tcp://127.0.0.1:9", os.ErrDeadlineExceeded, "no answer came from 127.0.0.1:9"},
		{"listen", "tcp://127.0.0.1:9", syscall.EADDRINUSE, "another socket has that address"},
		{"listen", "unix:///run/x", syscall.EADDRINUSE, "a live server has this path"},
		{"receive", "tcp://127.0.0.1:9", syscall.ECONNRESET, "the peer cut the connection"},
		{"connect", "tls://127.0.0.1:9", x509.UnknownAuthorityError{}, "ca=FILE trusts"},
		{"connect", "tls://127.0.0.1:9", &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, "the server asks for a client certificate"},
		{"connect", "tcp://x.invalid:9", &net.DNSError{Name: "x.invalid", IsNotFound: true}, "check the spelling"},
		{"connect", "tcp://127.0.0.1:9", syscall.EXDEV, ""},
	} {
		err := tt.err
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			err = &net.OpError{Op: tt.op, Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, Err: os.NewSyscallError(tt.op, errno)}
		}
		got := hintFor(&failure{op: tt.op, endpoint: tt.endpoint, err: err})
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || strings.Contains(got, "%s") {
			t.Errorf("hint for %s %s: %v = %q, want %q…", tt.op, tt.endpoint, tt.err, got, tt.want)
		}
	}
}

// TestHintsNameWhatExists: a hint may send its reader to a verb or an option
// only if there is one.
func TestHintsNameWhatExists(t *testing.T) {
	verbs := map[string]bool{}
	for _, c := range Root().Commands() {
		verbs[c.Name()] = true
	}
	own := map[string]bool{}
	for _, o := range endpoint.OwnOptions() {
		own[o.Name] = true
	}
	var texts []string
	for _, h := range hints {
		texts = append(texts, h.text)
	}
	for _, text := range alertHints {
		texts = append(texts, text)
	}
	for _, text := range texts {
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,:;()", r) })
		for i, word := range words {
			if word == "sock" && i+1 < len(words) && !verbs[words[i+1]] && words[i+1] != "takes" {
				t.Errorf("%q names the verb %q, which there is not", text, words[i+1])
			}
			if name, _, ok := strings.Cut(word, "="); ok && !own[name] {
				t.Errorf("%q names the option %q, which there is not", text, name)
			}
		}
	}
}

func TestReason(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{refused, "connection refused (ECONNREFUSED)"},
		{fmt.Errorf("around: %w", refused), "connection refused (ECONNREFUSED)"},
		{os.ErrDeadlineExceeded, "timed out (ETIMEDOUT)"},
		{&net.DNSError{Name: "a.b", IsNotFound: true}, "no such host: a.b"},
		{&net.DNSError{Name: "a.b", IsTimeout: true}, "the name server did not answer for a.b"},
		{errors.New("as it is"), "as it is"},
	} {
		if got := reason(tt.err); got != tt.want {
			t.Errorf("reason(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"plain":            "plain",
		"tcp://a:1":        "tcp://a:1",
		"":                 "''",
		"two words":        "'two words'",
		"it's":             `'it'\''s'`,
		"tcp://a:1?nodlay": "'tcp://a:1?nodlay'",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", word, got, want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	a := newApp([]string{"connect", "two words", "x"})
	for index, want := range []string{"connect", "'two words'", "x", ""} {
		text, offset, length := a.commandLine(index)
		if got := text[offset : offset+length]; got != want || !strings.HasPrefix(text, "sock connect 'two words' x") {
			t.Errorf("commandLine(%d) = %q at %d+%d: %q, want %q", index, text, offset, length, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text    string
		columns int
		want    []string
	}{
		{"", 10, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three", 100, []string{"one two three"}},
		{"a-word-too-long for it", 5, []string{"a-word-too-long", "for", "it"}},
		{"ünï cödé", 8, []string{"ünï cödé"}},
	} {
		if got := wrap(tt.text, tt.columns); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.columns, got, tt.want)
		}
	}
}

// TestFlagsOfEndpoint: every own option is a flag of each verb it means
// something for, and every such flag has a description.
func TestFlagsOfEndpoint(t *testing.T) {
	sides := map[string]endpoint.Where{"connect": endpoint.ForDial, "listen": endpoint.ForListen, "echo": endpoint.ForListen}
	for _, c := range Root().Commands() {
		side, ok := sides[c.Name()]
		if !ok {
			continue
		}
		for _, o := range endpoint.OwnOptions() {
			flag := c.Flags().Lookup(o.Name)
			if wanted := o.Where&side != 0; (flag != nil) != wanted {
				t.Errorf("sock %s --%s: there is a flag: %v, want %v", c.Name(), o.Name, flag != nil, wanted)
			} else if wanted && flag.Usage == "" {
				t.Errorf("sock %s --%s has no description", c.Name(), o.Name)
			}
		}
	}
}

// TestDemonstrationParses: what `sock up` runs is right, and so is what it says
// to try.
func TestDemonstrationParses(t *testing.T) {
	lines, err := demonstrationLines()
	if err != nil || len(lines) != len(demonstration) {
		t.Fatalf("demonstrationLines = %d lines, %v; want %d", len(lines), err, len(demonstration))
	}
	for _, d := range demonstration {
		words := strings.Fields(strings.ReplaceAll(d.try, "'", ""))
		for i, word := range words {
			if word != "connect" {
				continue
			}
			if _, err := endpoint.Parse(words[i+1]); err != nil {
				t.Errorf("%q: %v", d.try, err)
			}
		}
	}
}

func TestTellUnderlines(t *testing.T) {
	err := usage(nil, &syntax.Error{Text: "abc", Offset: 1, Length: 1, Message: "wrong", Suggestion: "x"})
	if got, want := err.Error(), `wrong; did you mean "x"?`; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if got, want := hintFor(err), "sock --help lists the verbs"; got != want {
		t.Errorf("hint = %q, want %q", got, want)
	}
}
