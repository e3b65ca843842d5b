//go:build linux

package main

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A peer is one server that takes part in a case: ours, another library's, or
// the limit in C.
type peer struct {
	name    string
	command func(s settings) (*exec.Cmd, error)
}

// goServer is a server of this program, by its name in servers.
func goServer(name, kind string) peer {
	return peer{name, func(settings) (*exec.Cmd, error) {
		self, err := os.Executable()
		return exec.Command(self, "serve", kind), err
	}}
}

//go:embed c
var sources embed.FS

// cServer is a server written in C, compiled on first use.
func cServer(name, source string, args ...string) peer {
	return peer{name, func(s settings) (*exec.Cmd, error) {
		binary := filepath.Join(s.work, strings.TrimSuffix(source, ".c"))
		if _, err := os.Stat(binary); err == nil {
			return exec.Command(binary, args...), nil
		}
		text, err := sources.ReadFile("c/" + source)
		if err != nil {
			return nil, err
		}
		compile := exec.Command("gcc", "-O2", "-x", "c", "-o", binary, "-", "-lpthread")
		if strings.Contains(source, "uring") {
			compile.Args = append(compile.Args, "-luring")
		}
		compile.Stdin = bytes.NewReader(text)
		out, err := compile.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("gcc %s: %w\n%s", source, err, out)
		}
		return exec.Command(binary, args...), nil
	}}
}

// command is the built command serving an endpoint.
func command(name string, args ...string) peer {
	return peer{name, func(s settings) (*exec.Cmd, error) {
		binary, err := buildCommand(s)
		return exec.Command(binary, append(args, "--ready-fd", "1")...), err
	}}
}

// buildCommand builds the command as it is shipped, on first use.
func buildCommand(s settings) (string, error) {
	binary := filepath.Join(s.work, "sock")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "sock/cmd/sock")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// process is a running server. What is given as its standard input ends with
// this program, so that it does not outlive it.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	port  int
}

// start runs p's server on the CPU set aside for servers and waits until it
// says where it listens.
func (p peer) start(s settings) (*process, error) {
	cmd, err := p.command(s)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := onCPU(s.serveCPU, cmd.Start); err != nil {
		return nil, err
	}
	running := &process{cmd: cmd, stdin: stdin}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	port := line[strings.LastIndexAny(line, ": ")+1:] // "listening 4711" or an endpoint
	if running.port, err = strconv.Atoi(strings.TrimSpace(port)); err != nil {
		running.stop()
		return nil, fmt.Errorf("%s did not say where it listens: %q", p.name, line)
	}
	return running, nil
}

// stop ends the server and waits for it.
func (p *process) stop() {
	p.stdin.Close()
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// cpu is the time the process has spent on a CPU so far, user and system, in
// all its threads.
func (p *process) cpu() (time.Duration, error) {
	return processCPU(p.cmd.Process.Pid)
}

// processCPU reads another process's CPU clock; the kernel's clock number is
// the complement of the pid, shifted, with 2 for scheduler time
// (clock_getcpuclockid(3)).
func processCPU(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// twoCPUs picks one CPU for servers and one for load out of those this
// process may use.
func twoCPUs() (serve, load int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, 0, err
	}
	var usable []int
	for cpu := 0; len(usable) < 2 && cpu < 8*len(set)*8; cpu++ {
		if set.IsSet(cpu) {
			usable = append(usable, cpu)
		}
	}
	if len(usable) < 2 {
		return 0, 0, fmt.Errorf("two CPUs are needed, one for the server and one for the load; this process may use %d", len(usable))
	}
	return usable[0], usable[1], nil
}

// pin binds the calling thread, and what it starts, to one CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(0, &set)
}
