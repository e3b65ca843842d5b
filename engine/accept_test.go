package engine

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// TestAcceptErrors: what ends a listener, and what does not.
func TestAcceptErrors(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EMFILE: "waits", syscall.ENFILE: "waits", syscall.ENOBUFS: "waits", syscall.ENOMEM: "waits", syscall.EPERM: "waits",
		syscall.ECONNABORTED: "goes on", syscall.EPROTO: "goes on", syscall.ENETDOWN: "goes on", syscall.EHOSTUNREACH: "goes on",
		syscall.EINVAL: "ends", syscall.EBADF: "ends", syscall.EOPNOTSUPP: "ends",
	} {
		err := fmt.Errorf("accept: %w", os.NewSyscallError("accept4", errno))
		got := "ends"
		if isExhausted(err) {
			got = "waits"
		} else if isPending(err) {
			got = "goes on"
		}
		if got != want {
			t.Errorf("%v: got %s, want %s", errno, got, want)
		}
	}
	if isPending(errors.New("no errno")) || isExhausted(nil) {
		t.Error("an error without an errno: got one that passes, want none")
	}
}
