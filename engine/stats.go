package engine

import "sync/atomic"

// Stats is a snapshot of a server's counters. Under the model process Received
// and Sent hold the connections that have ended, and what happens within the
// children to Backpressure and BusDropped is not known here.
type Stats struct {
	Open         int64 // connections and sessions at this moment
	Accepted     int64 // connections and sessions since the start
	Refused      int64 // turned away by MaxConns or Admit
	Received     int64 // bytes of payload, those of open connections included
	Sent         int64 // likewise
	Failures     int64 // ends other than an orderly FIN or an idle limit
	Backpressure int64 // writes refused with ErrBackpressure
	AcceptErrors int64 // failed accept calls, each wait for descriptors among them
	Dropped      int64 // datagrams not served or not sent
	BusDropped   int64 // messages of the Bus that a subscriber or a process did not take
}

// counters are the counters behind Stats. All of them are atomic.
type counters struct {
	open, accepted, refused, failures, acceptErrors atomic.Int64

	received, sent atomic.Int64 // of connections that have ended

	backpressure, dropped, busDropped atomic.Int64
}

// traffic counts the payload of one connection. Its loop adds, anyone reads.
type traffic struct {
	received, sent atomic.Int64
}

func (t *traffic) bytes() (received, sent int64) { return t.received.Load(), t.sent.Load() }
