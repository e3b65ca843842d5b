package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// owners is who has which socket open: what one walk over /proc/PID/fd saw.
//
// A process is held by a descriptor of its directory while it is read, so all
// that is read is of one process, and a number that is given to another one
// meanwhile leads to an error. proc(5).
type owners struct {
	cgroups bool // read each process's cgroup too

	processes []*Process
	first     map[uint32]int32 // inode → its newest holding
	held      []holding

	denied int  // processes whose descriptors could not be read
	hidden bool // /proc shows some processes only, or only those of a container

	names, links []byte // buffers for one directory and one link
}

// holding is one descriptor that refers to a socket.
type holding struct {
	process, fd, next int32 // next: another holding of the same inode, or -1
}

// scanOwners walks over every process that /proc shows.
func scanOwners(cgroups bool) (*owners, error) {
	o := &owners{
		cgroups: cgroups, first: map[uint32]int32{},
		names: make([]byte, 32<<10), links: make([]byte, 64),
		hidden: processesHidden(),
	}
	root, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/proc", Err: err}
	}
	defer unix.Close(root)
	var pids []int
	err = eachEntry(root, make([]byte, 32<<10), func(name []byte) {
		if pid, ok := number(name); ok {
			pids = append(pids, pid)
		}
	})
	for _, pid := range pids {
		o.process(root, pid)
	}
	return o, err
}

// process reads one process, unless it has gone.
func (o *owners) process(root, pid int) {
	dir, err := unix.Openat(root, strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	fds, err := unix.Openat(dir, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		o.refused(dir, err)
		return
	}
	defer unix.Close(fds)
	begin := len(o.held)
	err = eachEntry(fds, o.names, func(name []byte) { o.descriptor(dir, fds, name) })
	if err != nil {
		o.refused(dir, err)
	}
	if len(o.held) == begin {
		return
	}
	p, ok := o.describe(dir, pid)
	if !ok {
		o.forget(begin)
		return
	}
	o.processes = append(o.processes, p)
}

// descriptor notes a descriptor if it refers to a socket, or to a ring that has
// sockets registered.
func (o *owners) descriptor(dir, fds int, name []byte) {
	fd, ok := number(name)
	if !ok {
		return
	}
	link := readlink(fds, name, o.links)
	if inode, ok := socketInode(link); ok {
		o.hold(inode, fd)
	} else if bytes.Equal(link, []byte("anon_inode:[io_uring]")) {
		o.ring(dir, fd)
	}
}

// ring notes the sockets that are registered with an io_uring, whose own
// descriptor stands for them: they need none of their own. The lines behind
// "UserFiles:" are "  0: socket:[123]".
func (o *owners) ring(dir, fd int) {
	text, err := readAt(dir, "fdinfo/"+strconv.Itoa(fd))
	if err != nil {
		return
	}
	_, files, _ := strings.Cut(text, "UserFiles:")
	_, files, _ = strings.Cut(files, "\n")
	for line := range strings.Lines(files) {
		_, link, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			return
		}
		if inode, ok := socketInode([]byte(link)); ok {
			o.hold(inode, fd)
		}
	}
}

func (o *owners) hold(inode uint32, fd int) {
	next, ok := o.first[inode]
	if !ok {
		next = -1
	}
	o.first[inode] = int32(len(o.held))
	o.held = append(o.held, holding{process: int32(len(o.processes)), fd: int32(fd), next: next})
}

// forget takes back what was noted of a process that ended while it was read.
func (o *owners) forget(begin int) {
	for inode, at := range o.first {
		for at >= int32(begin) {
			at = o.held[at].next
		}
		if at < 0 {
			delete(o.first, inode)
		} else {
			o.first[inode] = at
		}
	}
	o.held = o.held[:begin]
}

// refused counts a process that may have sockets which cannot be seen. Kernel
// threads and zombies have none.
func (o *owners) refused(dir int, err error) {
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		if text, err := readAt(dir, "stat"); err == nil && hasDescriptors(text) {
			o.denied++
		}
	}
}

// describe reads who a process is.
func (o *owners) describe(dir, pid int) (*Process, bool) {
	text, err := readAt(dir, "stat")
	if err != nil {
		return nil, false
	}
	stat, ok := parseStat(text)
	if !ok {
		return nil, false
	}
	p := &Process{PID: pid, Name: stat.name, Start: startTime(stat.start)}
	if command, err := readAt(dir, "cmdline"); err == nil {
		p.Command = parseCommand(command)
	}
	if o.cgroups {
		if text, err := readAt(dir, "cgroup"); err == nil {
			p.Cgroup = processCgroup(text)
		}
	}
	return p, true
}

// of gives the owners of an inode, by number.
func (o *owners) of(inode uint32) []Owner {
	at, ok := o.first[inode]
	if !ok {
		return nil
	}
	var list []Owner
	for ; at >= 0; at = o.held[at].next {
		h := o.held[at]
		p, fd := o.processes[h.process], int(h.fd)
		// The newest comes first: processes and descriptors fall.
		if n := len(list); n > 0 && list[0].Process == p {
			if list[0].FDs[0] != fd {
				list[0].FDs = append([]int{fd}, list[0].FDs...)
			}
			continue
		}
		list = append([]Owner{{Process: p, FDs: []int{fd}}}, list...)
	}
	return list
}

// blind reports whether there may be processes that were not seen.
func (o *owners) blind() bool { return o.denied > 0 || o.hidden }

// eachEntry visits the names in a directory: struct linux_dirent64 has the
// record's length at 16 and the name, which a NUL ends, at 19. The NUL may be
// read behind name.
func eachEntry(dir int, buf []byte, visit func(name []byte)) error {
	for {
		n, err := unix.Getdents(dir, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || n <= 0:
			return err
		}
		for rest := buf[:n]; len(rest) > 19; {
			length := int(binary.NativeEndian.Uint16(rest[16:]))
			if length <= 19 || length > len(rest) {
				break
			}
			name := rest[19:length]
			if end := bytes.IndexByte(name, 0); end >= 0 {
				visit(name[:end])
			}
			rest = rest[length:]
		}
	}
}

// readlink reads a link into buf; a longer one is cut. name must have a NUL
// behind it, as the names of eachEntry do: it goes to the kernel as it is,
// which is what makes half a million of these calls cheap.
func readlink(dir int, name, buf []byte) []byte {
	n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(dir),
		uintptr(unsafe.Pointer(unsafe.SliceData(name))), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), 0, 0)
	if errno != 0 {
		return nil
	}
	return buf[:n]
}

// socketInode reads "socket:[123]".
func socketInode(link []byte) (uint32, bool) {
	rest, ok := bytes.CutPrefix(link, []byte("socket:["))
	if !ok {
		return 0, false
	}
	if rest, ok = bytes.CutSuffix(rest, []byte("]")); !ok {
		return 0, false
	}
	n, ok := number(rest)
	return uint32(n), ok
}

// number reads a decimal number of at most ten digits.
func number(text []byte) (int, bool) {
	if len(text) == 0 || len(text) > 10 {
		return 0, false
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// maxProcFile bounds what is read of one file of a process.
const maxProcFile = 64 << 10

func readAt(dir int, name string) (string, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var b strings.Builder
	var buf [4096]byte
	for b.Len() < maxProcFile {
		n, err := unix.Read(fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return "", err
		case n == 0:
			return b.String(), nil
		}
		b.Write(buf[:n])
	}
	return b.String(), nil
}

// stat is what is wanted of /proc/PID/stat.
type stat struct {
	name  string
	state byte
	flags uint64
	start uint64 // in ticks since boot
}

// parseStat reads "42 (a name) S 1 …": the name may hold anything, so the last
// parenthesis ends it. Flags are the ninth field, the start the 22nd.
func parseStat(text string) (stat, bool) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return stat{}, false
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 20 {
		return stat{}, false
	}
	flags, err1 := strconv.ParseUint(fields[6], 10, 64)
	start, err2 := strconv.ParseUint(fields[19], 10, 64)
	if err1 != nil || err2 != nil {
		return stat{}, false
	}
	return stat{name: text[open+1 : end], state: fields[0][0], flags: flags, start: start}, true
}

// kernelThread is PF_KTHREAD.
const kernelThread = 0x00200000

func hasDescriptors(text string) bool {
	s, ok := parseStat(text)
	return ok && s.state != 'Z' && s.state != 'X' && s.flags&kernelThread == 0
}

// ticks is the kernel's USER_HZ, the same everywhere that Go runs.
const ticks = 100

// startTime turns ticks since boot into a time.
func startTime(start uint64) time.Time {
	var boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return time.Time{}
	}
	booted := time.Now().Add(-time.Duration(boot.Nano()))
	return booted.Add(time.Duration(start) * (time.Second / ticks)).Round(time.Second / ticks)
}

// parseCommand splits a command line; a program may have written over it.
func parseCommand(text string) []string {
	text = strings.TrimRight(text, "\x00")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}

// firstPIDNamespace is the inode of the host's own pid namespace
// (PROC_PID_INIT_INO).
const firstPIDNamespace = "pid:[4026531836]"

// processesHidden reports whether /proc leaves processes out: with hidepid for
// those who may not look into them, or because this is a container's.
func processesHidden() bool {
	if link, err := os.Readlink("/proc/self/ns/pid"); err == nil && link != firstPIDNamespace {
		return true
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return true
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " /proc ") && strings.Contains(line, "hidepid=") && !strings.Contains(line, "hidepid=0") {
			return !capable(unix.CAP_SYS_PTRACE)
		}
	}
	return false
}

// capable reports whether this process has a capability, from its own status.
func capable(capability uint) bool {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), "CapEff:")
	line, _, _ := strings.Cut(after, "\n")
	bits, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err == nil && bits&(1<<capability) != 0
}
