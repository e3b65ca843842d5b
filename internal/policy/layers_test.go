package policy

import (
	"strings"
	"testing"
)

// A layer is one row of the picture in docs/ARCHITECTURE.md. A package may
// import packages of lower rows only: never its own row, never a higher one.
type layer struct {
	row      int
	packages []string // a trailing /... stands for everything below
	reason   string   // why nothing in a lower row may import it
}

// layers is the picture, from the top. A new package gets its row here and in
// docs/ARCHITECTURE.md in the same commit.
var layers = []layer{
	{100, []string{"cmd/sock"}, "the program's main: signals and the exit code, importable by nobody"},
	{100, []string{"bench/..."}, "measures the others from outside"},
	{100, []string{"examples/..."}, "shows the others from outside"},
	{100, []string{"internal/man"}, "writes the man pages from the command's tables, at development time only"},
	{90, []string{"internal/cli"}, "the verbs: flags, messages and exit codes belong to the terminal, not to a library"},
	{80, []string{"up"}, "runs service lines; what it runs must not know who runs it"},
	{70, []string{"dash", "fleet", "record"}, "look at everything below; nothing below may depend on being looked at"},
	{60, []string{"why", "load", "relay"}, "programs over the libraries below"},
	{50, []string{"web", "service"}, "what a server says; the engine must not know which service it carries"},
	{40, []string{"inspect"}, "reads the kernel's tables; the data path must not wait for it"},
	{30, []string{"engine"}, "carries connections; the grammar of endpoints must not need an engine"},
	{20, []string{"endpoint"}, "the grammar; a program that wants sockets alone must not link a parser and TLS"},
	{10, []string{"socket"}, "the ground: the socket calls, with the standard library and x/sys below them"},
	{0, []string{"internal/*"}, "a leaf: one kernel interface or one small thing, with nothing of the house below it"},
}

// modules lists the other modules that non-test code may import: the package
// path's prefix, who may, and why nobody else.
var modules = []struct {
	prefix string
	who    []string // empty: everybody
	reason string
}{
	{"golang.org/x/sys/", nil, ""},
	{"github.com/spf13/cobra", []string{"internal/cli", "internal/man", "cmd/sock"}, "command lines belong to the command"},
	{"github.com/spf13/pflag", []string{"internal/cli", "internal/man", "cmd/sock"}, "command lines belong to the command"},
	{"github.com/mdlayher/netlink", []string{"internal/diag"}, "one leaf speaks sock_diag, and the others ask it"},
	{"", []string{"bench/..."}, "peers and statistics are for measuring, and are not linked into the command"},
}

func TestLayersImportDownwards(t *testing.T) {
	for _, goos := range systems {
		t.Run(goos, func(t *testing.T) {
			for _, p := range goList(t, goos, "-e", "./...") {
				checkImports(t, p)
			}
		})
	}
}

func checkImports(t *testing.T, p listed) {
	t.Helper()
	name, _ := strings.CutPrefix(p.ImportPath, module+"/")
	from := layerOf(name)
	if from == nil {
		t.Errorf("%s stands in no layer: give it a row in internal/policy and in docs/ARCHITECTURE.md", p.ImportPath)
		return
	}
	for _, path := range p.Imports {
		if imported, ok := strings.CutPrefix(path, module+"/"); ok {
			checkDownwards(t, name, from, imported)
		} else if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			checkModule(t, name, path)
		}
	}
}

func checkDownwards(t *testing.T, name string, from *layer, imported string) {
	t.Helper()
	to := layerOf(imported)
	switch {
	case to == nil:
		t.Errorf("%s imports %s, which stands in no layer", name, imported)
	case within(name, imported):
		// Parts of one thing: bench/peers below bench.
	case to.row >= from.row:
		t.Errorf("%s (row %d) imports %s (row %d); imports go downwards only.\n\tWhy nothing below may import %s: it %s.",
			name, from.row, imported, to.row, imported, to.reason)
	}
}

// within says whether imported is a part of the same tree of row 100.
func within(name, imported string) bool {
	top, _, _ := strings.Cut(name, "/")
	return (top == "bench" || top == "examples") && strings.HasPrefix(imported, top+"/")
}

func checkModule(t *testing.T, name, path string) {
	t.Helper()
	reason := "it is not among the modules the house has chosen: see docs/ARCHITECTURE.md and internal/policy"
	for _, m := range modules {
		if !strings.HasPrefix(path, m.prefix) {
			continue
		}
		if len(m.who) == 0 || matchesAny(m.who, name) {
			return
		}
		if m.prefix != "" {
			reason = m.reason
		}
	}
	t.Errorf("%s imports %s: %s", name, path, reason)
}

// layerOf finds the row of a package, given without the module's path.
func layerOf(name string) *layer {
	for i := range layers {
		if matchesAny(layers[i].packages, name) {
			return &layers[i]
		}
	}
	return nil
}

// matchesAny knows three forms: a name, name/... (it and all below it), and
// name/* (everything directly below it).
func matchesAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if tree, ok := strings.CutSuffix(p, "/..."); ok {
			if name == tree || strings.HasPrefix(name, tree+"/") {
				return true
			}
		} else if parent, ok := strings.CutSuffix(p, "*"); ok {
			if rest, ok := strings.CutPrefix(name, parent); ok && !strings.Contains(rest, "/") {
				return true
			}
		} else if name == p {
			return true
		}
	}
	return false
}

// TestLayersTable holds the table itself: the first match wins, so a later row
// for the same package would be dead.
func TestLayersTable(t *testing.T) {
	for _, tt := range []struct {
		name string
		row  int
	}{
		{"cmd/sock", 100},
		{"bench", 100},
		{"bench/peers", 100},
		{"examples/01-echo-server", 100},
		{"internal/cli", 90},
		{"internal/netlink", 0},
		{"socket", 10},
	} {
		if got := layerOf(tt.name); got == nil || got.row != tt.row {
			t.Errorf("layerOf(%q) = %+v, want row %d", tt.name, got, tt.row)
		}
	}
	for _, name := range []string{"internal/cli/deep", "util", "sockets", "cmd/other"} {
		if got := layerOf(name); got != nil {
			t.Errorf("layerOf(%q) = %+v, want none", name, got)
		}
	}
}

// TestLibrariesLinkNothingElse holds the promise of the three lowest packages:
// a program that imports them gets no module but golang.org/x/sys.
func TestLibrariesLinkNothingElse(t *testing.T) {
	for _, goos := range systems {
		t.Run(goos, func(t *testing.T) {
			for _, p := range goList(t, goos, "-deps", "./socket", "./endpoint", "./engine") {
				switch {
				case p.Standard, strings.HasPrefix(p.ImportPath, module+"/"):
				case strings.HasPrefix(p.ImportPath, "golang.org/x/sys/"):
				default:
					t.Errorf("socket, endpoint or engine links %s; they promise nothing beyond the standard library and golang.org/x/sys", p.ImportPath)
				}
			}
		})
	}
}
