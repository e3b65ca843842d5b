package service

import (
	"slices"

	"sock/engine"
)

// A Service is one row of the registry: what a service line may name.
type Service struct {
	Name  string // as a line spells it
	Usage string // the arguments, as help shows them: "[TEXT]"; empty where there are none
	Doc   string // one sentence
	RFC   string // the specification, or empty

	Stream   bool // answers on tcp, tls and unix
	Datagram bool // answers on udp and unixgram

	// New makes the service's handler. It opens nothing and starts nothing,
	// so that it also serves to check a line. One handler serves every
	// connection of one line. What is wrong with an argument is an
	// *ArgumentError.
	New func(args []string) (engine.Handler, error)

	// NewIdle, where it is set, is used in place of New for an endpoint with
	// an idle limit.
	NewIdle func(args []string) (engine.Handler, error)

	// Prepare, where it is set, checks before a server starts what the
	// service needs of the machine.
	Prepare func(args []string) error
}

// table holds every service, in the order help shows them. A service is one
// file and one row here.
var table = []*Service{
	&echoService,
	&discardService,
	&chargenService,
	&daytimeService,
	&timeService,
	&greetService,
	&execService,
	&chatService,
}

// All returns the services in the order help shows them.
func All() []*Service { return slices.Clone(table) }

// Lookup returns the service of a name.
func Lookup(name string) (*Service, bool) {
	for _, s := range table {
		if s.Name == name {
			return s, true
		}
	}
	return nil, false
}

// Names returns the names of all services, in the order of All.
func Names() []string {
	names := make([]string, len(table))
	for i, s := range table {
		names[i] = s.Name
	}
	return names
}
