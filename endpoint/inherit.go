package endpoint

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"sock/socket"
)

// firstInherited is the first descriptor that a service manager passes;
// sd_listen_fds(3): SD_LISTEN_FDS_START.
const firstInherited = 3

// maxInherited bounds LISTEN_FDS, against a variable that means something else.
const maxInherited = 4096

// An InheritError says why a descriptor cannot be used as an endpoint.
type InheritError struct {
	FD   int    // -1: there is none of that name
	Name string // as the endpoint has it
	Err  error
}

// Error names the descriptor and what is wrong with it.
func (e *InheritError) Error() string {
	if e.FD < 0 || strconv.Itoa(e.FD) == e.Name {
		return fmt.Sprintf("descriptor %s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("descriptor %d (%s): %v", e.FD, e.Name, e.Err)
}

// Unwrap returns the cause.
func (e *InheritError) Unwrap() error { return e.Err }

// activation is what the environment said about passed descriptors.
type activation struct {
	names map[string]int // the first descriptor of each name
	count int
	why   string // there are none; the reason in words
}

// activated reads the environment once, then clears it and sets the descriptors
// to close on exec: a child of this process must not take them for its own.
// sd_listen_fds(3).
var activated = sync.OnceValue(func() activation {
	a := readActivation(os.Getenv, os.Getpid())
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		os.Unsetenv(name)
	}
	for fd := firstInherited; fd < firstInherited+a.count; fd++ {
		closeOnExec(fd)
	}
	return a
})

func readActivation(getenv func(string) string, pid int) activation {
	count, names := getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES")
	if count == "" {
		return activation{why: "no descriptors were passed (LISTEN_FDS is not set)"}
	}
	if owner := getenv("LISTEN_PID"); owner != strconv.Itoa(pid) {
		return activation{why: fmt.Sprintf("the descriptors are for another process (LISTEN_PID=%s, this is %d)", owner, pid)}
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxInherited {
		return activation{why: fmt.Sprintf("LISTEN_FDS=%s is no count of descriptors", count)}
	}
	a := activation{names: map[string]int{}, count: n}
	for i, name := range strings.Split(names, ":") {
		if _, taken := a.names[name]; !taken && name != "" && i < n {
			a.names[name] = firstInherited + i
		}
	}
	return a
}

// Activated returns how many descriptors a service manager passed to this
// process, from descriptor 3 on, and their names (LISTEN_FDS, LISTEN_FDNAMES).
// The first use of it, or of an fd:// endpoint, clears these variables from the
// environment. Safe for concurrent use.
func Activated() (count int, names map[string]int) {
	a := activated()
	return a.count, maps.Clone(a.names)
}

// inherited takes over the descriptor that an fd endpoint names: a number, or a
// name from LISTEN_FDNAMES. It is closed on exec from now on.
func inherited(e Endpoint) (*socket.Socket, error) {
	a := activated() // clears the environment also when the endpoint is a number
	fd, err := strconv.Atoi(e.Host)
	if err != nil {
		found := false
		if fd, found = a.names[e.Host]; !found {
			return nil, &InheritError{-1, e.Host, errors.New(a.missing())}
		}
	}
	if err := checkSocket(fd); err != nil {
		return nil, &InheritError{fd, e.Host, err}
	}
	s, err := socket.FromFD(fd)
	if errors.Is(err, syscall.EEXIST) {
		return nil, &InheritError{fd, e.Host, errors.New("another endpoint of this process has it already")}
	}
	if err != nil {
		return nil, &InheritError{fd, e.Host, err}
	}
	return s, nil
}

// missing says why there is no descriptor of some name.
func (a activation) missing() string {
	switch {
	case a.why != "":
		return a.why
	case len(a.names) == 0:
		return "the passed descriptors have no names (LISTEN_FDNAMES is not set)"
	}
	names := slices.Sorted(maps.Keys(a.names))
	return "no descriptor of that name was passed, only " + strings.Join(names, ", ")
}

// standing is what a socket is in the middle of.
type standing int

const (
	idle standing = iota
	listening
	connected
)

// standingOf asks the kernel whether a socket listens or has a peer.
func standingOf(s *socket.Socket) standing {
	if listens, err := socket.AcceptConn.Get(s); err == nil && listens {
		return listening
	}
	if peer, err := s.PeerAddr(); err == nil && peer.IsValid() {
		return connected
	}
	return idle
}

// describe says what a socket is, for a message: "a tcp socket that listens on
// 127.0.0.1:80".
func describe(s *socket.Socket) string {
	tuple, err := s.Tuple()
	if err != nil {
		return "a socket that cannot tell its address"
	}
	kind := "a " + tuple.Protocol + " socket"
	switch standingOf(s) {
	case listening:
		return fmt.Sprintf("%s that listens on %v", kind, tuple.Local)
	case connected:
		return fmt.Sprintf("%s that is connected to %v", kind, tuple.Peer)
	}
	return kind + " that neither listens nor is connected"
}

// dialInherited uses a connected descriptor as a client's connection.
func dialInherited(e Endpoint) (net.Conn, error) {
	s, err := inherited(e)
	if err != nil {
		return nil, err
	}
	if standingOf(s) != connected {
		err := fmt.Errorf("it is %s; to connect takes one that is connected", describe(s))
		fd := s.FD()
		s.Close()
		return nil, &InheritError{fd, e.Host, err}
	}
	if err := setOptions(s, e, socket.Connected, 0); err != nil {
		s.Close()
		return nil, err
	}
	if s.Type() == socket.DGRAM {
		return &DatagramConn{Conn: s.Conn()}, nil
	}
	return s.Conn(), nil
}
