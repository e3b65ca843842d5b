package service

import (
	"encoding/binary"
	"time"

	"sock/engine"
)

var timeService = Service{
	Name: "time", Doc: "says the seconds since 1900 as a 32-bit number, and ends", RFC: "RFC 868",
	Stream: true, Datagram: true,
	New: func(args []string) (engine.Handler, error) {
		say := func(*engine.Conn) []byte { return since1900(time.Now()) }
		return &announcer{say}, noArguments("time", args)
	},
}

// epoch1900 is 1 January 1970, in seconds since 1 January 1900.
const epoch1900 = 2208988800

// since1900 gives the 32-bit binary number of RFC 868, in network byte order.
// It begins again from 0 on 7 February 2036.
func since1900(now time.Time) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(now.Unix()+epoch1900))
}
