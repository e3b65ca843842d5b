package endpoint

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// want is an Endpoint in short.
func want(scheme, host, port, path string, options ...Option) Endpoint {
	return Endpoint{Scheme: scheme, Host: host, Port: port, Path: path, Options: options}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text      string
		want      Endpoint
		canonical string // empty: the text itself
	}{
		{"tcp://127.0.0.1:65432", want("tcp", "127.0.0.1", "65432", ""), ""},
		{"127.0.0.1:65432", want("tcp", "127.0.0.1", "65432", ""), "tcp://127.0.0.1:65432"},
		{"TCP://Example.COM:80", want("tcp", "example.com", "80", ""), "tcp://example.com:80"},
		{"example.com.:0080", want("tcp", "example.com.", "80", ""), "tcp://example.com.:80"},
		{"8080", want("tcp", "localhost", "8080", ""), "tcp://localhost:8080"},
		{"0", want("tcp", "localhost", "0", ""), "tcp://localhost:0"},
		{"udp://53", want("udp", "localhost", "53", ""), "udp://localhost:53"},
		{":8080", want("tcp", "", "8080", ""), "tcp://:8080"},
		{"tcp4://:0", want("tcp4", "", "0", ""), ""},
		{"localhost:http", want("tcp", "localhost", "80", ""), "tcp://localhost:80"},
		{":ssh", want("tcp", "", "22", ""), "tcp://:22"},
		{"udp://ns_1.example:domain", want("udp", "ns_1.example", "53", ""), "udp://ns_1.example:53"},
		{"[::1]:80", want("tcp", "::1", "80", ""), "tcp://[::1]:80"},
		{"tcp6://[0:0:0::0]:1", want("tcp6", "::", "1", ""), "tcp6://[::]:1"},
		{"[FE80::1%eth0]:80", want("tcp", "fe80::1%eth0", "80", ""), "tcp://[fe80::1%eth0]:80"},
		{"udp6://[fe80::1%3]:80", want("udp6", "fe80::1%3", "80", ""), ""},
		{"[::ffff:192.0.2.1]:80", want("tcp", "192.0.2.1", "80", ""), "tcp://192.0.2.1:80"},
		{"tls://example.com:https", want("tls", "example.com", "443", ""), "tls://example.com:443"},
		{"http://example.com", want("http", "example.com", "80", ""), "http://example.com:80"},
		{"https://[2001:db8::1]/", want("https", "2001:db8::1", "443", "/"), "https://[2001:db8::1]:443/"},
		{"http://8080/a", want("http", "localhost", "8080", "/a"), "http://localhost:8080/a"},
		{"http://h:1/a%2Fb c/é", want("http", "h", "1", "/a%2Fb%20c/%C3%A9"), "http://h:1/a%2Fb%20c/%C3%A9"},
		{"http://h:1/@x:y?nodelay", want("http", "h", "1", "/@x:y", Option{Name: "nodelay"}), ""},
		{"/run/x.sock", want("unix", "", "", "/run/x.sock"), "unix:///run/x.sock"},
		{"./x.sock", want("unix", "", "", "./x.sock"), "unix://./x.sock"},
		{"unixgram://../x", want("unixgram", "", "", "../x"), ""},
		{"@name", want("unix", "", "", "@name"), "unix://@name"},
		{"unixpacket://@a%00b", want("unixpacket", "", "", "@a\x00b"), ""},
		{"/tmp/a%3Fb%26c%25d%20e%23f", want("unix", "", "", "/tmp/a?b&c%d e#f"), "unix:///tmp/a%3Fb%26c%25d%20e%23f"},
		{"/tmp/a b&c", want("unix", "", "", "/tmp/a b&c"), "unix:///tmp/a%20b%26c"},
		{"/a://b", want("unix", "", "", "/a://b"), "unix:///a://b"},
		{"/tmp/ü%FF", want("unix", "", "", "/tmp/ü\xff"), "unix:///tmp/ü%FF"},
		{"fd://003", want("fd", "3", "", ""), "fd://3"},
		{"fd://3?nodelay", want("fd", "3", "", "", Option{Name: "nodelay"}), ""},
		{"tls://a:1?sni=10.0.0.1&netns=/run/netns/x", want("tls", "a", "1", "", Option{"sni", "10.0.0.1", true}, Option{"netns", "/run/netns/x", true}), ""},
		{"fd://web.socket", want("fd", "web.socket", "", ""), ""},
		{
			"tcp://a:1?TCP_NODELAY&keepalive=30s&timeout=5s",
			want("tcp", "a", "1", "", Option{Name: "nodelay"}, Option{"keepalive", "30s", true}, Option{"timeout", "5s", true}),
			"tcp://a:1?nodelay&keepalive=30s&timeout=5s",
		},
		{
			"tls://a:1?cert=/a?b%26c&insecure=off",
			want("tls", "a", "1", "", Option{"cert", "/a?b&c", true}, Option{"insecure", "off", true}),
			"tls://a:1?cert=/a%3Fb%26c&insecure=off",
		},
		{
			":1?allow=10.0.0.0/8,::1&allow=192.0.2.1",
			want("tcp", "", "1", "", Option{"allow", "10.0.0.0/8,::1", true}, Option{"allow", "192.0.2.1", true}),
			"tcp://:1?allow=10.0.0.0/8,::1&allow=192.0.2.1",
		},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			canonical := tt.canonical
			if canonical == "" {
				canonical = tt.text
			}
			if got.String() != canonical {
				t.Errorf("String: got %s, want %s", got, canonical)
			}
			checkRoundTrip(t, got)
		})
	}
}

// checkRoundTrip is the oracle: the canonical form parses to the same
// endpoint, and prints as itself.
func checkRoundTrip(t interface {
	Helper()
	Errorf(string, ...any)
}, e Endpoint,
) {
	t.Helper()
	text := e.String()
	again, err := Parse(text)
	if err != nil {
		t.Errorf("Parse(%q), the canonical form: %v", text, err)
		return
	}
	if !again.Equal(e) {
		t.Errorf("Parse(%q): got %#v, want %#v", text, again, e)
	}
	if again.String() != text {
		t.Errorf("second String: got %q, want %q", again.String(), text)
	}
}

// parseErrors has the malformed endpoints: the text with the offending part
// between « and », and what is said of it.
var parseErrors = []struct{ name, text, message, suggestion string }{
	{"empty", "«»", "missing endpoint", ""},
	{"scheme-misspelt", "«tpc»://a:1", `unknown scheme "tpc"`, "tcp"},
	{"scheme-unknown", "«gopher»://a:1", "schemes are tcp, tcp4", ""},
	{"scheme-missing", "«»://a:1", "missing scheme", "tcp"},
	{"scheme-without-slashes", "unix«:»/run/x", "ends in ://", "://"},
	{"scheme-with-one-slash", "tcp«:/»localhost:80", "ends in ://", "://"},
	{"scheme-with-colon-only", "udp«:»localhost:80", "ends in ://", "://"},
	{"address-missing", "tcp://«»", "missing address", ""},
	{"address-missing-before-options", "tcp://«»?nodelay", "missing address", ""},
	{"address-missing-http", "http://«»/index.html", "missing address", ""},
	{"host-star", "tcp://«*»:80", "without a host", ""},
	{"host-space", "a« »b:80", `cannot hold " "`, ""},
	{"host-international", "tcp://«bücher.example»:80", "xn--", ""},
	{"host-empty-part", "tcp://a.«.»b:80", "empty part", ""},
	{"host-hyphen", "tcp://«-a».b:80", "hyphen", ""},
	{"host-long-part", "tcp://«" + strings.Repeat("a", 64) + "».b:80", "at most 63 bytes", ""},
	{"host-long", "tcp://«" + strings.Repeat("a.", 127) + "b»:80", "at most 253 bytes, and this one has 255", ""},
	{"host-user", "tcp://«me@»a:80", "no user", ""},
	{"host-abstract", "tcp://«@a»", "abstract name", ""},
	{"ipv4-out-of-range", "«256.1.1.1»:80", `"256.1.1.1" is not an IPv4 address`, ""},
	{"ipv4-short", "tcp://«127.1»:80", "not an IPv4 address", ""},
	{"ipv4-in-brackets", "tcp://«[127.0.0.1]»:80", "only an IPv6 address", "127.0.0.1"},
	{"ipv4-for-tcp6", "tcp6://«127.0.0.1»:80", "IPv4 address, for which the scheme is tcp4", ""},
	{"ipv6-for-udp4", "udp4://«[::1]»:80", "IPv6 address, for which the scheme is udp6", ""},
	{"ipv4-mapped-for-tcp6", "tcp6://«[::ffff:127.0.0.1]»:80", "IPv4 address", ""},
	{"ipv6-without-brackets", "tcp://«::1:80»", "in brackets", "[::1]:80"},
	{"ipv6-without-brackets-and-port", "«fe80::1%eth0»", "in brackets", "[fe80::1%eth0]"},
	{"ipv6-bad", "[«::12345»]:80", "not an IPv6 address", ""},
	{"ipv6-empty", "tcp://«[]»:80", "no address between", ""},
	{"ipv6-open", "tcp://«[»::1:80", "not closed", ""},
	{"ipv6-then-junk", "[::1]«x:80»", "may follow the bracket", ""},
	{"too-many-colons", "a:b«:c»", "too many colons", ""},
	{"zone-empty", "[fe80::1%«»]:80", "missing zone", ""},
	{"zone-slash", "tcp://[fe80::1%eth0«/»1]:80", "cannot hold", ""},
	{"ipv6-prefix", "tcp://[«fe80::/64»]:80", "not an IPv6 address", ""},
	{"zone-character", "[fe80::1%e«%»0]:80", "cannot hold", ""},
	{"zone-long", "[fe80::1%«abcdefghijklmnop»]:80", "at most 15 bytes", ""},
	{"zone-of-ipv4", "[::ffff:192.0.2.1«%eth0»]:80", "only an IPv6 address has a zone", ""},
	{"port-missing", "localhost«»", "missing port", ""},
	{"port-missing-after-colon", "tcp://localhost:«»", "missing port", ""},
	{"port-missing-after-bracket", "tcp://[::1]«»", "missing port", ""},
	{"port-missing-altogether", ":«»", "missing port", ""},
	{"port-without-host", "«ssh»", "missing host", "localhost:ssh"},
	{"port-out-of-range", "tcp://a:«65536»", `port "65536" is out of range; ports are 0 to 65535`, ""},
	{"port-bare-out-of-range", "«70000»", "out of range", ""},
	{"port-negative", "a:«-1»", "neither a port number nor", ""},
	{"port-signed", "a:«+80»", "neither a port number nor", ""},
	{"port-misspelt", "a:«htttp»", "neither a port number nor", "http"},
	{"path-after-port", "tcp://a:80«/x»", "cannot follow a tcp address", ""},
	{"path-relative", "«run/x.sock»", "begins with /, ./ or ../", "./run/x.sock"},
	{"path-fragment", "http://a/x«#y»", "fragment", ""},
	{"path-bad-escape", "http://a/x«%»zz", "two hexadecimal digits", "%25"},
	{"unix-relative", "unix://«x.sock»", "begins with /, ./ or ../", "./x.sock"},
	{"unix-missing", "unix://«»", "missing path", ""},
	{"unix-directory", "«/run/»", "names a directory", ""},
	{"unix-long", "«/" + strings.Repeat("x", 107) + "»", "at most 107 bytes, and this one has 108", ""},
	{"unix-nul", "«/run/%00»", "NUL", ""},
	{"unix-bad-escape", "/run/«%»2", "two hexadecimal digits", "%25"},
	{"unix-bad-escape-at-end", "/run/100«%»", "percent sign itself is %25", "%25"},
	{"abstract-empty", "«@»", "needs a name", ""},
	{"abstract-long", "unix://«@" + strings.Repeat("x", 108) + "»", "at most 107 bytes, and this one has 108", ""},
	{"fd-missing", "fd://«»", "missing descriptor", ""},
	{"fd-long", "fd://«" + strings.Repeat("x", 256) + "»", "at most 255 bytes", ""},
	{"fd-bad-escape", "fd://a«%»", "two hexadecimal digits", "%25"},
	{"fd-out-of-range", "fd://«2147483648»", "out of range", ""},
	{"fd-name", "fd://a«:»b", "without spaces and colons", ""},
	{"control-character", "tcp://a«\x1b»[31m:80", "control character U+001B", ""},
	{"control-newline", "a:80«\n»", "control character U+000A", ""},
	{"control-c1", "a«\u0085»:80", "control character U+0085", ""},
	{"invalid-utf8", "/run/«\xff»", "percent-encode the byte as %FF", ""},
	{"too-long", strings.Repeat("/", MaxLength) + "«/»", "at most 4096 bytes", ""},
	{"too-long-canonical", "«tls://a:1?cert=" + strings.Repeat(" ", 4000) + "»", "in its canonical form", ""},
	{"option-misspelt", "tcp://127.0.0.1:65432?«nodlay»", `unknown option "nodlay"`, "nodelay"},
	{"option-misspelt-own", "a:1?«max-cons»=1", "unknown option", "max-conns"},
	{"option-misspelt-symbol", "a:1?«TCP_NODLAY»", "unknown option", "TCP_NODELAY"},
	{"option-unknown", "a:1?«zebra»", "unknown option", ""},
	{"option-empty", "a:1?«»", "missing option", ""},
	{"option-empty-name", "a:1?«»=5", "missing option", ""},
	{"option-empty-between", "a:1?nodelay&«»&ttl=1", "missing option", ""},
	{"option-empty-value", "a:1?«timeout=»", "missing value", ""},
	{"option-without-value", "a:1?«timeout»", "needs a value: a duration", "timeout=5s"},
	{"option-twice", "a:1?nodelay&«TCP_NODELAY=1»", "nodelay is given twice", ""},
	{"option-bad-escape", "/x?from=/y«%»", "two hexadecimal digits", "%25"},
	{"option-read-only", "a:1?«info»", "only be read", ""},
	{"option-for-another-scheme", "unix:///x?«nodelay»", "nodelay is for tcp", ""},
	{"option-for-another-family", "127.0.0.1:1?«v6only»", "sockets, not tcp over IPv4", ""},
	{"option-tls-on-udp", "udp://a:1?«cert»=x", "option cert needs tls or https, not udp", ""},
	{"option-mode-on-tcp", "a:1?«mode»=0600", "needs unix, unixgram or unixpacket", ""},
	{"option-allow-on-unix", "/x?«allow»=::1", "needs a scheme with IP addresses", ""},
	{"option-backlog-on-udp", "udp://:1?«backlog»=5", "listening socket", ""},
	{"option-from-on-fd", "fd://3?«from»=:1", "opened here", ""},
	{"value-duration-unit", "a:1?timeout=«5»", "needs a unit", "5s"},
	{"value-duration-bad", "a:1?timeout=«soon»", "not a duration", ""},
	{"value-duration-negative", "a:1?idle=«-5s»", "cannot be negative", "5s"},
	{"value-count-bad", ":1?max-conns=«many»", "not a number", ""},
	{"value-count-zero", ":1?max-conns=«0»", "out of range; it is 1 to", ""},
	{"value-count-huge", ":1?backlog=«99999999999999999999»", "out of range", ""},
	{"value-prefix-second", ":1?allow=10.0.0.0/8,«10.0.0.0/33»", "not a CIDR prefix", ""},
	{"value-prefix-mapped", ":1?deny=«::ffff:10.0.0.0/104»", "IPv4 prefix itself", ""},
	{"value-prefix-zone", ":1?deny=«fe80::1%25eth0»", "not an IP address", ""},
	{"value-prefix-bits", ":1?deny=«10.0.0.1/8»", "10.0.0.0/8 is the prefix", ""},
	{"value-prefix-empty", ":1?deny=10.0.0.0/8,«»", "no address and no prefix", ""},
	{"value-model-misspelt", ":1?model=«gorutine»", `unknown model "gorutine"; models are serial, process, goroutine, event`, "goroutine"},
	{"value-model-later", ":1?model=«prefork»", "models are serial, process, goroutine, event", ""},
	{"value-backend-misspelt", ":1?backend=«urnig»", "unknown backend \"urnig\"; backends are auto, uring, epoll", "uring"},
	{"value-loops-none", ":1?loops=«0»", "out of range; it is 1 to", ""},
	{"value-netns", "a:1?netns=«a/b»", "absolute path", ""},
	{"value-netns-dot", "a:1?netns=«..»", "absolute path", ""},
	{"value-netns-nul", "a:1?netns=«/a%00»", "NUL", ""},
	{"value-file-nul", "tls://a:1?ca=«a%00»", "NUL", ""},
	{"value-file-directory", "tls://a:1?ca=«/etc/»", "directory", ""},
	{"value-sni", "tls://a:1?sni=a«/»b", `cannot hold "/"`, ""},
	{"value-alpn", "tls://a:1?alpn=h2,«»", "RFC 7301", ""},
	{"value-flag", "tls://a:1?insecure=«yea»", "neither on nor off", "yes"},
	{"value-mode-digits", "/x?mode=«0689»", "not an octal mode", ""},
	{"value-mode-bits", "/x?mode=«1777»", "permission bits", ""},
	{"value-from-name", "a:1?from=«localhost:1»", "not an address to bind", ""},
	{"value-from-port", "a:1?from=«5000»", "with its colon", ":5000"},
	{"value-from-brackets", "a:1?from=«::1»", "brackets", "[::1]"},
	{"value-from-zone", "a:1?from=«[fe80::1%25a%2fb]:1»", "cannot hold", ""},
	{"value-from-range", "a:1?from=«:65536»", "not an address to bind", ""},
	{"value-from-family", "127.0.0.1:1?from=«[::1]:0»", "not of the family", ""},
	{"value-from-unix", "unixgram:///x?from=«y»", "begins with /", "./y"},
	{"value-socket-flag", "a:1?nodelay=«yed»", "option nodelay is a flag", "yes"},
	{"value-socket-duration", "a:1?user-timeout=«5»", "option user-timeout", "5s"},
	{"value-socket-number", "a:1?ttl=«many»", "option ttl", ""},
	{"value-socket-range", "a:1?ttl=«256»", "255", ""},
	{"value-socket-none", "a:1?«rcvbuf»", "option rcvbuf needs a value", ""},
	{"together-key", "tls://a:1?«key=k»", "needs cert", ""},
	{"together-backend", ":1?model=serial&«backend=epoll»", "needs model=event", ""},
	{"together-loops", ":1?«loops=2»&model=goroutine", "needs model=event", ""},
	{"together-insecure", "tls://a:1?ca=x&«insecure»", "leave one out", ""},
	{"together-mode", "@x?«mode=0600»", "no file", ""},
}

func TestParseErrors(t *testing.T) {
	for _, tt := range parseErrors {
		t.Run(tt.name, func(t *testing.T) {
			before, rest, _ := strings.Cut(tt.text, "«")
			part, after, found := strings.Cut(rest, "»")
			text := before + part + after
			_, err := Parse(text)
			var e *SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("Parse(%q): got %v, want a *SyntaxError", text, err)
			}
			checkError(t, text, err)
			if !found {
				t.Fatal("the case marks no part")
			}
			if e.Offset != len(before) || e.Length != len(part) {
				t.Errorf("points at\n%s\nwant bytes %d to %d", e.Underline(), len(before), len(before)+len(part))
			}
			if !strings.Contains(e.Message, tt.message) || strings.HasSuffix(e.Message, ".") {
				t.Errorf("message: got %q, want it to hold %q, and no final stop", e.Message, tt.message)
			}
			if e.Suggestion != tt.suggestion {
				t.Errorf("suggestion: got %q, want %q", e.Suggestion, tt.suggestion)
			}
			checkSuggestion(t, e)
		})
	}
}

// checkError holds what is true of every error of Parse.
func checkError(t *testing.T, text string, err error) {
	t.Helper()
	e, ok := err.(*SyntaxError)
	switch {
	case !ok:
		t.Fatalf("Parse(%q): got %T, want *SyntaxError", text, err)
	case e.Text != text:
		t.Errorf("error's text: got %q, want %q", e.Text, text)
	case e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > len(text):
		t.Errorf("error's place: got %d+%d in %d bytes", e.Offset, e.Length, len(text))
	case e.Message == "":
		t.Error("error has no message")
	case len(e.Message) > 512:
		t.Errorf("message: %d bytes", len(e.Message))
	case strings.ContainsFunc(e.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }):
		t.Errorf("error holds a control character: %q", e.Error())
	}
}

// checkSuggestion holds that a suggestion, put in place of what is wrong, cures it.
func checkSuggestion(t *testing.T, e *SyntaxError) {
	t.Helper()
	if e.Suggestion == "" {
		return
	}
	cured := e.Text[:e.Offset] + e.Suggestion + e.Text[e.Offset+e.Length:]
	_, err := Parse(cured)
	again, ok := err.(*SyntaxError)
	if ok && again.Message == e.Message && len(cured)-again.Offset-again.Length == len(e.Text)-e.Offset-e.Length {
		t.Errorf("the suggestion gives %q, which has the same error: %v", cured, err)
	}
}

// TestParseTime holds that no input of the greatest length takes long: the
// shapes are those in which a search within a search would show.
func TestParseTime(t *testing.T) {
	fill := func(prefix, unit string) string {
		return prefix + strings.Repeat(unit, (MaxLength-len(prefix))/len(unit))
	}
	for _, tt := range []struct{ name, text string }{
		{"colons", fill("tcp://", ":")},
		{"labels", fill("tcp://", "a.")},
		{"ipv6", fill("tcp://[", "::")},
		{"digits", fill("", "9")},
		{"zeros", fill("", "0")},
		{"escapes", fill("/", "%41")},
		{"slashes", fill("http://a/", "/")},
		{"prefixes", fill(":1?allow=", "::,") + "::"},
		{"repeats", fill(":1?allow=::", "&allow=::")},
		{"unknown-long", fill("a:1?", "z")},
		{"options", fill("a:1?", "nodelay&")},
		{"service", fill("a:", "h")},
		{"quotes", fill("tls://a:1?cert=", "'")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if took := parseTime(tt.text); took > 20*time.Millisecond {
				t.Errorf("Parse of %d bytes took %v, want under 20ms", len(tt.text), took)
			}
		})
	}
}

// parseTime is the shortest of a few runs, so that a busy machine does not count.
func parseTime(text string) time.Duration {
	shortest := time.Hour
	for range 5 {
		start := time.Now()
		_, _ = Parse(text)
		shortest = min(shortest, time.Since(start))
	}
	return shortest
}
