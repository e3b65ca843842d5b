package engine_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"sock/engine"
	"sock/socket"
)

// TestSeqpacket: on a SEQPACKET socket each write is a message of its own, also
// one that comes through a Ref, and long messages arrive whole.
func TestSeqpacket(t *testing.T) {
	l, err := socket.New(socket.UNIX, socket.SEQPACKET, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	if err := l.Bind(socket.UnixAddr(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Listen(0); err != nil {
		t.Fatal(err)
	}
	h := &handler{data: func(c *engine.Conn) {
		ref, data := c.Ref(), string(c.Next(c.Buffered()))
		if data == "refs" {
			_ = ref.Write([]byte("one"))
			_ = ref.Write([]byte("two"))
			return
		}
		_, _ = c.WriteString(data)
		_, _ = c.WriteString("and more")
	}}
	s := startServer(t, variant{network: "unixpacket"}, engine.Config{Handler: h}, l)
	conn, err := net.Dial("unixpacket", path)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{Conn: conn, raw: conn, t: t}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 5000, 60_000} {
		data := string(pattern(size))
		c.send(data)
		c.wantDatagram(data)
		c.wantDatagram("and more")
	}
	c.send("refs")
	c.wantDatagram("one")
	c.wantDatagram("two")
	c.send(string(pattern(70_000))) // longer than the read buffer
	r := s.log.waitEnd(engine.Local, engine.Failed)
	if r.Network != "unixpacket" {
		t.Errorf("network: got %q, want unixpacket", r.Network)
	}
	_ = conn.Close()
}
