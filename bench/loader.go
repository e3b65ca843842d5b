//go:build linux

package main

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// sample is what one measurement of one server gave.
type sample struct {
	messages int64
	elapsed  time.Duration
	server   time.Duration // CPU time of the server
	client   time.Duration // CPU time of the loader's thread
	lost     int64         // datagrams sent and not answered in time
	latency  *hdrhistogram.Histogram
}

// perMessage is the measure of the whole program, in microseconds.
func (s sample) perMessage() float64 {
	return float64(s.server.Nanoseconds()) / 1e3 / float64(max(s.messages, 1))
}

// loadBound says that the loader, not the server, was the limit.
func (s sample) loadBound() bool {
	return s.client > s.elapsed*95/100 && s.server < s.elapsed*90/100
}

// A flow is a load on one server: step waits for what is ready, handles it,
// and says how many messages came back. It is driven from one thread.
type flow interface {
	step(record func(time.Duration)) (messages int64, err error)
	lost() int64
	close()
}

// drive runs a flow for s.warm and then measures it for s.measure.
func drive(s settings, p *process, f flow) (sample, error) {
	got := sample{latency: hdrhistogram.New(1, int64(10*time.Second), 3)}
	err := onCPU(s.loadCPU, func() error {
		ignore := func(time.Duration) {}
		if _, err := stepFor(f, s.warm, ignore); err != nil {
			return err
		}
		lost, client := f.lost(), threadCPU()
		server, err := p.cpu()
		if err != nil {
			return err
		}
		began := time.Now()
		got.messages, err = stepFor(f, s.measure, func(d time.Duration) {
			got.latency.RecordValue(min(int64(d), int64(10*time.Second)))
		})
		if err != nil {
			return err
		}
		got.elapsed = time.Since(began)
		ended, err := p.cpu()
		got.server, got.client, got.lost = ended-server, threadCPU()-client, f.lost()-lost
		return err
	})
	return got, err
}

// answer is how long past its end a measurement waits for its first message.
const answer = 10 * time.Second

func stepFor(f flow, d time.Duration, record func(time.Duration)) (messages int64, err error) {
	began := time.Now()
	for {
		if t := time.Since(began); t > d && (messages > 0 || t > d+answer) {
			return messages, nil
		}
		n, err := f.step(record)
		if err != nil {
			return messages, err
		}
		messages += n
	}
}

func threadCPU() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
