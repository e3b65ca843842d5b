// Package examples holds the classic first programs of network programming,
// each a page that reads beside a textbook's diagram: socket, bind, listen,
// accept, connect, send, recv, close. Each runs on its own, for example
//
//	go run ./examples/01-echo-server
//
// and -h lists what it takes. The tests of this package run every one of them
// against the programs people use: nc, curl, netstat, lsof.
package examples
