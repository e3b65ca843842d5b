package uring

import (
	"bytes"
	"errors"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newRing makes a ring for the test's thread and closes it with the test.
func newRing(t *testing.T, c Config) *Ring {
	t.Helper()
	runtime.LockOSThread()
	r, err := New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// next gives a submission entry that must be there.
func next(t *testing.T, r *Ring, userData uint64) *SQE {
	t.Helper()
	e := r.Next()
	if e == nil {
		t.Fatal("the submission ring is full")
	}
	e.UserData = userData
	return e
}

// collect waits until n completions have come.
func collect(t *testing.T, r *Ring, n int) []CQE {
	t.Helper()
	var got []CQE
	for deadline := time.Now().Add(10 * time.Second); len(got) < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%d completions after 10s, want %d: %+v", len(got), n, got)
		}
		if err := r.Wait(time.Second); err != nil {
			t.Fatalf("Wait: %v", err)
		}
		r.Each(func(c CQE) { got = append(got, c) })
	}
	return got
}

func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func TestRingCompletesEverySubmission(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	const rounds = 100
	for i := range uint64(rounds) {
		for j := range uint64(8) {
			next(t, r, i*8+j).Nop()
		}
		if e := r.Next(); e != nil {
			t.Fatal("Next gave a ninth entry of eight")
		}
		for _, c := range collect(t, r, 8) {
			if c.UserData/8 != i || c.Res != 0 {
				t.Fatalf("round %d: completion %+v", i, c)
			}
		}
	}
}

func TestRingKeepsCompletionsThatDoNotFit(t *testing.T) {
	r := newRing(t, Config{Entries: 8, CQEntries: 8})
	const n = 64
	for i := range uint64(n) {
		e := r.Next()
		if e == nil {
			if err := r.Submit(); err != nil {
				t.Fatal(err)
			}
			if e = r.Next(); e == nil {
				t.Fatal("Submit made no room")
			}
		}
		e.UserData = i
		e.Nop()
	}
	seen := map[uint64]bool{}
	for _, c := range collect(t, r, n) {
		seen[c.UserData] = true
	}
	if len(seen) != n {
		t.Errorf("%d different completions, want %d", len(seen), n)
	}
}

func TestRingWaitTimesOut(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	began := time.Now()
	if err := r.Wait(20 * time.Millisecond); err != nil {
		t.Fatalf("Wait: %v", err)
	}
	if d := time.Since(began); d < 20*time.Millisecond {
		t.Errorf("Wait returned after %v, want at least 20ms", d)
	}
	if r.Ready() {
		t.Error("a completion came out of nothing")
	}
}

func TestRingErrorIsErrno(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	next(t, r, 1).CloseFD(-1)
	if err := collect(t, r, 1)[0].Err(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("close(-1) = %v, want EBADF", err)
	}
}

func TestRecvMultishotTakesBuffersOnlyForData(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	bufs, err := r.NewBuffers(3, 4, 16)
	if err != nil {
		t.Fatal(err)
	}
	a, b := pair(t)
	next(t, r, 7).RecvMultishot(a, bufs.Group(), true)
	if err := r.Poll(); err != nil {
		t.Fatal(err)
	}
	if r.Ready() || bufs.Held() != 0 {
		t.Fatalf("an idle socket: ready %v, %d buffers held", r.Ready(), bufs.Held())
	}
	want := []byte("forty-two bytes, which is three buffers' w")
	if _, err := unix.Write(b, want); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, c := range collect(t, r, 3) {
		if c.UserData != 7 || c.Res <= 0 || c.Flags&(CQEBuffer|CQEMore) != CQEBuffer|CQEMore {
			t.Fatalf("completion %+v, want data in a buffer and more to come", c)
		}
		bufs.Take()
		got = append(got, bufs.Bytes(c.Buffer(), int(c.Res))...)
		bufs.Return(c.Buffer())
	}
	if !bytes.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
}

func TestRecvMultishotEndsWithoutBuffersAndGoesOn(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	bufs, err := r.NewBuffers(0, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	a, b := pair(t)
	next(t, r, 1).RecvMultishot(a, 0, false)
	unix.Write(b, []byte("123456789"))
	seen := collect(t, r, 3)
	last := seen[2]
	if !errors.Is(last.Err(), syscall.ENOBUFS) || last.Flags&CQEMore != 0 {
		t.Fatalf("third completion %+v, want ENOBUFS and no more", last)
	}
	bufs.Take()
	bufs.Take()
	bufs.Return(seen[0].Buffer())
	next(t, r, 2).RecvMultishot(a, 0, false)
	c := collect(t, r, 1)[0]
	if got := string(bufs.Bytes(c.Buffer(), int(c.Res))); got != "9" {
		t.Errorf("after a buffer was returned: %q, want %q", got, "9")
	}
}

func TestAcceptMultishot(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(l)
	if err := errors.Join(unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(l, 16)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(l)
	if err != nil {
		t.Fatal(err)
	}
	next(t, r, 5).AcceptMultishot(l)
	if err := r.Submit(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(c)
		if err := unix.Connect(c, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range collect(t, r, 3) {
		if c.Res < 0 || c.Flags&CQEMore == 0 {
			t.Fatalf("completion %+v, want a descriptor and more to come", c)
		}
		flags, err := unix.FcntlInt(uintptr(c.Res), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("descriptor %d: flags %#x, %v; want O_NONBLOCK", c.Res, flags, err)
		}
		unix.Close(int(c.Res))
	}
	next(t, r, 6).Cancel(5)
	ended := map[uint64]error{}
	for _, c := range collect(t, r, 2) {
		ended[c.UserData] = c.Err()
	}
	if !errors.Is(ended[5], syscall.ECANCELED) || ended[6] != nil {
		t.Errorf("after Cancel: accept %v, cancel %v; want ECANCELED and nil", ended[5], ended[6])
	}
}

func TestSendAndQuiet(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	a, b := pair(t)
	arena, err := Arena(100)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(arena)
	copy(arena, "hello")
	quiet := next(t, r, 1)
	quiet.Send(a, arena[:5], unix.MSG_NOSIGNAL)
	quiet.Quiet()
	next(t, r, 2).Nop()
	if got := collect(t, r, 1); got[0].UserData != 2 {
		t.Errorf("completion of %d, want only that of 2", got[0].UserData)
	}
	buf := make([]byte, 10)
	if n, err := unix.Read(b, buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("read %q, %v; want hello", buf[:max(n, 0)], err)
	}
}

func TestWakeByEventFD(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(wake)
	next(t, r, 9).PollMultishot(wake, unix.POLLIN)
	if err := r.Submit(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		written := make(chan error, 1)
		go func() {
			_, err := unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
			written <- err
		}()
		if c := collect(t, r, 1)[0]; c.UserData != 9 || c.Res&unix.POLLIN == 0 || c.Flags&CQEMore == 0 {
			t.Fatalf("completion %+v, want POLLIN on 9 and more to come", c)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		unix.Read(wake, make([]byte, 8))
	}
}
