package cli

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sock/endpoint"
	"sock/internal/syntax"
	"sock/service"
)

// width is how many columns help and tables may take.
const width = 80

var (
	//go:embed help/endpoints.txt
	helpEndpoints string
	//go:embed help/options.txt
	helpOptions string
	//go:embed help/models.txt
	helpModels string
	//go:embed help/services.txt
	helpServices string
	//go:embed help/exit-codes.txt
	helpExitCodes string
	//go:embed help/events.txt
	helpEvents string
)

// A Topic is a page of help about something that is not a verb.
type Topic struct {
	Name, Title string
	Text        func() string
}

// Topics returns the topics of `sock help`, in the order it lists them.
func Topics() []Topic {
	return []Topic{
		{"endpoints", "where to connect to or to listen on", endpointsText},
		{"options", "what may follow the '?' of an endpoint", optionsText},
		{"models", "how many connections are served at once", func() string { return helpModels }},
		{"services", "what a server may say, and service lines", servicesText},
		{"exit-codes", "what the exit code means", func() string { return helpExitCodes }},
		{"events", "what --json tells a program", func() string { return helpEvents }},
	}
}

func endpointsText() string {
	var b strings.Builder
	b.WriteString(helpEndpoints)
	for _, s := range endpoint.Schemes() {
		writeEntry(&b, s.Name, 11, s.Doc)
	}
	b.WriteString("\nOptions: sock help options\n")
	return b.String()
}

func optionsText() string {
	var b strings.Builder
	b.WriteString(helpOptions)
	for _, o := range endpoint.OwnOptions() {
		b.WriteByte('\n')
		writeEntry(&b, ownSpelling(o), 20, o.Doc+"; for "+o.Where.String()+defaultOf(o))
	}
	return b.String()
}

// ownSpelling is an option as one writes it: timeout=DURATION.
func ownSpelling(o endpoint.OwnOption) string {
	if o.Kind == endpoint.KindFlag {
		return o.Name
	}
	return o.Name + "=" + strings.ToUpper(string(o.Kind))
}

func defaultOf(o endpoint.OwnOption) string {
	if o.Default == "" {
		return ""
	}
	return " (default " + o.Default + ")"
}

func servicesText() string {
	var b strings.Builder
	b.WriteString(helpServices)
	for _, s := range service.All() {
		b.WriteByte('\n')
		writeEntry(&b, strings.TrimSpace(s.Name+" "+s.Usage), 20, s.Doc+rfcOf(s))
	}
	return b.String()
}

func rfcOf(s *service.Service) string {
	if s.RFC == "" {
		return ""
	}
	return " (" + s.RFC + ")"
}

// writeEntry writes a term and its explanation in two columns, the second one
// wrapped; a term that is too long stands on a line of its own.
func writeEntry(b *strings.Builder, term string, column int, text string) {
	lines := wrap(text, width-column-3)
	if len(term) > column {
		fmt.Fprintf(b, "  %s\n", term)
		term = ""
	}
	for _, line := range lines {
		fmt.Fprintf(b, "  %-*s %s\n", column, term, line)
		term = ""
	}
}

// wrap breaks text into lines of at most columns characters, between words.
func wrap(text string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= columns:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB | TOPIC]",
		Short: "explains a verb or a topic",
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return helpWords(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		Args: a.between(0, 1, "verb or topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Root().Help()
			}
			return a.help(cmd.Root(), args[0])
		},
	}
}

// help explains one word: a topic, or a verb. The topic `options` and the verb
// of that name share a word; the verb's own help says how to use it.
func (a *app) help(root *cobra.Command, word string) error {
	for _, t := range Topics() {
		if t.Name == word {
			_, err := fmt.Fprintf(a.stdout, "%s: %s\n\n%s", t.Name, t.Title, t.Text())
			return err
		}
	}
	for _, c := range root.Commands() {
		if c.Name() == word {
			return c.Help()
		}
	}
	nearest := syntax.Nearest(word, helpWords(root))
	return a.argumentError(nil, a.lastIndex(word), "no help on "+quoted(word), nearest)
}

func helpWords(root *cobra.Command) []string {
	var words []string
	for _, t := range Topics() {
		words = append(words, t.Name)
	}
	for _, c := range root.Commands() {
		if !c.Hidden && c.Name() != "options" {
			words = append(words, c.Name())
		}
	}
	return words
}

// showHelp is the help of the program or of one verb, on standard output.
func (a *app) showHelp(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	if cmd.HasParent() {
		a.verbHelp(&b, cmd)
	} else {
		a.programHelp(&b, cmd)
	}
	_, _ = io.WriteString(a.stdout, b.String())
}

func (a *app) programHelp(b *strings.Builder, root *cobra.Command) {
	fmt.Fprintf(b, "sock %s\n\nusage: %s\n\n", root.Short, root.Use)
	for _, c := range root.Commands() {
		if !c.Hidden {
			fmt.Fprintf(b, "  %s%s\n", a.paint(a.stdout, bold, fmt.Sprintf("%-12s", c.Name())), c.Short)
		}
	}
	b.WriteString("\ntopics, for sock help TOPIC:\n\n")
	for _, t := range Topics() {
		fmt.Fprintf(b, "  %-12s%s\n", t.Name, t.Title)
	}
	b.WriteString(`
try:

  sock up                                   a set of servers to play with
  sock connect tcp://127.0.0.1:65432        talk to one of them
  sock connect tcp://127.0.0.1:65432 --trace
                                            see each socket call as it happens
`)
}

func (a *app) verbHelp(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "sock %s: %s\n\nusage: sock %s\n", cmd.Name(), cmd.Short, cmd.Use)
	if cmd.Long != "" {
		fmt.Fprintf(b, "\n%s\n", strings.TrimSpace(cmd.Long))
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\nexamples:\n\n%s\n", strings.Trim(cmd.Example, "\n"))
	}
	if cmd.HasAvailableFlags() {
		b.WriteString("\nflags:\n\n")
		writeFlags(b, cmd.Flags())
	}
}

// writeFlags lists flags in the order they were declared.
func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			writeEntry(b, FlagSpelling(f), 24, f.Usage)
		}
	})
}

// FlagSpelling is a flag as one writes it: "-v, --verbose", "--eof MODE".
func FlagSpelling(f *pflag.Flag) string {
	text := "--" + f.Name
	if f.Shorthand != "" {
		text = "-" + f.Shorthand + ", " + text
	}
	switch {
	case f.Value.Type() == "bool":
		return text
	case f.NoOptDefVal != "":
		return text + "[=" + strings.ToUpper(f.Value.Type()) + "]"
	}
	return text + " " + strings.ToUpper(f.Value.Type())
}
