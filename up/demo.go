package up

import (
	"net"

	"sock/endpoint"
	"sock/service"
)

// demo is what `sock up` serves without lines: every service that needs no
// argument, on loopback only.
var demo = []string{
	"tcp://localhost:65432 echo",
	"udp://localhost:65432 echo",
	`tcp://localhost:65433 greet "Hello, person from {peer}"`,
	"tcp://localhost:65434 chat",
	"udp://localhost:65434 chat",
	"tcp://localhost:65435 daytime",
	"tcp://localhost:65436 discard",
	"tcp://localhost:65437 chargen",
	"tcp://localhost:65438 time",
	"tcp://localhost:65439 exec date",
}

// Demo gives the demonstration set: the classic services on loopback, ports
// 65432 to 65439. What each one does is its Service's Doc; [Try] gives
// commands to see it.
func Demo() []service.Line {
	lines := make([]service.Line, len(demo))
	for i, text := range demo {
		l, err := service.ParseLine(text)
		if err != nil {
			panic("up: demonstration set: " + err.Error())
		}
		lines[i] = l
	}
	return lines
}

// Try gives commands that talk to an endpoint, with its real port, ready to
// type: sock's own first, then that of a tool people know. An endpoint without
// one gives none.
func Try(e endpoint.Endpoint) []string {
	e.Options = nil
	host, port := e.Host, e.Port
	if e.IsWildcard() {
		host = "127.0.0.1"
		e.Host = host
	}
	switch {
	case e.IsFD():
		return nil
	case e.IsTLS():
		return []string{
			"sock connect '" + e.String() + "?insecure'",
			"openssl s_client -quiet -connect " + net.JoinHostPort(host, port),
		}
	case e.IsUnix():
		return append([]string{"sock connect " + e.String()}, netcat(e)...)
	case e.IsDatagram():
		return []string{"sock connect " + e.String(), "nc -u " + host + " " + port}
	}
	return []string{"sock connect " + e.String(), "nc " + host + " " + port}
}

// netcat is for the UNIX sockets that OpenBSD's nc can talk to by their path.
func netcat(e endpoint.Endpoint) []string {
	if e.Scheme == "unix" && e.Path != "" && e.Path[0] != '@' {
		return []string{"nc -U " + service.Quote(e.Path)}
	}
	return nil
}
