package proc

import "testing"

func TestHolderString(t *testing.T) {
	for _, tt := range []struct {
		h    Holder
		want string
	}{
		{Holder{PID: 4242, Command: "nginx"}, "nginx (pid 4242)"},
		{Holder{Socket: Socket{State: TimeWait}}, "a connection in TIME_WAIT"},
		{Holder{Socket: Socket{State: Listening, UID: 33, Inode: 7}}, "a process of user 33"},
		{Holder{Socket: Socket{State: Listening, Path: "/run/x", Inode: 7}}, "a process that cannot be seen"},
	} {
		if got := tt.h.String(); got != tt.want {
			t.Errorf("String() of %+v = %q, want %q", tt.h, got, tt.want)
		}
	}
}
