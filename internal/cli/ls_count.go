package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sock/inspect"
	"sock/internal/syntax"
)

// lsCountAll is the value of --count without one.
const lsCountAll = "all"

// countColumn reads what --count counts by: --count=state, or "by state" at the
// end of the arguments, which it takes off.
func (a *app) countColumn(cmd *cobra.Command, args []string, f *lsFlags, r *lsRequest) ([]string, error) {
	if !f.counting {
		return args, nil
	}
	name, index := f.count, a.flagIndex(cmd.Flags().Lookup("count"))
	if n := len(args); n >= 2 && args[n-2] == "by" {
		name, args, index = args[n-1], args[:n-2], a.lastIndex(args[n-1])
	} else if name == lsCountAll {
		return args, nil
	}
	c, nearest := lookupColumn(name)
	if c == nil {
		return nil, a.argumentError(cmd, index, "there is no column "+quoted(name), nearest)
	}
	r.count = c
	return args, nil
}

// counted is one value and how many sockets have it.
type counted struct {
	value string
	n     int
}

func (a *app) lsCount(ctx context.Context, r lsRequest) error {
	total, counts := 0, map[string]int{}
	var value []byte
	for s, err := range inspect.Sockets(ctx, r.query) {
		if err != nil {
			return err
		}
		total++
		if r.count != nil {
			value = r.count.plain(value[:0], &s)
			counts[string(value)]++
		}
	}
	if r.count == nil {
		return a.printCount(total)
	}
	return a.printCounts(r.count.name, ranked(counts))
}

// ranked lists the most frequent value first.
func ranked(counts map[string]int) []counted {
	list := make([]counted, 0, len(counts))
	for value, n := range counts {
		list = append(list, counted{value, n})
	}
	slices.SortFunc(list, func(x, y counted) int {
		return cmp.Or(cmp.Compare(y.n, x.n), strings.Compare(x.value, y.value))
	})
	return list
}

func (a *app) printCount(n int) error {
	if a.json {
		return json.NewEncoder(a.stdout).Encode(map[string]int{"count": n})
	}
	_, err := fmt.Fprintln(a.stdout, n)
	return err
}

func (a *app) printCounts(column string, list []counted) error {
	var b strings.Builder
	for _, c := range list {
		if a.json {
			line, err := json.Marshal(map[string]any{"by": column, "value": c.value, "count": c.n})
			if err != nil {
				return err
			}
			b.Write(append(line, '\n'))
			continue
		}
		value := syntax.Printable(c.value)
		if value == "" {
			value = "–"
		}
		fmt.Fprintf(&b, "%7d  %s\n", c.n, value)
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// lsSummaryRow is a line of `sock ls --summary`.
type lsSummaryRow struct {
	Kind    string         `json:"kind"`
	Total   int            `json:"total"`
	States  map[string]int `json:"states"`
	Memory  int64          `json:"memory_bytes"` // what all their queues take
	Drops   int64          `json:"drops"`        // packets and connections that found no room
	Waiting int64          `json:"waiting"`      // connections to be accepted
}

func (a *app) lsSummary(ctx context.Context, r lsRequest) error {
	rows := map[inspect.Kind]*lsSummaryRow{}
	for s, err := range inspect.Sockets(ctx, r.query) {
		if err != nil {
			return err
		}
		row, ok := rows[s.Kind]
		if !ok {
			row = &lsSummaryRow{Kind: s.Kind.String(), States: map[string]int{}}
			rows[s.Kind] = row
		}
		row.Total++
		row.States[s.State.Describe(s.Kind)]++
		row.Memory += int64(s.Memory.ReceiveAlloc) + int64(s.Memory.SendQueued)
		row.Drops += int64(s.Drops)
		row.Waiting += int64(s.Accept)
	}
	kinds := slices.Sorted(maps.Keys(rows))
	if a.json {
		out := json.NewEncoder(a.stdout)
		for _, k := range kinds {
			if err := out.Encode(rows[k]); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	for _, k := range kinds {
		rows[k].write(&b)
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// write writes "tcp  1003  990 time-wait, 8 established, 5 listen; 64K queued".
func (row *lsSummaryRow) write(b *strings.Builder) {
	var states []string
	for _, c := range ranked(row.States) {
		states = append(states, fmt.Sprintf("%d %s", c.n, c.value))
	}
	text := strings.Join(states, ", ")
	if row.Memory > 0 {
		text += fmt.Sprintf("; %s queued", appendSize(nil, row.Memory))
	}
	if row.Waiting > 0 {
		text += fmt.Sprintf("; %d to be accepted", row.Waiting)
	}
	if row.Drops > 0 {
		text += fmt.Sprintf("; %d dropped or refused", row.Drops)
	}
	for i, line := range wrap(text, width-20) {
		if i == 0 {
			fmt.Fprintf(b, "%-8s%8d  %s\n", row.Kind, row.Total, line)
		} else {
			fmt.Fprintf(b, "%18s%s\n", "", line)
		}
	}
}
