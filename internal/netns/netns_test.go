package netns

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

func TestPathNames(t *testing.T) {
	dir := t.TempDir()
	defer func(old []string) { directories = old }(directories)
	directories = []string{filepath.Join(dir, "none"), dir}
	for _, name := range []string{"blue", "1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self := strconv.Itoa(os.Getpid())
	for _, tt := range []struct{ name, want string }{
		{"blue", filepath.Join(dir, "blue")},
		{"1", filepath.Join(dir, "1")}, // a name goes before a process
		{"pid:" + self, "/proc/" + self + "/ns/net"},
		{self, "/proc/" + self + "/ns/net"},
		{"/proc/self/ns/net", "/proc/self/ns/net"},
	} {
		if runtime.GOOS != "linux" && tt.name != "blue" && tt.name != "1" {
			continue // the rest needs /proc
		}
		if got, err := Path(tt.name); got != tt.want || err != nil {
			t.Errorf("Path(%q) = %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestPathErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		want error
	}{
		{"no-such-namespace", os.ErrNotExist},
		{"pid:0", os.ErrInvalid},
		{"pid:x", os.ErrInvalid},
		{"pid:2147483646", os.ErrNotExist},
		{"/no/such/file", os.ErrNotExist},
		{"..", os.ErrInvalid},
		{"", os.ErrInvalid},
	} {
		got, err := Path(tt.name)
		var e *Error
		if got != "" || !errors.Is(err, tt.want) || !errors.As(err, &e) || e.Name != tt.name {
			t.Errorf("Path(%q) = %q, %v; want an *Error that is %v", tt.name, got, err, tt.want)
		}
	}
}

func TestDoWithoutNameStaysHere(t *testing.T) {
	want := errors.New("from f")
	if err := Do("", func() error { return want }); err != want {
		t.Errorf("Do = %v, want f's own error", err)
	}
}
