//go:build linux

package main

import (
	"os/exec"
	"runtime"
)

// startOn starts cmd bound to one CPU. The binding is inherited across
// fork(2), so it is set on a thread of its own, which is thrown away: a
// goroutine that ends while locked takes its thread with it.
func startOn(cpu int, cmd *exec.Cmd) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := pin(cpu)
		if err == nil {
			err = cmd.Start()
		}
		result <- err
	}()
	return <-result
}

// onCPU runs f on a thread of its own, bound to one CPU, and waits for it.
func onCPU(cpu int, f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := pin(cpu)
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return <-result
}
