// Package up runs service lines: it opens every endpoint, serves them, takes a
// new set of lines while running, and shuts down in order.
//
//	lines, err := service.ParseFile("sock.conf", file)
//	set, err := up.Start(ctx, lines, up.Config{Observe: show})
//	…
//	err = set.Shutdown(ctx)
//
// [Start] opens all of the lines or none. [Set.Reload] compares by the
// canonical form of a line: what did not change is not touched, neither its
// listener nor its connections; where only the service or the engine's limits
// changed, the listening socket stays open and no client is refused. [Set.Wait]
// tells when no line is left that serves. [Run] is all of it for a program that
// does nothing else.
//
// A program with one handler of its own needs package engine only.
package up
