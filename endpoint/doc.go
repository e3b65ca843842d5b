// Package endpoint is the one grammar for network endpoints: it parses,
// prints, resolves, dials and listens.
//
//	endpoint = [scheme "://"] address ["?" option {"&" option}]
//	scheme   = tcp tcp4 tcp6 udp udp4 udp6 unix unixgram unixpacket tls http https fd
//	address  = host ":" port | "[" ipv6 ["%" zone] "]" ":" port | ":" port | port | path | "@" abstract-name
//
// [Parse] turns a text into an [Endpoint], a plain value that has been checked
// whole: scheme, address, every option's name and value, and that each option
// makes sense for the scheme. What is wrong is a [*SyntaxError], which points
// at the offending characters and names the nearest right spelling. An
// Endpoint prints in one canonical form, and parses back to itself.
//
// For most programs [Dial] and [Listen] are all there is to know:
//
//	e, err := endpoint.Parse("tcp://example.com:80?nodelay&timeout=5s")
//	conn, err := endpoint.Dial(ctx, e)
//
// A bare port (8080) and localhost are both loopback addresses, IPv6 and IPv4;
// :8080 is every interface. An option is a row of package socket's option
// table, by name or by the kernel's symbol (nodelay, TCP_NODELAY), or one of
// the endpoint's own ([OwnOptions]).
//
// A program that only needs a net.Conn to a host and a port, with none of the
// options, is served by package net.
package endpoint
