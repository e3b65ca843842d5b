package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that move data are made with MSG_DONTWAIT, so they never wait for data or for room,
// whatever a duplicate of the descriptor does to O_NONBLOCK; short ones on the families where that
// is all there is to wait for therefore go to the kernel without telling Go's scheduler
// (RawSyscall), which is the cheaper way in. Until such a call returns, no garbage collection can
// begin: so what may take long tells the scheduler. That is a big copy; the rest of netlink, whose
// requests run, and whose dumps go on, within the call and under the kernel's locks; the walk along
// a path, perhaps on a slow file system; and what blocks where O_NONBLOCK was taken away (accept,
// connect). A short call can still meet the lock of a socket that another thread copies into or out
// of; it then lasts as long as that one copy, at most the socket's buffer.

// rawLimit is the most bytes that a call moves without telling the scheduler: some tens of microseconds.
const rawLimit = 128 << 10

// isQuick reports whether a short send to the peer, or a receive, ends soon on this family.
func (f Family) isQuick() bool { return f == UNIX || f.isInet() }

// isInet reports whether the family is one of IP; on those a send to an address ends soon too.
func (f Family) isInet() bool { return f == INET || f == INET6 }

var zeroByte byte

// pointerTo gives the address of b's first byte, and a valid address for an empty b.
func pointerTo(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return unsafe.Pointer(&zeroByte)
	}
	return unsafe.Pointer(&b[0])
}

func sysRecv(fd uintptr, b []byte, flags Flags, quick bool) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if quick && len(b) <= rawLimit {
		n, _, errno = syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags), 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_RECVFROM, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	raceRecv(b, int(n))
	return int(n), 0
}

func sysSend(fd uintptr, b []byte, flags Flags, quick bool) (int, syscall.Errno) {
	raceSend(b)
	var n uintptr
	var errno syscall.Errno
	if quick && len(b) <= rawLimit {
		n, _, errno = syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags), 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_SENDTO, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func sysRecvFrom(fd uintptr, b []byte, flags Flags, quick bool, name *nameBuffer, size *uint32) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if quick && len(b) <= rawLimit {
		n, _, errno = syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags),
			uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(size)))
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_RECVFROM, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags),
			uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(size)))
	}
	if errno != 0 {
		return 0, errno
	}
	raceRecv(b, int(n))
	return int(n), 0
}

func sysSendTo(fd uintptr, b []byte, flags Flags, quick bool, name *nameBuffer, size uint32) (int, syscall.Errno) {
	raceSend(b)
	var n uintptr
	var errno syscall.Errno
	if quick && len(b) <= rawLimit {
		n, _, errno = syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags),
			uintptr(unsafe.Pointer(name)), uintptr(size))
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_SENDTO, fd, uintptr(pointerTo(b)), uintptr(len(b)), uintptr(flags),
			uintptr(unsafe.Pointer(name)), uintptr(size))
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func sysRecvMsg(fd uintptr, hdr *unix.Msghdr, flags Flags) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(hdr)), uintptr(flags))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func sysSendMsg(fd uintptr, hdr *unix.Msghdr, flags Flags) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(hdr)), uintptr(flags))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// rawBatch is the most messages that a batch moves without telling the scheduler: about 100 µs.
const rawBatch = 64

func sysBatch(call, fd uintptr, hdrs []mmsghdr, flags Flags, quick bool) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if quick {
		n, _, errno = syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), uintptr(flags), 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(call, fd, uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), uintptr(flags), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func sysConnect(fd uintptr, name *nameBuffer, size int) syscall.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(name)), uintptr(size))
	return errno
}

func sysBind(fd uintptr, name *nameBuffer, size int) syscall.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_BIND, fd, uintptr(unsafe.Pointer(name)), uintptr(size))
	return errno
}

func sysAccept(fd uintptr, name *nameBuffer, size *uint32) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_ACCEPT4, fd, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	raceRecv(nil, 0)
	return int(n), 0
}

func sysName(call, fd uintptr, name *nameBuffer, size *uint32) syscall.Errno {
	_, _, errno := syscall.Syscall(call, fd, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(size)))
	return errno
}

func sysSetOption(fd uintptr, level, name int, value []byte) syscall.Errno {
	_, _, errno := syscall.Syscall6(unix.SYS_SETSOCKOPT, fd, uintptr(level), uintptr(name), uintptr(pointerTo(value)), uintptr(len(value)), 0)
	return errno
}

func sysGetOption(fd uintptr, level, name int, value []byte, size *uint32) syscall.Errno {
	_, _, errno := syscall.Syscall6(unix.SYS_GETSOCKOPT, fd, uintptr(level), uintptr(name), uintptr(pointerTo(value)), uintptr(unsafe.Pointer(size)), 0)
	return errno
}
