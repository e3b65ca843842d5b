//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: the measure is a Linux clock (clock_getcpuclockid(3)); run it on Linux")
	os.Exit(1)
}
