package inspect

import (
	"net"
	"strconv"
	"sync"

	"sock/internal/netns"
)

// Namespace is a network namespace. Its methods may be used from any goroutine.
type Namespace struct {
	ID   uint64 // the inode of its file, the same for all who look; 0: could not be read
	Name string // in /run/netns, or pid:42 for one without a name; empty for the caller's own

	path string // empty for the caller's own

	once    sync.Once
	devices map[uint32]string
}

// String is the name, or "own".
func (n *Namespace) String() string {
	if n.Name == "" {
		return "own"
	}
	return n.Name
}

// load asks the namespace for its interfaces, once.
func (n *Namespace) load() {
	n.once.Do(func() {
		n.devices = map[uint32]string{}
		_ = netns.Do(n.path, func() error {
			list, err := net.Interfaces()
			for _, i := range list {
				n.devices[uint32(i.Index)] = i.Name
			}
			return err
		})
	})
}

// device names an interface, "if3" where it has gone.
func (n *Namespace) device(index uint32) string {
	n.load()
	if name, ok := n.devices[index]; ok {
		return name
	}
	return "if" + strconv.FormatUint(uint64(index), 10)
}

// index finds an interface.
func (n *Namespace) index(name string) (uint32, bool) {
	n.load()
	for index, known := range n.devices {
		if known == name {
			return index, true
		}
	}
	return 0, false
}
