package cli

import (
	"os/exec"
	"testing"
	"time"
)

// startLimit is what a command that does nothing may take. A machine that is
// busy makes some runs slow, so the fastest of many counts.
const startLimit = 15 * time.Millisecond

func TestStartIsFast(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector's start is not what a user sees")
		return
	}
	for _, arg := range []string{"version", "--help"} {
		fastest := time.Hour
		for range 40 {
			start := time.Now()
			if err := exec.Command(program, arg).Run(); err != nil {
				t.Fatal(err)
			}
			fastest = min(fastest, time.Since(start))
		}
		t.Logf("sock %s takes %v", arg, fastest)
		if fastest > startLimit {
			t.Errorf("sock %s takes %v, want at most %v", arg, fastest, startLimit)
		}
	}
}
