package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)                      // [text](file)
	codeRef = regexp.MustCompile("`((?:[a-z]+/)+[a-z_]+(?:_test)?\\.(?:go|md))`") // `package/file.go`
)

// TestDocumentsNameFilesThatExist follows every link to a file, and every
// source file named in passing.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	found := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), match[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, match[1], err)
			}
		}
		for _, match := range codeRef.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				t.Errorf("%s names %s: %v", document, match[1], err)
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d links and names of files; the patterns look for the wrong thing", found)
	}
}

// documents lists the Markdown files of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return descend(path, d.Name())
		}
		if strings.HasSuffix(path, ".md") {
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestInstallListsAgree holds that the packages CONTRIBUTING.md names are those
// that continuous integration installs.
func TestInstallListsAgree(t *testing.T) {
	lists := map[string]string{}
	for _, path := range []string{"CONTRIBUTING.md", ".ci/run"} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "apt-get install")
		after = strings.ReplaceAll(after, "\\\n", " ")
		line, _, _ := strings.Cut(after, "\n")
		var packages []string
		for _, word := range strings.Fields(line) {
			if word[0] >= 'a' && word[0] <= 'z' {
				packages = append(packages, word)
			}
		}
		slices.Sort(packages)
		lists[path] = strings.Join(packages, " ")
	}
	if lists["CONTRIBUTING.md"] != lists[".ci/run"] || lists[".ci/run"] == "" {
		t.Errorf("CONTRIBUTING.md names\n\t%s\nand .ci/run installs\n\t%s", lists["CONTRIBUTING.md"], lists[".ci/run"])
	}
}
