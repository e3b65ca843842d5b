package examples

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// built is the directory of the built examples.
var built string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	var err error
	if built, err = os.MkdirTemp("", "examples"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(built)
	if out, err := exec.Command("go", "build", "-o", built+"/", "./...").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// programs says how each example is put to the test.
var programs = map[string]func(t *testing.T, name string){
	"01-echo-server":                testEchoServer,
	"02-echo-client":                testEchoClient,
	"03-greeting-server":            testGreetingServer,
	"04-web-iterative":              testWebIterative,
	"05-web-process-per-connection": testWebProcess,
	"06-http10-client":              testHTTP10Client,
	"07-client-source-port":         testClientSourcePort,
	"08-udp-echo-server":            testUDPEchoServer,
	"09-udp-echo-client":            testUDPEchoClient,
	"10-many-connections":           testManyConnections,
	"11-four-tuple":                 testFourTuple,
	"12-seen-by-netstat":            testSeenByNetstat,
	"13-connect-ex":                 testConnectEx,
	"14-event-handler":              testEventHandler,
	"15-blocking-handler":           testBlockingHandler,
}

func TestExamples(t *testing.T) {
	for _, name := range names(t) {
		test, ok := programs[name]
		if !ok {
			t.Errorf("%s is not tested", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, name)
		})
	}
	for name := range programs {
		if !slices.Contains(names(t), name) {
			t.Errorf("%s is tested, but not there", name)
		}
	}
}

// names lists the examples' directories.
func names(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("no examples found: %v", err)
	}
	for i := range mains {
		mains[i] = filepath.Dir(mains[i])
	}
	return mains
}

// TestExamplesFitOnAPage holds the length: a page each, and those on the
// engine, which does most of the work, a good half of one. Every example has
// its line in README.md.
func TestExamplesFitOnAPage(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t) {
		text, err := os.ReadFile(filepath.Join(name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		limit := 60
		if bytes.Contains(text, []byte(`"sock/engine"`)) {
			limit = 40
		}
		if lines := bytes.Count(text, []byte("\n")); lines >= limit {
			t.Errorf("%s has %d lines, want fewer than %d", name, lines, limit)
		}
		if !strings.Contains(string(readme), "examples/"+name) {
			t.Errorf("README.md does not name examples/%s", name)
		}
	}
}
