package engine

import "time"

// poller is the backend of one event loop: it waits for the loop, and moves
// the bytes of the loop's connections. All of it belongs to the loop's thread.
//
// What the kernel has told is noted in the line or the door, which is
// enqueued; the line then asks for it in its own time, with recv and send.
type poller interface {
	// watch has the door enqueued whenever it may have a connection; unwatch
	// ends that before its descriptor is closed.
	watch(d *door) error
	unwatch(d *door)

	// open begins with a new connection.
	open(l *line) error

	// recv gives at most limit bytes that have come, valid until the next
	// call. With recvEnded it gives the error; io.EOF after the last byte.
	recv(l *line, limit int) ([]byte, reception, error)

	// send gives the kernel output of the line. It reports whether to go on;
	// else the line will be enqueued when the kernel has taken it, or has
	// room.
	send(l *line) bool

	// quiet reports whether the kernel is done with the line. Else it was
	// asked to leave off, and the line will be enqueued.
	quiet(l *line) bool

	// wait waits for something to happen, at the longest for timeout;
	// negative: for ever.
	wait(timeout time.Duration) error

	// acceptFlags is what accept4(2) is given for a new connection.
	acceptFlags() int

	close()
}

// reception is what recv found.
type reception int

const (
	recvGot   reception = iota // bytes
	recvNone                   // nothing has arrived: the line will be enqueued when something has
	recvEnded                  // the peer's end of file, or an error
)
