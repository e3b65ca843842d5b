//go:build linux

package cli

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// checkEvents holds every line a run has emitted to docs/events.md.
func checkEvents(ts *testscript.TestScript, text string) {
	docs, err := documented()
	ts.Check(err)
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if line == "" {
			continue
		}
		if problem := checkEvent(docs, line); problem != "" {
			ts.Fatalf("%s\n%s", line, problem)
		}
	}
}

// event NAME KIND [FIELD=PATTERN | FIELD>VARIABLE]… waits for an event of a
// program started with --json whose fields match; VARIABLE takes the value.
func event(ts *testscript.TestScript, neg bool, args []string) {
	p := processNamed(ts, args[0])
	var found map[string]any
	p.until(ts, "event "+strings.Join(args[1:], " "), func() bool {
		for _, line := range strings.Split(p.err.String(), "\n") {
			var e map[string]any
			if json.Unmarshal([]byte(line), &e) == nil && e["event"] == args[1] && matches(e, args[2:]) {
				found = e
				return true
			}
		}
		return false
	})
	for _, condition := range args[2:] {
		if name, variable, ok := strings.Cut(condition, ">"); ok {
			ts.Setenv(variable, text(found[name]))
		}
	}
}

func matches(e map[string]any, conditions []string) bool {
	for _, c := range conditions {
		name, pattern, ok := strings.Cut(c, "=")
		if ok && !regexp.MustCompile("^(?:"+pattern+")$").MatchString(text(e[name])) {
			return false
		}
	}
	return true
}

func text(value any) string {
	if n, ok := value.(float64); ok && n == float64(int64(n)) {
		return fmt.Sprint(int64(n))
	}
	return fmt.Sprint(value)
}
