package service

import (
	"math/rand/v2"
	"time"

	"sock/engine"
)

var chargenService = Service{
	Name: "chargen", Doc: "sends lines of characters without end; over UDP one answer of up to 512 bytes for each datagram", RFC: "RFC 864",
	Stream: true, Datagram: true,
	New: func(args []string) (engine.Handler, error) {
		return chargen{}, noArguments("chargen", args)
	},
}

// The pattern that RFC 864 recommends: the 95 printing characters of ASCII in
// a ring, 72 of them to a line, each line beginning one further.
const (
	chargenRing = 95
	chargenLine = 72
	chargenMost = 512 // characters of one datagram
)

// chargenCycle is the whole pattern: after these lines it begins again.
var chargenCycle = func() []byte {
	cycle := make([]byte, 0, chargenRing*(chargenLine+2))
	for line := range chargenRing {
		for column := range chargenLine {
			cycle = append(cycle, ' '+byte((line+column)%chargenRing))
		}
		cycle = append(cycle, "\r\n"...)
	}
	return cycle
}()

// chargen fills the output whenever it has room, and reads only to throw away.
type chargen struct{}

func (chargen) Open(c *engine.Conn) {
	watch(c)
	if !c.Datagram() {
		chargen{}.Drained(c)
	}
}

// Data of a stream is thrown away; a datagram is answered.
func (chargen) Data(c *engine.Conn) {
	asked := c.Discard(c.Buffered())
	if c.Datagram() && guardOf(c).allow(time.Now()) {
		_, _ = c.Write(chargenDatagram(asked, isHere(c.Peer())))
	}
}

// Drained writes whole cycles until the output is full.
func (chargen) Drained(c *engine.Conn) {
	for !c.Datagram() {
		if _, err := c.Write(chargenCycle); err != nil {
			return
		}
	}
}

// HalfClosed changes nothing: a client that has nothing to say still listens.
func (chargen) HalfClosed(*engine.Conn) {}

func (chargen) Close(c *engine.Conn, _ error) { unwatch(c) }

// chargenDatagram gives between 0 and 512 characters, as the RFC has it. To a
// peer elsewhere it gives no more than the request had, because the request's
// source may be forged.
func chargenDatagram(asked int, here bool) []byte {
	most := chargenMost
	if !here {
		most = min(asked, chargenMost)
	}
	return chargenCycle[:rand.IntN(most+1)]
}
