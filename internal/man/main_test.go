package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sock/endpoint"
	"sock/internal/cli"
	"sock/service"
	"sock/socket"
)

const committed = "../../docs/man"

// TestPagesAreUpToDate compares what is committed with what the tables say now.
func TestPagesAreUpToDate(t *testing.T) {
	all := pages()
	for name, want := range all {
		got, err := os.ReadFile(filepath.Join(committed, name))
		if err != nil || string(got) != want {
			t.Errorf("docs/man/%s is not what the command's tables say (%v): run make man", name, err)
		}
	}
	there, err := filepath.Glob(filepath.Join(committed, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if all[filepath.Base(path)] == "" {
			t.Errorf("docs/man/%s is a page of nothing: run make man", filepath.Base(path))
		}
	}
}

// TestPagesLint has mandoc read every page.
func TestPagesLint(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("mandoc is not installed")
	}
	directory := t.TempDir()
	if err := write(directory); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(directory, "*"))
	if err != nil || len(files) != len(pages()) {
		t.Fatalf("wrote %d pages, want %d (%v)", len(files), len(pages()), err)
	}
	out, err := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "warning"}, files...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("mandoc -T lint: %v\n%s", err, out)
	}
}

// TestWriteRemovesStalePages makes a page that no verb has, and writes.
func TestWriteRemovesStalePages(t *testing.T) {
	directory := t.TempDir()
	stale, kept := filepath.Join(directory, "sock-gone.1"), filepath.Join(directory, "notes.txt")
	for _, path := range []string{stale, kept} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(directory); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", stale, err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("%s is not a page and should have stayed: %v", kept, err)
	}
}

func TestBlocks(t *testing.T) {
	const text = "One\ntwo.\n\nThree:\n  a  b\n\n  c  d\nFour.\n"
	want := []string{"One\ntwo.", "Three:", "  a  b\n\n  c  d", "Four."}
	if got := slices.Collect(blocks(text)); !slices.Equal(got, want) {
		t.Errorf("blocks = %q, want %q", got, want)
	}
}

func TestEntries(t *testing.T) {
	got := entries("  one      first\n           and more\n\n  too-long\n           second\n  three    third")
	want := []entry{{"one", "first\nand more"}, {"too-long", "\nsecond"}, {"three", "third"}}
	if !slices.Equal(got, want) {
		t.Errorf("entries = %q, want %q", got, want)
	}
	for _, text := range []string{"  one  first\n  two  second", "  a = b\n    | c\n  d"} {
		if got := entries(text); got != nil {
			t.Errorf("entries(%q) = %q, want none", text, got)
		}
	}
}

func TestEscape(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`--eof`, `\-\-eof`},
		{`a\nb`, `a\enb`},
		{`it's`, `it\(aqs`},
		{`VERB…`, `VERB\[u2026]`},
	} {
		if got := escape(tt.text); got != tt.want {
			t.Errorf("escape(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestEverythingIsDocumented holds that nothing can be added to a table
// without words for it.
func TestEverythingIsDocumented(t *testing.T) {
	readme := read(t, "../../README.md")
	for _, c := range visible(cli.Root()) {
		require(t, "the verb "+c.Name(), "a Short text", c.Short)
		if !strings.Contains(readme, "sock "+c.Name()) {
			t.Errorf("README.md does not show sock %s", c.Name())
		}
		if c.Name() != "help" && c.Name() != "version" {
			require(t, "the verb "+c.Name(), "an example", c.Example)
		}
	}
	for _, topic := range cli.Topics() {
		require(t, "the topic "+topic.Name, "a text", topic.Text())
	}
	for _, o := range socket.Options() {
		require(t, "the socket option "+o.Name, "a doc and a source", o.Doc, o.Source, o.Symbol)
	}
	endpoints, services := read(t, "../../docs/endpoints.md"), read(t, "../../docs/services.md")
	for _, o := range endpoint.OwnOptions() {
		require(t, "the endpoint's option "+o.Name, "a doc and an example", o.Doc)
		if !strings.Contains(endpoints, "`"+o.Name) {
			t.Errorf("docs/endpoints.md does not explain the option `%s`", o.Name)
		}
	}
	for _, s := range service.All() {
		require(t, "the service "+s.Name, "a doc", s.Doc)
		if !strings.Contains(services, s.Name) {
			t.Errorf("docs/services.md does not explain the service %s", s.Name)
		}
	}
}

func require(t *testing.T, thing, what string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s has no text where it needs %s", thing, what)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
