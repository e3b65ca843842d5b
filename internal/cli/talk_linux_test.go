package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"sock/socket"
)

// TestTalkKeepsLargePackets: a datagram over a UNIX socket is longer than any
// over UDP, and arrives whole.
func TestTalkKeepsLargePackets(t *testing.T) {
	for _, typ := range []socket.Type{socket.DGRAM, socket.SEQPACKET} {
		ours, peer, err := socket.Pair(socket.UNIX, typ, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		defer peer.Close()
		sent := bytes.Repeat([]byte("x"), 150_000)
		if _, err := peer.Send(sent, 0); err != nil {
			t.Fatal(err)
		}
		talk := &talk{conn: ours.Conn(), in: strings.NewReader(""), out: io.Discard, rules: rules{
			datagrams: typ == socket.DGRAM, unixPackets: true, eof: ending{waits, 50 * time.Millisecond},
		}}
		if _, err := talk.run(t.Context()); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
		if got := talk.received.Load(); got != int64(len(sent)) {
			t.Errorf("%v: got %d bytes, want %d", typ, got, len(sent))
		}
	}
}
