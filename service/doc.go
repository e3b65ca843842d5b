// Package service holds what a server can say: echo, discard, chargen,
// daytime, time, greet, exec and chat, and the service lines that name them.
//
// A line is an endpoint and what it says, the same on the command line, in a
// file and here:
//
//	tcp://127.0.0.1:65433 greet "Hello, person from {peer}"
//
// [ParseLine] and [ParseFile] read and check lines; [Line.Handler] makes the
// engine.Handler that serves one. The services are written once, against the
// engine's Handler, and run on every concurrency model. Most programs want
// package up, which opens the endpoints of a set of lines and serves them.
//
// A service is one file and one row of the registry ([All], [Lookup]); help,
// docs and the man page are made of the rows.
//
// The services for datagrams guard against being used to flood others; see
// docs/services.md. They are meant to try, to test and to learn with, not to
// stand on the open internet.
package service
