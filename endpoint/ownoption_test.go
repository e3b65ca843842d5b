package endpoint

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sock/socket"
)

// sample is a right address for each scheme.
func sample(s scheme) string {
	switch {
	case s.unix:
		return s.name + ":///run/x"
	case s.inet:
		return s.name + "://localhost:1"
	}
	return s.name + "://3"
}

func TestOwnOptions(t *testing.T) {
	for _, o := range OwnOptions() {
		t.Run(o.Name, func(t *testing.T) {
			if _, taken := socket.Lookup(o.Name); taken {
				t.Errorf("%s is in the socket option table as well", o.Name)
			}
			for field, text := range map[string]string{
				"Kind": string(o.Kind), "Unit": o.Unit, "Default": o.Default, "Needs": o.Needs, "Example": o.Example, "Doc": o.Doc,
			} {
				if text == "" || strings.HasSuffix(text, ".") {
					t.Errorf("%s: got %q, want some text without a final stop", field, text)
				}
			}
			if o.Where&ForBoth == 0 {
				t.Errorf("Where: got %v", o.Where)
			}
			checkOptionSchemes(t, o)
		})
	}
}

// checkOptionSchemes holds that the option's example parses with every scheme
// that takes it, is refused by the others, and that some scheme takes it.
func checkOptionSchemes(t *testing.T, o OwnOption) {
	r, _ := lookupRule(o.Name)
	taken := 0
	for _, s := range schemes {
		example := o.Example
		if o.Name == "from" && s.unix {
			example = "@client"
		} else if o.Name == "from" && !s.has4() {
			example = "[2001:db8::1]:5000"
		}
		e, err := Parse(sample(s) + "?cert=c&" + o.Name + "=" + example)
		if !s.tls || o.Name == "cert" {
			e, err = Parse(sample(s) + "?" + o.Name + "=" + example)
		}
		if covers := r.own.reach.covers(s); covers != (err == nil) {
			t.Errorf("%s with %s: got %v, want accepted: %v", s.name, o.Name, err, covers)
		}
		if err == nil {
			taken++
			checkRoundTrip(t, e)
		}
	}
	if taken == 0 {
		t.Errorf("no scheme takes %s", o.Name)
	}
}

// readGuide reads docs/endpoints.md.
func readGuide(t *testing.T) string {
	t.Helper()
	guide, err := os.ReadFile("../docs/endpoints.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(guide)
}

func TestGuideNamesEverything(t *testing.T) {
	guide := readGuide(t)
	for _, s := range Schemes() {
		if !strings.Contains(guide, "| `"+s.Name+"` |") {
			t.Errorf("docs/endpoints.md has no row for scheme %s", s.Name)
		}
	}
	for _, o := range OwnOptions() {
		row := regexp.MustCompile("(?m)^\\| `" + o.Name + "` \\|.*$").FindString(guide)
		if row == "" {
			t.Errorf("docs/endpoints.md has no row for option %s", o.Name)
			continue
		}
		for _, text := range []string{o.Default, o.Where.String(), o.Needs, o.Example} {
			if !strings.Contains(row, text) {
				t.Errorf("option %s: the row of docs/endpoints.md lacks %q:\n%s", o.Name, text, row)
			}
		}
	}
	for _, model := range Models() {
		if !strings.Contains(guide, "`"+model+"`") {
			t.Errorf("docs/endpoints.md does not name model %s", model)
		}
	}
}

// TestGuideExamples holds that the guide's examples are as it says: in a block
// "endpoint" every line parses, in a block "canonical" the second column is
// the canonical form of the first, in a block "refused" no line parses.
func TestGuideExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```(endpoint|canonical|refused)\n(.*?)^```").FindAllStringSubmatch(readGuide(t), -1)
	seen := map[string]int{}
	for _, block := range blocks {
		for line := range strings.Lines(block[2]) {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			seen[block[1]]++
			e, err := Parse(words[0])
			switch {
			case block[1] == "refused" && err == nil:
				t.Errorf("%s: got %s, want an error", words[0], e)
			case block[1] != "refused" && err != nil:
				t.Errorf("%s: %v", words[0], err)
			case block[1] == "canonical" && e.String() != words[1]:
				t.Errorf("%s: got %s, want %s", words[0], e, words[1])
			}
		}
	}
	for kind, least := range map[string]int{"endpoint": 20, "canonical": 8, "refused": 8} {
		if seen[kind] < least {
			t.Errorf("docs/endpoints.md has %d examples in blocks %q, want %d", seen[kind], kind, least)
		}
	}
}
