package cli

import (
	"errors"
	"net"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sock/endpoint"
	"sock/internal/syntax"
)

// A usageError is a wrong command line, endpoint or file: exit code 2. Most
// wrap a *syntax.Error, which points at the offending characters.
type usageError struct {
	cmd *cobra.Command // whose help tells more; nil where the verb is wrong
	err error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hint says where to read on.
func (e *usageError) hint() string {
	if e.cmd == nil {
		return "sock --help lists the verbs"
	}
	if wrong, ok := errors.AsType[*syntax.Error](e.err); ok && !strings.HasPrefix(wrong.Text, "sock ") {
		switch e.cmd.Name() { // the text is an endpoint, or a service line
		case "connect", "listen", "echo":
			return "sock help endpoints tells more"
		case "up":
			return "sock help services and sock help endpoints tell more"
		}
	}
	return e.cmd.CommandPath() + " --help tells more"
}

// usage makes err, a mistake in a text that the user wrote, a usage error of
// cmd. It returns nil for nil.
func usage(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &usageError{cmd: cmd, err: err}
}

// argumentError points at the index-th argument of the command line.
func (a *app) argumentError(cmd *cobra.Command, index int, message, suggestion string) error {
	text, offset, length := a.commandLine(index)
	return usage(cmd, &syntax.Error{
		Text: text, Offset: offset, Length: length,
		Message: message, Suggestion: suggestion,
	})
}

// commandLine shows the command line as it could be typed, and where in it the
// index-th argument stands: an index past the last is the line's end.
func (a *app) commandLine(index int) (text string, offset, length int) {
	var b strings.Builder
	b.WriteString("sock")
	for i, arg := range a.args {
		b.WriteByte(' ')
		word := shellWord(arg)
		if i == index {
			offset, length = b.Len(), len(word)
		}
		b.WriteString(word)
	}
	if index >= len(a.args) {
		offset = b.Len() + 1
	}
	return b.String() + strings.Repeat(" ", max(0, offset-b.Len())), offset, length
}

// shellWord quotes a word as a shell would need it.
func shellWord(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$&|;<>()*?[]#~!{}`") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// quoted puts a word that the user wrote into a message.
func quoted(word string) string { return `"` + syntax.Printable(word) + `"` }

// flagError is what the flag parser found wrong, in the form of every other
// usage error: which flag, why, and where it stands.
func (a *app) flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var malformed *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		return a.unknownFlag(cmd, unknown)
	case errors.As(err, &missing):
		flag := missing.GetFlag()
		return a.argumentError(cmd, a.flagIndex(flag)+1, "--"+flag.Name+" needs a value: "+FlagSpelling(flag), "")
	case errors.As(err, &invalid):
		return a.invalidFlag(cmd, invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap())
	case errors.As(err, &malformed):
		return a.argumentError(cmd, a.argumentIndex(malformed.GetSpecifiedFlag()), "not a flag: "+quoted(malformed.GetSpecifiedFlag()), "")
	}
	return usage(cmd, err)
}

// netcatHabits says what the letters are here that hands type by themselves.
var netcatHabits = map[string]string{
	"4": "tcp4://HOST:PORT",
	"6": "tcp6://HOST:PORT",
	"c": "--exec COMMAND",
	"e": "--exec COMMAND",
	"l": "sock listen",
	"N": "--eof half",
	"p": "HOST:PORT?from=:PORT",
	"q": "--eof wait=DURATION",
	"s": "HOST:PORT?from=ADDRESS",
	"u": "udp://HOST:PORT",
	"U": "unix:///PATH",
	"w": "HOST:PORT?timeout=DURATION",
}

func (a *app) unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	if letters := err.GetSpecifiedShortnames(); letters != "" {
		index := a.argumentIndex("-" + letters)
		return a.argumentError(cmd, index, "unknown flag -"+err.GetSpecifiedName(), netcatHabits[err.GetSpecifiedName()])
	}
	name := err.GetSpecifiedName()
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	nearest := syntax.Nearest(name, known)
	if nearest != "" {
		nearest = "--" + nearest
	}
	return a.argumentError(cmd, a.argumentIndex("--"+name), "unknown flag --"+name, nearest)
}

// invalidFlag points at the value of a flag: the whole of it, or the part of
// it that a *syntax.Error names.
func (a *app) invalidFlag(cmd *cobra.Command, flag *pflag.Flag, value string, cause error) error {
	wrong := &syntax.Error{Message: cause.Error()}
	errors.As(cause, &wrong)
	if flag.Value.Type() == "bool" {
		wrong.Message = quoted(value) + " is neither true nor false"
	}
	index := a.flagIndex(flag)
	text, offset, length := a.commandLine(index)
	if index+1 < len(a.args) && a.args[index+1] == value {
		text, offset, length = a.commandLine(index + 1)
		if wrong.Length > 0 && shellWord(value) == value {
			offset, length = offset+wrong.Offset, wrong.Length
		}
	}
	return usage(cmd, &syntax.Error{
		Text: text, Offset: offset, Length: length,
		Message: "--" + flag.Name + ": " + wrong.Message, Suggestion: wrong.Suggestion,
	})
}

// flagIndex finds the argument that sets a flag.
func (a *app) flagIndex(flag *pflag.Flag) int {
	for i, arg := range a.args {
		if arg == "--"+flag.Name || strings.HasPrefix(arg, "--"+flag.Name+"=") {
			return i
		}
		if flag.Shorthand != "" && len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && strings.Contains(arg, flag.Shorthand) {
			return i
		}
	}
	return len(a.args)
}

// argumentIndex finds the argument that is, or starts with, a flag as written.
func (a *app) argumentIndex(written string) int {
	for i, arg := range a.args {
		if arg == written || strings.HasPrefix(arg, written+"=") || written == strings.TrimPrefix(arg, "-") {
			return i
		}
	}
	return len(a.args)
}

// between accepts so many arguments, and says which one is missing or too many.
func (a *app) between(least, most int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return a.argumentError(cmd, len(a.args), "the "+names[len(args)]+" is missing", "")
		case most >= 0 && len(args) > most:
			extra := args[most]
			return a.argumentError(cmd, a.lastIndex(extra), "one argument too many: "+quoted(extra), hostAndPort(args[:most+1]))
		}
		return nil
	}
}

// hostAndPort is the endpoint that was meant by two words, the host and the
// port, as nc and telnet take them; empty if it is none.
func hostAndPort(words []string) string {
	if len(words) != 2 { // the verb takes another number of endpoints
		return ""
	}
	text := net.JoinHostPort(words[0], words[1])
	if _, err := endpoint.Parse(text); err != nil {
		return ""
	}
	return text
}

func (a *app) lastIndex(word string) int {
	for i := len(a.args) - 1; i >= 0; i-- {
		if a.args[i] == word {
			return i
		}
	}
	return len(a.args)
}
