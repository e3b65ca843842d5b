package socket

import (
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOptionTableIsWellFormed holds every row to the house rules: unique and
// plain names, a line of documentation, a source, a kind, order.
func TestOptionTableIsWellFormed(t *testing.T) {
	rows := Options()
	if len(rows) < 200 {
		t.Errorf("the table has %d rows, want at least 200", len(rows))
	}
	if !slices.IsSortedFunc(rows, compareOptions) {
		t.Errorf("Options() is not sorted by level and number")
	}
	plain := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	symbol := regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)+$`)
	names := make(map[string]bool)
	for _, o := range rows {
		if names[o.Name] {
			t.Errorf("two rows are named %s", o.Name)
		}
		names[o.Name] = true
		if !plain.MatchString(o.Name) || !symbol.MatchString(o.Symbol) {
			t.Errorf("row %q %q: not a plain name and a C symbol", o.Name, o.Symbol)
		}
		if levelNames[o.Level] == "" || o.Kind == 0 || o.When == 0 || o.Access == 0 || o.Source == "" || o.row == nil {
			t.Errorf("row %s lacks a level, kind, when, access, source or codec: %+v", o.Name, *o)
		}
		if o.Doc == "" || strings.HasSuffix(o.Doc, ".") || strings.ToLower(o.Doc[:1]) != o.Doc[:1] {
			t.Errorf("row %s: documentation %q is no verb phrase", o.Name, o.Doc)
		}
	}
}

func TestOptionTwinsFit(t *testing.T) {
	for _, o := range Options() {
		if o.Twin == "" {
			continue
		}
		twin, ok := Lookup(o.Twin)
		if !ok {
			t.Errorf("%s names a twin %s that is not there", o.Name, o.Twin)
			continue
		}
		if o.Level != levelIP || twin.Level != levelIPV6 || o.Kind != twin.Kind || o.Access != twin.Access {
			t.Errorf("%s (%s, %v, %v) and %s (%s, %v, %v) are no twins", o.Name, o.LevelName(), o.Kind, o.Access,
				twin.Name, twin.LevelName(), twin.Kind, twin.Access)
		}
	}
}

func TestLookup(t *testing.T) {
	for text, want := range map[string]string{
		"nodelay": "nodelay", "TCP_NODELAY": "nodelay", "tcp_nodelay": "nodelay", "Tcp_NoDelay": "nodelay",
		"MCAST_JOIN_GROUP": "mcast-join-group", "v6only": "v6only",
	} {
		if o, ok := Lookup(text); !ok || o.Name != want {
			t.Errorf("Lookup(%q) = %v, %v; want %s", text, o, ok, want)
		}
	}
	for _, text := range []string{"", "nodlay", "NODELAY", "tcp_nodlay", "_", "-"} {
		if o, ok := Lookup(text); ok {
			t.Errorf("Lookup(%q) = %s, want nothing", text, o.Name)
		}
	}
}

func TestOptionParse(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nodelay", "", ""},
		{"nodelay", "on", ""},
		{"nodelay", "OFF", ""},
		{"nodelay", "yes", ""},
		{"nodelay", "0", ""},
		{"nodelay", "2", "neither on nor off"},
		{"nodelay", "onn", "neither on nor off"},
		{"rcvbuf", "4096", ""},
		{"rcvbuf", "64k", ""},
		{"rcvbuf", "1MiB", ""},
		{"rcvbuf", "1MB", ""},
		{"rcvbuf", "0x1000", ""},
		{"rcvbuf", "", "needs a value"},
		{"rcvbuf", "-1", "negative"},
		{"rcvbuf", "2GiB", "above"},
		{"rcvbuf", "1MiX", "no unit"},
		{"rcvbuf", "99999999999999999999", "out of range"},
		{"rcvbuf", "9223372036854775807k", "out of range"},
		{"rcvbuf", "1.5k", "no unit"},
		{"rcvbuf", "k", "needs a number"},
		{"rcvbuf", "--1", "needs a number"},
		{"keepalive", "", ""},
		{"keepalive", "30s", ""},
		{"keepalive", "off", ""},
		{"keepalive", "0", ""},
		{"keepalive", "1", ""},
		{"keepalive", "30", "neither on nor off"},
		{"keepalive", "500ms", "whole number of seconds"},
		{"keepalive", "-5s", "out of range"},
		{"keepalive", "0s", "out of range"},
		{"keepalive", "24h", "out of range"},
		{"keepalive-idle", "30s", ""},
		{"keepalive-idle", "2h", ""},
		{"keepalive-idle", "30", "Write 30s or 30ms"},
		{"keepalive-idle", "", "such as 30s"},
		{"keepalive-idle", "soon", "needs a duration"},
		{"user-timeout", "5s", ""},
		{"user-timeout", "0", ""},
		{"user-timeout", "100µs", "whole number of milliseconds"},
		{"user-timeout", "-1s", "out of range"},
		{"user-timeout", "600h", "out of range"},
		{"user-timeout", "2000h", "out of range"},
		{"linger", "0", ""},
		{"linger", "off", ""},
		{"linger", "5s", ""},
		{"linger", "-5s", "negative"},
		{"linger", "", "needs a value"},
		{"rcvtimeo", "1us", ""},
		{"rcvtimeo", "1ns", "whole number of microseconds"},
		{"tos", "0x10", ""},
		{"tos", "lowdelay", ""},
		{"tos", "EF", ""},
		{"tos", "af41", ""},
		{"tos", "256", "above 255"},
		{"tos", "af44", "neither a number nor one of"},
		{"ttl", "1", ""},
		{"ttl", "256", "above 255"},
		{"ttl", "-2", "below -1"},
		{"mark", "0x1", ""},
		{"mark", "0xffffffff", ""},
		{"mark", "4294967296", "above"},
		{"mark", "-1", "negative"},
		{"device", "eth0", ""},
		{"device", "a-name-of-16-byte", "longer"},
		{"device", "eth 0", "not a name"},
		{"device", "", "needs a value"},
		{"congestion", "bbr", ""},
		{"fastopen", "", ""},
		{"fastopen", "on", ""},
		{"fastopen", "16", ""},
		{"fastopen", "many", "number"},
		{"max-pacing-rate", "unlimited", ""},
		{"max-pacing-rate", "18446744073709551615", ""},
		{"max-pacing-rate", "-5", "negative"},
		{"mtu-discover", "do", ""},
		{"mtu-discover", "2", ""},
		{"mtu-discover", "dunno", "one of dont, want"},
		{"timestamping", "rx-software|software", ""},
		{"timestamping", "rx-software|nonsense", "neither a number"},
		{"multicast-if", "eth0", ""},
		{"multicast-if", "2", ""},
		{"multicast-if", "192.0.2.1", ""},
		{"multicast-if", "::1", "IPv4"},
		{"unicast-if", "192.0.2.1", "not the address"},
		{"bind-ifindex", "far/away", "not the name"},
		{"multicast-join", "239.1.2.3", ""},
		{"multicast-join", "239.1.2.3%eth0", ""},
		{"multicast-join", "ff02::fb%2", ""},
		{"multicast-join", "192.0.2.1", "not a multicast"},
		{"multicast-join", "nobody", "not an address"},
		{"multicast-join", "239.1.2.3,192.0.2.1", "takes no source"},
		{"multicast-join-source", "232.1.2.3", "needs a source"},
		{"multicast-join-source", "232.1.2.3,::1", "two families"},
		{"v6-multicast-join", "239.1.2.3", "IPv6"},
		{"local-port-range", "40000-49999", ""},
		{"local-port-range", "2-1", "upside down"},
		{"local-port-range", "1-65536", "needs a range"},
		{"attach-filter", "0600000000000000", ""},
		{"attach-filter", "06", "8 bytes"},
		{"attach-filter", "none", ""},
		{"md5sig", "00", "takes 216 bytes"},
		{"ip-options", "xyz", "hexadecimal"},
		{"detach-filter", "", ""},
		{"detach-filter", "5", "no value"},
		{"info", "", "can only be read"},
		{"error", "0", "can only be read"},
	}
	for _, test := range tests {
		o, ok := Lookup(test.name)
		if !ok {
			t.Errorf("no option %s", test.name)
			continue
		}
		err := o.Parse(test.text)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s=%s: %v, want no error", test.name, test.text, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s=%s: error %v, want one with %q", test.name, test.text, err, test.want)
		case err != nil && !strings.Contains(err.Error(), test.name):
			t.Errorf("%s=%s: error %q does not name the option", test.name, test.text, err)
		}
	}
}

func TestOptionAppliesTo(t *testing.T) {
	tests := []struct {
		name   string
		family Family
		typ    Type
		proto  Protocol
		want   bool
	}{
		{"nodelay", INET, STREAM, TCP, true},
		{"nodelay", INET6, STREAM, 0, true},
		{"nodelay", INET, STREAM, MPTCP, true},
		{"nodelay", INET, DGRAM, UDP, false},
		{"nodelay", UNIX, STREAM, 0, false},
		{"nodelay", INET, STREAM, SCTP, false},
		{"segment", INET, DGRAM, 0, true},
		{"segment", INET, STREAM, 0, false},
		{"segment", INET, DGRAM, ICMP, false},
		{"ttl", INET6, DGRAM, UDP, true},
		{"v6only", INET, STREAM, TCP, false},
		{"rcvbuf", VSOCK, STREAM, 0, true},
		{"passcred", UNIX, DGRAM, 0, true},
		{"passcred", INET, DGRAM, 0, false},
		{"zerocopy", VSOCK, STREAM, 0, true},
		{"recvopts", INET6, RAW, ICMPV6, false},
		{"recverr", INET6, RAW, ICMPV6, true},
		{"hdrincl", INET, DGRAM, UDP, false},
	}
	for _, test := range tests {
		o, _ := Lookup(test.name)
		if got := o.AppliesTo(test.family, test.typ, test.proto); got != test.want {
			t.Errorf("%s.AppliesTo(%v, %v, %v) = %v, want %v", test.name, test.family, test.typ, test.proto, got, test.want)
		}
	}
	err := NoDelay.Check(INET, DGRAM, UDP)
	if want := "nodelay (TCP_NODELAY): not an option of udp sockets, only of tcp, mptcp (tcp(7))"; err == nil || err.Error() != want {
		t.Errorf("Check = %v, want %q", err, want)
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Check = %v, want it to be errors.ErrUnsupported", err)
	}
}

func TestOptionWhere(t *testing.T) {
	tests := []struct {
		name                       string
		listener, dialer, accepted bool
	}{
		{"reuseaddr", true, true, false},
		{"nodelay", true, true, false},
		{"quickack", true, true, true},
		{"defer-accept", true, false, false},
		{"fastopen", true, false, false},
		{"fastopen-connect", false, true, false},
		{"syncnt", false, true, false},
		{"priority", true, true, true},
		{"ulp", true, true, true},
		{"cnx-advice", true, true, true},
		{"detach-filter", true, true, false},
		{"v6only", true, true, false},
		{"local-port-range", false, true, false},
		{"bind-address-no-port", true, true, false},
	}
	for _, test := range tests {
		o, _ := Lookup(test.name)
		if l, d, a := o.ForListener(), o.ForDialer(), o.OnAccepted(); l != test.listener || d != test.dialer || a != test.accepted {
			t.Errorf("%s: listener %v, dialer %v, accepted %v; want %v, %v, %v",
				test.name, l, d, a, test.listener, test.dialer, test.accepted)
		}
	}
}

func TestTCPInfoByLength(t *testing.T) {
	wire := make([]byte, 512)
	for i := range wire {
		wire[i] = byte(i)
	}
	whole, err := ParseTCPInfo(wire)
	if err != nil || whole.RTO == 0 || whole.ReceivedCEBytes == 0 {
		t.Errorf("ParseTCPInfo of 512 bytes = %+v, %v; want every field", whole, err)
	}
	old, err := ParseTCPInfo(wire[:104])
	if err != nil || old.TotalRetrans != whole.TotalRetrans || old.PacingRate != 0 || old.SndWnd != 0 {
		t.Errorf("ParseTCPInfo of 104 bytes = %+v, %v; want the fields up to TotalRetrans", old, err)
	}
	binary.NativeEndian.PutUint32(wire[148:], ^uint32(0))
	if unmeasured, _ := ParseTCPInfo(wire); unmeasured.MinRTT != 0 {
		t.Errorf("a round trip that was not measured is %v, want 0", unmeasured.MinRTT)
	}
	if _, err := ParseTCPInfo(wire[:7]); err == nil {
		t.Errorf("ParseTCPInfo of 7 bytes succeeded, want an error")
	}
	if got := (TCPInfo{State: 10}).StateName(); got != "LISTEN" {
		t.Errorf("StateName of 10 = %s, want LISTEN", got)
	}
}

// FuzzOptionParse holds every row's parser to never panicking, and to
// reporting an error that names the option.
func FuzzOptionParse(f *testing.F) {
	for _, text := range []string{"", "on", "30s", "64KiB", "0x10", "239.1.2.3%lo,::1", "1-2", "none", "tx-ack|software", "-", "µ"} {
		f.Add(uint16(0), text)
		f.Add(uint16(100), text)
	}
	rows := Options()
	f.Fuzz(func(t *testing.T, which uint16, text string) {
		o := rows[int(which)%len(rows)]
		if err := o.Parse(text); err != nil && !strings.Contains(err.Error(), o.Name) {
			t.Errorf("%s=%q: error %q does not name the option", o.Name, text, err)
		}
		if printed, ok := o.row.reprint(text); ok {
			if err := o.Parse(printed); err != nil {
				t.Errorf("%s=%q prints as %q, which does not parse: %v", o.Name, text, printed, err)
			}
		}
	})
}

func FuzzParseTCPInfo(f *testing.F) {
	f.Add(make([]byte, 280))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, wire []byte) {
		i, err := ParseTCPInfo(wire)
		if (err != nil) != (len(wire) < 8) || i.RTT < 0 || i.MinRTT < 0 || i.RTO < 0 || len(wire) < 72 && i.RTT != 0 {
			t.Errorf("ParseTCPInfo(%x) = %+v, %v", wire, i, err)
		}
	})
}
