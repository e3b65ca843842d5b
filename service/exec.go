package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"sock/engine"
	"sock/socket"
)

var execService = Service{
	Name: "exec", Usage: "COMMAND [ARGUMENT…]", Doc: "runs a command for each connection; its standard input and output are the socket",
	Stream:  true,
	New:     func(args []string) (engine.Handler, error) { return newExec(args, false) },
	NewIdle: func(args []string) (engine.Handler, error) { return newExec(args, true) },
	Prepare: func(args []string) error {
		argv, err := commandLine(args)
		if err == nil {
			_, err = exec.LookPath(argv[0])
		}
		return err
	},
}

// newExec makes the handler. With an idle limit the bytes go through pipes,
// even where the command could have the socket itself: otherwise the engine
// would see none of them and take every connection for an idle one.
func newExec(args []string, piped bool) (engine.Handler, error) {
	argv, err := commandLine(args)
	if err != nil {
		return nil, err
	}
	c := command{argv: argv, piped: piped}
	return engine.Blocking(c.serve), nil
}

// commandLine gives the command and its arguments. No shell is in between: a
// single argument with white space in it is cut into words as a service line
// is (`exec "date -u"` and `exec date -u` are the same), and pipes and
// variables need `exec sh -c "…"`.
func commandLine(args []string) ([]string, error) {
	argv := args
	if len(args) == 1 && strings.ContainsAny(args[0], " \t") {
		var err error
		if argv, err = Split(args[0]); err != nil {
			return nil, &ArgumentError{Message: err.Error()}
		}
	}
	if len(argv) == 0 || argv[0] == "" {
		return nil, &ArgumentError{Index: 0, Message: "exec needs a command, as in: exec date"}
	}
	for i, a := range argv {
		if strings.IndexByte(a, 0) >= 0 {
			return nil, &ArgumentError{Index: min(i, len(args)-1), Message: "a NUL byte in an argument"}
		}
	}
	return argv, nil
}

// A command is what exec runs, with its arguments.
type command struct {
	argv  []string
	piped bool // never give it the socket itself
}

// An ExitError says how the command of a connection ended, where that was not
// with status 0.
type ExitError struct {
	Command string
	State   *os.ProcessState
}

// Error gives "exec false: exit status 1".
func (e *ExitError) Error() string { return "exec " + e.Command + ": " + e.State.String() }

// serve runs the command on one connection and returns when it has ended.
func (c command) serve(_ context.Context, conn net.Conn) error {
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Env = environment(os.Environ(), addressesOf(conn))
	run := runDirect
	if _, secure := conn.(interface{ ConnectionState() tls.ConnectionState }); secure || c.piped {
		run = runPiped
	}
	err := run(cmd, conn)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &ExitError{Command: c.argv[0], State: exit.ProcessState}
	}
	if err != nil {
		return fmt.Errorf("exec %s: %w", c.argv[0], err)
	}
	return nil
}

// addresses are what a command is told about its connection.
type addresses struct {
	network                          string
	peer, peerPort, local, localPort string
}

func addressesOf(conn net.Conn) addresses {
	a := addresses{network: "tcp"}
	a.peer, a.peerPort = addressParts(conn.RemoteAddr())
	a.local, a.localPort = addressParts(conn.LocalAddr())
	if network := conn.LocalAddr().Network(); strings.HasPrefix(network, "unix") {
		a.network = network
	}
	return a
}

// addressParts gives the host (or the path) and the port.
func addressParts(addr net.Addr) (host, port string) {
	a, err := socket.FromNetAddr(addr)
	if err != nil {
		return addr.String(), ""
	}
	if isUnnamed(a) {
		return "", ""
	}
	return hostOf(a), portOf(a)
}

// environment adds to the server's own environment where the connection comes
// from: under the names of sock, of ncat, of UCSPI-TCP (tcpserver) and of
// socat, so that scripts for those run unchanged. What they had is replaced.
//
// https://cr.yp.to/proto/ucspi.txt; ncat(1) --exec; socat(1) Environment.
func environment(base []string, a addresses) []string {
	proto := strings.ToUpper(a.network)
	set := [][2]string{
		{"SOCK_PROTO", a.network},
		{"SOCK_PEER_ADDR", a.peer},
		{"SOCK_PEER_PORT", a.peerPort},
		{"SOCK_LOCAL_ADDR", a.local},
		{"SOCK_LOCAL_PORT", a.localPort},
		{"NCAT_PROTO", proto},
		{"NCAT_REMOTE_ADDR", a.peer},
		{"NCAT_REMOTE_PORT", a.peerPort},
		{"NCAT_LOCAL_ADDR", a.local},
		{"NCAT_LOCAL_PORT", a.localPort},
		{"PROTO", proto},
		{"TCPREMOTEIP", a.peer},
		{"TCPREMOTEPORT", a.peerPort},
		{"TCPLOCALIP", a.local},
		{"TCPLOCALPORT", a.localPort},
		{"SOCAT_PEERADDR", a.peer},
		{"SOCAT_PEERPORT", a.peerPort},
		{"SOCAT_SOCKADDR", a.local},
		{"SOCAT_SOCKPORT", a.localPort},
	}
	names := make(map[string]bool, len(set))
	for _, kv := range set {
		names[kv[0]] = true
	}
	env := make([]string, 0, len(base)+len(set))
	for _, entry := range base {
		if name, _, _ := strings.Cut(entry, "="); !names[name] {
			env = append(env, entry)
		}
	}
	for _, kv := range set {
		if a.network == "tcp" || !strings.HasPrefix(kv[0], "TCP") {
			env = append(env, kv[0]+"="+kv[1])
		}
	}
	return env
}
