// Package cli is the sock command: a file for each verb, and the frame they
// share: flags, events, errors, exit codes, help.
//
// Every verb keeps one discipline. Results and a connection's bytes go to
// standard output; everything else goes to standard error, in words, or with
// --json as one object per line (docs/events.md). A verb returns an error and
// never ends the process; Run turns it into a message, a hint and a code.
package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"sock/internal/syntax"
)

// The exit codes, as `sock help exit-codes` explains them.
const (
	ExitDone        = 0   // the work is done
	ExitFailed      = 1   // the thing failed: refused, reset, timed out
	ExitUsage       = 2   // the command line, an endpoint or a file is wrong
	ExitThreshold   = 3   // a threshold was missed
	ExitInvalid     = 4   // the measurement is not valid
	ExitInterrupted = 130 // interrupted before the work was done
)

// Interrupted is the cause of a context that a signal has cancelled.
type Interrupted struct{ Signal os.Signal }

// Error names the signal.
func (i Interrupted) Error() string {
	switch i.Signal {
	case os.Interrupt:
		return "interrupted by SIGINT"
	case syscall.SIGTERM:
		return "interrupted by SIGTERM"
	}
	return "interrupted: " + i.Signal.String()
}

// app is one run of the command: its arguments, its streams, and what the
// flags that every verb has say. Immutable once the flags are parsed, except
// for the reporter, which locks.
type app struct {
	args                   []string
	stdin, stdout, stderr  *os.File
	json, quiet, verbosely bool
	trace                  bool
	readyFD                int
	report                 *reporter
}

// Run runs the command line args (without the program's name) and returns the
// exit code. Cancelling ctx with the cause Interrupted stops it cleanly.
//
// It takes SIGPIPE away for good: a reader of our output that has gone is an
// error like another, which leaves time to remove a UNIX path and to tell of
// the end. Commands that are run for clients find the signal as it always is.
func Run(ctx context.Context, args []string) int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	a := newApp(args)
	root := a.root()
	root.SetArgs(args)
	err := a.checkVerb(root)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	return a.finish(err)
}

func newApp(args []string) *app {
	a := &app{args: args, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, readyFD: -1}
	a.report = &reporter{out: a.stderr}
	return a
}

// Root returns the whole tree of verbs, for what describes rather than runs
// it: completion, the manual pages.
func Root() *cobra.Command { return newApp(nil).root() }

func (a *app) root() *cobra.Command {
	cobra.EnableCommandSorting = false // the order of AddCommand tells more
	root := &cobra.Command{
		Use:               "sock VERB ENDPOINT… [flags]",
		Short:             "opens, serves, talks through and lists network sockets",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.ArbitraryArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.firstConflict(cmd, []conflict{{"quiet", a.quiet && a.verbosely, "--quiet and --verbose exclude each other"}})
		},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetHelpFunc(a.showHelp)
	root.SetFlagErrorFunc(a.flagError)
	root.SetHelpCommand(a.helpCommand())
	root.AddCommand(
		a.upCommand(), a.echoCommand(), a.listenCommand(), a.connectCommand(),
		a.lsCommand(), a.optionsCommand(), a.versionCommand(), a.completionCommand(), a.childCommand(),
	)
	return root
}

// checkVerb reports a misspelt verb before its flags are looked at: they
// belong to a verb, so every one of them would be unknown.
func (a *app) checkVerb(root *cobra.Command) error {
	if len(a.args) == 0 || strings.HasPrefix(a.args[0], "-") {
		return nil
	}
	word, known := a.args[0], []string{"help"}
	if strings.HasPrefix(word, cobra.ShellCompRequestCmd) {
		return nil
	}
	for _, c := range root.Commands() {
		if c.Name() == word {
			return nil
		}
		if !c.Hidden {
			known = append(known, c.Name())
		}
	}
	if word == "help" {
		return nil
	}
	return a.argumentError(nil, 0, "unknown verb "+quoted(word), syntax.Nearest(word, known))
}

// finish reports err, if there is one, and returns the exit code.
func (a *app) finish(err error) int {
	if err == nil || resultUnwanted(err) {
		return ExitDone
	}
	a.json = a.json || slices.Contains(a.args, "--json") // a mistake before it leaves it unread
	var wrong *usageError
	var interrupted Interrupted
	switch {
	case errors.As(err, &wrong):
		a.describe(err, ExitUsage)
		return ExitUsage
	case errors.As(err, &interrupted):
		a.verbose("%v", interrupted)
		return ExitInterrupted
	case errors.Is(err, errReported):
		return ExitFailed
	}
	a.describe(err, ExitFailed)
	return ExitFailed
}

// resultUnwanted reports whether a verb's result has no reader any more, as in
// `sock ls | head`. A connection's bytes are no such result: they are lost.
func resultUnwanted(err error) bool {
	path, ok := errors.AsType[*os.PathError](err)
	_, lost := errors.AsType[*outputError](err)
	return ok && !lost && path.Op == "write" && path.Path == os.Stdout.Name() && errnoOf(err) == "EPIPE"
}
