package socket

import (
	"net"
	"strconv"
	"sync"
	"time"
)

// zoneLifetime is how long an interface's name is believed: to ask the system for each address
// that is printed would cost more than the rest of a server's work.
const zoneLifetime = time.Minute

// zoneNames remembers the names of interfaces by index; an interface without a name is not kept.
var zoneNames struct {
	mu      sync.Mutex
	names   map[uint32]string // guarded by mu; emptied every zoneLifetime
	emptied time.Time         // guarded by mu
}

// zoneName gives the name of the interface with this index, or the number where there is none.
func zoneName(index uint32) string {
	z := &zoneNames
	z.mu.Lock()
	defer z.mu.Unlock()
	if now := time.Now(); z.names == nil || now.Sub(z.emptied) > zoneLifetime {
		z.names, z.emptied = make(map[uint32]string), now
	}
	if name, known := z.names[index]; known {
		return name
	}
	ifi, err := net.InterfaceByIndex(int(index))
	if err != nil {
		return strconv.FormatUint(uint64(index), 10)
	}
	z.names[index] = ifi.Name
	return ifi.Name
}

// zoneIndex gives the index of an IPv6 zone: an interface's name, or a number.
func zoneIndex(zone string) (uint32, bool) {
	if zone == "" {
		return 0, true
	}
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index), true
	}
	n, err := strconv.ParseUint(zone, 10, 32)
	return uint32(n), err == nil
}
