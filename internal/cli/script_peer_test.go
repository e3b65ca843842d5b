//go:build linux

package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The peers that misbehave, or behave in an order of their own, are part of
// the test and written on package net, so that what sock says is not checked
// against sock.

// peerKinds maps each kind of peer to what it does with its one connection.
var peerKinds = map[string]func(p *peer, conn net.Conn) error{
	"late":    (*peer).late,
	"reset":   (*peer).reset,
	"first":   (*peer).first,
	"leave":   (*peer).leave,
	"talk":    (*peer).talk,
	"collect": (*peer).collect,
	"silent":  (*peer).silent,
}

// peer is one such peer. It ends with its connection, or with the script.
type peer struct {
	file  string // where what it heard goes
	count int    // of bytes; what it means depends on the kind
	done  chan error
}

// peer NAME [-dial ENDPOINT] [-unix PATH] [-tcp6] KIND [COUNT] starts a peer
// that listens, unless -dial has it connect. NAME becomes its endpoint and
// NAME_port its port; what it hears goes to the file NAME.heard; "peer NAME
// wait" waits for its end, and fails if that was an error.
//
//	late           reads to the end of file, waits one second, answers with the number of bytes it heard
//	reset COUNT    reads COUNT bytes, says "so far", and resets
//	first          says "first", sends its end of file, and then reads to ours
//	leave          says "bye" and closes, reading nothing
//	talk COUNT     says COUNT bytes and its end of file, reading nothing until then; then reads to ours
//	collect        reads to our end of file, then closes
//	full           listens with a full backlog: connecting to it hangs
//	silent         says nothing and reads nothing until the script ends
func startPeer(ts *testscript.TestScript, neg bool, args []string) {
	name, args := args[0], args[1:]
	if len(args) == 1 && args[0] == "wait" {
		waitPeer(ts, name)
		return
	}
	network, address, dial := "tcp", "127.0.0.1:0", false
	for strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-dial":
			network, address, _ = strings.Cut(args[1], "://")
			dial, args = true, args[2:]
		case "-unix":
			network, address, args = "unix", scratch(ts, args[1]), args[2:]
		case "-tcp6":
			address, args = "[::1]:0", args[1:]
		}
	}
	p := &peer{file: scratch(ts, name+".heard"), done: make(chan error, 1)}
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		p.count = n
	}
	if args[0] == "full" {
		ts.Setenv(name, "tcp://"+fullListener(ts))
		return
	}
	serve := peerKinds[args[0]]
	if serve == nil {
		ts.Fatalf("no peer of kind %q", args[0])
	}
	ts.Value(processesKey{}).(*processes).peers[name] = p
	if dial {
		conn, err := net.Dial(network, address)
		ts.Check(err)
		go p.run(conn, serve)
		return
	}
	l, err := net.Listen(network, address)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(name, network+"://"+l.Addr().String())
	if network == "tcp" {
		ts.Setenv(name+"_port", localPort(l))
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			p.done <- err
			return
		}
		p.run(conn, serve)
	}()
}

// fullListener listens with the shortest backlog there is, and fills it: the
// kernel drops the SYN of whoever comes next.
func fullListener(ts *testscript.TestScript) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	ts.Check(err)
	ts.Defer(func() { syscall.Close(fd) })
	ts.Check(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	ts.Check(syscall.Listen(fd, 0))
	bound, err := syscall.Getsockname(fd)
	ts.Check(err)
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		ts.Defer(func() { conn.Close() })
	}
	ts.Fatalf("%s: the backlog does not fill", address)
	return ""
}

func (p *peer) run(conn net.Conn, serve func(*peer, net.Conn) error) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	p.done <- serve(p, conn)
}

func waitPeer(ts *testscript.TestScript, name string) {
	p := ts.Value(processesKey{}).(*processes).peers[name]
	if p == nil {
		ts.Fatalf("no peer %q", name)
	}
	select {
	case err := <-p.done:
		if err != nil {
			ts.Fatalf("peer %s: %v", name, err)
		}
	case <-time.After(patience):
		ts.Fatalf("peer %s has not ended within %v", name, patience)
	}
}

// hear reads to the end of file into the peer's file.
func (p *peer) hear(conn net.Conn) (int64, error) {
	f, err := os.Create(p.file)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, conn)
	if err == nil {
		err = f.Close()
	}
	return n, err
}

func (p *peer) late(conn net.Conn) error {
	n, err := p.hear(conn)
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // the scenario itself: a server that thinks
	_, err = fmt.Fprintf(conn, "late reply to %d bytes\n", n)
	return err
}

func (p *peer) reset(conn net.Conn) error {
	if _, err := io.CopyN(io.Discard, conn, int64(p.count)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "so far\n"); err != nil {
		return err
	}
	return resetConn(conn)
}

func resetConn(conn net.Conn) error {
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return conn.Close()
}

func (p *peer) first(conn net.Conn) error {
	if _, err := io.WriteString(conn, "first\n"); err != nil {
		return err
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	_, err := p.hear(conn)
	return err
}

func (p *peer) leave(conn net.Conn) error {
	_, err := io.WriteString(conn, "bye\n")
	return err
}

func (p *peer) talk(conn net.Conn) error {
	b := make([]byte, 32<<10)
	for left := p.count; left > 0; {
		n, err := conn.Write(b[:min(left, len(b))])
		if err != nil {
			return err
		}
		left -= n
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	_, err := p.hear(conn)
	return err
}

func (p *peer) collect(conn net.Conn) error {
	_, err := p.hear(conn)
	return err
}

func (p *peer) silent(conn net.Conn) error {
	_, err := io.Copy(io.Discard, io.LimitReader(conn, 0))
	time.Sleep(patience)
	return err
}

// crowd N ADDRESS connects so many times and holds the connections; crowd 0
// closes them all.
func crowd(ts *testscript.TestScript, neg bool, args []string) {
	all := ts.Value(processesKey{}).(*processes)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	if n == 0 {
		for _, conn := range all.crowd {
			conn.Close()
		}
		all.crowd = nil
	}
	for range n {
		conn, err := net.Dial("tcp", args[1])
		ts.Check(err)
		ts.Defer(func() { conn.Close() })
		all.crowd = append(all.crowd, conn)
	}
}
