// Command sock opens, serves and talks through network sockets.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sock/internal/cli"
)

func main() {
	ctx, interrupt := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go stop(signals, interrupt)
	os.Exit(cli.Run(ctx, os.Args[1:]))
}

// stop lets the first interrupt end the command cleanly, and the second at
// once. It runs for as long as the process does.
func stop(signals <-chan os.Signal, interrupt context.CancelCauseFunc) {
	interrupt(cli.Interrupted{Signal: <-signals})
	<-signals
	os.Exit(cli.ExitInterrupted)
}
