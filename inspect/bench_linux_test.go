package inspect

import (
	"net"
	"testing"

	"sock/internal/netns"
)

// BenchmarkSockets reads a namespace with 1000 connections, both ends of each.
func BenchmarkSockets(b *testing.B) {
	name := newNamespace(b)
	check(b, netns.Do(name, func() error {
		l := plainTCP(b, "tcp4", "127.0.0.1:0")
		for range 1000 {
			closing(b, must(net.Dial("tcp", l.Addr().String()))(b))
			closing(b, must(l.Accept())(b))
		}
		return nil
	}))
	for _, with := range []struct {
		name string
		with With
	}{{"nothing", 0}, {"info", WithInfo | WithMemory | WithCongestion}, {"owners", WithOwners}, {"all", WithAll}} {
		b.Run("with="+with.name, func(b *testing.B) {
			b.ReportAllocs()
			filter := parse(b, "tcp established")
			for b.Loop() {
				n := 0
				for _, err := range Sockets(b.Context(), Query{Netns: name, Filter: filter, With: with.with}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 2000 {
					b.Fatalf("%d sockets, want 2000", n)
				}
			}
		})
	}
}
