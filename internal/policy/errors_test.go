package policy

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bareErrnos are the packages that call the kernel. What x/sys/unix returns is
// an errno in an error's clothes and never wrapped, so these may compare it
// with an errno directly; on the paths of every send and recv they should.
var bareErrnos = []string{"socket", "inspect", "internal/*"}

// excused marks, in a comment on the line, a comparison that is right; the
// reason follows: //nolint:errorlint // strconv gives it bare
const excused = "//nolint:errorlint // "

// TestErrorsAreUnwrapped finds code that compares an error with == or asserts
// its type: it breaks on the day somebody wraps that error. errors.Is,
// errors.As and errors.AsType do not.
func TestErrorsAreUnwrapped(t *testing.T) {
	packages := goList(t, "linux", "-export", "-deps", "./...")
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(exports[path])
	})
	for _, p := range packages {
		if name, ours := strings.CutPrefix(p.ImportPath, module+"/"); ours {
			lint := &errorLint{fset: fset, errno: matchesAny(bareErrnos, name)}
			lint.check(t, p, imports)
		}
	}
}

// errorLint looks through one package.
type errorLint struct {
	fset  *token.FileSet
	errno bool // the package may compare with errnos
	info  *types.Info
	found []string
	fine  map[string]bool // places, as file:line, that are excused
}

func (l *errorLint) check(t *testing.T, p listed, imports types.Importer) {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(l.fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if err := l.run(p.ImportPath, files, imports); err != nil {
		t.Fatalf("%s: %v", p.ImportPath, err)
	}
	for _, message := range l.found {
		t.Error(message)
	}
}

func (l *errorLint) run(path string, files []*ast.File, imports types.Importer) error {
	l.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	l.excuse(files)
	config := types.Config{Importer: imports}
	if _, err := config.Check(path, l.fset, files, l.info); err != nil {
		return err
	}
	for _, file := range files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); !ok || f.Recv == nil || f.Name.Name != "Is" {
				ast.Inspect(d, l.visit)
			}
		}
	}
	return nil
}

// excuse notes the lines that give a reason.
func (l *errorLint) excuse(files []*ast.File) {
	l.fine = map[string]bool{}
	for _, file := range files {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				if strings.HasPrefix(comment.Text, excused) {
					l.fine[l.place(comment)] = true
				}
			}
		}
	}
}

func (l *errorLint) place(n ast.Node) string {
	at := l.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", at.Filename, at.Line)
}

func (l *errorLint) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			l.compare(n.X, n.Y)
		}
	case *ast.SwitchStmt:
		if n.Tag != nil {
			for _, clause := range n.Body.List {
				for _, value := range clause.(*ast.CaseClause).List {
					l.compare(n.Tag, value)
				}
			}
		}
	case *ast.TypeAssertExpr:
		if l.isError(n.X) && (n.Type == nil || !l.allowed(n.Type)) {
			l.report(n, "the type of an error is asserted: use errors.AsType")
		}
	}
	return true
}

// compare looks at two operands of == in either order.
func (l *errorLint) compare(x, y ast.Expr) {
	if !l.isError(x) {
		x, y = y, x
	}
	if !l.isError(x) || l.info.Types[x].IsNil() || l.info.Types[y].IsNil() || l.allowed(y) {
		return
	}
	l.report(x, "errors are compared: use errors.Is")
}

func (l *errorLint) isError(e ast.Expr) bool {
	found := l.info.Types[e].Type
	return found != nil && types.Identical(found, types.Universe.Lookup("error").Type())
}

// allowed is true for an errno, or its type, where errnos may be compared.
func (l *errorLint) allowed(e ast.Expr) bool {
	found := l.info.Types[e].Type
	return l.errno && found != nil && types.TypeString(found, nil) == "syscall.Errno"
}

func (l *errorLint) report(at ast.Node, message string) {
	if l.fine[l.place(at)] {
		return
	}
	l.found = append(l.found, fmt.Sprintf("%s: %s", l.fset.Position(at.Pos()), message))
}

// TestErrorLint shows that the check finds what it is for, and nothing else.
func TestErrorLint(t *testing.T) {
	const text = `package p
var stop error
type kind struct{}
func (kind) Error() string { return "" }
func (kind) Is(target error) bool { return target == stop }
func f(err error, other any) int {
	if err == nil || nil != err || other == 1 { return 0 }
	if err == stop { return 1 }
	if stop != err { return 2 }
	switch err { case nil: case stop: return 3 }
	if _, ok := err.(kind); ok { return 4 }
	switch err.(type) { case kind: return 5 }
	if _, ok := other.(kind); ok { return 0 }
	if err == stop { return 0 } //nolint:errorlint // it is never wrapped
	if err == stop { return 6 } //nolint:errorlint
	return 0
}`
	l := &errorLint{fset: token.NewFileSet()}
	file, err := parser.ParseFile(l.fset, "p.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.run("p", []*ast.File{file}, nil); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, message := range l.found {
		lines = append(lines, strings.Split(message, ":")[1])
	}
	if got, want := strings.Join(lines, " "), "8 9 10 11 12 15"; got != want {
		t.Errorf("found in lines %s, want %s\n%s", got, want, strings.Join(l.found, "\n"))
	}
}
