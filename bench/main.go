//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

// settings are one run's, immutable once parsed.
type settings struct {
	rounds   int
	warm     time.Duration // before each measurement
	measure  time.Duration // of each measurement
	only     *regexp.Regexp
	out      string // the report's file; empty prints only
	work     string // a directory for what is built
	strict   bool   // a ratio that is missed is an error
	loadCPU  int
	serveCPU int
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		fatal(serve(os.Args[2]))
		return
	}
	var s settings
	quick := flag.Bool("quick", false, "fewer and shorter rounds: under three minutes in all")
	only := flag.String("only", "", "measure only the cases that match this regular `expression`")
	flag.StringVar(&s.out, "out", "", "write the report to this `file`")
	flag.BoolVar(&s.strict, "strict", false, "exit 3 where a ratio is missed")
	flag.Parse()
	s.rounds, s.warm, s.measure = 9, 300*time.Millisecond, 1500*time.Millisecond
	if *quick {
		s.rounds, s.warm, s.measure = 5, 100*time.Millisecond, 300*time.Millisecond
	}
	var err error
	if s.only, err = regexp.Compile(*only); err != nil {
		fatal(err)
	}
	missed, err := run(s)
	fatal(err)
	if missed > 0 && s.strict {
		os.Exit(3)
	}
}

// run measures every case, prints the report and says how many ratios were
// missed.
func run(s settings) (missed int, err error) {
	if s.work, err = os.MkdirTemp("", "bench"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(s.work)
	if s.serveCPU, s.loadCPU, err = twoCPUs(); err != nil {
		return 0, err
	}
	var results []result
	for _, c := range cases() {
		if !s.only.MatchString(c.name) {
			continue
		}
		r, err := measure(s, c)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", c.name, err)
		}
		printResult(os.Stdout, r)
		results = append(results, r)
		missed += r.missed()
	}
	var startups []startup
	if s.only.MatchString("start-up") {
		if startups, err = measureStartups(s); err != nil {
			return 0, err
		}
		printStartups(os.Stdout, startups)
	}
	for _, u := range startups {
		if u.missed() {
			missed++
		}
	}
	if s.out == "" {
		return missed, nil
	}
	return missed, writeReport(s, results, startups)
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
