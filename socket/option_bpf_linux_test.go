package socket

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loadBPF loads an extended BPF program that accepts nothing: r0 = 0; exit.
func loadBPF(t *testing.T) int {
	t.Helper()
	program := [2]uint64{0xb7, 0x95}
	license := [4]byte{'G', 'P', 'L', 0}
	attr := struct {
		kind, count           uint32
		instructions, license uint64
		rest                  [96]byte
	}{
		kind: unix.BPF_PROG_TYPE_SOCKET_FILTER, count: 2,
		instructions: uint64(uintptr(unsafe.Pointer(&program[0]))),
		license:      uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		t.Fatalf("loading a BPF program: %v", errno)
	}
	t.Cleanup(func() { _ = unix.Close(int(fd)) })
	return int(fd)
}
