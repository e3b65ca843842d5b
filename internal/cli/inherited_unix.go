//go:build unix

package cli

import "golang.org/x/sys/unix"

// isInherited reports whether a descriptor was open when this process began:
// those that it has opened itself are closed on exec. It keeps one that was
// from going on to the commands that are run for clients.
func isInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return false
	}
	if fd > 2 {
		unix.CloseOnExec(fd)
	}
	return true
}
