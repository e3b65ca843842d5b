package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// module is the path in go.mod; every package of the house begins with it.
const module = "sock"

// source is one Go file of the repository, for any system.
type source struct {
	path   string // relative to the repository, with slashes
	lines  int
	text   []byte
	syntax *ast.File
}

func (s *source) test() bool      { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) generated() bool { return ast.IsGenerated(s.syntax) }

// dir is the package's directory relative to the repository.
func (s *source) dir() string {
	if i := strings.LastIndexByte(s.path, '/'); i >= 0 {
		return s.path[:i]
	}
	return "."
}

// tree is every Go file of the repository, parsed once for all tests.
type tree struct {
	fset  *token.FileSet
	files []*source
	err   error
}

var theTree = sync.OnceValue(readTree)

// loadTree returns the parsed repository, or fails the test.
func loadTree(t *testing.T) *tree {
	t.Helper()
	all := theTree()
	if all.err != nil {
		t.Fatal(all.err)
	}
	if len(all.files) < 10 {
		t.Fatalf("found %d Go files below %s: that cannot be the repository", len(all.files), root)
	}
	return all
}

// root is the repository, seen from this package's directory, where tests run.
const root = "../.."

func readTree() *tree {
	all := &tree{fset: token.NewFileSet()}
	all.err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return descend(path, d.Name())
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := readSource(all.fset, path)
		all.files = append(all.files, file)
		return err
	})
	return all
}

// descend says whether the walk goes into a directory: not into hidden ones,
// nor into testdata, which holds wrong code on purpose.
func descend(path, name string) error {
	if path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
		return fs.SkipDir
	}
	return nil
}

func readSource(fset *token.FileSet, path string) (*source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	relative = filepath.ToSlash(relative)
	syntax, err := parser.ParseFile(fset, relative, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{path: relative, lines: bytes.Count(text, []byte("\n")), text: text, syntax: syntax}, nil
}

// listed is what `go list -json` tells of one package, as far as it is used here.
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	Doc        string
	Standard   bool
	Export     string
	GoFiles    []string
	Imports    []string
	Error      *struct{ Err string }
}

// goList runs `go list -json` in the repository, for the given system, and
// fails the test when it fails.
func goList(t *testing.T, goos string, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Dir,Doc,Standard,Export,GoFiles,Imports,Error"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
		}
		all = append(all, one)
	}
}

// systems are those the module must build for; Linux is first class.
var systems = []string{"linux", "darwin", "freebsd", "windows"}
