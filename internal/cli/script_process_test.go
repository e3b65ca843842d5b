//go:build linux

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sock/internal/proc"
)

// patience bounds every wait of a script: what takes longer has failed.
const patience = 20 * time.Second

type (
	processesKey struct{}
	testingKey   struct{}
)

// processes are those that a script has started and not finished yet.
type processes struct {
	byName map[string]*process
	peers  map[string]*peer
	crowd  []net.Conn
}

func (p *processes) killAll() {
	for _, one := range p.byName {
		_ = syscall.Kill(-one.cmd.Process.Pid, syscall.SIGKILL)
		<-one.done
	}
}

// others is what every other program has written to its standard error, for a
// failure that one of them may explain.
func (p *processes) others(but *process) string {
	var b strings.Builder
	for name, one := range p.byName {
		if one != but {
			fmt.Fprintf(&b, "\nstderr of %s: %s", name, one.err.String())
		}
	}
	return b.String()
}

// process is a program that runs beside the script.
type process struct {
	name     string
	cmd      *exec.Cmd
	out, err output
	stdin    io.WriteCloser // held open; nil: not ours
	done     chan struct{}  // closed when it has ended
	failure  error          // of Wait; after done
}

// output collects what a program writes. Safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func processNamed(ts *testscript.TestScript, name string) *process {
	p := ts.Value(processesKey{}).(*processes).byName[name]
	if p == nil {
		ts.Fatalf("no process %q", name)
	}
	return p
}

// launch is how a script wants a program started.
type launch struct {
	stdin   string // a file; empty: /dev/null
	hold    bool   // standard input is a pipe that stays open
	stdout  string // a file instead of memory
	network string // await a listener: tcp, udp, unix
	at      string // its port or path
	argv    []string
}

func parseLaunch(ts *testscript.TestScript, args []string) launch {
	l := launch{}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-hold":
			l.hold = true
			args = args[1:]
			continue
		case "-stdin":
			l.stdin = ts.MkAbs(args[1])
		case "-stdout":
			l.stdout = ts.MkAbs(args[1])
		case "-tcp", "-udp", "-unix":
			l.network, l.at = args[0][1:], args[1]
		default:
			ts.Fatalf("unknown option %s", args[0])
		}
		args = args[2:]
	}
	if len(args) == 0 {
		ts.Fatalf("no program to start")
	}
	l.argv = args
	return l
}

// start NAME [-stdin FILE | -hold] [-stdout FILE] [-tcp PORT | -udp PORT | -unix PATH] PROGRAM ARG…
// starts a program beside the script. It returns when the program listens: on
// what -tcp, -udp or -unix name, or, where an argument is --ready-fd 3, when it
// says so; then NAME is its endpoint and NAME_port its port, and NAME_2,
// NAME_2_port those of the second one.
func start(ts *testscript.TestScript, neg bool, args []string) {
	name := args[0]
	l := parseLaunch(ts, args[1:])
	ready := launchProcess(ts, name, l)
	p := processNamed(ts, name)
	if ready != nil {
		awaitReady(ts, p, ready)
	}
	if l.network != "" {
		p.awaitListener(ts, l)
	}
}

// launchProcess starts it, and returns the descriptor on which it says that it
// is ready, or nil.
func launchProcess(ts *testscript.TestScript, name string, l launch) *os.File {
	all := ts.Value(processesKey{}).(*processes)
	if all.byName[name] != nil {
		ts.Fatalf("a process %q runs already", name)
	}
	p := &process{name: name, done: make(chan struct{})}
	path := l.argv[0]
	if path == "sock" {
		path = program
	}
	p.cmd = exec.Command(path, l.argv[1:]...)
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"), "NO_COLOR=1", "GORACE="+raceOptions, "WORK="+ts.Getenv("WORK"))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.WaitDelay = time.Second
	opened := p.redirect(ts, l)
	var ready *os.File
	if strings.Contains(strings.Join(l.argv, " "), "--ready-fd 3") {
		r, w, err := os.Pipe()
		ts.Check(err)
		ready, p.cmd.ExtraFiles = r, []*os.File{w}
		opened = append(opened, w)
	}
	ts.Check(p.cmd.Start())
	for _, f := range opened {
		f.Close()
	}
	all.byName[name] = p
	go func() {
		p.failure = p.cmd.Wait()
		close(p.done)
	}()
	return ready
}

// redirect sets standard input and output; the files are to be closed once the
// program has started.
func (p *process) redirect(ts *testscript.TestScript, l launch) []*os.File {
	var opened []*os.File
	if l.stdin != "" {
		f, err := os.Open(l.stdin)
		ts.Check(err)
		p.cmd.Stdin = f
		opened = append(opened, f)
	}
	if l.stdout != "" {
		f, err := os.Create(l.stdout)
		ts.Check(err)
		p.cmd.Stdout = f
		opened = append(opened, f)
	}
	if l.hold {
		r, w, err := os.Pipe()
		ts.Check(err)
		p.cmd.Stdin, p.stdin = r, w
		opened = append(opened, r)
	}
	return opened
}

// awaitReady reads the endpoints that a server writes to its --ready-fd.
func awaitReady(ts *testscript.TestScript, p *process, ready *os.File) {
	defer ready.Close()
	ts.Check(ready.SetReadDeadline(time.Now().Add(patience)))
	text, err := io.ReadAll(ready)
	endpoints := strings.Fields(string(text))
	if err != nil || len(endpoints) == 0 {
		<-p.done
		ts.Fatalf("%s did not become ready: %v\n%s", p.name, err, p.err.String())
	}
	for i, endpoint := range endpoints {
		name := p.name
		if i > 0 {
			name += "_" + strconv.Itoa(i+1)
		}
		ts.Setenv(name, endpoint)
		ts.Setenv(name+"_port", endpoint[strings.LastIndexByte(endpoint, ':')+1:])
	}
}

// until asks again and again whether something has happened, in the kernel or
// in another process, that nothing can be waited for with.
func (p *process) until(ts *testscript.TestScript, what string, happened func() bool) {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if happened() {
			return
		}
		select {
		case <-p.done:
			if happened() {
				return
			}
			ts.Fatalf("%s ended (%v) before %s\nstdout: %s\nstderr: %s", p.name, p.failure, what, p.out.String(), p.err.String())
		default:
		}
		if time.Now().After(end) {
			ts.Fatalf("%s: not within %v: %s\nstdout: %s\nstderr: %s", p.name, patience, what, p.out.String(), p.err.String())
		}
	}
}

func (p *process) awaitListener(ts *testscript.TestScript, l launch) {
	p.until(ts, "it listened on "+l.network+" "+l.at, func() bool {
		if l.network == "unix" {
			_, ok := proc.PathHolder(l.at)
			return ok
		}
		port, err := strconv.ParseUint(l.at, 10, 16)
		ts.Check(err)
		h, ok := proc.PortHolder(l.network, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)))
		if !ok {
			h, ok = proc.PortHolder(l.network, netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)))
		}
		return ok && (h.Socket.State == proc.Listening || l.network == "udp")
	})
}

// finish NAME CODE ends a program's input, waits for it and checks its exit
// code. Its output is then what stdout, stderr and cmp look at. If it was given
// --json, every line of its standard error must be an event as documented.
func finish(ts *testscript.TestScript, neg bool, args []string) {
	p := processNamed(ts, args[0])
	if p.stdin != nil {
		p.stdin.Close()
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		others := ts.Value(processesKey{}).(*processes).others(p)
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGQUIT) // a Go program shows its goroutines
		select {
		case <-p.done:
		case <-time.After(time.Second):
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
			<-p.done
		}
		ts.Fatalf("%s did not end within %v\nstdout: %s\nstderr: %s%s", p.name, patience, p.out.String(), p.err.String(), others)
	}
	delete(ts.Value(processesKey{}).(*processes).byName, p.name)
	fmt.Fprint(ts.Stdout(), p.out.String())
	fmt.Fprint(ts.Stderr(), p.err.String())
	if got := exitCode(p); got != args[1] {
		ts.Fatalf("%s: exit code %s, want %s\nstderr: %s", p.name, got, args[1], p.err.String())
	}
	if p.isJSON() {
		checkEvents(ts, p.err.String())
	}
}

// exitCode is the code, or the name of the signal that ended it.
func exitCode(p *process) string {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return strings.ToUpper(status.Signal().String())
	}
	if errors.Is(p.failure, exec.ErrWaitDelay) {
		return "0, with its output held open by a child"
	}
	return strconv.Itoa(p.cmd.ProcessState.ExitCode())
}

func (p *process) isJSON() bool {
	for _, arg := range p.cmd.Args {
		if arg == "--json" {
			return p.cmd.Path == program
		}
	}
	return false
}

// run CODE [as start] PROGRAM ARG… is start and finish in one.
func run(ts *testscript.TestScript, neg bool, args []string) {
	start(ts, false, append([]string{"run"}, args[1:]...))
	finish(ts, false, []string{"run", args[0]})
}

// await NAME [stdout | stderr] PATTERN waits until a program has written what
// the pattern matches, to either unless said.
func await(ts *testscript.TestScript, neg bool, args []string) {
	p := processNamed(ts, args[0])
	streams := []*output{&p.out, &p.err}
	if len(args) == 3 {
		streams = streams[:1]
		if args[1] == "stderr" {
			streams[0] = &p.err
		}
	}
	pattern := regexp.MustCompile("(?m)" + args[len(args)-1])
	p.until(ts, "it wrote "+pattern.String(), func() bool {
		for _, o := range streams {
			if pattern.MatchString(o.String()) {
				return true
			}
		}
		return false
	})
}

// type NAME TEXT writes to the input that start -hold has left open; \n, \x00
// and the like are as in Go.
func typeInto(ts *testscript.TestScript, neg bool, args []string) {
	p := processNamed(ts, args[0])
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[1], `"`, `\"`) + `"`)
	ts.Check(err)
	_, err = io.WriteString(p.stdin, text)
	ts.Check(err)
}

// eof NAME ends that input.
func endInput(ts *testscript.TestScript, neg bool, args []string) {
	p := processNamed(ts, args[0])
	ts.Check(p.stdin.Close())
	p.stdin = nil
}

// signal NAME INT | TERM | HUP | KILL | STOP
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{
		"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP,
	}
	number, known := signals[args[1]]
	if !known {
		ts.Fatalf("signal: unknown signal %s", args[1])
	}
	ts.Check(processNamed(ts, args[0]).cmd.Process.Signal(number))
}

// localPort is for peers that are part of the test.
func localPort(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }

// scratch is a file of the script's own directory.
func scratch(ts *testscript.TestScript, name string) string { return filepath.Clean(ts.MkAbs(name)) }
