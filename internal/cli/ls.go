package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sock/inspect"
	"sock/internal/syntax"
)

// lsFlags are the flags of `sock ls`.
type lsFlags struct {
	columns, sort, count string
	netns                string
	wide, csv, summary   bool
	explain, noHeader    bool
	all, listen          bool
	allNetns             bool

	// ss's letters: which sockets, and what of them.
	kinds                                [len(lsKinds)]bool
	four, six                            bool
	processes, extended, memory, details bool
	timers, numeric, oneline             bool

	counting bool // --count was given
}

// lsKinds are the letters of ss that choose kinds.
var lsKinds = [...]struct {
	letter, name, doc string
	kinds             []inspect.Kind
}{
	{"t", "tcp", "TCP", []inspect.Kind{inspect.TCP}},
	{"u", "udp", "UDP", []inspect.Kind{inspect.UDP}},
	{"w", "raw", "raw", []inspect.Kind{inspect.Raw}},
	{"x", "unix", "UNIX", []inspect.Kind{inspect.Unix}},
	{"M", "mptcp", "MPTCP", []inspect.Kind{inspect.MPTCP}},
	{"0", "packet", "packet", []inspect.Kind{inspect.Packet}},
}

// lsGlance is what `sock ls` shows when it is asked for nothing in particular.
var lsGlance = []inspect.Kind{inspect.TCP, inspect.UDP, inspect.UDPLite, inspect.Raw, inspect.Packet, inspect.Vsock}

const lsGlanceNotice = "left out: UNIX, netlink, MPTCP, time-wait (sock ls --all shows them)"

func (a *app) lsCommand() *cobra.Command {
	f := &lsFlags{}
	cmd := &cobra.Command{
		Use:   "ls [FILTER…] [flags]",
		Short: "lists the sockets of this host: who, what, where",
		Long: `Lists the sockets of this host: their state, both ends, what waits in their
queues, and which process has them, or why none has.

A FILTER is made of words (tcp, udp, unix, listen, established, :8080,
10.0.0.1), comparisons (process=nginx, port=443, rtt>50ms, user=www-data,
retrans>0, peer in 10.0.0.0/8, command~java) and of and, or, not and
parentheses. What stands side by side must all hold; two kinds or two states
are alternatives. --explain shows which part of it the kernel decides.

The letters of ss mean what they mean to ss: -tan, -tlnp, -uap, -xp. With -t,
-u, -w, -x, -M or -0, only connected sockets are listed, unless -a or -l is
given.

` + wrapped("Fields of filters: "+filterFields()) + `

` + wrapped("Columns: "+strings.Join(columnNames(), ", ")),
		Example: `  sock ls                          at a glance
  sock ls tcp listen               who listens
  sock ls :8080                    who uses a port, at either end
  sock ls process=nginx 'rtt>50ms'
  sock ls tcp --columns local,peer,rtt,retrans --sort -rtt
  sock ls --count by state
  sock ls -tlnp                    as with ss`,
		ValidArgsFunction: completeFilter,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.counting = cmd.Flags().Changed("count")
			return a.ls(cmd, args, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	a.lsOutputFlags(flags, f)
	lsChoiceFlags(flags, f)
	_ = cmd.RegisterFlagCompletionFunc("columns", cobra.FixedCompletions(columnNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(columnNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) lsOutputFlags(flags *pflag.FlagSet, f *lsFlags) {
	flags.Var(newText(&f.columns, "names"), "columns", "show these columns: local,peer,rtt; +rtt,-queue changes the usual ones")
	flags.Var(newText(&f.sort, "column"), "sort", "in the order of that column; -COLUMN the other way round")
	flags.BoolVar(&f.wide, "wide", false, "cut nothing, and add columns")
	flags.BoolVar(&a.json, "json", false, "all that is known, as JSON, an object a line")
	flags.BoolVar(&f.csv, "csv", false, "the columns as CSV, numbers in full")
	flags.Var(newText(&f.count, "column"), "count", "how many there are; --count by COLUMN, how many of each")
	flags.Lookup("count").NoOptDefVal = lsCountAll
	flags.BoolVarP(&f.summary, "summary", "s", false, "how many of each kind, in which states, and what they hold")
	flags.BoolVar(&f.explain, "explain", false, "show what the kernel is asked for, and what is decided after it; list nothing")
	flags.BoolVarP(&f.noHeader, "no-header", "H", false, "no headings")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "say nothing about what could not be seen")
}

func lsChoiceFlags(flags *pflag.FlagSet, f *lsFlags) {
	flags.BoolVarP(&f.listen, "listen", "l", false, "listeners, and datagram sockets without a peer")
	flags.BoolVarP(&f.all, "all", "a", false, "every kind and state; with a kind's letter, every state of it")
	for i := range lsKinds {
		k := &lsKinds[i]
		flags.BoolVarP(&f.kinds[i], k.name, k.letter, false, k.doc+" sockets")
	}
	flags.BoolVarP(&f.four, "ipv4", "4", false, "IPv4 only")
	flags.BoolVarP(&f.six, "ipv6", "6", false, "IPv6 only")
	flags.BoolVarP(&f.processes, "processes", "p", false, "add who has it open")
	flags.BoolVarP(&f.extended, "extended", "e", false, "add user, inode and cookie")
	flags.BoolVarP(&f.timers, "timers", "o", false, "add timers")
	flags.BoolVarP(&f.memory, "memory", "m", false, "add memory and drops")
	flags.BoolVarP(&f.details, "info", "i", false, "add what TCP knows: rtt, cwnd, retransmits")
	flags.BoolVarP(&f.numeric, "numeric", "n", false, "addresses and ports as numbers; they always are")
	flags.BoolVarP(&f.oneline, "oneline", "O", false, "a line for each socket; it always is")
	flags.BoolVar(&f.allNetns, "all-netns", false, "in every network namespace (needs CAP_SYS_ADMIN)")
	flags.VarP(newText(&f.netns, "name"), "netns", "N", "in that network namespace: a name, pid:N or a path")
}

func filterFields() string {
	var names []string
	for _, f := range inspect.Fields() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// wrapped is a paragraph of help.
func wrapped(text string) string { return strings.Join(wrap(text+".", width-2), "\n") }

// completeFilter offers the words and fields of the language.
func completeFilter(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for _, k := range inspect.Kinds() {
		list = append(list, k.String())
	}
	for _, s := range inspect.States() {
		list = append(list, s.String())
	}
	for _, f := range inspect.Fields() {
		list = append(list, f.Name+"=\t"+f.Doc)
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// lsRequest is what the command line asks for.
type lsRequest struct {
	query   inspect.Query
	columns []*lsColumn
	sort    *lsColumn // nil: as they come
	down    bool      // the other way round
	count   *lsColumn // nil: the number alone
	glance  bool      // nothing in particular was asked for
}

func (a *app) ls(cmd *cobra.Command, args []string, f *lsFlags) error {
	request, err := a.lsRequest(cmd, args, f)
	if err != nil {
		return err
	}
	if f.explain {
		return a.lsExplain(request)
	}
	request.query.Notice = func(n inspect.Notice) {
		if n.Needs != "" {
			n.Text += " (" + n.Needs + " shows them)"
		}
		a.notice("", n.Text)
	}
	defer lsRuntime()()
	err = a.lsShow(cmd.Context(), request, f)
	if err == nil && request.glance && terminal(a.stdout) {
		a.say("%s", a.paint(a.stderr, faint, lsGlanceNotice))
	}
	return causeOr(cmd.Context(), err)
}

// lsRuntime fits the runtime to one goroutine that reads a table once: a second
// processor would only look for work, and the collector finds little in the few
// megabytes that the rows take. It saves a fifth of the time for 30,000 sockets.
func lsRuntime() (restore func()) {
	processors, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(400)
	return func() {
		runtime.GOMAXPROCS(processors)
		debug.SetGCPercent(percent)
	}
}

func (a *app) lsShow(ctx context.Context, request lsRequest, f *lsFlags) error {
	switch {
	case f.summary:
		return a.lsSummary(ctx, request)
	case f.counting:
		return a.lsCount(ctx, request)
	case a.json && request.sort == nil:
		return a.lsJSON(ctx, request)
	case a.json:
		return a.lsSortedJSON(ctx, request)
	}
	t := newTable(request, f)
	var row inspect.Socket // one for all: the loop's own would be allocated for each
	for s, err := range inspect.Sockets(ctx, request.query) {
		if err != nil {
			return err
		}
		row = s
		t.add(&row)
	}
	limit := 0
	if !f.wide && !f.csv {
		limit = terminalWidth(a.stdout)
	}
	return t.write(a.stdout, limit, func(heading string) string { return a.paint(a.stdout, bold, heading) })
}

// lsRequest reads the command line.
func (a *app) lsRequest(cmd *cobra.Command, args []string, f *lsFlags) (lsRequest, error) {
	var r lsRequest
	if err := f.check(a, cmd); err != nil {
		return r, err
	}
	args, err := a.countColumn(cmd, args, f, &r)
	if err != nil {
		return r, err
	}
	filter, err := inspect.ParseFilter(strings.Join(args, " "))
	if err != nil {
		return r, usage(cmd, err)
	}
	r.query = inspect.Query{Netns: f.netns, AllNetns: f.allNetns}
	r.choose(filter, f)
	if err := a.lsColumns(cmd, f, &r); err != nil {
		return r, err
	}
	if err := a.lsSort(cmd, f, &r); err != nil {
		return r, err
	}
	r.with(a.json, f)
	return r, nil
}

// check finds flags that contradict each other: none is taken and then ignored.
func (f *lsFlags) check(a *app, cmd *cobra.Command) error {
	totals := f.counting || f.summary
	return a.firstConflict(cmd, []conflict{
		{"all-netns", f.allNetns && f.netns != "", "--all-netns and --netns exclude each other"},
		{"explain", f.explain && (a.json || f.csv || totals), "--explain lists nothing: --json, --csv, --count and --summary have no meaning with it"},
		{"summary", f.counting && f.summary, "--count and --summary exclude each other"},
		{"csv", f.csv && a.json, "--csv and --json exclude each other"},
		{"csv", f.csv && totals, "--csv is for lists: --count and --summary have --json"},
		{"columns", f.columns != "" && totals, "--columns is for lists: --count and --summary have their own"},
		{"sort", f.sort != "" && totals, "--count and --summary have an order of their own"},
	})
}

// lettered reports whether kinds were chosen as with ss.
func (f *lsFlags) lettered() bool { return slices.Contains(f.kinds[:], true) }

// choose makes the query's kinds and filter out of the words and the letters.
func (r *lsRequest) choose(filter inspect.Filter, f *lsFlags) {
	for i, chosen := range f.kinds {
		if chosen {
			r.query.Kinds = append(r.query.Kinds, lsKinds[i].kinds...)
		}
	}
	choice := ""
	switch {
	case f.listen && f.all:
	case f.listen:
		choice = "listen or closed and not (tcp mptcp)"
	case f.all:
	case f.lettered():
		choice = "connected"
	case filter.IsZero() && !f.summary:
		r.glance = true
		choice = "not time-wait"
	}
	if filter.IsZero() && !f.all && !f.lettered() && !f.summary {
		r.query.Kinds = lsGlance
	}
	r.query.Filter = filter.And(mustFilter(choice))
	switch {
	case f.four && !f.six:
		r.query.Filter = r.query.Filter.And(mustFilter("ipv4"))
	case f.six && !f.four:
		r.query.Filter = r.query.Filter.And(mustFilter("ipv6"))
	}
}

// mustFilter parses a filter of our own.
func mustFilter(text string) inspect.Filter {
	f, err := inspect.ParseFilter(text)
	if err != nil {
		panic("cli: " + err.Error())
	}
	return f
}

// with asks for what is going to be shown.
func (r *lsRequest) with(json bool, f *lsFlags) {
	show := r.columns
	switch {
	case f.summary:
		r.query.With = inspect.WithMemory
		return
	case f.counting:
		show = nil
		if r.count != nil {
			show = []*lsColumn{r.count}
		}
	case json && f.columns == "":
		r.query.With = inspect.WithAll
	}
	if r.sort != nil {
		show = append(slices.Clip(show), r.sort)
	}
	for _, c := range show {
		r.query.With |= c.with
	}
}

// lsColumns chooses the columns: those named, else the usual ones.
func (a *app) lsColumns(cmd *cobra.Command, f *lsFlags, r *lsRequest) error {
	r.columns = f.usualColumns()
	if f.columns == "" {
		return nil
	}
	var named []*lsColumn
	changes := strings.ContainsAny(f.columns[:1], "+-")
	if changes {
		named = r.columns
	}
	for _, word := range strings.Split(f.columns, ",") {
		name := strings.TrimLeft(word, "+-")
		c, nearest := lookupColumn(name)
		if c == nil {
			wrong := &syntax.Error{
				Message: "there is no column " + quoted(name), Suggestion: nearest,
				Offset: strings.Index(f.columns, word) + len(word) - len(name), Length: len(name),
			}
			return a.invalidFlag(cmd, cmd.Flags().Lookup("columns"), f.columns, wrong)
		}
		named = slices.DeleteFunc(slices.Clone(named), func(other *lsColumn) bool { return other == c })
		if !strings.HasPrefix(word, "-") {
			named = append(named, c)
		}
	}
	r.columns = named
	return nil
}

// usualColumns are those of a glance, or those that ss would show.
func (f *lsFlags) usualColumns() []*lsColumn {
	list := columnsNamed("kind", "state", "local", "peer", "queue", "process", "peer-process")
	switch {
	case f.lettered():
		list = columnsNamed("kind", "state", "recvq", "sendq", "local", "peer")
		if f.processes {
			list = append(list, columnsNamed("process")...)
		}
	case f.wide:
		list = columnsNamed("kind", "state", "local", "peer", "queue", "process", "peer-process", "user", "fd", "unit", "container", "inode", "command")
	}
	for _, more := range []struct {
		wanted bool
		names  []string
	}{
		{f.timers, []string{"timer"}},
		{f.extended, []string{"user", "inode", "cookie"}},
		{f.memory, []string{"memory", "drops"}},
		{f.details, []string{"congestion", "rtt", "minrtt", "cwnd", "retrans", "sent", "received", "rate"}},
	} {
		if more.wanted {
			list = append(list, columnsNamed(more.names...)...)
		}
	}
	if f.allNetns {
		list = append(columnsNamed("netns"), list...)
	}
	return list
}

func (a *app) lsSort(cmd *cobra.Command, f *lsFlags, r *lsRequest) error {
	name, down := strings.CutPrefix(f.sort, "-")
	r.down = down
	switch {
	case name != "":
		c, nearest := lookupColumn(name)
		if c == nil {
			wrong := &syntax.Error{Message: "there is no column " + quoted(name), Suggestion: nearest, Offset: len(f.sort) - len(name), Length: len(name)}
			return a.invalidFlag(cmd, cmd.Flags().Lookup("sort"), f.sort, wrong)
		}
		r.sort = c
	case !f.lettered() && !f.csv && !a.json:
		r.sort = lsUsualOrder
	}
	return nil
}

// lsUsualOrder is by kind, listeners first, by port.
var lsUsualOrder = &lsColumn{name: "", key: func(b []byte, s *inspect.Socket) []byte {
	b = append(b, byte(s.Kind), 1)
	if s.IsListener() {
		b[len(b)-1] = 0
	}
	return addrKey(addrKey(b, s.Local), s.Peer)
}}

func (a *app) lsExplain(r lsRequest) error {
	var b strings.Builder
	text := r.query.Filter.String()
	if text == "" {
		text = "(everything)"
	}
	fmt.Fprintf(&b, "filter: %s\n", text)
	for _, line := range r.query.Explain() {
		for i, part := range wrap(line, width-2) {
			if i > 0 {
				part = "  " + part
			}
			b.WriteString(part + "\n")
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}
