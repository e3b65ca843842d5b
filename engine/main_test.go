package engine_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sock/engine"
)

// The test binary is also its own children: under the model process, and as
// the server in tests that need a process of their own.
const (
	childHandler = "SOCK_ENGINE_TEST_HANDLER" // the name of a handler: serve one connection
	childRole    = "SOCK_ENGINE_TEST_ROLE"    // the name of a role: be that
)

func TestMain(m *testing.M) {
	if name := os.Getenv(childHandler); name != "" {
		if err := engine.ServeChild(context.Background(), engine.Config{Handler: handlerNamed(name)}); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if role := os.Getenv(childRole); role != "" {
		if err := roles[role](); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil { // these tests wait more than they compute
		panic(err)
	}
	before := openFiles()
	code := m.Run()
	if code == 0 {
		code = checkLeaks(before)
	}
	os.Exit(code)
}

// checkLeaks fails the run if a goroutine or a descriptor is left.
func checkLeaks(before []string) int {
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		return 1
	}
	deadline := time.Now().Add(5 * time.Second)
	for len(openFiles()) > len(before) {
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "descriptors left behind: got %v, want %v\n", openFiles(), before)
			return 1
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0
}

// openFiles lists what the descriptors of this process are, save the runtime's
// own poller and pipes, of which package socket keeps a few for splice.
func openFiles() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode:[event") && !strings.HasPrefix(target, "pipe:") {
			files = append(files, e.Name()+" "+target)
		}
	}
	return files
}
