package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"sock/engine"
)

// The random conformance test takes its length and its seed from the
// environment; a failure prints the seed, which replays each client's choices
// (not the kernel's scheduling).
const (
	randomTime = "SOCK_ENGINE_RANDOM_TIME" // a duration; default 5s
	randomSeed = "SOCK_ENGINE_RANDOM_SEED" // a number; default: of the clock
)

// TestRandom has many clients open, write in random pieces, stall, half-close,
// reset and leave, and checks every byte, every record and every pairing.
func TestRandom(t *testing.T) {
	length, seed := 5*time.Second, uint64(time.Now().UnixNano())
	var err error
	if text := os.Getenv(randomTime); text != "" {
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv(randomSeed); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay with %s=%d", randomSeed, seed)
	for _, v := range variants {
		if v.model == engine.Serial {
			continue
		}
		for _, name := range []string{"echo", "ref-echo", "blocking-echo"} {
			t.Run(v.name+"-"+name, func(t *testing.T) {
				t.Parallel()
				runRandom(t, v, name, seed, length)
			})
		}
	}
}

func runRandom(t *testing.T, v variant, name string, seed uint64, length time.Duration) {
	cfg := engine.Config{ReadBuffer: 8 << 10, HighWater: 8 << 10, LowWater: 1 << 10}
	var calls pairing
	if v.model != engine.Process && name == "echo" {
		cfg.Handler = calls.watch(t, handlerNamed(name))
	}
	s := v.start(t, name, cfg)
	clients := 16
	if v.model == engine.Process {
		clients = 4
	}
	end := time.Now().Add(length)
	o := &oracle{t: t, wanted: make(map[string]fate)}
	var all sync.WaitGroup
	for i := range clients {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() { // ended by the time, or by a failure
			for time.Now().Before(end) && !t.Failed() {
				o.oneClient(s, rng)
			}
		})
	}
	all.Wait()
	if _, err := s.stop(within(t, patience)); err != nil {
		t.Errorf("Shutdown: got %v, want nil", err)
	}
	o.check(s)
	if cfg.Handler != nil {
		calls.check(t, v, o.total)
	}
}

// pairing counts a handler's calls and wants Open first, Close last and once.
type pairing struct {
	mu     sync.Mutex
	opens  int
	closes int
}

func (p *pairing) watch(t *testing.T, inner engine.Handler) engine.Handler {
	state := func(c *engine.Conn, want, next string) {
		if got, _ := c.Value().(string); got != want {
			t.Errorf("a call came when the connection was %q, want %q", got, want)
		}
		c.SetValue(next)
	}
	return &handler{
		open: func(c *engine.Conn) {
			state(c, "", "open")
			p.mu.Lock()
			defer p.mu.Unlock()
			p.opens++
		},
		data: func(c *engine.Conn) { state(c, "open", "open"); inner.Data(c) },
		close: func(c *engine.Conn, err error) {
			state(c, "open", "closed")
			var end *engine.End
			if !errors.As(err, &end) {
				t.Errorf("Close: got %v, want an *End", err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.closes++
		},
	}
}

func (p *pairing) check(t *testing.T, v variant, want int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v.tls && p.opens < want {
		want = p.opens // some have left during the handshake
	}
	if p.opens != want || p.closes != want {
		t.Errorf("calls: got %d Open, %d Close; want %d each", p.opens, p.closes, want)
	}
}

// fate is what became of a client, as far as it can know.
type fate struct {
	sent, received int64
	how            engine.How // of the record; empty: any
}

// oracle knows what each client did, by its address.
type oracle struct {
	t      *testing.T
	mu     sync.Mutex
	wanted map[string]fate
	total  int
}

func (o *oracle) note(c *client, f fate) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total++
	key := c.raw.LocalAddr().String()
	if _, twice := o.wanted[key]; twice || key == "" || key == "@" {
		f.how = "" // the port was used before: which record is whose cannot be told
	}
	o.wanted[key] = f
}

// check compares the records with what the clients know.
func (o *oracle) check(s *server) {
	opens, ends := make(map[uint64]int), make(map[uint64]int)
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, e := range s.log.events {
		switch e.Kind {
		case engine.EventOpen:
			opens[e.ID]++
		case engine.EventClose:
			ends[e.ID]++
			o.checkRecord(e.Record)
		case engine.EventError, engine.EventNotice, engine.EventRefuse:
			o.t.Errorf("event: got %v", summary([]engine.Event{e}))
		}
	}
	for id, n := range opens {
		if n != 1 || ends[id] != 1 {
			o.t.Errorf("connection %d: got %d open, %d close; want one each", id, n, ends[id])
		}
	}
	if len(opens) != o.total || len(ends) != o.total {
		o.t.Errorf("connections: got %d opened, %d ended; want %d", len(opens), len(ends), o.total)
	}
	if got := s.Stats(); got.Open != 0 || got.Accepted != int64(o.total) {
		o.t.Errorf("Stats: got %+v, want %d accepted, none open", got, o.total)
	}
	o.t.Logf("%d connections", o.total)
}

func (o *oracle) checkRecord(r *engine.Record) {
	f, known := o.wanted[r.Peer.String()]
	if !known || f.how == "" {
		return
	}
	if r.End.How != f.how || r.Received != f.sent || r.Sent != f.received {
		o.t.Errorf("record of %v: got %v, %d received, %d sent; want %s, %d, %d",
			r.Peer, &r.End, r.Received, r.Sent, f.how, f.sent, f.received)
	}
}

// oneClient is the life of one random client.
func (o *oracle) oneClient(s *server, rng *rand.Rand) {
	c, err := s.tryDial()
	if err != nil {
		o.t.Errorf("dial: %v", err)
		return
	}
	defer c.raw.Close()
	c.t = o.t
	size := 1 + rng.IntN(1<<(1+rng.IntN(18)))
	data := pattern(size + 251)[rng.IntN(251):][:size]
	ending := rng.IntN(4)
	if ending == 2 && s.network != "tcp" {
		ending = 3
	}
	switch ending {
	case 0, 1:
		o.orderly(c, rng, data)
	case 2:
		o.hasty(c, rng, data, c.reset)
	case 3:
		o.hasty(c, rng, data, func() { _ = c.raw.Close() })
	}
}

// orderly sends all, half-closes, and must get all of it back.
func (o *oracle) orderly(c *client, rng *rand.Rand, data []byte) {
	pieces, pause := randomPieces(rng, data), time.Duration(rng.IntN(3))*time.Millisecond
	sent := make(chan error, 1)
	go func() { // ended by the connection's deadline at the latest; waited for below
		for _, p := range pieces {
			if _, err := c.Write(p); err != nil {
				sent <- err
				return
			}
			time.Sleep(pause / time.Duration(len(pieces)))
		}
		sent <- c.Conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if rng.IntN(3) == 0 {
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond) // a stall
	}
	got, err := io.ReadAll(c)
	if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, data) {
		o.t.Errorf("%v: got %d bytes and %v, want the %d that were sent; first difference at %d",
			c.raw.LocalAddr(), len(got), err, len(data), difference(got, data))
	}
	o.note(c, fate{sent: int64(len(data)), received: int64(len(data)), how: engine.FIN})
}

// hasty sends, reads a part, which must be right, and leaves.
func (o *oracle) hasty(c *client, rng *rand.Rand, data []byte, leave func()) {
	sent := make(chan struct{})
	go func() { // ended by leave at the latest; waited for below
		_, _ = c.Write(data)
		close(sent)
	}()
	got := make([]byte, rng.IntN(len(data)+1))
	if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data[:n]) {
		o.t.Errorf("%v: got %d bytes and %v, want %d; first difference at %d",
			c.raw.LocalAddr(), n, err, len(got), difference(got[:n], data))
	}
	leave()
	<-sent
	o.note(c, fate{})
}

// randomPieces cuts data.
func randomPieces(rng *rand.Rand, data []byte) (pieces [][]byte) {
	most := 1 + rng.IntN(len(data))
	for len(data) > 0 {
		n := min(len(data), 1+rng.IntN(most))
		pieces = append(pieces, data[:n])
		data = data[n:]
	}
	return pieces
}

func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// tryDial is dial for goroutines other than the test's.
func (s *server) tryDial() (*client, error) {
	raw, err := s.dialRaw()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.addr, err)
	}
	return s.wrapConn(raw)
}
