package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sock/internal/syntax"
	"sock/service"
	"sock/up"
)

// demonstration is what `sock up` runs with nothing to run: a line of each
// kind on the loopback, what it is, and how to try it.
var demonstration = []struct{ line, what, try string }{
	{"tcp://localhost:65432 echo", "sends back what you say", "sock connect 65432"},
	{"udp://localhost:65432 echo", "the same, a datagram at a time", "echo hello | sock connect udp://localhost:65432"},
	{`tcp://localhost:65433 greet "Hello, person from {peer}"`, "says who you are", "sock connect 65433"},
	{"tcp://localhost:65434 daytime", "says what time it is", "sock connect 65434 --recv-only"},
	{"tcp://localhost:65435 chat", "passes what you say to all others", "sock connect 65435      # in two terminals"},
	{"tls://localhost:65436 echo", "sends back what you say, encrypted", "sock connect 'tls://localhost:65436?insecure'"},
}

func (a *app) upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up [FILE | - | LINE…] [flags]",
		Short: "runs a set of services; with none given, a demonstration",
		Long: `Runs service lines (sock help services): those of FILE, of standard input (-),
or of the command line, each in quotes. With none it runs a demonstration on
the loopback and says what to try.

At a hangup (SIGHUP) FILE is read again. Lines that did not change are not
touched, and neither are their connections; where only the service or a limit
changed, the socket stays open. A file with a mistake changes nothing.

An interrupt lets the open connections end, for ten seconds at most; a second
one ends it at once.`,
		Example: `  sock up
  sock up 'tcp://:7 echo' 'udp://:7 echo'
  sock up services.conf
  kill -HUP $(pidof sock)`,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.up(cmd, args) },
		ValidArgsFunction: completeLine,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	a.commonFlags(flags)
	a.readyFlag(flags)
	return cmd
}

func (a *app) up(cmd *cobra.Command, args []string) error {
	s := &serving{a: a}
	lines, err := a.lines(cmd, s, args)
	if _, told := errors.AsType[*usageError](err); !told && isSyntax(err) {
		return usage(cmd, err)
	}
	if err != nil {
		return err
	}
	return s.run(cmd.Context(), lines)
}

// lines are those that the arguments ask for.
func (a *app) lines(cmd *cobra.Command, s *serving, args []string) ([]service.Line, error) {
	switch {
	case len(args) == 0:
		s.banner = a.banner
		return demonstrationLines()
	case len(args) == 1 && args[0] == "-":
		return parseLines("standard input", a.stdin)
	case len(args) == 1 && !isLine(args[0]):
		s.reload = func(ctx context.Context, set *up.Set) { a.reload(ctx, set, args[0]) }
		return readLines(args[0])
	}
	for _, arg := range args {
		if !isLine(arg) {
			return nil, a.argumentError(cmd, a.lastIndex(arg), "one file, or service lines with each in quotes: sock up 'tcp://:7 echo' 'udp://:7 echo'", "")
		}
	}
	var lines []service.Line
	for _, arg := range args {
		l, err := service.ParseLine(arg)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, service.Check(lines)
}

// isLine tells a service line from the name of a file.
func isLine(arg string) bool {
	return strings.ContainsAny(arg, " \t") || strings.Contains(arg, "://")
}

func demonstrationLines() ([]service.Line, error) {
	var lines []service.Line
	for _, d := range demonstration {
		l, err := service.ParseLine(d.line)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func readLines(name string) ([]service.Line, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &failure{op: "read", endpoint: name, err: err, advice: "up takes a file of service lines, or the lines themselves, each in quotes"}
	}
	defer f.Close()
	return parseLines(name, f)
}

// parseLines reads a file that must say something.
func parseLines(name string, r io.Reader) ([]service.Line, error) {
	lines, err := service.ParseFile(name, r)
	if err == nil && len(lines) == 0 {
		err = &syntax.Error{File: name, Line: 1, Column: 1, Message: "there is no service line in this file"}
	}
	return lines, err
}

// reload reads the file again and serves what it says now. A mistake in it, or
// a line that cannot be served, is told and changes nothing.
func (a *app) reload(ctx context.Context, set *up.Set, name string) {
	lines, err := readLines(name)
	var change up.Change
	if err == nil {
		change, err = set.Reload(ctx, lines)
	}
	if err != nil {
		a.keptOn(name, err)
		return
	}
	a.say("sock: %s read again: %d kept, %d changed, %d started, %d stopped", name,
		len(change.Kept), len(change.Changed), len(change.Started), len(change.Stopped))
	a.emit("reload", reloadEvent{
		File: name, Kept: texts(change.Kept), Changed: texts(change.Changed),
		Started: texts(change.Started), Stopped: texts(change.Stopped),
	})
}

// keptOn tells of a reload that failed.
func (a *app) keptOn(name string, err error) {
	if a.json {
		a.emit("error", a.errorFields(err))
		return
	}
	a.tell(err)
	a.say("sock: %s changes nothing until that is right: what was served before is served on", name)
}

func texts(lines []service.Line) []string {
	list := make([]string, len(lines))
	for i, l := range lines {
		list[i] = l.String()
	}
	return list
}

// banner says what the demonstration is, with a line to try each service.
func (a *app) banner() {
	var b strings.Builder
	b.WriteString("sock up: a demonstration on this machine's loopback\n")
	for _, d := range demonstration {
		place, saying, _ := strings.Cut(d.line, " ")
		name, _, _ := strings.Cut(saying, " ")
		fmt.Fprintf(&b, "\n  %s  %s\n      %s\n", a.paint(a.stderr, bold, fmt.Sprintf("%-22s %-8s", place, name)), d.what, d.try)
	}
	b.WriteString("\nSee the calls: add --trace, here or there. Interrupt (Ctrl-C) to stop.")
	a.say("%s", b.String())
}
