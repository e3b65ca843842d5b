//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		fatal(serve(os.Args[2]))
		return
	}
	os.Exit(m.Run())
}

// Every server of every case answers its load, and the kernel's clock of the
// server's process advances while it does.
func TestEveryServerAnswersItsLoad(t *testing.T) {
	serveCPU, loadCPU, err := twoCPUs()
	if err != nil {
		t.Fatal(err)
	}
	s := settings{warm: 10 * time.Millisecond, measure: 100 * time.Millisecond, work: t.TempDir(), serveCPU: serveCPU, loadCPU: loadCPU}
	for _, c := range cases() {
		for _, p := range c.peers {
			t.Run(c.name+"/"+p.name, func(t *testing.T) {
				got, err := measureOnce(s, c, p)
				if err != nil {
					t.Fatal(err)
				}
				if got.messages == 0 || got.server <= 0 || got.latency.TotalCount() == 0 {
					t.Errorf("%d messages, server CPU %v, %d latencies; want all above zero", got.messages, got.server, got.latency.TotalCount())
				}
			})
		}
	}
}

func TestCasesAskRatiosOfTheirOwnPeers(t *testing.T) {
	for _, c := range cases() {
		known := map[string]bool{}
		for _, p := range c.peers {
			known[p.name] = true
		}
		for _, r := range c.ratios {
			if !known[r.of] || !known[r.to] || r.limit <= 0 {
				t.Errorf("%s: ratio %+v names no two servers of the case", c.name, r)
			}
		}
	}
}

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	cost := func(us ...float64) (list []sample) {
		for _, u := range us {
			list = append(list, sample{messages: 1000, server: time.Duration(u * 1000 * 1000)})
		}
		return list
	}
	r := result{benchCase: benchCase{ratios: []ratio{{"a", "b", 0.5}, {"b", "a", 2}}}, samples: map[string][]sample{
		"a": cost(2, 4, 9),
		"b": cost(4, 8, 10),
	}}
	if got, want := fmt.Sprint(r.ratio("a", "b")), "0.50 (0.50–0.90)"; got != want {
		t.Errorf("ratio a/b = %s, want %s", got, want)
	}
	if got := r.missed(); got != 0 {
		t.Errorf("missed = %d, want 0", got)
	}
	r.ratios[0].limit = 0.49
	if got := r.missed(); got != 1 {
		t.Errorf("missed = %d with a limit of 0.49, want 1", got)
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{3, 1, 2}, spread{1, 2, 3}},
		{[]float64{4, 1, 2, 3}, spread{1, 2.5, 4}},
	} {
		if got := spreadOf(tt.values); math.Abs(got.median-tt.want.median) > 1e-9 || got != tt.want {
			t.Errorf("spreadOf(%v) = %v, want %v", tt.values, got, tt.want)
		}
	}
}
