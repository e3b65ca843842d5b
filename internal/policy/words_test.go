package policy

import (
	"bytes"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// forbiddenPackages are names that say nothing about what is inside.
var forbiddenPackages = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "lib", "types"}

// marks leave work for later inside the code; later has a list of its own.
// They are written in two halves so that this file does not find itself.
var marks = []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}

// excuses are what unfinished code says when it is run.
var excuses = []string{"not " + "implemented", "un" + "implemented", "not " + "yet supported"}

func TestNoMarks(t *testing.T) {
	for _, file := range loadTree(t).files {
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				checkExcuses(t, file, literal)
			}
			return true
		})
		for number, line := range bytes.Split(file.text, []byte("\n")) {
			for _, mark := range marks {
				if bytes.Contains(line, []byte(mark)) {
					t.Errorf("%s:%d: %q: do it, or write it down where work is planned", file.path, number+1, mark)
				}
			}
		}
	}
}

func checkExcuses(t *testing.T, file *source, literal *ast.BasicLit) {
	t.Helper()
	for _, excuse := range excuses {
		if strings.Contains(literal.Value, excuse) {
			t.Errorf("%s: %s: finish it, or say with errors.ErrUnsupported what the system lacks", file.path, literal.Value)
		}
	}
}

func TestPackageNames(t *testing.T) {
	standard := map[string]bool{}
	for _, p := range goList(t, "linux", "std") {
		if !strings.Contains(p.ImportPath, "internal") && !strings.HasPrefix(p.ImportPath, "vendor/") {
			standard[p.Name] = true
		}
	}
	for _, p := range goList(t, "linux", "-e", "./...") {
		switch {
		case p.Name == "main":
		case slices.Contains(forbiddenPackages, p.Name):
			t.Errorf("%s: %q says nothing about what is inside; name the thing", p.ImportPath, p.Name)
		case standard[p.Name] && !excusedName(p):
			t.Errorf("%s: the standard library has a package %s; a reader would have to ask which", p.ImportPath, p.Name)
		}
	}
}

// excusedName allows the names that the standard library uses only in places
// where nobody imports both.
func excusedName(p listed) bool { return p.ImportPath == module+"/internal/syntax" }

func TestPackageDoc(t *testing.T) {
	docs := map[string][]string{}
	names := map[string]string{}
	for _, file := range loadTree(t).files {
		if file.test() {
			continue
		}
		names[file.dir()] = file.syntax.Name.Name
		if doc := file.syntax.Doc; doc != nil && doc.Text() != "" {
			docs[file.dir()] = append(docs[file.dir()], file.path)
			checkPackageDoc(t, file)
		}
	}
	for dir := range names {
		if n := len(docs[dir]); n != 1 {
			t.Errorf("%s: %d package comments %v, want exactly one", dir, n, docs[dir])
		}
	}
}

func checkPackageDoc(t *testing.T, file *source) {
	t.Helper()
	doc, name := file.syntax.Doc.Text(), file.syntax.Name.Name
	switch {
	case name != "main" && !strings.HasPrefix(doc, "Package "+name+" "):
		t.Errorf("%s: the package comment begins %.30q, want %q", file.path, doc, "Package "+name+" …")
	case name == "main" && strings.HasPrefix(doc, "Package "):
		t.Errorf("%s: a program's comment says what the program does, not %.30q", file.path, doc)
	}
}

// libraries are the packages that programs import: they return what they have
// to say, and leave the terminal and the process to their caller.
var libraries = []string{"socket", "endpoint", "engine", "service", "up", "internal/..."}

// terminal lists who may speak to the terminal and end the process all the same.
var terminal = []string{"internal/cli", "internal/man", "internal/skips"}

func TestLibrariesStayQuiet(t *testing.T) {
	for _, file := range loadTree(t).files {
		if file.test() || !matchesAny(libraries, file.dir()) || matchesAny(terminal, file.dir()) {
			continue
		}
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				checkQuiet(t, file, loadTree(t).fset, call)
			}
			return true
		})
	}
}

func checkQuiet(t *testing.T, file *source, fset *token.FileSet, call *ast.CallExpr) {
	t.Helper()
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	name, ok := selector.X.(*ast.Ident)
	if !ok {
		return
	}
	switch full := name.Name + "." + selector.Sel.Name; full {
	case "os.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln":
		t.Errorf("%s: %s: a library returns an error; it does not end its caller's process", fset.Position(call.Pos()), full)
	case "fmt.Print", "fmt.Printf", "fmt.Println", "log.Print", "log.Printf", "log.Println":
		t.Errorf("%s: %s: a library does not write to its caller's terminal", fset.Position(call.Pos()), full)
	}
}
