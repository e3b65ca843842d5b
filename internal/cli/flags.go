package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sock/endpoint"
	"sock/internal/syntax"
)

// commonFlags are those of every verb that opens sockets.
func (a *app) commonFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&a.json, "json", false, "events as JSON on standard error, one object a line (sock help events)")
	flags.BoolVar(&a.trace, "trace", false, "show each socket call as it happens, on standard error")
	flags.BoolVarP(&a.verbosely, "verbose", "v", false, "say more: addresses tried, each connection's record at its end")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "say nothing but errors")
}

// readyFlag is --ready-fd, for verbs that listen.
func (a *app) readyFlag(flags *pflag.FlagSet) {
	flags.Var(descriptorValue{&a.readyFD}, "ready-fd", "once clients can connect, write the endpoints to descriptor N, a line each, and close it")
}

// endpointFlags are the endpoint's own options as flags: the same name, the
// same values, the same checks. A flag wins over what the endpoint says.
type endpointFlags struct {
	side  endpoint.Where
	given []endpoint.Option
	flags *pflag.FlagSet
}

// newEndpointFlags adds a flag for each own option that means something on
// that side and that is not among the verb's flags already.
func newEndpointFlags(cmd *cobra.Command, side endpoint.Where) *endpointFlags {
	flags := cmd.Flags()
	f := &endpointFlags{side: side, flags: flags}
	for _, o := range endpoint.OwnOptions() {
		if o.Where&side == 0 || flags.Lookup(o.Name) != nil {
			continue
		}
		added := flags.VarPF(&optionValue{f, o}, o.Name, "", optionUsage(o))
		if o.Kind == endpoint.KindFlag {
			added.NoOptDefVal = "on"
		}
		switch o.Name {
		case "model":
			_ = cmd.RegisterFlagCompletionFunc(o.Name, cobra.FixedCompletions(endpoint.Models(), cobra.ShellCompDirectiveNoFileComp))
		case "backend":
			_ = cmd.RegisterFlagCompletionFunc(o.Name, cobra.FixedCompletions(endpoint.Backends(), cobra.ShellCompDirectiveNoFileComp))
		}
	}
	return f
}

func optionUsage(o endpoint.OwnOption) string {
	usage := o.Doc
	if o.Kind != endpoint.KindFlag && o.Kind != endpoint.KindDuration {
		usage += ": " + o.Unit
	}
	return usage + " (as " + o.Name + "= of the endpoint)"
}

// optionValue is one such flag.
type optionValue struct {
	in     *endpointFlags
	option endpoint.OwnOption
}

func (v *optionValue) String() string { return "" }

func (v *optionValue) Type() string { return string(v.option.Kind) }

// Set only notes the value: whether it is right depends on the endpoint too.
func (v *optionValue) Set(text string) error {
	if text == "" {
		return errors.New("the value is empty")
	}
	v.in.given = append(v.in.given, endpoint.Option{Name: v.option.Name, Value: text, HasValue: true})
	return nil
}

// endpoint parses text, the first argument, and applies the flags to it. What
// is wrong with either is a usage error that points at it.
func (a *app) endpoint(cmd *cobra.Command, text string, f *endpointFlags) (endpoint.Endpoint, error) {
	ep, err := endpoint.Parse(text)
	if err == nil {
		err = ep.Check(f.side)
	}
	if err != nil {
		return ep, usage(cmd, err)
	}
	return a.applyFlags(cmd, ep, f)
}

func (a *app) applyFlags(cmd *cobra.Command, ep endpoint.Endpoint, f *endpointFlags) (endpoint.Endpoint, error) {
	for _, o := range f.merged() {
		with, err := ep.With(o.Name, o.Value)
		if err != nil {
			return ep, a.optionError(cmd, f.flags.Lookup(o.Name), o.Value, err)
		}
		ep = with
	}
	return ep, nil
}

// merged joins the values of flags that were given more than once, as the
// comma list that their options take.
func (f *endpointFlags) merged() []endpoint.Option {
	var list []endpoint.Option
next:
	for _, o := range f.given {
		for i := range list {
			if list[i].Name == o.Name {
				list[i].Value = f.join(list[i], o)
				continue next
			}
		}
		list = append(list, o)
	}
	return list
}

func (f *endpointFlags) join(earlier, later endpoint.Option) string {
	for _, o := range endpoint.OwnOptions() {
		if o.Name == later.Name && o.Repeats {
			return earlier.Value + "," + later.Value
		}
	}
	return later.Value
}

// optionError says of a flag what the grammar said of the option, and where in
// the flag's value that is.
func (a *app) optionError(cmd *cobra.Command, flag *pflag.Flag, value string, err error) error {
	wrong, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return a.invalidFlag(cmd, flag, value, err)
	}
	told := &syntax.Error{Message: wrong.Message, Suggestion: wrong.Suggestion}
	start := strings.LastIndex(wrong.Text, flag.Name+"="+value)
	if at := wrong.Offset - start - len(flag.Name+"="); start >= 0 && at >= 0 && at+wrong.Length <= len(value) {
		told.Offset, told.Length = at, wrong.Length
	}
	return a.invalidFlag(cmd, flag, value, told)
}
