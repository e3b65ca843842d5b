//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// spread is a figure over the rounds.
type spread struct{ low, median, high float64 }

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.low, s.high) }

func over(samples []sample, figure func(sample) float64) spread {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = figure(s)
	}
	return spreadOf(values)
}

func spreadOf(values []float64) spread {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return spread{}
	}
	return spread{values[0], (values[(n-1)/2] + values[n/2]) / 2, values[n-1]}
}

// ratio compares two peers round by round, so that what slowed a whole round
// falls out.
func (r result) ratio(of, to string) spread {
	a, b := r.samples[of], r.samples[to]
	values := make([]float64, min(len(a), len(b)))
	for i := range values {
		values[i] = a[i].perMessage() / b[i].perMessage()
	}
	return spreadOf(values)
}

func (r result) missed() int {
	missed := 0
	for _, want := range r.ratios {
		if r.ratio(want.of, want.to).median > want.limit {
			missed++
		}
	}
	return missed
}

// printResult writes one case as Markdown: a table of the servers, a table of
// the ratios, and what spoils the measurement, if anything does.
func printResult(w io.Writer, r result) {
	fmt.Fprintf(w, "### %s\n\n%s.\n\n", r.name, strings.ToUpper(r.about[:1])+r.about[1:])
	fmt.Fprintln(w, "| server | CPU µs per message | messages per second | p50 µs | p99 µs | p99.9 µs | lost |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for _, p := range r.peers {
		samples := r.samples[p.name]
		var lost int64
		for _, s := range samples {
			lost += s.lost
		}
		rate := over(samples, func(s sample) float64 { return float64(s.messages) / s.elapsed.Seconds() })
		fmt.Fprintf(w, "| %s | %v | %.0f | %.0f | %.0f | %.0f | %d |\n", p.name, over(samples, sample.perMessage), rate.median,
			quantile(samples, 50), quantile(samples, 99), quantile(samples, 99.9), lost)
	}
	fmt.Fprintln(w, "\n| ratio | asked | seen | |\n|---|---|---|---|")
	for _, want := range r.ratios {
		seen, verdict := r.ratio(want.of, want.to), "holds"
		if seen.median > want.limit {
			verdict = "**missed**"
		}
		fmt.Fprintf(w, "| %s / %s | ≤ %.2f | %v | %s |\n", want.of, want.to, want.limit, seen, verdict)
	}
	fmt.Fprintln(w)
	for _, p := range r.peers {
		if slices.ContainsFunc(r.samples[p.name], sample.loadBound) {
			fmt.Fprintf(w, "The load, not the server, was the limit against %s: its rate is a lower bound.\n\n", p.name)
		}
	}
}

func quantile(samples []sample, q float64) float64 {
	return over(samples, func(s sample) float64 { return float64(s.latency.ValueAtQuantile(q)) / 1e3 }).median
}

func writeReport(s settings, results []result, startups []startup) error {
	f, err := os.Create(s.out)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, `# Benchmarks

Written by %s; every figure is from that one run. The measure is the server's
CPU time, user and system, per message, read from the kernel's clock of the server's process. Server
and load run on different CPUs, in %d rounds of %v each, the servers taking turns within a round; a
figure is the median over the rounds, with the smallest and the largest beside it, and a ratio is the
median of the rounds' ratios. Rates and latencies are of a closed loop, and of this machine: compare
them within a table, not across machines.

%s

`, "`make bench`", s.rounds, s.measure, machine())
	for _, r := range results {
		printResult(f, r)
	}
	if len(startups) > 0 {
		printStartups(f, startups)
	}
	return f.Close()
}

// machine names what the figures were taken on.
func machine() string {
	var u unix.Utsname
	unix.Uname(&u)
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	cc := "no gcc"
	if out, err := exec.Command("gcc", "-dumpfullversion").Output(); err == nil {
		cc = "gcc " + strings.TrimSpace(string(out))
	}
	sys := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "golang.org/x/sys" {
				sys = ", x/sys " + m.Version
			}
		}
	}
	return fmt.Sprintf("%s: Linux %s on %d CPUs (%s), %s%s, %s.", time.Now().UTC().Format(time.DateOnly),
		unix.ByteSliceToString(u.Release[:]), runtime.NumCPU(), model, runtime.Version(), sys, cc)
}
