package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sock/endpoint"
	"sock/internal/syntax"
	"sock/socket"
)

// optionRow is one option as `sock options --json` prints it.
type optionRow struct {
	Name       string  `json:"name"`
	Symbol     string  `json:"symbol"`
	Level      string  `json:"level"`
	Number     int     `json:"number"`
	Kind       string  `json:"kind"`
	Unit       string  `json:"unit,omitempty"`
	Value      *string `json:"value"`             // on a new socket; null where it cannot be read
	Of         string  `json:"of,omitempty"`      // the kind of that socket
	Problem    string  `json:"problem,omitempty"` // why there is no value
	When       string  `json:"when"`
	Access     string  `json:"access"`
	Scope      string  `json:"scope"`
	Since      string  `json:"since,omitempty"`
	Capability string  `json:"capability,omitempty"`
	Source     string  `json:"source"`
	Doc        string  `json:"doc"`
}

func (a *app) optionsCommand() *cobra.Command {
	var search string
	cmd := &cobra.Command{
		Use:   "options [ENDPOINT | NAME | WORD] [flags]",
		Short: "lists what can be set on a socket, and its value now",
		Long: `Lists the socket options: name, C symbol, kind, value on a new socket of this
machine, what it does, when it may be set, since which kernel, and the source.

An ENDPOINT narrows the list to the options that its socket has, with the
endpoint's own options applied. The NAME of one option tells all about it; any
other WORD lists the options that mention it.`,
		Example: `  sock options nodelay
  sock options --search keepalive
  sock options 'tcp://:8080?rcvbuf=1MiB'
  sock options --search congestion --json`,
		Args: a.between(0, 1, "endpoint or name"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, o := range socket.Options() {
				names = append(names, o.Name+"\t"+o.Doc)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			word := ""
			if len(args) == 1 {
				word = args[0]
			}
			return a.options(cmd, word, search)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(newText(&search, "word"), "search", "only the options that mention WORD")
	flags.BoolVar(&a.json, "json", false, "the result as JSON, an object a line")
	return cmd
}

// options prints the rows that word, an endpoint or a part of the table, and
// search select.
func (a *app) options(cmd *cobra.Command, word, search string) error {
	probe := newProbe()
	defer probe.close()
	if option, ok := socket.Lookup(word); ok {
		return a.printOption(probe.row(option))
	}
	if looksLikeEndpoint(word) {
		ep, err := endpoint.Parse(word)
		if err != nil {
			return usage(cmd, err)
		}
		if err := probe.only(ep); err != nil {
			return fail("open", ep, err)
		}
		word = ""
	}
	rows := probe.rows(word, search)
	if len(rows) == 0 {
		return a.noOption(cmd, nonempty(word, search))
	}
	return a.printOptions(rows)
}

// looksLikeEndpoint tells an endpoint from a word to look for: it has a
// scheme, a port or a path, or is a port.
func looksLikeEndpoint(word string) bool {
	return strings.ContainsAny(word, ":/@?") || word != "" && strings.Trim(word, "0123456789") == ""
}

func (a *app) noOption(cmd *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	var names []string
	for _, o := range socket.Options() {
		names = append(names, o.Name)
	}
	message := "no socket option mentions " + quoted(strings.Join(words, " "))
	return a.argumentError(cmd, a.lastIndex(words[0]), message, syntax.Nearest(words[0], names))
}

func (a *app) printOptions(rows []optionRow) error {
	if a.json {
		out := json.NewEncoder(a.stdout)
		for _, r := range rows {
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	level := ""
	for _, r := range rows {
		if r.Level != level {
			level = r.Level
			fmt.Fprintf(&b, "%s\n", a.paint(a.stdout, bold, level))
		}
		a.writeRow(&b, r)
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// writeRow writes an option in two lines or more of at most 80 columns.
func (a *app) writeRow(b *strings.Builder, r optionRow) {
	head := fmt.Sprintf("  %-24s %-30s %s", r.Name, r.Symbol, r.shown())
	if runes := []rune(head); len(runes) > width {
		head = string(runes[:width-1]) + "…"
	}
	b.WriteString(strings.TrimRight(head, " ") + "\n")
	facts := []string{r.kindAndUnit(), r.When}
	if r.Since != "" {
		facts = append(facts, "since "+r.Since)
	}
	facts = append(facts, r.Source)
	for _, line := range wrap(r.Doc+" ("+strings.Join(facts, "; ")+")", width-6) {
		b.WriteString("      " + a.paint(a.stdout, faint, line) + "\n")
	}
}

// shown is the value for a person.
func (r optionRow) shown() string {
	switch {
	case r.Value == nil:
		return "–"
	case *r.Value == "":
		return `""`
	}
	return *r.Value
}

func (r optionRow) kindAndUnit() string {
	if r.Unit == "" || r.Kind == socket.KindDuration.String() {
		return r.Kind
	}
	return r.Kind + " of " + r.Unit
}

// printOption prints one row in full.
func (a *app) printOption(r optionRow) error {
	if a.json {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	value := r.shown()
	if r.Problem != "" {
		value = r.Problem
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", r.Name, r.Doc)
	for _, f := range []struct{ name, text string }{
		{"symbol", fmt.Sprintf("%s (level %s, number %d)", r.Symbol, r.Level, r.Number)},
		{"kind", r.kindAndUnit()},
		{"value", value},
		{"read on", nothingElse(r.Of, "a new %s socket")},
		{"set", r.When + ", " + r.Access},
		{"sockets", r.Scope},
		{"since", nothingElse(r.Since, "Linux %s")},
		{"needs", r.Capability},
		{"source", r.Source},
		{"as written", r.spelling()},
	} {
		if f.text != "" {
			writeEntry(&b, f.name, 12, f.text)
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// nothingElse puts text into format, unless it is empty.
func nothingElse(text, format string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(format, text)
}

// spelling shows the option in an endpoint, with the value it has.
func (r optionRow) spelling() string {
	switch {
	case r.Access == socket.Read.String():
		return ""
	case r.Kind == socket.KindBool.String(), r.Kind == socket.KindAction.String():
		return "?" + r.Name
	case r.Value == nil || *r.Value == "":
		return "?" + r.Name + "=…"
	}
	return "?" + r.Name + "=" + *r.Value
}
