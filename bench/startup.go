//go:build linux

package main

import (
	"fmt"
	"io"
	"os/exec"
	"time"
)

// startupLimit is what a command that only prints may take, start to exit.
const startupLimit = 15 * time.Millisecond

// startup is how long the built command takes to print something and exit.
type startup struct {
	args []string
	wall spread // milliseconds
	cpu  spread // milliseconds, user and system
}

func (u startup) missed() bool { return u.wall.median > float64(startupLimit.Milliseconds()) }

// measureStartups runs the built command, once to warm the page cache and then
// counted.
func measureStartups(s settings) ([]startup, error) {
	binary, err := buildCommand(s)
	if err != nil {
		return nil, err
	}
	var results []startup
	for _, args := range [][]string{{"version"}, {"--help"}} {
		var wall, cpu []float64
		for i := range 5*s.rounds + 1 {
			cmd := exec.Command(binary, args...)
			began := time.Now()
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("%v: %w", cmd, err)
			}
			if i > 0 {
				wall = append(wall, milliseconds(time.Since(began)))
				cpu = append(cpu, milliseconds(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()))
			}
		}
		results = append(results, startup{args, spreadOf(wall), spreadOf(cpu)})
	}
	return results, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func printStartups(w io.Writer, list []startup) {
	fmt.Fprintf(w, "### start-up\n\nFrom start to exit of the built command.\n\n| command | wall ms | CPU ms | asked | |\n|---|---|---|---|---|\n")
	for _, u := range list {
		verdict := "holds"
		if u.missed() {
			verdict = "**missed**"
		}
		fmt.Fprintf(w, "| `sock %s` | %v | %v | < %d ms | %s |\n", u.args[0], u.wall, u.cpu, startupLimit.Milliseconds(), verdict)
	}
	fmt.Fprintln(w)
}
