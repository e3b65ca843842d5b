package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sock/socket"
)

// killGrace is how long a child may take to reset its connection and to end
// what it has started, when Shutdown's context has ended, before it is killed.
const killGrace = time.Second

// processes is what a server needs to keep children.
type processes struct {
	starter sync.Once   // starts the goroutine below
	starts  chan func() // to the goroutine that starts children
	slot    func() bool // in a child: asks the server; nil elsewhere
}

// checkProcess refuses at once what could not be handed to a child.
func (c *Config) checkProcess() error {
	if c.TLS == nil {
		return nil
	}
	m, err := newTLSMaterial(c.TLS, c.ClientCAs)
	if err != nil {
		return err
	}
	_, err = m.config()
	return err
}

// startProcesses prepares for children.
func (s *Server) startProcesses() {
	s.bus.forward = func(msg []byte) { s.toChildren(msg, nil) }
	s.starts = make(chan func())
}

// startChildren starts processes until the server is gone. The kernel kills a
// child when the thread that started it ends, so this is one thread that lasts
// as long as any child: prctl(2) PR_SET_PDEATHSIG.
func (s *Server) startChildren() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case start := <-s.starts:
			start()
		case <-s.gone:
			return
		}
	}
}

// startOne has a process started by that thread.
func (s *Server) startOne(cmd *exec.Cmd) error {
	// Stopped by the end of the last child after Shutdown has begun. Nobody
	// needs to wait: it holds nothing but its thread.
	s.starter.Do(func() { go s.startChildren() })
	started := make(chan error, 1)
	s.starts <- func() { started <- cmd.Start() }
	return <-started
}

// askSlot takes a slot of this server, or in a child of its parent.
func (s *Server) askSlot() bool {
	if s.slot != nil {
		return s.slot()
	}
	return s.takeSlot()
}

// toChildren sends a message of the Bus to every child but one. It does not
// wait for a child that does not read.
func (s *Server) toChildren(msg []byte, except *child) {
	packet := append([]byte{msgBus}, msg...)
	s.each(func(m member) {
		if c, ok := m.(*child); ok && c != except && !c.send(packet) {
			s.counters.busDropped.Add(1)
		}
	})
}

// child is a connection that is served by a process of its own. The server
// keeps a descriptor of the connection, unregistered and never read, so that
// a crash of the child can be told to the peer with RST.
type child struct {
	link
	fd int // owned by run; -1 after it was closed

	mu      sync.Mutex
	control *socket.Socket // guarded by mu: nil before the child has its setup, and after its end
	cmd     *exec.Cmd      // guarded by mu: nil before the start
	stopped bool           // guarded by mu
	forced  bool           // guarded by mu
	killer  *time.Timer    // guarded by mu: runs after force
}

func newChild(s *Server, sock *socket.Socket, peer socket.Addr) served {
	c := &child{fd: -1}
	c.start(s, sock, peer)
	return c
}

// run starts the process, listens to it and waits for it.
func (c *child) run() {
	defer c.leave()
	control, err := c.launch()
	if err != nil {
		c.c.finish(&End{By: Local, How: Failed, Err: err})
		c.s.observe(Event{
			Kind: EventError, ID: c.c.id, Peer: c.c.peer, Local: *c.c.local,
			Text: "cannot start a child", Err: err,
		})
		return
	}
	c.listen(control)
	state := c.wait(control)
	if c.isForced() {
		c.c.finish(&End{By: Local, How: RST, Err: ErrShutdown})
	}
	c.c.finish(&End{By: Local, How: Failed, Err: &ChildError{PID: c.pid, Status: state}})
}

// launch starts the process and gives it its setup.
func (c *child) launch() (*socket.Socket, error) {
	cmd, err := c.s.cfg.Child()
	if err != nil {
		return nil, err
	}
	if len(cmd.ExtraFiles) > 0 {
		return nil, errors.New("engine: Child has set ExtraFiles")
	}
	control, theirs, err := socket.Pair(socket.UNIX, socket.SEQPACKET, 0)
	if err != nil {
		return nil, err
	}
	if err = c.begin(cmd, theirs); err == nil {
		err = c.introduce(cmd, control)
	}
	if err != nil {
		_ = control.Close() // not used yet, or by nobody who listens
	}
	return control, err
}

// begin starts the process with the connection and the control socket.
func (c *child) begin(cmd *exec.Cmd, control *socket.Socket) error {
	var err error
	if c.fd, err = c.sock.Detach(); err != nil {
		c.fd = -1
		_ = control.Close() // not used yet
		return err
	}
	files, err := inherited(c.fd, control)
	defer closeAll(files)
	if err != nil {
		return err
	}
	cmd.ExtraFiles = files
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true // a terminal's interrupt is the server's to act on
	return c.s.startOne(cmd)
}

// inherited gives the files for the child: the caller closes them.
func inherited(conn int, control *socket.Socket) ([]*os.File, error) {
	theirs, err := control.Detach()
	if err != nil {
		return nil, err
	}
	files := []*os.File{nil, os.NewFile(uintptr(theirs), "control")}
	dup, err := unix.FcntlInt(uintptr(conn), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return files, os.NewSyscallError("fcntl", err)
	}
	files[0] = os.NewFile(uintptr(dup), "connection")
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // the child has its own
		}
	}
}

// introduce sends the setup and passes on what has happened since the start.
func (c *child) introduce(cmd *exec.Cmd, control *socket.Socket) error {
	c.pid = cmd.Process.Pid
	if err := c.sendSetup(control); err != nil {
		_ = cmd.Process.Kill() // fails only on a process gone already
		_ = cmd.Wait()         // reaped; its status is of no interest
		return err
	}
	c.mu.Lock()
	c.control, c.cmd = control, cmd
	stopped, forced := c.stopped, c.forced
	c.mu.Unlock()
	if stopped {
		c.send([]byte{msgStop})
	}
	if forced {
		c.force()
	}
	return nil
}

// sendSetup sends the first message. TLS material is made for each child, so
// that a certificate that was renewed is used from then on.
func (c *child) sendSetup(control *socket.Socket) (err error) {
	u := c.s.cfg.setup(c.c.id)
	if c.s.cfg.TLS != nil {
		if u.TLS, err = newTLSMaterial(c.s.cfg.TLS, c.s.cfg.ClientCAs); err != nil {
			return err
		}
	}
	packet, err := message(msgSetup, u)
	if err == nil {
		_, err = control.Send(packet, socket.MsgDontWait)
	}
	return err
}

// listen acts on the child's messages until it has closed its end.
func (c *child) listen(control *socket.Socket) {
	buf := make([]byte, maxControl)
	for {
		n, err := control.Recv(buf, 0)
		if err != nil || n == 0 {
			return
		}
		c.heard(buf[0], buf[1:n])
	}
}

// heard acts on one message.
func (c *child) heard(kind byte, body []byte) {
	switch kind {
	case msgBus:
		c.s.bus.deliver(body)
		c.s.toChildren(body, c)
	case msgShaken:
		c.shaken()
		if c.slot = c.s.takeSlot(); c.slot {
			c.send([]byte{msgGo})
		} else {
			c.s.refuse(c.c.peer, *c.c.local, ErrTooMany)
			c.send([]byte{msgRefuse})
		}
	case msgEvent:
		c.event(body)
	case msgEnd:
		c.ended(body)
	}
}

// event reports what the child has reported.
func (c *child) event(body []byte) {
	var e childEvent
	if json.Unmarshal(body, &e) != nil {
		return // of another version, or broken: the end will tell
	}
	c.s.observe(Event{
		Kind: e.Kind, ID: c.c.id, Peer: c.c.peer, Local: *c.c.local, PID: c.pid,
		Text: e.Text, Err: unpackError(e.Err, e.Errno), Stack: e.Stack,
	})
}

// ended takes the record. The child has closed its descriptor: ours is the
// last one, and closing it sends what the child has decided, FIN or RST.
func (c *child) ended(body []byte) {
	var e childEnd
	if json.Unmarshal(body, &e) != nil {
		return // as in event
	}
	c.c.received.Store(e.Received)
	c.c.sent.Store(e.Sent)
	end := &End{By: e.By, How: e.How, Err: unpackError(e.Err, e.Errno)}
	if c.isForced() && end.How == RST && end.By == Local {
		end.Err = ErrShutdown
	}
	c.c.finish(end)
	c.closeFD()
}

func (c *child) closeFD() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd) // nothing was written through it
		c.fd = -1
	}
}

// wait reaps the process and gives its status in words.
func (c *child) wait(control *socket.Socket) string {
	c.mu.Lock()
	cmd := c.cmd
	c.control = nil
	c.mu.Unlock()
	_ = control.Close() // the child is gone or has closed its end
	err := cmd.Wait()
	if cmd.ProcessState == nil {
		return fmt.Sprint(err)
	}
	return cmd.ProcessState.String()
}

// leave closes what is left. A connection that ended without a record of the
// child's is reset.
func (c *child) leave() {
	c.mu.Lock()
	if c.killer != nil {
		c.killer.Stop()
	}
	c.mu.Unlock()
	if c.fd >= 0 {
		_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		c.closeFD()
	} else {
		reset(c.sock) // not handed over; else it is closed already
	}
	c.left()
}

// send gives the child one message, or drops it.
func (c *child) send(packet []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.control == nil {
		return true // not started yet, or gone: it cannot miss it
	}
	_, err := c.control.Send(packet, socket.MsgDontWait)
	return err == nil
}

// stop tells the child that Shutdown has begun.
func (c *child) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.send([]byte{msgStop}) // a child so far behind will be forced
}

// force has the child reset its connection, and kills it if it does not.
func (c *child) force() {
	c.mu.Lock()
	c.forced = true
	if c.cmd != nil && c.killer == nil {
		c.killer = time.AfterFunc(killGrace, c.kill)
	}
	c.mu.Unlock()
	c.send([]byte{msgForce})
}

// kill ends the process: os.Process knows whether the number is still its own.
func (c *child) kill() {
	c.mu.Lock()
	cmd := c.cmd
	c.mu.Unlock()
	_ = cmd.Process.Kill() // fails only on a process gone already
}

func (c *child) isForced() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forced
}
