package service

import (
	"time"

	"sock/engine"
)

var echoService = Service{
	Name: "echo", Doc: "sends back what it receives", RFC: "RFC 862",
	Stream: true, Datagram: true,
	New: func(args []string) (engine.Handler, error) {
		return echo{}, noArguments("echo", args)
	},
}

// echo answers a stream byte for byte, and a datagram with the same datagram.
type echo struct{}

func (echo) Open(c *engine.Conn) { watch(c) }

// Data writes back what is there. What the output has no room for stays where
// it is: the engine then stops reading, so the peer is slowed down, not lost.
func (echo) Data(c *engine.Conn) {
	if c.Datagram() {
		if !guardOf(c).muted {
			_, _ = c.Write(c.Peek()) // a datagram that finds no room is lost, as datagrams are
		}
		return
	}
	for c.Buffered() > 0 {
		n, err := c.Write(c.Peek())
		if err != nil {
			return
		}
		c.Discard(n)
	}
}

func (echo) Close(c *engine.Conn, _ error) { unwatch(c) }

// watch gives a datagram session its guard.
func watch(c *engine.Conn) {
	if c.Datagram() {
		c.SetValue(newGuard(c.Local(), c.Peer(), time.Now()))
	}
}

// guardOf is the guard that watch gave.
func guardOf(c *engine.Conn) *guard { return c.Value().(*guard) }

// unwatch ends what watch began.
func unwatch(c *engine.Conn) {
	if c.Datagram() {
		guardOf(c).close()
	}
}
