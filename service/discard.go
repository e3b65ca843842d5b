package service

import "sock/engine"

var discardService = Service{
	Name: "discard", Doc: "reads everything, answers nothing", RFC: "RFC 863",
	Stream: true, Datagram: true,
	New: func(args []string) (engine.Handler, error) {
		return discard{}, noArguments("discard", args)
	},
}

// discard throws away what it receives.
type discard struct{}

func (discard) Open(*engine.Conn)         {}
func (discard) Data(c *engine.Conn)       { c.Discard(c.Buffered()) }
func (discard) Close(*engine.Conn, error) {}
