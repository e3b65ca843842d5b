package inspect

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxCgroups bounds the walk over the tree.
const maxCgroups = 50_000

// cgroups maps the ids that the kernel sends to paths. A cgroup's id is the
// inode of its directory in the cgroup2 file system.
type cgroups struct{ paths map[uint64]string }

// readCgroups walks the tree, as far as it can be seen.
func readCgroups() *cgroups {
	c := &cgroups{paths: map[uint64]string{}}
	root := cgroupMount()
	if root == "" {
		return c
	}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && d != nil && d.IsDir():
			return fs.SkipDir
		case err != nil || !d.IsDir():
			return nil
		case len(c.paths) >= maxCgroups:
			return fs.SkipAll
		}
		if info, err := d.Info(); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				c.paths[stat.Ino] = "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
			}
		}
		return nil
	})
	return c
}

// cgroupMount finds where cgroup2 is mounted: the fifth field of a line of
// mountinfo whose type, behind " - ", is cgroup2. proc(5).
func cgroupMount() string {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		mount, kind, _ := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(mount); strings.HasPrefix(kind, "cgroup2 ") && len(fields) > 4 {
			return fields[4]
		}
	}
	return ""
}

// processCgroup reads the v2 line of /proc/PID/cgroup, else the first with a
// path that says something: "0::/system.slice/nginx.service". cgroups(7).
func processCgroup(text string) string {
	best := ""
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) == 3 && (best == "" || len(best) == 1 || parts[0] == "0" && len(parts[2]) > 1) {
			best = parts[2]
		}
	}
	return best
}
