// Package netns runs a function inside another network namespace, so that the
// sockets it creates belong there. A socket keeps the namespace it was created
// in for its whole life; only its creation has to happen inside.
//
// network_namespaces(7), setns(2), ip-netns(8).
package netns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// directories are where ip-netns(8) keeps its names; the first is today's.
var directories = []string{"/run/netns", "/var/run/netns"}

// Error says which namespace could not be entered, and why. It unwraps to the
// cause: os.ErrNotExist, os.ErrPermission, errors.ErrUnsupported.
type Error struct {
	Name string
	Err  error
}

// Error names the namespace, the cause and, where it helps, the way out.
func (e *Error) Error() string {
	text := fmt.Sprintf("network namespace %s: %v", e.Name, e.Err)
	switch {
	case errors.Is(e.Err, os.ErrPermission):
		text += " (entering one needs CAP_SYS_ADMIN)"
	case errors.Is(e.Err, os.ErrNotExist) && !strings.Contains(e.Name, "/"):
		text += " (\"ip netns list\" shows the names)"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Path finds the file of a namespace. Its name is one of
//
//	blue              a name made by "ip netns add"
//	/proc/42/ns/net   a path: anything with a slash in it
//	pid:42            the namespace of process 42
//	42                the same, where no namespace is named 42
//
// The error is an *Error. Path only looks; it needs no privilege.
func Path(name string) (string, error) {
	if strings.Contains(name, "/") {
		return existing(name, name)
	}
	if pid, ok := strings.CutPrefix(name, "pid:"); ok {
		return pidPath(name, pid)
	}
	if name == "" || name == "." || name == ".." {
		return "", &Error{name, fmt.Errorf("%q is no name: %w", name, os.ErrInvalid)}
	}
	for _, dir := range directories {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if _, err := strconv.Atoi(name); err == nil {
		return pidPath(name, name)
	}
	return "", &Error{name, fmt.Errorf("no such namespace in %s: %w", directories[0], os.ErrNotExist)}
}

func pidPath(name, pid string) (string, error) {
	if n, err := strconv.ParseUint(pid, 10, 31); err != nil || n == 0 {
		return "", &Error{name, fmt.Errorf("%q is no process number: %w", pid, os.ErrInvalid)}
	}
	return existing(name, "/proc/"+pid+"/ns/net")
}

func existing(name, path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", &Error{name, err}
	}
	return path, nil
}
