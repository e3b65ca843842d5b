package service

import (
	"time"

	"sock/engine"
)

var daytimeService = Service{
	Name: "daytime", Doc: "says the date and the time in words, and ends", RFC: "RFC 867",
	Stream: true, Datagram: true,
	New: func(args []string) (engine.Handler, error) {
		say := func(*engine.Conn) []byte { return daytime(time.Now()) }
		return &announcer{say}, noArguments("daytime", args)
	},
}

// daytime gives one line in the first form that RFC 867 suggests: "Weekday,
// Month Day, Year Time-Zone".
func daytime(now time.Time) []byte {
	return now.AppendFormat(nil, "Monday, January 2, 2006 15:04:05-MST\r\n")
}

// mostAnnounced is the longest datagram an announcer sends, in bytes: what RFC
// 864 and 865 allow theirs, and small enough not to be worth forging for.
const mostAnnounced = 512

// An announcer has one thing to say. On a stream it says it at once, without
// waiting for the client, and ends the connection in order; to a datagram,
// whatever is in it, it answers with one. Nothing it says depends on what it
// receives.
type announcer struct {
	say func(c *engine.Conn) []byte
}

func (a *announcer) Open(c *engine.Conn) {
	watch(c)
	if !c.Datagram() {
		_, _ = c.Write(a.say(c)) // the first write into an empty buffer
		c.Close()
	}
}

func (a *announcer) Data(c *engine.Conn) {
	c.Discard(c.Buffered())
	if c.Datagram() && guardOf(c).allow(time.Now()) {
		text := a.say(c)
		_, _ = c.Write(text[:min(len(text), mostAnnounced)])
	}
}

func (a *announcer) Close(c *engine.Conn, _ error) { unwatch(c) }
