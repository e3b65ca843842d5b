package endpoint

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	_ flag.Value = (*Endpoint)(nil)
	_ net.Addr   = Endpoint{}
)

func mustParse(t testing.TB, text string) Endpoint {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return e
}

func TestEndpointKinds(t *testing.T) {
	for _, tt := range []struct{ text, network, is string }{
		{"tcp://a:1", "tcp", "stream"},
		{"tcp4://a:1", "tcp4", "stream"},
		{"tcp6://a:1", "tcp6", "stream"},
		{"udp://a:1", "udp", "datagram"},
		{"udp4://a:1", "udp4", "datagram"},
		{"udp6://a:1", "udp6", "datagram"},
		{"unix:///x", "unix", "stream unix"},
		{"unixgram:///x", "unixgram", "datagram unix"},
		{"unixpacket:///x", "unixpacket", "stream unix"},
		{"tls://a:1", "tcp", "stream tls"},
		{"http://a", "tcp", "stream"},
		{"https://a", "tcp", "stream tls"},
		{"fd://3", "", "fd"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			e := mustParse(t, tt.text)
			if e.Network() != tt.network {
				t.Errorf("Network: got %q, want %q", e.Network(), tt.network)
			}
			var is []string
			for _, k := range []struct {
				name string
				is   bool
			}{{"stream", e.IsStream()}, {"datagram", e.IsDatagram()}, {"tls", e.IsTLS()}, {"unix", e.IsUnix()}, {"fd", e.IsFD()}} {
				if k.is {
					is = append(is, k.name)
				}
			}
			if got := strings.Join(is, " "); got != tt.is {
				t.Errorf("is: got %q, want %q", got, tt.is)
			}
		})
	}
}

func TestEndpointIsWildcard(t *testing.T) {
	for text, want := range map[string]bool{
		":80": true, "0.0.0.0:80": true, "[::]:80": true, "80": false, "localhost:80": false,
		"127.0.0.1:80": false, "/x": false, "fd://3": false, "http://:80/": true,
	} {
		if got := mustParse(t, text).IsWildcard(); got != want {
			t.Errorf("Parse(%q).IsWildcard: got %v, want %v", text, got, want)
		}
	}
}

func TestEndpointWithPort(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"tcp://127.0.0.1:0?nodelay", "tcp://127.0.0.1:40123?nodelay"},
		{"0", "tcp://localhost:40123"},
		{"[fe80::1%eth0]:80", "tcp://[fe80::1%eth0]:40123"},
		{"http://a/x", "http://a:40123/x"},
		{"/x", "unix:///x"},
		{"fd://3", "fd://3"},
	} {
		before := mustParse(t, tt.text)
		got := before.WithPort(40123)
		if got.String() != tt.want {
			t.Errorf("WithPort of %s: got %s, want %s", tt.text, got, tt.want)
		}
		if again := mustParse(t, tt.text); !again.Equal(before) {
			t.Errorf("WithPort changed its receiver: got %s, want %s", before, again)
		}
		checkRoundTrip(t, got)
	}
}

func TestEndpointEqual(t *testing.T) {
	a := mustParse(t, "a:1?nodelay&ttl=3")
	for text, want := range map[string]bool{
		"tcp://A:01?nodelay&ttl=3": true,
		"a:1?ttl=3&nodelay":        false,
		"a:1?nodelay=1&ttl=3":      false,
		"a:2?nodelay&ttl=3":        false,
		"tcp4://a:1?nodelay&ttl=3": false,
		"a:1":                      false,
	} {
		if got := a.Equal(mustParse(t, text)); got != want {
			t.Errorf("%s Equal %s: got %v, want %v", a, text, got, want)
		}
	}
	if !(Endpoint{}).IsZero() || a.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestEndpointText(t *testing.T) {
	type config struct{ Listen, Other Endpoint }
	in := config{Listen: mustParse(t, "8080?nodelay")}
	data, err := json.Marshal(in)
	if want := `{"Listen":"tcp://localhost:8080?nodelay","Other":""}`; err != nil || string(data) != want {
		t.Fatalf("Marshal: got %s, %v, want %s", data, err, want)
	}
	var out config
	if err := json.Unmarshal(data, &out); err != nil || !out.Listen.Equal(in.Listen) || !out.Other.IsZero() {
		t.Errorf("Unmarshal: got %v, %v, want %v", out, err, in)
	}
	if err := json.Unmarshal([]byte(`{"Listen":"tpc://a:1"}`), &out); err == nil {
		t.Error("Unmarshal of a misspelt scheme: got no error")
	}
}

func TestEndpointFlag(t *testing.T) {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	e := mustParse(t, "1")
	flags.Var(&e, "listen", "an `endpoint`")
	if err := flags.Parse([]string{"-listen", "tpc://a:1"}); err == nil || e.String() != "tcp://localhost:1" {
		t.Errorf("a wrong flag: got %s, %v, want the default and an error", e, err)
	}
	if e.Type() != "endpoint" {
		t.Errorf("Type: got %s, want endpoint", e.Type())
	}
	if err := flags.Parse([]string{"-listen", ":8080"}); err != nil || e.String() != "tcp://:8080" {
		t.Errorf("a flag: got %s, %v, want tcp://:8080", e, err)
	}
}

func TestEndpointOptions(t *testing.T) {
	e := mustParse(t, "tls://a:1?from=:5&timeout=1m30s&idle=5s&cert=c.pem&sni=b&insecure&alpn=h2,http/1.1&netns=blue&nodelay&rcvbuf=64k")
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"timeout", e.Timeout(), 90 * time.Second},
		{"idle", e.Idle(), 5 * time.Second},
		{"cert", e.Cert(), "c.pem"},
		{"key", e.Key(), "c.pem"},
		{"ca", e.CA(), ""},
		{"sni", e.SNI(), "b"},
		{"insecure", e.Insecure(), true},
		{"alpn", e.ALPN(), []string{"h2", "http/1.1"}},
		{"netns", e.NetNS(), "blue"},
		{"model", e.Model(), ""},
		{"backend", e.Backend(), ""},
		{"loops", e.Loops(), 0},
		{"max-conns", e.MaxConns(), 0},
	} {
		if fmt.Sprint(tt.got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	var names []string
	for _, o := range e.SocketOptions() {
		names = append(names, o.Name+"="+o.Text)
	}
	if want := []string{"nodelay=", "rcvbuf=64k"}; !slices.Equal(names, want) {
		t.Errorf("SocketOptions: got %v, want %v", names, want)
	}
}

func TestEndpointLoops(t *testing.T) {
	e := mustParse(t, ":1?model=event&backend=epoll&loops=3")
	if e.Model() != "event" || e.Backend() != "epoll" || e.Loops() != 3 {
		t.Errorf("got %s, %s, %d, want event, epoll, 3", e.Model(), e.Backend(), e.Loops())
	}
	for _, text := range []string{":1?loops=1", ":1?backend=auto"} {
		if got := mustParse(t, text).Model(); got != "event" {
			t.Errorf("model of %s: got %q, want event", text, got)
		}
	}
}

func TestEndpointListenOptions(t *testing.T) {
	e := mustParse(t, ":1?max-conns=50&backlog=128&model=process&allow=10.0.0.0/8,::1&allow=192.0.2.7&deny=::ffff:10.1.1.1")
	if e.MaxConns() != 50 || e.Backlog() != 128 || e.Model() != "process" {
		t.Errorf("got %d, %d, %s, want 50, 128, process", e.MaxConns(), e.Backlog(), e.Model())
	}
	prefix := netip.MustParsePrefix
	if want := []netip.Prefix{prefix("10.0.0.0/8"), prefix("::1/128"), prefix("192.0.2.7/32")}; !slices.Equal(e.Allow(), want) {
		t.Errorf("Allow: got %v, want %v", e.Allow(), want)
	}
	if want := []netip.Prefix{prefix("10.1.1.1/32")}; !slices.Equal(e.Deny(), want) {
		t.Errorf("Deny: got %v, want %v", e.Deny(), want)
	}
	if mode, ok := mustParse(t, "/x?mode=0660").Mode(); mode != fs.FileMode(0o660) || !ok {
		t.Errorf("Mode: got %v, %v, want 0660", mode, ok)
	}
	if _, ok := e.Mode(); ok {
		t.Error("Mode is given where it is not")
	}
	if e := mustParse(t, "tls://:1?cert=c&key=k"); e.Key() != "k" || e.ALPN() != nil {
		t.Errorf("Key and ALPN: got %s, %q, want k and none", e.Key(), e.ALPN())
	}
	if mustParse(t, "tls://a:1?insecure=off").Insecure() {
		t.Error("Insecure: got true for insecure=off")
	}
}

func TestEndpointCheck(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		side       Where
		want       string // in the message; empty: no error
	}{
		{"dial", "a:1?timeout=5s&from=:1&nodelay", ForDial, ""},
		{"listen", ":1?max-conns=5&backlog=9&nodelay", ForListen, ""},
		{"dial-with-listen-option", "a:1?nodelay&max-conns=5", ForDial, "max-conns is for listening only"},
		{"listen-with-dial-option", ":1?timeout=5s", ForListen, "timeout is for connecting only"},
		{"neither-side", ":1?timeout=5s&max-conns=5", 0, ""},
		{"both-sides", ":1?idle=5s", ForBoth, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := mustParse(t, tt.text).Check(tt.side)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	for _, e := range []Endpoint{{}, {Scheme: "tcp"}, {Scheme: "tcp", Host: "A", Port: "1"}, want("tcp", "a", "1", "", Option{Name: "zebra"})} {
		if err := e.Check(0); err == nil {
			t.Errorf("Check of %#v, made by hand: got no error", e)
		}
	}
}

func TestEndpointWith(t *testing.T) {
	for _, tt := range []struct{ text, name, value, want string }{
		{"a:1", "timeout", "5s", "tcp://a:1?timeout=5s"},
		{"a:1?timeout=1s&nodelay", "timeout", "5s", "tcp://a:1?timeout=5s&nodelay"},
		{"a:1?nodelay=0", "TCP_NODELAY", "", "tcp://a:1?nodelay"},
		{":1?allow=::1&ttl=3&allow=::2", "allow", "::3", "tcp://:1?allow=::3&ttl=3"},
		{"/x", "from", "/a?b", "unix:///x?from=/a%3Fb"},
		{"a:1", "zebra", "5s", ""},
		{"a:1", "timeout", "5", ""},
		{"udp://a:1", "cert", "x", ""},
	} {
		t.Run(tt.text+" "+tt.name, func(t *testing.T) {
			before := mustParse(t, tt.text)
			got, err := before.With(tt.name, tt.value)
			if (err != nil) != (tt.want == "") || got.String() != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
			if again := mustParse(t, tt.text); !again.Equal(before) {
				t.Errorf("With changed its receiver: got %s, want %s", before, again)
			}
		})
	}
	if got := mustParse(t, ":1?allow=::1&ttl=3&allow=::2").Without("allow").String(); got != "tcp://:1?ttl=3" {
		t.Errorf("Without: got %s, want tcp://:1?ttl=3", got)
	}
}

// drawEndpoint draws an endpoint as Parse would make it.
func drawEndpoint(t *rapid.T) Endpoint {
	e := Endpoint{Scheme: rapid.SampledFrom(schemeNames()).Draw(t, "scheme")}
	row := schemeOf(e.Scheme)
	switch {
	case row.unix:
		prefix := rapid.SampledFrom([]string{"/", "./", "../", "@"}).Draw(t, "prefix")
		e.Path = prefix + rapid.StringMatching(`[^/\x00]{1,20}`).Draw(t, "path")
	case row.inet:
		e.Host = drawHost(t, row)
		e.Port = fmt.Sprint(rapid.IntRange(0, 65535).Draw(t, "port"))
	default:
		e.Host = rapid.OneOf(rapid.StringMatching(`0|[1-9][0-9]{0,8}`), rapid.StringMatching(`[a-z][!-9;-~]{0,20}`)).Draw(t, "fd")
	}
	if row.urlPath {
		e.Path = rapid.StringMatching(`(/([a-z.~@:!$&()*+,;=-]|%[0-9A-Fa-f]{2}){0,10}){0,3}`).Draw(t, "url")
	}
	for _, o := range ownOptions {
		if o.reach.covers(row) && rapid.Bool().Draw(t, o.Name) {
			drawOption(t, &e, o)
		}
	}
	return e
}

// drawOption gives e the option, unless it would contradict what e has.
func drawOption(t *rapid.T, e *Endpoint, o ownOption) {
	value := o.Example
	if o.Kind == KindFile {
		value = rapid.StringMatching(`[^/\x00]{1,30}`).Draw(t, "file")
	}
	switch {
	case o.check(e, value) != nil:
	case o.Name == "key" && e.Cert() == "", o.Name == "insecure" && e.CA() != "":
	case (o.Name == "backend" || o.Name == "loops") && e.Model() != "" && e.Model() != "event":
	case o.Name == "mode" && strings.HasPrefix(e.Path, "@"):
	default:
		e.Options = append(e.Options, Option{o.Name, value, true})
	}
}

func drawHost(t *rapid.T, row scheme) string {
	hosts := []*rapid.Generator[string]{
		rapid.Just(""),
		rapid.StringMatching(`([a-z0-9_][a-z0-9_-]{0,10}[a-z0-9]\.){0,3}[a-z]{1,10}\.?`),
	}
	bytes := rapid.SliceOfN(rapid.Byte(), 16, 16)
	if row.has4() {
		hosts = append(hosts, rapid.Map(bytes, func(b []byte) string { return netip.AddrFrom4([4]byte(b[:4])).String() }))
	}
	if row.has6() {
		ip6 := func(b []byte) string { b[0] |= 1; return netip.AddrFrom16([16]byte(b)).String() }
		hosts = append(hosts, rapid.Map(bytes, ip6))
		hosts = append(hosts, rapid.Map(bytes, func(b []byte) string { return ip6(b) + "%eth0" }))
	}
	return rapid.OneOf(hosts...).Draw(t, "host")
}

func TestEndpointRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEndpoint(t)
		parsed, err := Parse(e.String())
		if err != nil {
			t.Fatalf("Parse(%q): %v", e, err)
		}
		if !parsed.Equal(e) {
			t.Fatalf("Parse(%q): got %#v, want %#v", e, parsed, e)
		}
	})
}

func TestEscapeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := string(rapid.SliceOf(rapid.Byte()).Draw(t, "raw"))
		text := escape(raw)
		if strings.ContainsAny(text, "?&# \"'`\\\x00\n") {
			t.Fatalf("escape(%q): got %q, which holds what it must not", raw, text)
		}
		if back, err := unescape(spanOf(text)); err != nil || back != raw {
			t.Fatalf("unescape(%q): got %q, %v, want %q", text, back, err, raw)
		}
	})
}
