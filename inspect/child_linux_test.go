package inspect

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// childVariable tells this binary to be a child: a filter to read with.
const childVariable = "SOCK_INSPECT_CHILD"

// childRow is what the child says of a socket.
type childRow struct {
	Inode, UID uint32
	Local      string
	Owners     []int
	Reason     string
	Mark       bool
	Notice     string
}

// child listens, reads with owners, and prints what it sees, a line for each
// socket and each notice. It is an unprivileged program that uses the package.
func child() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer l.Close()
	out := json.NewEncoder(os.Stdout)
	filter, err := ParseFilter(os.Getenv(childVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	notice := func(n Notice) { _ = out.Encode(childRow{Notice: n.Code + ": " + n.Text + " " + n.Needs}) }
	_ = out.Encode(childRow{Local: l.Addr().String(), Notice: "mine"})
	for s, err := range Sockets(context.Background(), Query{Filter: filter, With: WithAll, Notice: notice}) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		r := childRow{Inode: s.Inode, UID: s.UID, Local: s.Local.String(), Reason: s.Reason.String(), Mark: s.Has(HasMark)}
		for _, o := range s.Owners {
			r.Owners = append(r.Owners, o.PID)
		}
		_ = out.Encode(r)
	}
	return 0
}

// unprivileged runs the child as nobody and gives what it printed.
func unprivileged(t *testing.T, filter string) (pid int, rows []childRow) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("to become another user needs CAP_SETUID")
	}
	cmd := exec.Command(publicCopy(t))
	cmd.Env = append(os.Environ(), childVariable+"="+filter)
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out := must(cmd.StdoutPipe())(t)
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r childRow
		check(t, json.Unmarshal(lines.Bytes(), &r))
		rows = append(rows, r)
	}
	check(t, cmd.Wait())
	return cmd.Process.Pid, rows
}

// publicCopy puts this binary where anybody may run it.
func publicCopy(t *testing.T) string {
	t.Helper()
	dir := must(os.MkdirTemp("", "inspect-child-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	from := closing(t, must(os.Open("/proc/self/exe"))(t))
	path := filepath.Join(dir, "child")
	to := must(os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755))(t)
	must(io.Copy(to, from))(t)
	check(t, to.Close())
	return path
}

// TestUnprivileged: another user sees every socket and no wrong owner. Of its
// own it sees all, of ours that they are ours to see, and it is told once.
func TestUnprivileged(t *testing.T) {
	l := plainTCP(t, "tcp4", "127.0.0.1:0")
	ours := inodeOf(t, fdOf(t, l))
	pid, rows := unprivileged(t, "tcp listen")
	mine, notices, seenOurs, seenMine := "", 0, false, false
	for _, r := range rows {
		switch {
		case r.Notice == "mine":
			mine = r.Local
		case r.Notice != "":
			notices++
			if !strings.Contains(r.Notice, "CAP_SYS_PTRACE") {
				t.Errorf("notice %q does not say what would help", r.Notice)
			}
		case r.Mark:
			t.Errorf("the mark of %s is known without CAP_NET_ADMIN", r.Local)
		case r.Inode == ours:
			seenOurs = true
			if r.Reason != Hidden.String() || len(r.Owners) > 0 || r.UID != 0 {
				t.Errorf("our listener is %+v, want it without owners, hidden", r)
			}
		case r.Local == mine:
			seenMine = true
			if len(r.Owners) != 1 || r.Owners[0] != pid || r.UID != 65534 {
				t.Errorf("the child's own listener is %+v, want pid %d", r, pid)
			}
		}
	}
	if !seenOurs || !seenMine || notices != 1 {
		t.Errorf("seen our listener: %v, its own: %v, notices: %d; want both, and one", seenOurs, seenMine, notices)
	}
}

// A filter on what is not visible finds nothing, and says why.
func TestUnprivilegedMark(t *testing.T) {
	_, rows := unprivileged(t, "tcp listen mark=0")
	notices := 0
	for _, r := range rows {
		switch {
		case r.Notice == "mine":
		case strings.Contains(r.Notice, "CAP_NET_ADMIN"):
			notices++
		default:
			t.Errorf("%+v, though no mark is visible", r)
		}
	}
	if notices != 1 {
		t.Errorf("%d notices about marks, want 1", notices)
	}
}

// What is not asked for is not complained about.
func TestUnprivilegedQuiet(t *testing.T) {
	_, rows := unprivileged(t, "user=65534 tcp listen")
	for _, r := range rows {
		if r.Notice != "" && r.Notice != "mine" {
			t.Errorf("notice %q, though every socket that was asked for is its own", r.Notice)
		}
		if r.Notice == "" && len(r.Owners) == 0 {
			t.Errorf("%+v has no owner", r)
		}
	}
}
