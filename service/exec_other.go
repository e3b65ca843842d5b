//go:build !linux

package service

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
)

// errNoExec is what exec answers here.
var errNoExec = fmt.Errorf("service: exec hands a socket to a command only on Linux, not on %s: %w", runtime.GOOS, errors.ErrUnsupported)

func runDirect(*exec.Cmd, net.Conn) error { return errNoExec }
func runPiped(*exec.Cmd, net.Conn) error  { return errNoExec }
