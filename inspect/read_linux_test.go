package inspect

import (
	"strings"
	"testing"

	"sock/socket"
)

func TestParseStat(t *testing.T) {
	const tail = " S 1 2 3 4 5 4194560 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	for _, tt := range []struct {
		text, name string
		ok         bool
	}{
		{"42 (nginx)" + tail, "nginx", true},
		{"42 (a) b (c))" + tail, "a) b (c)", true},
		{"42 (x) S 1 2", "", false},
		{"42", "", false},
		{"", "", false},
		{")(", "", false},
	} {
		s, ok := parseStat(tt.text)
		if ok != tt.ok || s.name != tt.name || ok && (s.start != 4711 || s.state != 'S') {
			t.Errorf("parseStat(%q) = %+v, %v; want %q, %v", tt.text, s, ok, tt.name, tt.ok)
		}
	}
	if hasDescriptors("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0") {
		t.Error("a kernel thread has descriptors")
	}
	if hasDescriptors("9 (gone)" + strings.Replace(tail, " S", " Z", 1)) {
		t.Error("a zombie has descriptors")
	}
}

func TestSocketInode(t *testing.T) {
	for text, want := range map[string]uint32{
		"socket:[123]": 123, "socket:[0]": 0, "socket:[12": 0, "socket:[x]": 0, "pipe:[123]": 0, "socket:[12345678901]": 0, "": 0,
	} {
		if got, _ := socketInode([]byte(text)); got != want {
			t.Errorf("socketInode(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestParseRawRow(t *testing.T) {
	const row = "  1: 0100007F:0001 00000000:0000 07 00000002:00000300 00:00000000 00000000    33        0 4711 2 0000000000000000 5"
	s := parseRawRow(row, socket.INET)
	if s == nil || s.Protocol != 1 || s.Local.String() != "127.0.0.1:0" || s.Peer.IsValid() || s.State != Closed ||
		s.Receive != 0x300 || s.Send != 2 || s.UID != 33 || s.Inode != 4711 || s.Drops != 5 || s.Has(HasMark) {
		t.Errorf("got %+v", s)
	}
	for _, bad := range []string{"", "sl local", strings.Replace(row, "0100007F:", "01:", 1), strings.Replace(row, "4711", "x", 1)} {
		if s := parseRawRow(bad, socket.INET); s != nil {
			t.Errorf("parseRawRow(%q) = %+v, want none", bad, s)
		}
	}
}

func TestProcessCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/system.slice/nginx.service\n": "/system.slice/nginx.service",
		"3:cpu:/\n2:memory:/box\n0::/\n":   "/box",
		"2:memory:/box\n0::/user.slice\n":  "/user.slice",
		"":                                 "",
		"1:name=systemd:/a:b\n":            "/a:b",
		"garbage\n0::/\n":                  "/",
	} {
		if got := processCgroup(text); got != want {
			t.Errorf("processCgroup(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestContainerAndUnit(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, tt := range []struct{ cgroup, container, unit string }{
		{"/system.slice/nginx.service", "", "nginx.service"},
		{"/system.slice/docker-" + id + ".scope", "0123456789ab", "docker-" + id + ".scope"},
		{"/docker/" + id, "0123456789ab", ""},
		{"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope", "0123456789ab", "cri-containerd-" + id + ".scope"},
		{"/machine.slice/libpod-" + id + ".scope/container", "0123456789ab", "libpod-" + id + ".scope"},
		{"/lxc.payload.web/system.slice/ssh.service", "web", "ssh.service"},
		{"/machine.slice/machine-deb\\x2d12.scope", "deb-12", "machine-deb\\x2d12.scope"},
		{"/user.slice/user-1000.slice/session-2.scope", "", "session-2.scope"},
		{"/", "", ""},
		{"", "", ""},
	} {
		s := &Socket{Cgroup: tt.cgroup}
		if s.Container() != tt.container || s.Unit() != tt.unit {
			t.Errorf("%q: container %q, unit %q; want %q, %q", tt.cgroup, s.Container(), s.Unit(), tt.container, tt.unit)
		}
	}
}

func FuzzProcessText(f *testing.F) {
	f.Add("42 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20")
	f.Add("1: 0100007F:0001 00000000:0000 07 0:0 00:0 0 33 0 4711 2 0 5")
	f.Fuzz(func(t *testing.T, text string) {
		parseStat(text)
		processCgroup(text)
		parseCommand(text)
		if n, ok := number([]byte(text)); ok && n < 0 {
			t.Errorf("number(%q) = %d", text, n)
		}
		if s := parseRawRow(text, socket.INET); s != nil && !s.Local.IsValid() {
			t.Errorf("parseRawRow(%q) has no address", text)
		}
	})
}

func TestReasonsAreExplained(t *testing.T) {
	for r := Waiting; r <= Unheld; r++ {
		if r.String() == "" || r.Explain() == "" {
			t.Errorf("reason %d is %q: %q", r, r, r.Explain())
		}
	}
	for state := Established; state <= Closing; state++ {
		if unownedStream(state) == Owned {
			t.Errorf("a socket in %v without an inode has no reason", state)
		}
	}
}
