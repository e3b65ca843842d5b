//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
)

// A benchCase is one load, the servers that take it in turn, and the ratios
// that are asked of them.
type benchCase struct {
	name   string
	about  string
	peers  []peer
	load   func(port int) (flow, error)
	ratios []ratio
}

// A ratio is asked of two peers of a case: CPU per message of one over that
// of the other, at most limit.
type ratio struct {
	of, to string
	limit  float64
}

func cases() []benchCase {
	list := []benchCase{roundTripCase(64, 50), roundTripCase(64<<10, 8)}
	list = append(list, loopsCase(64, 50), loopsCase(64, 1000))
	return append(list, manyPeersCase(), bulkCase())
}

func roundTripCase(size, conns int) benchCase {
	return benchCase{
		name:  fmt.Sprintf("tcp-echo/size=%d/conns=%d", size, conns),
		about: fmt.Sprintf("%d-byte round trips on %d TCP connections; a goroutine per connection, the same loop over net.Conn; and `sock echo`, a handler of the engine", size, conns),
		peers: []peer{goServer("net", "tcp-net"), goServer("socket", "tcp-socket"), command("sock echo", "echo", "tcp4://127.0.0.1:0")},
		load:  func(port int) (flow, error) { return newRoundTrips(port, conns, size) },
		ratios: []ratio{
			{"socket", "net", 1.00},
		},
	}
}

func loopsCase(size, conns int) benchCase {
	return benchCase{
		name:  fmt.Sprintf("tcp-loop/size=%d/conns=%d", size, conns),
		about: fmt.Sprintf("%d-byte round trips on %d TCP connections; one event loop, in the engine and in C", size, conns),
		peers: []peer{
			goServer("net", "tcp-net"), goServer("epoll", "tcp-epoll"), goServer("uring", "tcp-uring"),
			cServer("c-epoll", "tcpecho_epoll.c"), cServer("c-uring", "tcpecho_uring.c"),
		},
		load: func(port int) (flow, error) { return newRoundTrips(port, conns, size) },
		ratios: []ratio{
			{"uring", "c-uring", 1.08},
			{"uring", "net", 0.85},
			{"epoll", "c-epoll", 1.08},
		},
	}
}

func manyPeersCase() benchCase {
	return benchCase{
		name:  "udp-echo/size=64/peers=100",
		about: "64-byte datagrams echoed to 100 peers, two in flight from each; batches of up to 64 in C and in socket, one at a time in net; `sock echo` keeps a session for each peer",
		peers: []peer{goServer("net", "udp-net"), goServer("socket", "udp-socket"), command("sock echo", "echo", "udp4://127.0.0.1:0"), cServer("c", "udpecho.c")},
		load:  func(port int) (flow, error) { return newDatagrams(port, 100, 2, 64) },
		ratios: []ratio{
			{"socket", "net", 0.80},
			{"socket", "c", 1.08},
			{"sock echo", "net", 0.80},
		},
	}
}

func bulkCase() benchCase {
	return benchCase{
		name:  "udp-bulk/size=1200/peers=1",
		about: "1,200-byte datagrams echoed to one peer that sends trains of 32; UDP_GRO and UDP_SEGMENT in C and in socket, one at a time in net",
		peers: []peer{goServer("net", "udp-net"), goServer("socket", "udp-socket-gso"), cServer("c", "udpecho.c", "gso")},
		load:  func(port int) (flow, error) { return newBulk(port, 1200, 32, 3) },
		ratios: []ratio{
			{"socket", "net", 0.40},
		},
	}
}

// result is every sample of a case, by peer and round.
type result struct {
	benchCase
	samples map[string][]sample
}

// measure runs the case's servers in turn, in an order drawn anew for every
// round, each in a fresh process.
func measure(s settings, c benchCase) (result, error) {
	r := result{benchCase: c, samples: map[string][]sample{}}
	for round := range s.rounds {
		fmt.Fprintf(os.Stderr, "\r%s: round %d of %d\x1b[K", c.name, round+1, s.rounds)
		for _, i := range rand.Perm(len(c.peers)) {
			got, err := measureOnce(s, c, c.peers[i])
			if err != nil {
				return r, fmt.Errorf("%s: %w", c.peers[i].name, err)
			}
			r.samples[c.peers[i].name] = append(r.samples[c.peers[i].name], got)
		}
	}
	fmt.Fprint(os.Stderr, "\r\x1b[K")
	return r, nil
}

func measureOnce(s settings, c benchCase, p peer) (sample, error) {
	server, err := p.start(s)
	if err != nil {
		return sample{}, err
	}
	defer server.stop()
	f, err := c.load(server.port)
	if err != nil {
		return sample{}, err
	}
	defer f.close()
	got, err := drive(s, server, f)
	if err == nil && got.messages == 0 {
		err = fmt.Errorf("no message came back in %v", s.measure)
	}
	return got, err
}
