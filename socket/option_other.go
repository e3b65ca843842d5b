//go:build !linux

package socket

import (
	"errors"
	"fmt"
	"runtime"
)

// numbering gives the options that another system has, as it numbers them.
type numbering struct{ level, number int }

// bsdNumbers are shared by Darwin and the BSDs; Windows agrees where it has
// the option, save for those in windowsNumbers.
var bsdNumbers = map[string]numbering{
	"SO_DEBUG":            {0xffff, 0x1},
	"SO_ACCEPTCONN":       {0xffff, 0x2},
	"SO_REUSEADDR":        {0xffff, 0x4},
	"SO_KEEPALIVE":        {0xffff, 0x8},
	"SO_DONTROUTE":        {0xffff, 0x10},
	"SO_BROADCAST":        {0xffff, 0x20},
	"SO_LINGER":           {0xffff, 0x80},
	"SO_OOBINLINE":        {0xffff, 0x100},
	"SO_SNDBUF":           {0xffff, 0x1001},
	"SO_RCVBUF":           {0xffff, 0x1002},
	"SO_SNDLOWAT":         {0xffff, 0x1003},
	"SO_RCVLOWAT":         {0xffff, 0x1004},
	"SO_SNDTIMEO":         {0xffff, 0x1005},
	"SO_RCVTIMEO":         {0xffff, 0x1006},
	"SO_ERROR":            {0xffff, 0x1007},
	"SO_TYPE":             {0xffff, 0x1008},
	"IP_TOS":              {0, 3},
	"IP_TTL":              {0, 4},
	"TCP_NODELAY":         {6, 1},
	"IPV6_V6ONLY":         {41, 27},
	"IPV6_UNICAST_HOPS":   {41, 4},
	"IPV6_MULTICAST_HOPS": {41, 10},
	"IPV6_MULTICAST_LOOP": {41, 11},
}

var unixNumbers = map[string]numbering{"SO_REUSEPORT": {0xffff, 0x200}, "TCP_MAXSEG": {6, 2}}

// native gives a row's level and number on this system.
func native(o *Option) (level, number int, ok bool) {
	n, ok := bsdNumbers[o.Symbol]
	if !ok && runtime.GOOS != "windows" {
		n, ok = unixNumbers[o.Symbol]
	}
	return n.level, n.number, ok
}

// missing is the error for an option that this system does not have.
func (o *Option) missing() error {
	return &OptionError{Option: o, Err: fmt.Errorf("not on %s: %w", runtime.GOOS, errors.ErrUnsupported)}
}

func interfaceIndex(*Socket, string) (int, error) {
	return 0, fmt.Errorf("interfaces by name: not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func putProgram(_ *Socket, o *Option, _ []byte) error { return o.missing() }
func getProgram(_ *Socket, o *Option) ([]byte, error) { return nil, o.missing() }
func closeDescriptor(int)                             {}
