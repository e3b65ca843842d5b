package service

import (
	"time"

	"sock/engine"
)

var greetService = Service{
	Name: "greet", Usage: "[TEXT]", Doc: "says one line with the peer's address in it, and ends",
	Stream: true, Datagram: true,
	New: newGreet,
}

// defaultGreeting is what greet says without a TEXT.
const defaultGreeting = "Hello, person from {peer}"

func newGreet(args []string) (engine.Handler, error) {
	text := defaultGreeting
	switch len(args) {
	case 0:
	case 1:
		text = args[0]
	default:
		return nil, &ArgumentError{Index: 1, Message: "greet takes one text; put it in quotes"}
	}
	t, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	return &announcer{func(c *engine.Conn) []byte {
		return []byte(t.fill(facts{peer: c.Peer(), local: c.Local(), now: time.Now()}))
	}}, nil
}
