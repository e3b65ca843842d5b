// Package engine serves many connections with one [Handler], whatever the
// concurrency model: serially, in a process per connection, in a goroutine per
// connection, or on a few event loops. A service is written once, against the Handler, and chooses
// nothing: the model is a field of [Config].
//
// The engine calls a handler on the connection's loop, one call at a time:
//
//	Open  Data … Data  HalfClosed  Drained …  Close
//
// The methods of a [Conn] may be called from within those calls only. Any
// other goroutine holds a [Ref]: its Post, Write and Close are safe from
// anywhere, never block, and once the connection has ended return [ErrStale].
// Plain blocking code (crypto/tls, exec, net/http) becomes a Handler through
// [Blocking].
//
// Every buffer is bounded. What is written is sent when the call returns; what
// the peer does not take stays in the connection's output buffer, reading
// pauses, and above [Config].HighWater Write returns [ErrBackpressure]. A slow
// reader costs that much memory and delays nobody else.
//
// Every connection ends with a [Record]: the bytes each way, who ended it and
// how. Closing loses nothing: output is flushed, then FIN is sent, then the
// peer's own end is awaited for a moment, so that no reset destroys the last
// bytes on their way.
//
// Use package net instead where a few connections are served by code that
// wants them as net.Conn and needs neither bounds nor records.
package engine
