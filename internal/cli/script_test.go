//go:build linux

package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// program is the built command, in a directory that the scripts have in PATH.
var program string

// raceOptions lets a command that was built with the race detector end at once,
// not after a second. What it finds still is exit code 66.
const raceOptions = "atexit_sleep_ms=0"

// TestMain builds the command once: the scripts drive what a user has.
func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sock-scripts-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "sock")
	args := []string{"build", "-trimpath", "-o", program}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "sock/cmd/sock")...)
	build.Env = append(os.Environ(), "CGO_ENABLED="+map[bool]string{true: "1", false: "0"}[raceEnabled])
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go %s: %v\n%s", strings.Join(build.Args[1:], " "), err, out)
		return 1
	}
	return m.Run()
}

// TestScripts runs testdata/*.txtar. README.md there describes their commands.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"need":         need,
			"start":        start,
			"run":          run,
			"finish":       finish,
			"await":        await,
			"event":        event,
			"type":         typeInto,
			"eof":          endInput,
			"signal":       sendSignal,
			"port":         freePort,
			"random":       randomFile,
			"same":         same,
			"crowd":        crowd,
			"peer":         startPeer,
			"mask":         mask,
			"pause":        pause,
			"vacant":       vacant,
			"narrow":       narrow,
			"carry":        carry,
			"certificates": certificates,
		},
	})
}

func setup(env *testscript.Env) error {
	env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+env.Getenv("PATH"))
	env.Setenv("NO_COLOR", "1")
	env.Setenv("GORACE", raceOptions)
	env.Values[testingKey{}] = env.T()
	env.Values[processesKey{}] = &processes{byName: map[string]*process{}, peers: map[string]*peer{}}
	env.Defer(func() { env.Values[processesKey{}].(*processes).killAll() })
	return nil
}

// need PROGRAM… skips the script, by the program's name, where one is missing.
func need(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		if _, err := exec.LookPath(name); err != nil {
			ts.Logf("%s is not installed", name)
			skip(ts, name+" is not installed")
		}
	}
}

// skip ends the script as skipped: the built-in command does that, by name.
func skip(ts *testscript.TestScript, why string) {
	if t, ok := ts.Value(testingKey{}).(testscript.T); ok {
		t.Skip(why)
	}
	ts.Fatalf("%s", why)
}

// lowestPort and portCount are a range that no system hands out by itself
// (Linux begins at 32768), so that a port that is free stays free until the
// program that is to have it is there.
const (
	lowestPort = 20000
	portCount  = 10000
)

// nextPort counts through the range, from a place that differs from process to
// process: other tests may do the same at the same time.
var nextPort atomic.Uint32

// port NAME… puts ports that are free, on every address and for both TCP and
// UDP, into environment variables.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	nextPort.CompareAndSwap(0, uint32(os.Getpid()*37))
	for _, name := range args {
		for {
			port := strconv.Itoa(lowestPort + int(nextPort.Add(1)%portCount))
			if isFree(port) {
				ts.Setenv(name, port)
				break
			}
		}
	}
}

func isFree(port string) bool {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return false
	}
	defer l.Close()
	c, err := net.ListenPacket("udp", ":"+port)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// vacant PORT… waits until ports that have to be these are free: another test
// of this machine may have them for a while.
func vacant(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		taken := slices.IndexFunc(args, func(port string) bool { return !isFree(port) })
		switch {
		case taken < 0:
			return
		case time.Now().After(end):
			ts.Fatalf("port %s has not become free within %v", args[taken], patience)
		}
	}
}

// random FILE SIZE writes that many bytes that do not repeat, the same in
// every run. A size may end in k or M.
func randomFile(ts *testscript.TestScript, neg bool, args []string) {
	size, err := strconv.ParseInt(strings.TrimRight(args[1], "kM"), 10, 64)
	ts.Check(err)
	switch args[1][len(args[1])-1] {
	case 'k':
		size <<= 10
	case 'M':
		size <<= 20
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = io.CopyN(f, rand.NewChaCha8(sha256.Sum256([]byte(args[0]))), size)
	ts.Check(err)
	ts.Check(f.Close())
}

// same FILE1 FILE2 compares lengths and SHA-256.
func same(ts *testscript.TestScript, neg bool, args []string) {
	got, gotSize := sum(ts, args[0])
	want, wantSize := sum(ts, args[1])
	if (got == want) == neg {
		ts.Fatalf("%s: %d bytes, SHA-256 %s\n%s: %d bytes, SHA-256 %s", args[0], gotSize, got, args[1], wantSize, want)
	}
}

func sum(ts *testscript.TestScript, name string) (string, int64) {
	f, err := os.Open(ts.MkAbs(name))
	ts.Check(err)
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	ts.Check(err)
	return hex.EncodeToString(h.Sum(nil)), n
}

// pause DURATION lets time pass where time itself is what is tested.
func pause(ts *testscript.TestScript, neg bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.Sleep(d)
}

// narrow FILE fails on a line of more than 80 characters.
func narrow(ts *testscript.TestScript, neg bool, args []string) {
	for i, line := range strings.Split(ts.ReadFile(args[0]), "\n") {
		if n := len([]rune(line)); n > width {
			ts.Fatalf("%s:%d: %d characters, more than %d: %s", args[0], i+1, n, width, line)
		}
	}
}

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)^\+\d+\.\d{6}  ( \d|\d\d)  `), "+T  FD  "},
	{regexp.MustCompile(`((?:127\.0\.0\.1|\[::1\]|0\.0\.0\.0|\[::\]|localhost):)\d{4,5}\b`), "${1}PORT"},
	{regexp.MustCompile(`((?:socket|accept)\([^)]*\)) = \d+`), "$1 = FD"},
	{regexp.MustCompile(`\bpid \d+`), "pid PID"},
	{regexp.MustCompile(`(after |within )\d[\d.]*[mµn]?s`), "${1}TIME"},
}

// mask FILE OUT copies a file with times, ports, descriptors and process ids
// replaced by words, for comparison with a golden one. FILE may be stdout or
// stderr.
func mask(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}
