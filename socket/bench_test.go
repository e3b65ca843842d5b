//go:build linux

package socket

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The benchmarks report cpu-ns/op: user and system time of the whole process for each operation,
// both ends included, which a busy machine disturbs less than the clock.

func cpuTime(b testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs loop between two readings of the processor time.
func measure(b *testing.B, loop func()) {
	b.ReportAllocs()
	runtime.GC()
	start := cpuTime(b)
	b.ResetTimer()
	loop()
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
}

// apis are the ways to the kernel that are compared. "file" is the way that Conn could have gone:
// os.File's own Read and Write instead of its RawConn.
var apis = []struct {
	name string
	dial func(b *testing.B) (client, server net.Conn)
}{{"socket", benchSocketConns}, {"net", benchNetConns}, {"file", benchFileConns}}

// fileConn is a Conn that reads and writes through os.File.
type fileConn struct{ *Conn }

func (c fileConn) Read(b []byte) (int, error)  { return c.s.file.Read(b) }
func (c fileConn) Write(b []byte) (int, error) { return c.s.file.Write(b) }

func benchFileConns(b *testing.B) (client, server net.Conn) {
	client, server = benchSocketConns(b)
	return fileConn{client.(*Conn)}, fileConn{server.(*Conn)}
}

// BenchmarkEcho sends a message to an echoing goroutine and reads the answer, over TCP.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{64, 64 << 10} {
		for _, api := range apis {
			b.Run(fmt.Sprintf("api=%s/size=%d", api.name, size), func(b *testing.B) {
				client, server := api.dial(b)
				benchEcho(b, client, server, size)
			})
		}
	}
}

func benchSocketConns(b *testing.B) (client, server net.Conn) {
	c, s := connected(b, INET, STREAM, TCP)
	for _, end := range []*Socket{c, s} {
		if err := end.setsockopt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, []byte{1, 0, 0, 0}); err != nil {
			b.Fatal(err)
		}
	}
	return c.Conn(), s.Conn()
}

func benchNetConns(b *testing.B) (client, server net.Conn) {
	l := tcpListener(b)
	client = must(net.Dial("tcp", l.Addr().String()))(b)
	server = must(l.Accept())(b)
	b.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func benchEcho(b *testing.B, client, server net.Conn, size int) {
	var served sync.WaitGroup
	served.Go(func() {
		buf := make([]byte, size)
		for {
			if _, err := io.ReadFull(server, buf); err != nil {
				return
			}
			if _, err := server.Write(buf); err != nil {
				return
			}
		}
	})
	buf := make([]byte, size)
	b.SetBytes(int64(2 * size))
	measure(b, func() {
		for range b.N {
			if _, err := client.Write(buf); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(client, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	client.Close()
	served.Wait()
}

// BenchmarkSendRecv sends to and receives from a socket in one goroutine: no wait, only the way in
// and out of the kernel.
func BenchmarkSendRecv(b *testing.B) {
	for _, size := range []int{64, 16 << 10} {
		for _, api := range apis {
			b.Run(fmt.Sprintf("api=%s/size=%d", api.name, size), func(b *testing.B) {
				client, server := api.dial(b)
				buf := make([]byte, size)
				measure(b, func() {
					for range b.N {
						if _, err := client.Write(buf); err != nil {
							b.Fatal(err)
						}
						if _, err := io.ReadFull(server, buf); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkDatagram sends 64-byte datagrams to a second socket and receives them there, in batches
// of 32, in one goroutine. An operation is one datagram, sent and received.
func BenchmarkDatagram(b *testing.B) {
	b.Run("api=socket-batch", benchBatch)
	b.Run("api=socket", benchSocketDatagram)
	b.Run("api=net", func(b *testing.B) { benchNetDatagram(b, datagramSize) })
}

// BenchmarkBulk sends 1,200-byte datagrams to a second socket and receives them there. An operation
// is one datagram. With segmentation, 32 of them are one message both ways.
func BenchmarkBulk(b *testing.B) {
	b.Run("api=socket-gso", benchSegments)
	b.Run("api=net", func(b *testing.B) { benchNetDatagram(b, segmentSize) })
}

const (
	batchSize    = 32
	datagramSize = 64
	segmentSize  = 1200
)

func benchSegments(b *testing.B) {
	from, _ := boundTest(b, INET, UDP)
	to, addr := boundTest(b, INET, UDP)
	setNumber(b, to, unix.SOL_UDP, unix.UDP_GRO, 1)
	out := &Message{Buffers: [][]byte{make([]byte, batchSize*segmentSize)}, Addr: addr, Control: AppendSegmentSize(nil, segmentSize)}
	in := &Message{Buffers: [][]byte{make([]byte, 1<<16)}, Control: make([]byte, ControlSpace(4))}
	var control Control
	measure(b, func() {
		for left := b.N; left > 0; left -= batchSize {
			if _, err := from.SendMsg(out, 0); err != nil {
				b.Fatal(err)
			}
			for n := 0; n < batchSize*segmentSize; n += in.N {
				if _, err := to.RecvMsg(in, 0); err != nil {
					b.Fatal(err)
				}
				if err := control.Parse(in.Control[:in.NControl]); err != nil || control.SegmentSize != segmentSize {
					b.Fatal(err, control.SegmentSize)
				}
			}
		}
	})
}

func messages(n, size int, to Addr) []Message {
	msgs := make([]Message, n)
	for i := range msgs {
		msgs[i] = Message{Buffers: [][]byte{make([]byte, size)}, Addr: to}
	}
	return msgs
}

func benchBatch(b *testing.B) {
	from, _ := boundTest(b, INET, UDP)
	to, addr := boundTest(b, INET, UDP)
	out, in := messages(batchSize, datagramSize, addr), messages(batchSize, datagramSize, Addr{})
	measure(b, func() {
		for left := b.N; left > 0; left -= batchSize {
			n, err := from.SendBatch(out, 0)
			if err != nil {
				b.Fatal(err)
			}
			for n > 0 {
				got, err := to.RecvBatch(in[:n], 0)
				if err != nil {
					b.Fatal(err)
				}
				n -= got
			}
		}
	})
}

func benchSocketDatagram(b *testing.B) {
	from, _ := boundTest(b, INET, UDP)
	to, addr := boundTest(b, INET, UDP)
	buf := make([]byte, datagramSize)
	benchDatagrams(b, func() error {
		_, err := from.SendTo(buf, 0, addr)
		return err
	}, func() error {
		_, _, err := to.RecvFrom(buf, 0)
		return err
	})
}

func benchNetDatagram(b *testing.B, size int) {
	local := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	from, to := must(net.ListenUDP("udp4", local))(b), must(net.ListenUDP("udp4", local))(b)
	defer from.Close()
	defer to.Close()
	addr := to.LocalAddr().(*net.UDPAddr).AddrPort()
	buf := make([]byte, size)
	benchDatagrams(b, func() error {
		_, err := from.WriteToUDPAddrPort(buf, addr)
		return err
	}, func() error {
		_, _, err := to.ReadFromUDPAddrPort(buf)
		return err
	})
}

func benchDatagrams(b *testing.B, send, receive func() error) {
	measure(b, func() {
		for left := b.N; left > 0; left -= batchSize {
			for range batchSize {
				if err := send(); err != nil {
					b.Fatal(err)
				}
			}
			for range batchSize {
				if err := receive(); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
