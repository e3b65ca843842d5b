package socket

import (
	"encoding/binary"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// native gives a row's level and number on this architecture. Only MIPS and
// POWER number the oldest options of SOL_SOCKET in a way of their own.
func native(o *Option) (level, number int, ok bool) {
	const asGeneric = unix.SOL_SOCKET == levelSocket && unix.SO_PASSCRED == 16
	if asGeneric || o.Level != levelSocket {
		return o.Level, o.Number, true
	}
	if number, ok := archNumbers[o.Symbol]; ok {
		return unix.SOL_SOCKET, number, true
	}
	return unix.SOL_SOCKET, o.Number, true
}

var archNumbers = map[string]int{
	"SO_DEBUG":       unix.SO_DEBUG,
	"SO_REUSEADDR":   unix.SO_REUSEADDR,
	"SO_TYPE":        unix.SO_TYPE,
	"SO_ERROR":       unix.SO_ERROR,
	"SO_DONTROUTE":   unix.SO_DONTROUTE,
	"SO_BROADCAST":   unix.SO_BROADCAST,
	"SO_SNDBUF":      unix.SO_SNDBUF,
	"SO_RCVBUF":      unix.SO_RCVBUF,
	"SO_SNDBUFFORCE": unix.SO_SNDBUFFORCE,
	"SO_RCVBUFFORCE": unix.SO_RCVBUFFORCE,
	"SO_KEEPALIVE":   unix.SO_KEEPALIVE,
	"SO_OOBINLINE":   unix.SO_OOBINLINE,
	"SO_NO_CHECK":    unix.SO_NO_CHECK,
	"SO_PRIORITY":    unix.SO_PRIORITY,
	"SO_LINGER":      unix.SO_LINGER,
	"SO_BSDCOMPAT":   unix.SO_BSDCOMPAT,
	"SO_REUSEPORT":   unix.SO_REUSEPORT,
	"SO_PASSCRED":    unix.SO_PASSCRED,
	"SO_PEERCRED":    unix.SO_PEERCRED,
	"SO_RCVLOWAT":    unix.SO_RCVLOWAT,
	"SO_SNDLOWAT":    unix.SO_SNDLOWAT,
	"SO_RCVTIMEO":    unix.SO_RCVTIMEO,
	"SO_SNDTIMEO":    unix.SO_SNDTIMEO,
	"SO_ACCEPTCONN":  unix.SO_ACCEPTCONN,
	"SO_PEERSEC":     unix.SO_PEERSEC,
	"SO_PASSSEC":     unix.SO_PASSSEC,
	"SO_PROTOCOL":    unix.SO_PROTOCOL,
	"SO_DOMAIN":      unix.SO_DOMAIN,
}

// missing is never the case on Linux, where the kernel itself answers.
func (o *Option) missing() error {
	return &OptionError{Option: o, Err: unix.ENOPROTOOPT, unsupported: true}
}

// interfaceIndex looks a name up in the network namespace of the socket,
// which need not be the thread's. netdevice(7) SIOCGIFINDEX.
func interfaceIndex(s *Socket, name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	err = s.Control(func(fd int) error {
		return os.NewSyscallError("ioctl SIOCGIFINDEX", unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request))
	})
	return int(request.Uint32()), err
}

// putProgram sets an option that takes a struct sock_fprog: a classic BPF
// program of 8 bytes an instruction, by its count and its address.
func putProgram(s *Socket, o *Option, program []byte) error {
	var pinned runtime.Pinner
	pinned.Pin(&program[0])
	defer pinned.Unpin()
	wire := make([]byte, 2*longSize)
	binary.NativeEndian.PutUint16(wire, uint16(len(program)/8))
	address := uint64(uintptr(unsafe.Pointer(&program[0])))
	if longSize == 8 {
		binary.NativeEndian.PutUint64(wire[longSize:], address)
	} else {
		binary.NativeEndian.PutUint32(wire[longSize:], uint32(address))
	}
	level, number, _ := native(o)
	return s.setsockopt(level, number, wire)
}

// getProgram reads the classic BPF program of a socket. SO_GET_FILTER counts
// the room in instructions, not bytes: the slice is an eighth as long as
// what the kernel may fill.
func getProgram(s *Socket, o *Option) ([]byte, error) {
	const most = 4096 // BPF_MAXINSNS
	room := make([]byte, 8*most)
	level, number, _ := native(o)
	n, err := s.getsockopt(level, number, room[:most])
	if err != nil {
		return nil, err
	}
	return room[:8*n], nil
}

// closeDescriptor closes a descriptor that reading an option made.
func closeDescriptor(fd int) { _ = unix.Close(fd) }
