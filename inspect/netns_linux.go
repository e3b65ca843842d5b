package inspect

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"sock/internal/diag"
	"sock/internal/netns"
)

// ownNamespace is the caller's.
func ownNamespace() *Namespace {
	return &Namespace{ID: fileInode("/proc/thread-self/ns/net")}
}

// namedNamespace is the one that netns.Path finds.
func namedNamespace(name string) (*Namespace, error) {
	path, err := netns.Path(name)
	if err != nil {
		return nil, err
	}
	return &Namespace{ID: fileInode(path), Name: name, path: path}, nil
}

// allNamespaces is the caller's own first, then every one that has a name, then
// those that only processes hold, each named by the lowest of them. unseen
// counts the processes that could not be asked.
func allNamespaces() (list []*Namespace, unseen int) {
	own := ownNamespace()
	list, seen := []*Namespace{own}, map[uint64]bool{own.ID: true}
	add := func(name, path string) error {
		var stat syscall.Stat_t
		if err := syscall.Stat(path, &stat); err != nil {
			return err
		}
		if !seen[stat.Ino] {
			seen[stat.Ino] = true
			list = append(list, &Namespace{ID: stat.Ino, Name: name, path: path})
		}
		return nil
	}
	named, _ := filepath.Glob("/run/netns/*")
	for _, path := range named {
		_ = add(filepath.Base(path), path)
	}
	for _, pid := range processIDs() {
		text := strconv.Itoa(pid)
		err := add("pid:"+text, "/proc/"+text+"/ns/net")
		if errors.Is(err, os.ErrPermission) && processAlive(pid) {
			unseen++
		}
	}
	return list, unseen
}

// processAlive reports whether a process is there and may be in a namespace.
func processAlive(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && hasDescriptors(string(text))
}

func processIDs() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// fileInode is 0 for what cannot be asked.
func fileInode(path string) uint64 {
	var stat syscall.Stat_t
	if syscall.Stat(path, &stat) != nil {
		return 0
	}
	return stat.Ino
}

// dial opens a socket to the tables of the namespace.
func (n *Namespace) dial() (conn *diag.Conn, err error) {
	err = netns.Do(n.path, func() error {
		conn, err = diag.Dial()
		return err
	})
	return conn, err
}
