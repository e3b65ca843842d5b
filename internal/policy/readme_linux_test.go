package policy

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write into README.md and docs/models.md what their commands print now")

const (
	readme = root + "/README.md"
	models = root + "/docs/models.md"

	// serving marks the block of a command that goes on while the commands
	// after it run. It is started once and interrupted at the end.
	serving = "<!-- serving -->"

	// more is the last line of an output that goes on.
	more = "…"

	outputLimit = 20 * time.Second // for a command to end, or a server to say what it has to say
	quietAfter  = time.Second      // with -update: a server that is silent for so long has said it
)

// shown is one command of a document with the output that stands below it.
type shown struct {
	line    int // of the command, from 0
	command string
	output  []string
	serving bool
}

// TestReadmeShowsRealOutput runs every command that README.md and
// docs/models.md show in a console block, with the command built from this
// tree, and compares what it prints with what the document says. Ports that
// the kernel chose, times and versions may differ. To write it anew:
//
//	go test ./internal/policy -run Readme -update
func TestReadmeShowsRealOutput(t *testing.T) {
	for document, least := range map[string]int{readme: 8, models: 3} {
		t.Run(filepath.Base(document), func(t *testing.T) { showsRealOutput(t, document, least) })
	}
}

func showsRealOutput(t *testing.T, document string, least int) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	all := commands(lines)
	if len(all) < least {
		t.Fatalf("%s shows %d commands, want %d or more", document, len(all), least)
	}
	s := newShell(t)
	for i := range all {
		got := s.run(t, all[i])
		if *update {
			all[i].output = got
		} else if message := differ(all[i].output, got); message != "" {
			t.Errorf("%s:%d: $ %s\n%s", document, all[i].line+1, all[i].command, message)
		}
	}
	if *update {
		if err := os.WriteFile(document, []byte(strings.Join(rewrite(lines, all), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commands finds the commands of the console blocks.
func commands(lines []string) []shown {
	var all []shown
	inside, marked := false, false
	for i, line := range lines {
		switch {
		case line == serving:
			marked = true
		case line == "```console":
			inside = true
		case line == "```" && inside:
			inside, marked = false, false
		case inside && strings.HasPrefix(line, "$ "):
			all = append(all, shown{line: i, command: line[2:], serving: marked})
		case inside && len(all) > 0:
			last := &all[len(all)-1]
			last.output = append(last.output, line)
		}
	}
	return all
}

// rewrite puts the commands' outputs where the old ones stood.
func rewrite(lines []string, all []shown) []string {
	var out []string
	old := commands(lines)
	next := 0
	for i, c := range old {
		out = append(out, lines[next:c.line+1]...)
		out = append(out, all[i].output...)
		next = c.line + 1 + len(c.output)
	}
	return append(out, lines[next:]...)
}

// masks hide what differs from run to run.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`:\d+"\.\.\.`), `:PORT"...`},
	{regexp.MustCompile(`"(port|pid)":\d+`), `"$1":N`},
	{regexp.MustCompile(`:(3[2-9]|4\d|5\d|60)\d{3}\b`), ":PORT"},
	{regexp.MustCompile(`\+\d+\.\d{6} +\d+ `), "+TIME FD "},
	{regexp.MustCompile(`(socket\(.*\)|accept\(\)) = \d+`), "$1 = FD"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s)\b`), "TIME"},
	{regexp.MustCompile(`"duration_ms":[0-9.e+-]+`), `"duration_ms":TIME`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][0-9:.]+(Z|[+-]\d\d:?\d\d)?`), "DATE"},
	{regexp.MustCompile(`\w+ \w+ +\d+ \d\d:\d\d:\d\d \w+ \d{4}`), "DATE"},
	{regexp.MustCompile(`sock \S+ go1\.\S+ \S+.*`), "VERSION"},
	{regexp.MustCompile(`process \d+`), "process N"},
	{regexp.MustCompile(`\b0/\d+ +sock \d+$`), "QUEUE sock PID"},
	{regexp.MustCompile(` +`), " "},
}

func mask(line string) string {
	for _, m := range masks {
		line = m.pattern.ReplaceAllString(line, m.with)
	}
	return strings.TrimSpace(line)
}

// masked masks an output. Traced calls of the two directions come in either
// order, so an output that holds them is sorted.
func masked(lines []string) []string {
	out := make([]string, len(lines))
	traced := false
	for i, line := range lines {
		out[i] = mask(line)
		traced = traced || strings.HasPrefix(out[i], "+TIME")
	}
	if traced {
		slices.Sort(out)
	}
	return out
}

// differ compares masked outputs and shows both when they differ.
func differ(want, got []string) string {
	if cut := len(want) - 1; cut >= 0 && want[cut] == more && len(got) > cut {
		want, got = want[:cut], got[:cut]
	}
	if slices.Equal(masked(want), masked(got)) {
		return ""
	}
	return fmt.Sprintf("prints\n\t%s\nthe document shows\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
}

// shell runs commands with the built sock on their path, in a network
// namespace of their own where that is allowed: README.md shows fixed ports.
type shell struct {
	prefix []string
	path   string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	directory := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(directory, "sock"), "./cmd/sock")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return &shell{prefix: namespace(t), path: directory + ":" + os.Getenv("PATH")}
}

// namespace makes a network namespace, held by a sleeping process, and returns
// the words that run a command in it; none where it is not allowed.
func namespace(t *testing.T) []string {
	t.Helper()
	for _, user := range []string{"", "--map-root-user"} {
		words := slices.DeleteFunc([]string{"unshare", "--net", user}, func(w string) bool { return w == "" })
		holder := exec.Command(words[0], append(words[1:], "sh", "-c", "ip link set lo up && echo ready && exec sleep 600")...)
		out, err := holder.StdoutPipe()
		if err != nil || holder.Start() != nil {
			continue
		}
		t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
		if n, _ := out.Read(make([]byte, 16)); n > 0 {
			enter := []string{"nsenter", "--net", "--target", fmt.Sprint(holder.Process.Pid)}
			if user != "" {
				enter = append(enter, "--user", "--preserve-credentials")
			}
			return enter
		}
	}
	return nil
}

// run runs one command in README.md's directory and returns the lines it prints.
func (s *shell) run(t *testing.T, c shown) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), outputLimit)
	defer cancel()
	words := append(slices.Clone(s.prefix), "bash", "-c", strings.ReplaceAll(c.command, "go run ./cmd/sock", "sock"))
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PATH="+s.path, "TZ=UTC")
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // ends with the command, at the latest when it is killed
	if c.serving {
		t.Cleanup(func() { stop(cmd, ended) })
		return waitLines(ctx, out.Name(), len(c.output))
	}
	select {
	case <-ended:
	case <-ctx.Done():
		stop(cmd, ended)
		t.Errorf("$ %s: did not end within %v", c.command, outputLimit)
	}
	return printed(out.Name())
}

// stop interrupts a command and all that it has started, and waits.
func stop(cmd *exec.Cmd, ended chan struct{}) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
}

// waitLines waits until a server has printed as many lines as README.md shows,
// or with -update until it is quiet.
func waitLines(ctx context.Context, path string, count int) []string {
	lines, changed := printed(path), time.Now()
	for ctx.Err() == nil {
		if *update && len(lines) > 0 && time.Since(changed) > quietAfter || !*update && len(lines) >= count {
			break
		}
		time.Sleep(10 * time.Millisecond)
		if now := printed(path); len(now) != len(lines) {
			lines, changed = now, time.Now()
		}
	}
	return lines
}

func printed(path string) []string {
	text, _ := os.ReadFile(path)
	text = bytes.TrimRight(text, "\n")
	if len(text) == 0 {
		return nil
	}
	return strings.Split(string(text), "\n")
}

func TestReadmeParts(t *testing.T) {
	lines := strings.Split("a\n```console\n$ one\nx\n$ two\n```\n"+serving+"\n```console\n$ three\ny\nz\n```\nb", "\n")
	all := commands(lines)
	if len(all) != 3 || all[0].serving || !all[2].serving || !slices.Equal(all[2].output, []string{"y", "z"}) {
		t.Fatalf("commands = %+v, want one, two and the serving three with y and z", all)
	}
	if got := rewrite(lines, all); !slices.Equal(got, lines) {
		t.Errorf("rewriting with the same output gives %q, want %q", got, lines)
	}
	all[1].output = []string{"new"}
	if got, want := len(rewrite(lines, all)), len(lines)+1; got != want {
		t.Errorf("rewriting with one line more gives %d lines, want %d", got, want)
	}
	for _, tt := range []struct {
		want, got string
		same      bool
	}{
		{"from 127.0.0.1:40000 in 3ms", "from 127.0.0.1:59999 in 12.5ms", true},
		{"on 127.0.0.1:65432", "on 127.0.0.1:65433", false},
		{"a\n…", "a\nb\nc", true},
		{"a\nb", "a", false},
		{"a\nb", "b\na", false},
		{"+0.000001 5 send() = 1\n+0.000002 5 recv() = 1", "+0.000001 7 recv() = 1\n+0.000002 7 send() = 1", true},
	} {
		message := differ(strings.Split(tt.want, "\n"), strings.Split(tt.got, "\n"))
		if (message == "") != tt.same {
			t.Errorf("differ(%q, %q) = %q, want the same: %v", tt.want, tt.got, message, tt.same)
		}
	}
}

// TestReadmeCodeIsReal holds that the Go code in README.md stands in an example,
// where it is compiled and run.
func TestReadmeCodeIsReal(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	var examples strings.Builder
	for _, file := range loadTree(t).files {
		if strings.HasPrefix(file.path, "examples/") {
			examples.WriteString(unindented(string(file.text)))
		}
	}
	_, rest, found := strings.Cut(string(text), "```go\n")
	if !found {
		t.Fatal("README.md shows no Go code")
	}
	for found {
		var code string
		code, rest, _ = strings.Cut(rest, "```")
		if !strings.Contains(examples.String(), unindented(code)) {
			t.Errorf("README.md shows code that no example has:\n%s", code)
		}
		_, rest, found = strings.Cut(rest, "```go\n")
	}
}

func unindented(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	return strings.Join(lines, "\n")
}
