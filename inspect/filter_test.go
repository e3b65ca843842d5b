package inspect

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"sock/internal/syntax"
	"sock/socket"
)

func TestParseFilterPrints(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"  ", ""},
		{"tcp", "tcp"},
		{"tcp listen", "tcp and listen"},
		{"tcp udp listen", "(tcp or udp) and listen"},
		{"tcp and udp", "tcp and udp"},
		{"tcp listen established", "tcp and (listen or established)"},
		{"LISTENING", "listen"},
		{"estab", "established"},
		{"fin_wait1", "fin-wait-1"},
		{":8080", "port=8080"},
		{"*:80", "port=80"},
		{"127.0.0.1:8080", "addr=127.0.0.1:8080"},
		{"[::1]:80", "addr=[::1]:80"},
		{"10.1.2.3/8", "addr in 10.0.0.0/8"},
		{"/run/x.sock", "path=/run/x.sock"},
		{"@x", "path=@x"},
		{"sport = :22", "sport=22"},
		{"dport >= 1024", "dport>=1024"},
		{"dst 10.0.0.0/8", ""},
		{"dst in 10.0.0.0/8", "peer in 10.0.0.0/8"},
		{"peer=::ffff:10.0.0.0/104", "peer in 10.0.0.0/8"},
		{"local=127.0.0.1", "local=127.0.0.1"},
		{"rtt>50ms", "rtt>50ms"},
		{"rtt > 0.05s", "rtt>50ms"},
		{"recvq>=64KiB", "recvq>=65536"},
		{"sendq>1.5k", "sendq>1536"},
		{"mark=0x10", "mark=16"},
		{"process~'", "process~\"'\""},
		{`process~"a b(c)"`, `process~"a b(c)"`},
		{"process=nginx and (tcp or udp) or not listen", "process=nginx and (tcp or udp) or not listen"},
		{"(tcp and (listen and :80))", "tcp and listen and port=80"},
		{"not not tcp", "not not tcp"},
		{"!tcp && !listen || udp", "not tcp and not listen or udp"},
		{"not (tcp or listen)", "not (tcp or listen)"},
		{"state!=listen", "state!=listen"},
		{"kind==tcp", "tcp"},
		{"user=0", "user=0"},
		{"path=@a and device!=lo", "path=@a and device!=lo"},
		{"connected", "connected"},
		{"ipv6 dgram", "ipv6 and dgram"},
	} {
		f, err := ParseFilter(tt.text)
		if tt.want == "" && strings.TrimSpace(tt.text) != "" {
			if err == nil {
				t.Errorf("ParseFilter(%q) = %v, want an error", tt.text, f)
			}
			continue
		}
		if err != nil || f.String() != tt.want {
			t.Errorf("ParseFilter(%q) = %v, %v; want %s", tt.text, f, err, tt.want)
		}
	}
}

func TestParseFilterPointsAt(t *testing.T) {
	for _, tt := range []struct{ text, at, message, suggestion string }{
		{"tcp lisen", "lisen", "not a word", "listen"},
		{"proces=nginx", "proces", "cannot ask for", "process"},
		{"rtt>50", "50", "not a duration", "50ms"},
		{"tcp 8080", "8080", "a number alone", ":8080"},
		{"state=lissten", "lissten", "is no state", "listen"},
		{"tcp and", "", "is missing", ""},
		{"(tcp or udp", "(", "not closed", ""},
		{"tcp)", ")", "no parenthesis", ""},
		{"port=99999999x", "99999999x", "neither a port", ""},
		{"process", "process", "needs a comparison", ""},
		{"process>5", ">", "cannot be compared", ""},
		{"pid~5", "~", "cannot be compared", ""},
		{"port in 5", "in", "cannot be compared", ""},
		{"process~[", "[", "regular expression", ""},
		{"peer=example", "example", "is not an address", ""},
		{"user=no-such-user-here", "no-such-user-here", "no user", ""},
		{`process="x`, `"x`, "does not end", ""},
		{"recvq>5XB", "5XB", "not a size", ""},
		{"rtt>", "", "is missing", ""},
		{"=5", "=", "should stand here", ""},
		{strings.Repeat("(", 200), "", "too deep", ""},
		{strings.Repeat("not ", 200) + "tcp", "", "too deep", ""},
	} {
		_, err := ParseFilter(tt.text)
		var wrong *syntax.Error
		if !errors.As(err, &wrong) {
			t.Errorf("ParseFilter(%q) = %v, want a *syntax.Error", tt.text, err)
			continue
		}
		at := wrong.Text[wrong.Offset : wrong.Offset+wrong.Length]
		if !strings.Contains(wrong.Message, tt.message) || wrong.Suggestion != tt.suggestion || tt.message != "too deep" && at != tt.at {
			t.Errorf("ParseFilter(%q) points at %q: %v; want %q: …%s…, suggestion %q", tt.text, at, err, tt.at, tt.message, tt.suggestion)
		}
	}
}

func parse(t testing.TB, text string) Filter {
	t.Helper()
	f, err := ParseFilter(text)
	if err != nil {
		t.Fatalf("ParseFilter(%q): %v", text, err)
	}
	return f
}

// sample is a socket that has everything.
func sample() *Socket {
	return &Socket{
		Kind: TCP, Type: socket.STREAM, Family: socket.INET, State: Established, Netns: &Namespace{Name: "blue"},
		Local: socket.AddrFrom(netip.MustParseAddrPort("10.0.0.1:8080")), Peer: socket.AddrFrom(netip.MustParseAddrPort("192.0.2.7:50000")),
		Receive: 100, Send: 70000, Drops: 3, UID: 33, Inode: 77, Cookie: 4711, Mark: 16, Congestion: "bbr", ULP: "tls",
		Timer: KeepaliveTimer, Cgroup: "/system.slice/nginx.service",
		Info:   &socket.TCPInfo{RTT: 60 * time.Millisecond, TotalRetrans: 2, SndCwnd: 10, BytesAcked: 1 << 20, LastDataSent: time.Minute, LastDataRecv: time.Hour},
		Owners: []Owner{{&Process{PID: 42, Name: "nginx", Command: []string{"nginx:", "worker"}}, []int{5}}, {&Process{PID: 43, Name: "nginx"}, []int{5}}},
		Known:  HasUID | HasQueues | HasMemory | HasMark,
	}
}

func TestFilterMatch(t *testing.T) {
	for text, want := range map[string]bool{
		"tcp":                    true,
		"udp":                    false,
		":8080":                  true,
		":50000":                 true,
		":80":                    false,
		"sport=8080 dport=50000": true,
		"port!=8080":             false,
		"port>60000":             false,
		"10.0.0.1":               true,
		"192.0.2.7:50000":        true,
		"192.0.2.7:8080":         false,
		"peer in 192.0.2.0/24":   true,
		"not peer in 10.0.0.0/8": true,
		"local in 192.0.2.0/24":  false,
		"peer~^192":              true,
		"process=nginx":          true,
		"process=ngin":           false,
		"process~ngin":           true,
		"process!~ngin":          false,
		"command~worker":         true,
		"pid=43":                 true,
		"pid!=43":                false,
		"pid>43":                 false,
		"user=33":                true,
		"uid!=0":                 true,
		"rtt>50ms":               true,
		"rtt<50ms":               false,
		"minrtt<1h":              false, // it was not measured
		"retrans>1":              true,
		"recvq=100":              true,
		"sendq>64KiB":            true,
		"drops>=3":               true,
		"backlog>0":              false, // no listener
		"not backlog>0":          true,
		"inode=77 cookie=4711":   true,
		"mark=0x10":              true,
		"congestion=bbr ulp=tls": true,
		"timer=keepalive":        true,
		"unit=nginx.service":     true,
		"container~.":            false,
		"netns=blue":             true,
		"idle>30s":               true,
		"idle>2m":                false,
		"sent>=1MiB":             true,
		"ipv4":                   true,
		"ipv6":                   false,
		"connected":              true,
		"stream":                 false, // a word for UNIX and vsock
		"path~.":                 false,
		"type!=dgram":            true,
	} {
		if got := parse(t, text).Match(sample()); got != want {
			t.Errorf("%q matches: %v, want %v", text, got, want)
		}
	}
}

// What a socket does not have is no value: nothing equals it, everything differs.
func TestFilterMatchAbsent(t *testing.T) {
	s := &Socket{Kind: TCP, State: TimeWait, Netns: &Namespace{}}
	for text, want := range map[string]bool{
		"user=0": false, "user!=0": true, "rtt<1h": false, "process=x": false, "process!=x": true, "mark=0": false, "recvq=0": false,
		"peer in 0.0.0.0/0": false, "drops=0": false,
	} {
		if got := parse(t, text).Match(s); got != want {
			t.Errorf("%q matches a bare socket: %v, want %v", text, got, want)
		}
	}
}

func TestFilterNeeds(t *testing.T) {
	for text, want := range map[string]With{
		"tcp :80":                0,
		"process=x":              WithOwners,
		"not (rtt>1ms or pid=5)": WithInfo | WithOwners,
		"drops>0 container=x":    WithMemory | WithCgroup,
		"/run/x":                 WithPeers,
	} {
		if got := parse(t, text).Needs(); got != want {
			t.Errorf("%q needs %b, want %b", text, got, want)
		}
	}
}

func TestFieldsAreWhole(t *testing.T) {
	for _, f := range fields {
		readers := 0
		for _, set := range []bool{f.numbers != nil, f.addrs != nil, f.member != nil, f.texts != nil && f.addrs == nil} {
			if set {
				readers++
			}
		}
		if readers != 1 || f.doc == "" || f.kinds == 0 {
			t.Errorf("field %s has %d readers, doc %q, kinds %b", f.name, readers, f.doc, f.kinds)
		}
		if f.sort == setSort && len(words[f.name]) == 0 {
			t.Errorf("field %s has no words", f.name)
		}
		if _, err := ParseFilter(f.example()); err != nil && f.sort != userSort {
			t.Errorf("%s, which an error suggests: %v", f.example(), err)
		}
	}
	for alias, name := range fieldAliases {
		if fieldsByName[name] == nil || fieldsByName[alias] != nil {
			t.Errorf("alias %s of %s", alias, name)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		"tcp listen", "not (:80 or process~\"a b\") and rtt>50ms", "peer in 10.0.0.0/8 or /run/x", "state!=listen recvq>1k", "@a b=c", "!!tcp udp||x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseFilter(text)
		if err != nil {
			var wrong *syntax.Error
			if !errors.As(err, &wrong) || wrong.Offset < 0 || wrong.Length < 0 || wrong.Offset+wrong.Length > len(text) {
				t.Errorf("ParseFilter(%q) = %#v, want a *syntax.Error within the text", text, err)
			}
			return
		}
		again, err := ParseFilter(first.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which is no filter: %v", text, first, err)
		}
		if !reflect.DeepEqual(first.root, again.root) {
			t.Errorf("%q prints as %q, which is another filter: %q", text, first, again)
		}
		first.Match(sample())
		plan(allKinds, first, func(string) (uint32, bool) { return 1, true })
	})
}
