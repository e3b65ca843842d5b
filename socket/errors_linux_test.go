package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// checkNesting holds which error type may stand at each level.
func checkNesting(t *testing.T, err error) {
	t.Helper()
	if bad := nesting(err); bad != nil {
		t.Errorf("%v\nof: %v", bad, err)
	}
}

// nesting walks down: OpError, then what may be in it.
func nesting(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	if s, ok := err.(*SpliceError); ok {
		err = s.Err
	}
	op, ok := err.(*net.OpError)
	if !ok {
		return fmt.Errorf("1st level is %T, want *net.OpError", err)
	}
	if op.Op == "" || op.Net == "" || op.Err == nil {
		return fmt.Errorf("OpError is incomplete: %#v", op)
	}
	for _, a := range []net.Addr{op.Source, op.Addr} {
		if a != nil && a.String() == "<nil>" {
			return fmt.Errorf("address is a nil %T", a)
		}
	}
	switch err := op.Err.(type) {
	case *os.SyscallError:
		return errnoIn(err)
	case *UnsupportedError:
		call, ok := err.Err.(*os.SyscallError)
		if !ok {
			return fmt.Errorf("in UnsupportedError is %T, want *os.SyscallError", err.Err)
		}
		return errnoIn(call)
	case *contextError:
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("contextError is of neither kind: %v", err.err)
		}
		return nil
	}
	if op.Err == net.ErrClosed || op.Err == os.ErrClosed || op.Err == os.ErrDeadlineExceeded || op.Err == ErrControl {
		return nil
	}
	return fmt.Errorf("2nd level is %T", op.Err)
}

func errnoIn(err *os.SyscallError) error {
	if errno, ok := err.Err.(syscall.Errno); !ok || errno == 0 || err.Syscall == "" {
		return fmt.Errorf("in SyscallError %q is %T, want a syscall.Errno", err.Syscall, err.Err)
	}
	return nil
}

// callsOf makes each call that can fail on s.
func callsOf(s *Socket, a Addr) map[string]func() error {
	ctx := context.Background()
	b := make([]byte, 8)
	m := &Message{Buffers: [][]byte{b}}
	first := func(_ any, err error) error { return err }
	return map[string]func() error{
		"bind":        func() error { return s.Bind(a) },
		"listen":      func() error { return first(s.Listen(1)) },
		"accept":      func() error { _, _, err := s.Accept(ctx); return err },
		"connect":     func() error { return s.Connect(ctx, a) },
		"send":        func() error { return first(s.Send(b, 0)) },
		"sendall":     func() error { return first(s.SendAll(b, 0)) },
		"recv":        func() error { return first(s.Recv(b, 0)) },
		"recvinto":    func() error { return first(s.RecvInto(b, 0)) },
		"sendto":      func() error { return first(s.SendTo(b, 0, a)) },
		"recvfrom":    func() error { _, _, err := s.RecvFrom(b, 0); return err },
		"sendmsg":     func() error { return first(s.SendMsg(m, 0)) },
		"recvmsg":     func() error { return first(s.RecvMsg(m, 0)) },
		"sendbatch":   func() error { return first(s.SendBatch([]Message{*m}, 0)) },
		"recvbatch":   func() error { return first(s.RecvBatch([]Message{*m}, 0)) },
		"recverror":   func() error { _, _, err := s.RecvError(b); return err },
		"splice":      func() error { return first(s.Splice(s, 1)) },
		"shutdown":    func() error { return s.Shutdown(ShutWR) },
		"detach":      func() error { return first(s.Detach()) },
		"dup":         func() error { return first(s.Dup()) },
		"localaddr":   func() error { return first(s.LocalAddr()) },
		"peeraddr":    func() error { return first(s.PeerAddr()) },
		"tuple":       func() error { return first(s.Tuple()) },
		"atmark":      func() error { return first(s.AtMark()) },
		"deadline":    func() error { return s.SetDeadline(time.Time{}) },
		"setsockopt":  func() error { return s.setsockopt(1, 2, b[:4]) },
		"getsockopt":  func() error { return first(s.getsockopt(1, 2, b[:4])) },
		"syscallconn": func() error { return first(s.SyscallConn()) },
		"read":        func() error { return first(s.Conn().Read(b)) },
		"write":       func() error { return first(s.Conn().Write(b)) },
		"closewrite":  func() error { return s.Conn().CloseWrite() },
		"file":        func() error { return first(s.Conn().File()) },
		"readfrom":    func() error { _, _, err := s.PacketConn().ReadFrom(b); return err },
		"writeto":     func() error { return first(s.PacketConn().WriteTo(b, a)) },
		"accept-conn": func() error { return first(s.Listener().Accept()) },
		"close":       func() error { return s.Close() },
	}
}

func TestErrorsOfClosedSocket(t *testing.T) {
	s := newTest(t, INET, STREAM, TCP)
	check(t, s.Close())
	for name, call := range callsOf(s, loopback4) {
		t.Run(name, func(t *testing.T) {
			err := call()
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v, want net.ErrClosed", err)
			}
			checkNesting(t, err)
		})
	}
}

func TestErrorsOfPassedDeadline(t *testing.T) {
	a, _ := connected(t, INET, STREAM, TCP)
	check(t, a.SetDeadline(aLongTimeAgo))
	calls := callsOf(a, loopback4)
	for _, name := range []string{
		"accept", "connect", "send", "sendall", "recv", "recvinto", "sendto", "recvfrom",
		"sendmsg", "recvmsg", "sendbatch", "recvbatch", "splice", "read", "write", "readfrom", "writeto", "accept-conn",
	} {
		t.Run(name, func(t *testing.T) {
			err := calls[name]()
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("got %v, want os.ErrDeadlineExceeded with Timeout() true", err)
			}
			checkNesting(t, err)
		})
	}
	check(t, a.SetDeadline(time.Time{}))
	must(a.Send([]byte("x"), 0))(t)
}

// An error says which connection it was on.
func TestErrorNamesAddresses(t *testing.T) {
	a, b := connected(t, INET, STREAM, TCP)
	tuple := must(a.Tuple())(t)
	check(t, b.setsockopt(syscall.SOL_SOCKET, syscall.SO_LINGER, []byte{1, 0, 0, 0, 0, 0, 0, 0}))
	check(t, b.Close()) // with a reset
	_, err := a.Recv(make([]byte, 1), 0)
	want := fmt.Sprintf("recv tcp %v->%v: recvfrom: connection reset by peer", tuple.Local, tuple.Peer)
	if err == nil || err.Error() != want || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v\nwant %s", err, want)
	}
	checkNesting(t, err)
}

func TestErrorUnsupportedText(t *testing.T) {
	err := openError("socket", INET, STREAM, SCTP, syscall.EPROTONOSUPPORT)
	want := "socket sctp: this kernel has no AF_INET SOCK_STREAM IPPROTO_SCTP: socket: protocol not supported"
	if err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, syscall.EPROTONOSUPPORT) {
		t.Errorf("%v does not match ErrUnsupported and EPROTONOSUPPORT", err)
	}
	checkNesting(t, err)
}

func TestErrorDontWait(t *testing.T) {
	a, _ := connected(t, INET, STREAM, TCP)
	_, err := a.Recv(make([]byte, 1), MsgDontWait)
	if !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v, want EAGAIN", err)
	}
	checkNesting(t, err)
}
