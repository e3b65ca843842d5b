//go:build race && linux

package socket

import (
	"runtime"
	"unsafe"
)

// raceEnabled says that this build has the race detector.
const raceEnabled = true

// raceSync stands for the kernel's queues: what happened before a send happened before the receive
// that follows it, as for every Read and Write of package syscall.
var raceSync int64

// raceRecv tells the detector that the kernel filled b.
func raceRecv(b []byte, n int) {
	if n > 0 && len(b) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&b[0]), min(n, len(b)))
	}
	runtime.RaceAcquire(unsafe.Pointer(&raceSync))
}

// raceSend tells the detector that the kernel read b. It comes before the call.
func raceSend(b []byte) {
	runtime.RaceReleaseMerge(unsafe.Pointer(&raceSync))
	if len(b) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&b[0]), len(b))
	}
}
