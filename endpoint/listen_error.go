package endpoint

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"sock/internal/netns"
	"sock/internal/proc"
	"sock/socket"
)

// Owner is a process that has what was asked for.
type Owner struct {
	PID  int
	Name string // of its command
}

// ListenError says that an endpoint could not be listened on: which, why, and
// for an address in use by whom. It unwraps to the cause, the call's *net.OpError
// where there was a call.
type ListenError struct {
	Endpoint Endpoint
	Addr     socket.Addr // the address that failed; invalid when it did not come to that
	Owner    Owner       // PID 0: not known
	Err      error

	by, reason string
}

// Error is "listen tcp://127.0.0.1:8080: address already in use (EADDRINUSE) by
// nginx (pid 4242)". The address stands in it where the endpoint has several.
func (e *ListenError) Error() string {
	var b strings.Builder
	endpoint := e.Endpoint.withoutOptions().String()
	b.WriteString("listen " + endpoint + ": ")
	if e.Addr.IsValid() && !strings.Contains(endpoint, e.Addr.String()) && e.Endpoint.Host != "" {
		b.WriteString(e.Addr.String() + ": ")
	}
	b.WriteString(phraseAt(e.Err, "listen", "bind"))
	if e.by != "" {
		b.WriteString(" by " + e.by)
	}
	if e.reason != "" {
		b.WriteString(": " + e.reason)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// phraseAt is phrase with several calls that need no naming.
func phraseAt(err error, asked ...string) string {
	var op *net.OpError
	if errors.As(err, &op) {
		for _, name := range asked {
			if op.Op == name {
				return phrase(err, name)
			}
		}
	}
	return phrase(err, "")
}

// listenFailure wraps an error that is of no address.
func listenFailure(e Endpoint, err error) error {
	return &ListenError{Endpoint: e, Err: err}
}

// failure wraps an error of an address, and finds out more about it.
func (b *binding) failure(at socket.Addr, err error) error {
	e := &ListenError{Endpoint: b.endpoint, Addr: at, Err: err}
	var kept *pathError
	switch {
	case errors.As(err, &kept) && kept.reason != "":
		e.reason = kept.reason
	case errors.Is(err, syscall.EADDRINUSE):
		e.blame()
	case errors.Is(err, syscall.EACCES) && at.Port() > 0:
		e.reason = privileged(b.endpoint, at.Port())
	case errors.Is(err, syscall.EACCES) && at.Family() == socket.UNIX:
		e.reason = "no permission to create a file there"
	case errors.Is(err, syscall.EADDRNOTAVAIL) && at.Family() != socket.UNIX:
		e.reason = at.AddrPort().Addr().String() + " is not an address of this host"
	case errors.Is(err, syscall.ENOENT) && at.Family() == socket.UNIX:
		e.reason = "there is no such directory"
	}
	return e
}

// blame finds who has the address. Not to be seen is not worth a word.
func (e *ListenError) blame() {
	var h proc.Holder
	found := false
	err := netns.Do(e.Endpoint.NetNS(), func() error {
		if e.Addr.Family() == socket.UNIX {
			h, found = proc.PathHolder(e.Addr.Path())
		} else {
			h, found = proc.PortHolder(strings.TrimRight(e.Endpoint.Network(), "46"), e.Addr.AddrPort())
		}
		return nil
	})
	if err != nil || !found {
		return
	}
	e.Owner, e.by = Owner{h.PID, h.Command}, h.String()
	if h.PID == os.Getpid() {
		e.by = "this process"
	}
	if local := h.Socket.Local; local.IsValid() && local.Addr().Unmap() != e.Addr.AddrPort().Addr().Unmap() {
		e.by += fmt.Sprintf(", which has %s", local)
	}
}

// privileged explains why a port may not be bound.
func privileged(e Endpoint, port int) string {
	const setting = "net.ipv4.ip_unprivileged_port_start"
	first := 1024
	_ = netns.Do(e.NetNS(), func() error { // unread, it is what it is by default
		text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
		if n, bad := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && bad == nil {
			first = n
		}
		return nil
	})
	if port >= first {
		return "the system's policy forbids it"
	}
	return fmt.Sprintf("ports below %d need root or CAP_NET_BIND_SERVICE (%s)", first, setting)
}
