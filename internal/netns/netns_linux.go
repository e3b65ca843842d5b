package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs f inside the namespace of that name (see [Path]); the empty name is
// the caller's own, and f then simply runs. It returns f's error, or an *Error
// when the namespace cannot be entered; f has then not run. Safe for
// concurrent use.
//
// A namespace belongs to a thread. f runs on one that is locked to it, and
// must do its work itself: a goroutine that f starts is outside. What f opens
// under /proc/thread-self/net is the namespace's.
func Do(name string, f func() error) error {
	if name == "" {
		return f()
	}
	path, err := Path(name)
	if err != nil {
		return err
	}
	target, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO there is not waited for
	if err != nil {
		return &Error{name, err}
	}
	defer target.Close()
	done := make(chan error, 1)
	go func() { done <- inside(name, target, f) }() // ends with f; Do waits for it
	return <-done
}

// inside runs f with this goroutine's thread moved into target. The thread is
// given back only once it stands in its own namespace again; failing that the
// goroutine ends while it is locked, and the runtime ends the thread.
func inside(name string, target *os.File, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return &Error{name, err}
	}
	defer home.Close()
	if err := enter(target); err != nil {
		runtime.UnlockOSThread()
		return &Error{name, err}
	}
	defer func() {
		if enter(home) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

func enter(ns *os.File) error {
	err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
	if err == unix.EINVAL {
		return fmt.Errorf("%s is not a network namespace: %w", ns.Name(), os.NewSyscallError("setns", err))
	}
	return os.NewSyscallError("setns", err)
}
