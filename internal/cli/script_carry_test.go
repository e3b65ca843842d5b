//go:build linux

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// carrySize is how much each transfer carries: enough to fill every buffer on
// the way many times over.
func carrySize() string {
	if testing.Short() || raceEnabled {
		return "3M"
	}
	return "100M"
}

// carry TRANSPORT SENDER RECEIVER [CODE] sends a file from one program to another,
// over tcp4, tcp6, unix or tls, and compares SHA-256. A program that listens is
// written with a +: "carry tcp4 sock nc+". Both must end with exit code 0; CODE is
// another one for sock.
func carry(ts *testscript.TestScript, neg bool, args []string) {
	if _, err := os.Stat(ts.MkAbs("big")); err != nil {
		randomFile(ts, false, []string{"big", carrySize()})
	}
	c := carriage{ts: ts, transport: args[0], port: "0"}
	from, to := args[1], args[2]
	if from[len(from)-1] == '+' {
		c.listen(from[:len(from)-1], true)
		c.connect(to, false)
	} else {
		c.listen(to[:len(to)-1], false)
		c.connect(from, true)
	}
	codes := map[bool]string{true: "0", false: "0"} // by whether it is sock
	if len(args) > 3 {
		codes[true] = args[3]
	}
	finish(ts, false, []string{"client", codes[processNamed(ts, "client").cmd.Path == program]})
	finish(ts, false, []string{"listener", codes[processNamed(ts, "listener").cmd.Path == program]})
	same(ts, false, []string{"carried", "big"})
	ts.Check(os.Remove(ts.MkAbs("carried")))
}

// carriage is one transfer.
type carriage struct {
	ts        *testscript.TestScript
	transport string
	port      string
	path      string
}

// streams are the redirections of the side that sends, or that receives.
func streams(sends bool) []string {
	if sends {
		return []string{"-stdin", "big"}
	}
	return []string{"-stdout", "carried"}
}

func (c *carriage) listen(tool string, sends bool) {
	c.path = "./carry.sock"
	_ = os.Remove(c.ts.MkAbs(c.path))
	args := append([]string{"listener"}, streams(sends)...)
	if tool == "sock" {
		start(c.ts, false, append(args, "sock", "listen", c.sockEndpoint(true), direction(sends), "--ready-fd", "3"))
		c.port = c.ts.Getenv("listener_port")
		return
	}
	freePort(c.ts, false, []string{"carry_port"})
	c.port = c.ts.Getenv("carry_port")
	if c.transport == "unix" {
		args = append(args, "-unix", c.path)
	} else {
		args = append(args, "-tcp", c.port)
	}
	start(c.ts, false, append(args, c.command(tool, true, sends)...))
}

func (c *carriage) connect(tool string, sends bool) {
	args := append([]string{"client"}, streams(sends)...)
	if tool == "sock" {
		start(c.ts, false, append(args, "sock", "connect", c.sockEndpoint(false), direction(sends)))
		return
	}
	start(c.ts, false, append(args, c.command(tool, false, sends)...))
}

func (c *carriage) sockEndpoint(listens bool) string {
	switch c.transport {
	case "tcp4":
		return "tcp://127.0.0.1:" + c.port
	case "tcp6":
		return "tcp://[::1]:" + c.port
	case "unix":
		return "unix://" + c.path
	}
	if listens {
		return "tls://127.0.0.1:" + c.port + "?cert=server.pem&key=server.key"
	}
	return "tls://127.0.0.1:" + c.port + "?ca=ca.pem&sni=localhost"
}

// direction keeps nc and ncat, which end with the first end of file they see
// when they listen, from losing what they have still to send.
func direction(sends bool) string {
	if sends {
		return "--eof=half"
	}
	return "--recv-only"
}

func (c *carriage) command(tool string, listens, sends bool) []string {
	switch tool {
	case "nc":
		return c.nc(listens)
	case "ncat":
		return c.ncat(listens, sends)
	}
	return c.socat(listens, sends)
}

func (c *carriage) nc(listens bool) []string {
	argv := []string{"nc", "-N"}
	if listens {
		argv = append(argv, "-l")
	}
	switch c.transport {
	case "tcp4":
		return append(argv, "-4", "127.0.0.1", c.port)
	case "tcp6":
		return append(argv, "-6", "::1", c.port)
	}
	return append(argv, "-U", c.path)
}

func (c *carriage) ncat(listens, sends bool) []string {
	argv := []string{"ncat", "--recv-only"}
	if sends {
		argv[1] = "--send-only"
	}
	if listens {
		argv = append(argv, "-l")
	}
	switch c.transport {
	case "tcp4":
		return append(argv, "-4", "127.0.0.1", c.port)
	case "tcp6":
		return append(argv, "-6", "::1", c.port)
	case "unix":
		return append(argv, "-U", c.path)
	}
	argv = append(argv, "--ssl")
	if listens {
		argv = append(argv, "--ssl-cert", "server.pem", "--ssl-key", "server.key")
	}
	return append(argv, "127.0.0.1", c.port)
}

func (c *carriage) socat(listens, sends bool) []string {
	argv := []string{"socat", "-b", "262144", "-u"}
	if sends {
		return append(argv, "STDIN", c.socatAddress(listens))
	}
	return append(argv, c.socatAddress(listens), "STDOUT")
}

func (c *carriage) socatAddress(listens bool) string {
	if listens {
		return map[string]string{
			"tcp4": "TCP4-LISTEN:" + c.port + ",bind=127.0.0.1",
			"tcp6": "TCP6-LISTEN:" + c.port + ",bind=[::1]",
			"unix": "UNIX-LISTEN:" + c.path,
			"tls":  "OPENSSL-LISTEN:" + c.port + ",bind=127.0.0.1,cert=server.pem,key=server.key,verify=0",
		}[c.transport]
	}
	return map[string]string{
		"tcp4": "TCP4:127.0.0.1:" + c.port,
		"tcp6": "TCP6:[::1]:" + c.port,
		"unix": "UNIX-CONNECT:" + c.path,
		"tls":  "OPENSSL:127.0.0.1:" + c.port + ",commonname=localhost,cafile=ca.pem",
	}[c.transport]
}

// certificates makes an authority, a server's and a client's certificate, once
// for all scripts, and copies them into the script's directory.
func certificates(ts *testscript.TestScript, neg bool, args []string) {
	made, err := authority()
	ts.Check(err)
	for name, pem := range made {
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs("."), name), pem, 0o600))
	}
}
