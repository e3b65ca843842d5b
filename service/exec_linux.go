package service

import (
	"errors"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How long the command of a connection that was ended by force may take.
const (
	execGrace = 200 * time.Millisecond // between SIGTERM and SIGKILL: the engine waits longer for all of it
	execFlush = time.Second            // for what a command left in its pipe, held open by a child of its own
)

// runDirect gives the connection's own descriptor to the command and stays out
// of the way until it has ended.
//
// O_NONBLOCK belongs to the open file description, which both processes share,
// and no ordinary program expects it on its standard input. So it is taken off
// for as long as the command runs, and this process neither reads nor writes
// meanwhile: such a call would block its thread.
func runDirect(cmd *exec.Cmd, conn net.Conn) error {
	raw, err := rawConn(conn)
	if err != nil {
		return err
	}
	file, err := takeBlocking(raw)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = file, file
	ended, err := start(cmd)
	_ = file.Close()
	if err == nil {
		err = supervise(cmd, conn, ended)
	}
	_ = control(raw, func(fd int) error { // fails if the connection is gone
		account(fd, conn)
		return unix.SetNonblock(fd, true)
	})
	return err
}

// account lets the connection's record have the bytes that went by: TCP has
// counted them. tcp(7) TCP_INFO; RFC 4898.
func account(fd int, conn net.Conn) {
	counts, ok := conn.(interface{ AddTraffic(received, sent int64) })
	if !ok {
		return
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return // UNIX sockets do not count
	}
	received := int64(info.Bytes_received)
	switch info.State {
	case unix.BPF_TCP_CLOSE_WAIT, unix.BPF_TCP_LAST_ACK, unix.BPF_TCP_CLOSING, unix.BPF_TCP_TIME_WAIT:
		received-- // the FIN has a number too
	}
	counts.AddTraffic(received, int64(info.Bytes_sent-info.Bytes_retrans)+int64(info.Notsent_bytes))
}

func rawConn(conn net.Conn) (syscall.RawConn, error) {
	with, ok := conn.(syscall.Conn)
	if !ok {
		return nil, errors.New("the connection has no descriptor to hand over")
	}
	return with.SyscallConn()
}

// control is raw.Control with one error for both.
func control(raw syscall.RawConn, do func(fd int) error) error {
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// takeBlocking gives a duplicate of the connection's descriptor, with the
// description that both share set to block.
func takeBlocking(raw syscall.RawConn) (*os.File, error) {
	var file *os.File
	err := control(raw, func(fd int) error {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		if err := unix.SetNonblock(dup, false); err != nil {
			_ = unix.Close(dup)
			return os.NewSyscallError("fcntl", err)
		}
		file = os.NewFile(uintptr(dup), "connection")
		return nil
	})
	return file, err
}

// start runs the command as the leader of a process group of its own, so that
// a signal can reach whatever it starts, and so that an interrupt typed at the
// server's terminal does not. If this process is killed, the command gets
// SIGTERM: it would else go on with nobody to look after it. ended is closed
// when the command has ended and is to be waited for.
//
// The kernel looks at the thread that has started the command, and so that one
// stays with it: prctl(2) PR_SET_PDEATHSIG.
func start(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	keepToOurselves()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started, over := make(chan error, 1), make(chan struct{})
	go func() { // ends with the command, which supervise waits for in every case
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(over)
		err := cmd.Start()
		started <- err
		if err == nil {
			awaitExit(cmd.Process.Pid)
		}
	}()
	return over, <-started
}

// keepToOurselves marks the descriptors that this process was started with
// not to be inherited further: a command gets 0, 1 and 2. All others were made
// so by whoever opened them. close_range(2) CLOSE_RANGE_CLOEXEC, Linux 5.11.
var keepToOurselves = sync.OnceFunc(func() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, entry := range list {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
})

// supervise waits for the command. A peer that leaves is not told to it
// otherwise than by end of file and SIGPIPE, and a server that shuts down lets
// it finish; only when the connection was ended by force does it get SIGTERM
// and then, with all of its process group, SIGKILL.
func supervise(cmd *exec.Cmd, conn net.Conn, ended <-chan struct{}) error {
	var closed <-chan struct{}
	if told, ok := conn.(interface{ Closed() <-chan struct{} }); ok {
		closed = told.Closed()
	}
	select {
	case <-ended:
	case <-closed: // by the engine
		terminate(cmd.Process.Pid, ended)
	}
	return cmd.Wait()
}

// awaitExit returns when the process has ended and leaves it to be waited for,
// so that its number stays its own, and its group's, for as long as signals
// may be sent to it. waitid(2) WNOWAIT.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// terminate ends a process group: SIGTERM, a moment, and SIGKILL for whoever
// is left of it.
func terminate(leader int, ended <-chan struct{}) {
	_ = unix.Kill(-leader, unix.SIGTERM)
	grace := time.NewTimer(execGrace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	}
	_ = unix.Kill(-leader, unix.SIGKILL)
	<-ended
}

// runPiped carries the bytes between a connection that is more than its
// descriptor (TLS) and the command, through two pipes.
func runPiped(cmd *exec.Cmd, conn net.Conn) error {
	p, err := newPipes()
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = p.childIn, p.childOut
	ended, err := start(cmd)
	p.closeChild()
	if err != nil {
		p.closeOurs()
		return err
	}
	var feeding, collecting sync.WaitGroup
	feeding.Go(func() { p.feed(conn) })       // ended by the closes below
	collecting.Go(func() { p.collect(conn) }) // ended by the deadline below, or by the peer
	err = supervise(cmd, conn, ended)
	_ = p.out.SetReadDeadline(time.Now().Add(execFlush))
	collecting.Wait()
	_, _ = p.in.Close(), conn.Close() // the connection's own end is the engine's to tell
	feeding.Wait()
	return err
}

// pipes are the two pipes of one command.
type pipes struct {
	childIn, childOut *os.File // the command's ends
	in, out           *os.File // ours: we write in and read out
}

func newPipes() (*pipes, error) {
	var p pipes
	var err error
	if p.childIn, p.in, err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.out, p.childOut, err = os.Pipe(); err != nil {
		_, _ = p.childIn.Close(), p.in.Close()
		return nil, err
	}
	return &p, nil
}

func (p *pipes) closeChild() { _, _ = p.childIn.Close(), p.childOut.Close() }
func (p *pipes) closeOurs()  { _, _ = p.in.Close(), p.out.Close() }

// feed copies to the command's standard input until either end is closed.
func (p *pipes) feed(conn net.Conn) {
	_, _ = io.Copy(p.in, conn)
	_ = p.in.Close() // perhaps once more
}

// collect copies the command's standard output. Where the peer takes no more,
// the pipe is closed, and the command gets SIGPIPE as it would on the socket.
func (p *pipes) collect(conn net.Conn) {
	_, _ = io.Copy(conn, p.out)
	_ = p.out.Close()
}
