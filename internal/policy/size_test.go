package policy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// The sizes of the house: a function fits on a screen, a file in a head.
const (
	functionLimit = 70  // lines from func to the closing brace; in tests, tables apart
	fileLimit     = 800 // lines
	medianLimit   = 12  // the median function of the code, tests apart, is shorter
)

// An exception allows one file, or one function ("path:Name"), to be exactly
// as long as it is. The list may only shrink: an entry that is no longer
// needed, or allows more than is there, fails the test.
type exception struct {
	what   string
	lines  int
	reason string
}

var exceptions = []exception{}

// sized is a file or a function with its length.
type sized struct {
	what  string
	lines int
	limit int
}

func TestSizes(t *testing.T) {
	all := loadTree(t)
	allowed := map[string]exception{}
	for _, e := range exceptions {
		allowed[e.what] = e
	}
	for _, s := range measure(all) {
		e, listed := allowed[s.what]
		delete(allowed, s.what)
		if message := judge(s, e, listed); message != "" {
			t.Error(message)
		}
	}
	for what := range allowed {
		t.Errorf("the exception for %s has nothing to allow any more: remove it", what)
	}
}

// judge compares one length with its limit and its exception, and says what is
// wrong, or nothing.
func judge(s sized, e exception, listed bool) string {
	switch {
	case !listed && s.lines > s.limit:
		return fmt.Sprintf("%s has %d lines, more than %d: split it where its parts have names", s.what, s.lines, s.limit)
	case listed && s.lines <= s.limit:
		return fmt.Sprintf("%s has %d lines, within %d: remove its exception", s.what, s.lines, s.limit)
	case listed && s.lines > e.lines:
		return fmt.Sprintf("%s has grown from %d to %d lines: exceptions only shrink", s.what, e.lines, s.lines)
	case listed && s.lines < e.lines:
		return fmt.Sprintf("%s has shrunk from %d to %d lines: lower its exception", s.what, e.lines, s.lines)
	}
	return ""
}

// measure lists every file and every named function of the repository.
func measure(all *tree) []sized {
	var list []sized
	for _, file := range all.files {
		if file.generated() {
			continue
		}
		list = append(list, sized{file.path, file.lines, fileLimit})
		eachFunction(all, file, func(name string, lines int) {
			list = append(list, sized{file.path + ":" + name, lines, functionLimit})
		})
	}
	return list
}

func eachFunction(all *tree, file *source, visit func(name string, lines int)) {
	for _, d := range file.syntax.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := all.span(f) + 1
		if file.test() {
			lines -= all.tables(f)
		}
		visit(functionName(f), lines)
	}
}

// span counts the line ends between the first and the last line of a node.
func (all *tree) span(n ast.Node) int {
	return all.fset.Position(n.End()).Line - all.fset.Position(n.Pos()).Line
}

// tables counts the lines of literals in a function: the cases of a test are
// data, and stand best where they are used. Functions among them are code.
func (all *tree) tables(f *ast.FuncDecl) int {
	lines := 0
	ast.Inspect(f, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		lines += all.span(table)
		ast.Inspect(table, func(n ast.Node) bool {
			if code, ok := n.(*ast.FuncLit); ok {
				lines -= all.span(code)
				return false
			}
			return true
		})
		return false
	})
	return lines
}

// functionName gives Name, or Type.Name for a method.
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.Name + "." + f.Name.Name
		default:
			return "?." + f.Name.Name
		}
	}
}

func TestSizeMedian(t *testing.T) {
	all := loadTree(t)
	var lengths []int
	for _, file := range all.files {
		if !file.test() && !file.generated() {
			eachFunction(all, file, func(_ string, lines int) { lengths = append(lengths, lines) })
		}
	}
	slices.Sort(lengths)
	median := lengths[len(lengths)/2]
	t.Logf("%d functions, median %d lines, longest %d", len(lengths), median, lengths[len(lengths)-1])
	if median >= medianLimit {
		t.Errorf("the median function has %d lines; the house keeps it under %d", median, medianLimit)
	}
}

// TestSizeTables counts a function with a table in it, and code in the table.
func TestSizeTables(t *testing.T) {
	const text = `package p
func f() {
	for range []any{
		1,
		func() {
			f()
		},
		2,
	} {
		f()
	}
}`
	all := &tree{fset: token.NewFileSet()}
	file, err := parser.ParseFile(all.fset, "p.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := file.Decls[0].(*ast.FuncDecl)
	if length, tables := all.span(f)+1, all.tables(f); length != 11 || tables != 4 {
		t.Errorf("%d lines, %d of them in tables; want 11 and 4", length, tables)
	}
}

func TestSizeJudge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lines  int
		allow  int
		listed bool
		bad    bool
	}{
		{"within", 70, 0, false, false},
		{"over", 71, 0, false, true},
		{"excepted", 90, 90, true, false},
		{"grown", 91, 90, true, true},
		{"shrunk", 89, 90, true, true},
		{"no-longer-needed", 70, 90, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := judge(sized{"f", tt.lines, 70}, exception{"f", tt.allow, ""}, tt.listed)
			if (got != "") != tt.bad {
				t.Errorf("judge = %q, want a complaint: %v", got, tt.bad)
			}
		})
	}
}
