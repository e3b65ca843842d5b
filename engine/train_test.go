package engine_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"sock/engine"
	"sock/socket"
)

// newBurst answers with datagrams of the sizes that it is asked for, two bytes
// each.
func newBurst() engine.Handler {
	return &handler{data: func(c *engine.Conn) {
		for i := 0; c.Buffered() >= 2; i++ {
			size := int(binary.BigEndian.Uint16(c.Next(2)))
			_, _ = c.Write(burstPiece(i, size))
		}
	}}
}

func burstPiece(i, size int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }

func times(n, size int) (sizes []int) {
	for range n {
		sizes = append(sizes, size)
	}
	return sizes
}

// What is joined on its way through the kernel arrives as it was written: each
// datagram by itself, whole and in order. So it does where the kernel will not
// cut: without checksums it refuses to.
func TestPacketTrains(t *testing.T) {
	bursts := map[string][]int{
		"one-size":      times(10, 64),
		"shorter-last":  {100, 100, 100, 60, 100, 100},
		"growing":       {1, 2, 3, 4, 4, 3},
		"empty-between": {20, 0, 20, 20, 0, 0, 20},
		"many":          times(100, 50),
		"much":          times(50, 1400),
		"long":          {9000, 9000, 9000},
	}
	for name, at := range map[string]struct {
		family  socket.Family
		bind    string
		ask     string
		noCheck bool
	}{
		"ipv4":       {socket.INET, "127.0.0.1:0", "127.0.0.1", false},
		"ipv6":       {socket.INET6, "[::1]:0", "::1", false},
		"wildcard":   {socket.INET, "0.0.0.0:0", "127.0.0.2", false},
		"dual-stack": {socket.INET6, "[::]:0", "::1", false},
		"mapped":     {socket.INET6, "[::]:0", "127.0.0.2", false},
		"refused":    {socket.INET, "127.0.0.1:0", "127.0.0.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			sock, err := socket.New(at.family, socket.DGRAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := socket.PktInfo.Set(sock, true); err != nil { // before the first datagram can come
				t.Fatal(err)
			}
			if at.noCheck {
				if err := socket.NoCheck.Set(sock, true); err != nil {
					t.Fatal(err)
				}
			}
			s := startPacketOn(t, engine.Config{Handler: newBurst()}, sock, socket.AddrFrom(netip.MustParseAddrPort(at.bind)))
			conn, err := net.Dial("udp", net.JoinHostPort(at.ask, strconv.Itoa(s.addr.Port())))
			if err != nil {
				t.Fatal(err)
			}
			c := wrapPacket(t, conn)
			total := 0
			for what, sizes := range bursts {
				var ask []byte
				for _, size := range sizes {
					ask = binary.BigEndian.AppendUint16(ask, uint16(size))
				}
				c.send(string(ask))
				got := make([]byte, 65536)
				for i, size := range sizes {
					n, err := c.Read(got)
					if err != nil {
						t.Fatalf("%s: datagram %d: %v", what, i, err)
					}
					if !bytes.Equal(got[:n], burstPiece(i, size)) {
						t.Fatalf("%s: datagram %d: got %d bytes %.4x…, want %d bytes %02x…", what, i, n, got[:n], size, byte(i))
					}
					total += size
				}
			}
			s.stop()
			if got := s.Stats(); got.Sent != int64(total) || got.Dropped != 0 {
				t.Errorf("Stats: got %d sent and %d dropped, want %d and none", got.Sent, got.Dropped, total)
			}
		})
	}
}
