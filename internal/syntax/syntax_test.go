package syntax

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"nodelay", "keepalive", "rcvbuf", "reuseport", "reuseaddr", "ttl", "tos"}
	for _, tt := range []struct{ word, want string }{
		{"nodlay", "nodelay"},
		{"ndoelay", "nodelay"},
		{"NODELAY", "nodelay"},
		{"reuse-port", "reuseport"},
		{"reusepart", "reuseport"},
		{"keepalve", "keepalive"},
		{"tll", "ttl"},
		{"zebra", ""},
		{"", ""},
		{"x", ""},
	} {
		if got := Nearest(tt.word, names); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestErrorUnderline(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  Error
		want string
	}{
		{"middle", Error{Text: "tcp://a?nodlay", Offset: 8, Length: 6}, "tcp://a?nodlay\n        ^^^^^^"},
		{"missing-at-end", Error{Text: "tcp://", Offset: 6}, "tcp://\n      ^"},
		{"wide-characters", Error{Text: "é\tü:x", Offset: 6, Length: 1}, "é ü:x\n    ^"},
		{"out-of-range", Error{Text: "ab", Offset: 9, Length: 9}, "ab\n  ^"},
		{"control", Error{Text: "a\x1b[31mb", Offset: 1, Length: 1}, "a?[31mb\n ^"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Underline(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestErrorAt(t *testing.T) {
	inner := &Error{Text: "tcp://a?nodlay", Offset: 8, Length: 6, Message: `unknown option "nodlay"`, Suggestion: "nodelay"}
	got := inner.At("sock.conf", 3, "  tcp://a?nodlay echo", 2).Error()
	want := `sock.conf:3:11: unknown option "nodlay"; did you mean "nodelay"?`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
