// Skips stands behind go test in continuous integration, where everything the
// tests need is installed and nothing may be skipped:
//
//	go test -json ./... | go run ./internal/skips
//
// It reads go test's JSON, prints what plain go test would have printed, and
// exits with 1 when a test failed or was skipped; each skipped one is named
// with the reason it gave.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// key names a test, or a whole package where test is empty.
type key struct{ pkg, test string }

// report gathers the events: the output of each test until its end is known,
// and the names of those that were skipped or failed.
type report struct {
	out     io.Writer
	pending map[key][]string
	skipped []string
	failed  int
}

func main() {
	r := &report{out: os.Stdout, pending: map[key][]string{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
	if !r.clean() {
		os.Exit(1)
	}
}

// read goes through go test's output to its end. A line that is not JSON (a
// compiler's message) is passed on.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Fprint(r.out, line)
		return
	}
	r.event(e)
}

func (r *report) event(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.pending[k] = append(r.pending[k], e.Output)
	case "fail":
		r.failed++
		r.print(k)
	case "skip":
		r.skip(k)
	case "pass":
		r.pass(k)
	}
}

// print gives all that a failed test or package has said.
func (r *report) print(k key) {
	for _, line := range r.pending[k] {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Fprint(r.out, line)
		}
	}
	delete(r.pending, k)
}

// skip notes a skipped test. A package is "skipped" when it has no test files,
// which is no loss.
func (r *report) skip(k key) {
	if k.test == "" {
		r.pass(k)
		return
	}
	said := slices.DeleteFunc(r.pending[k], func(line string) bool { return strings.HasPrefix(line, "=== ") })
	for i := range said {
		said[i] = strings.TrimSpace(said[i])
	}
	r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", k.pkg, k.test, strings.Join(said, " ")))
	delete(r.pending, k)
}

// pass drops what a passed test has said; of a package it keeps the last line,
// "ok", as go test does.
func (r *report) pass(k key) {
	if lines := r.pending[k]; k.test == "" && len(lines) > 0 {
		fmt.Fprint(r.out, lines[len(lines)-1])
	}
	delete(r.pending, k)
}

// clean prints the verdict and says whether it is a good one.
func (r *report) clean() bool {
	for k := range r.pending {
		fmt.Fprintf(r.out, "FAIL %s %s: did not end\n", k.pkg, k.test)
		r.failed++
	}
	for _, name := range r.skipped {
		fmt.Fprintln(r.out, "SKIPPED", name)
	}
	if len(r.skipped) > 0 {
		fmt.Fprintf(r.out, "%d skipped; here everything must run\n", len(r.skipped))
	}
	return r.failed == 0 && len(r.skipped) == 0
}
