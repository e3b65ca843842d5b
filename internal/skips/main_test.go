package main

import (
	"bytes"
	"strings"
	"testing"
)

var reports = []struct {
	name  string
	in    []string
	want  string
	clean bool
}{
	{
		"pass", []string{
			`{"Action":"start","Package":"p"}`,
			`{"Action":"run","Package":"p","Test":"TestA"}`,
			`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
			`{"Action":"pass","Package":"p","Test":"TestA"}`,
			`{"Action":"output","Package":"p","Output":"PASS\n"}`,
			`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
			`{"Action":"pass","Package":"p"}`,
		}, "ok  \tp\t0.1s\n", true,
	},
	{
		"fail", []string{
			`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
			`{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA\n"}`,
			`{"Action":"fail","Package":"p","Test":"TestA"}`,
			`{"Action":"output","Package":"p","Output":"FAIL\tp\n"}`,
			`{"Action":"fail","Package":"p"}`,
		}, "--- FAIL: TestA\nFAIL\tp\n", false,
	},
	{
		"skip", []string{
			`{"Action":"output","Package":"p","Test":"TestA/sub","Output":"=== RUN   TestA/sub\n"}`,
			`{"Action":"output","Package":"p","Test":"TestA/sub","Output":"    a_test.go:9: no nc\n"}`,
			`{"Action":"skip","Package":"p","Test":"TestA/sub"}`,
			`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
			`{"Action":"pass","Package":"p"}`,
		}, "ok  \tp\t0.1s\nSKIPPED p TestA/sub: a_test.go:9: no nc\n1 skipped; here everything must run\n", false,
	},
	{
		"no-test-files", []string{
			`{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}`,
			`{"Action":"skip","Package":"p"}`,
		}, "?   \tp\t[no test files]\n", true,
	},
	{
		"does-not-build", []string{
			`{"ImportPath":"p","Action":"build-output","Output":"p.go:1:1: expected\n"}`,
			`{"ImportPath":"p","Action":"build-fail"}`,
			`{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}`,
			`{"Action":"fail","Package":"p"}`,
		}, "p.go:1:1: expected\nFAIL\tp [build failed]\n", false,
	},
	{
		"cut-off", []string{
			`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		}, "FAIL p TestA: did not end\n", false,
	},
	{"not-json", []string{"go: no such tool"}, "go: no such tool\n", true},
}

func TestReport(t *testing.T) {
	for _, tt := range reports {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			r := &report{out: &out, pending: map[key][]string{}}
			if err := r.read(strings.NewReader(strings.Join(tt.in, "\n") + "\n")); err != nil {
				t.Fatal(err)
			}
			if got := r.clean(); got != tt.clean {
				t.Errorf("clean = %v, want %v", got, tt.clean)
			}
			if got := out.String(); got != tt.want {
				t.Errorf("printed\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
