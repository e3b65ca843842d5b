package endpoint

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzParse holds, for any text: Parse neither panics nor takes long; an error
// points into the text; what it accepts prints in a form that parses to the
// same; and of a plain host and port package net says the same.
func FuzzParse(f *testing.F) {
	for _, tt := range parseErrors {
		f.Add(strings.NewReplacer("«", "", "»", "").Replace(tt.text))
	}
	for _, text := range fuzzSeeds {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		e, err := Parse(text)
		if time.Since(start) > time.Second && parseTime(text) > 100*time.Millisecond {
			t.Errorf("Parse took %v for %d bytes, want under 100ms", parseTime(text), len(text))
		}
		if err != nil {
			checkError(t, text, err)
			checkSuggestion(t, err.(*SyntaxError))
			if e.Scheme != "" || e.Options != nil {
				t.Errorf("Parse(%q): got %#v beside an error", text, e)
			}
			return
		}
		checkRoundTrip(t, e)
		checkFields(t, text, e)
		checkAgainstNet(t, text, e)
	})
}

var fuzzSeeds = []string{
	"8080", ":8080", "0", "localhost:80", "tcp://127.0.0.1:65432", "TCP6://[::1]:80", "[fe80::1%eth0]:80", "udp://:domain",
	"[::ffff:192.0.2.1]:1", "unix:///run/x.sock", "./x", "../x?mode=0660", "@name", "unixgram://@a%00b?from=/tmp/y", "unixpacket:///%25?rcvbuf=4k",
	"tls://example.com:443?sni=a&alpn=h2,http/1.1&insecure", "tls://:1?cert=a%20b&key=k&ca=c", "http://h/a%2F?nodelay", "https://[::1]/?idle=1h",
	"fd://3", "fd://web?max-conns=5", "a:1?from=[fe80::1%25eth0]:5&timeout=1.5s", ":1?allow=10.0.0.0/8,::1&deny=::/0&allow=1.1.1.1&model=serial",
	"a:1?TCP_NODELAY&SO_RCVBUF=0x1000&keepalive=30s&linger=0&ttl=1&tos=0x10&congestion=reno&user-timeout=5s&device=lo", "127.0.0.1:1?from=:5000",
	"tcp:/a:1", "unix:/x", "http:80", "::1:80", "1:2:3:4:5:6:7:8", "a:b:c", "/a?from=/%c3%a9", "/é/\u202e/\ufffd",
}

// checkFields holds what doc comments promise of a parsed Endpoint.
func checkFields(t *testing.T, text string, e Endpoint) {
	t.Helper()
	row := schemeOf(e.Scheme)
	if n, err := strconv.ParseUint(e.Port, 10, 16); row.inet && (err != nil || strconv.FormatUint(n, 10) != e.Port) || !row.inet && e.Port != "" {
		t.Errorf("Parse(%q): port %q", text, e.Port)
	}
	if row.unix != (e.Path != "" && !row.urlPath) || e.IsFD() && e.Host == "" || len(e.String()) > MaxLength {
		t.Errorf("Parse(%q): got %#v", text, e)
	}
	for _, c := range []byte(e.String()) {
		if c <= ' ' || c == 0x7f || strings.IndexByte("\"'`\\#", c) >= 0 {
			t.Errorf("Parse(%q).String: got %q, which holds %q", text, e, c)
		}
	}
	if err := e.Check(0); err != nil {
		t.Errorf("Parse(%q).Check: %v", text, err)
	}
	for _, o := range e.Options {
		if r, ok := lookupRule(o.Name); !ok || r.name() != o.Name {
			t.Errorf("Parse(%q): option %q is not in its canonical spelling", text, o.Name)
		}
	}
}

// checkAgainstNet is the differential oracle: net.SplitHostPort and
// netip.ParseAddrPort read the same host and port from a plain address.
func checkAgainstNet(t *testing.T, text string, e Endpoint) {
	t.Helper()
	address, _, _ := strings.Cut(text, "?")
	if _, after, found := strings.Cut(address, "://"); found {
		address = after
	}
	if e.Network() != "tcp" && e.Network() != "udp" || schemeOf(e.Scheme).urlPath || isDigits(address) {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Errorf("net.SplitHostPort(%q): %v, and Parse accepts it as %s", address, err, e)
		return
	}
	if n, err := strconv.Atoi(port); err == nil && strconv.Itoa(n) != e.Port {
		t.Errorf("Parse(%q): got port %s, net.SplitHostPort %s", text, e.Port, port)
	}
	ap, err := netip.ParseAddrPort(address)
	switch {
	case err == nil && (ap.Addr().Unmap().String() != e.Host || strconv.Itoa(int(ap.Port())) != e.Port):
		t.Errorf("Parse(%q): got %s and %s, netip.ParseAddrPort %s", text, e.Host, e.Port, ap)
	case err != nil && strings.ToLower(host) != e.Host && !strings.Contains(host, ":"):
		t.Errorf("Parse(%q): got host %q, net.SplitHostPort %q", text, e.Host, host)
	}
}
