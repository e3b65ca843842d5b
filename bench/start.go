//go:build linux

package main

import "runtime"

// onCPU runs f on a thread of its own, bound to one CPU, and waits for it. What
// f starts inherits the binding. The thread is thrown away: a goroutine that
// ends while locked takes its thread with it.
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
