// Command bench measures sock side by side with its peers and with the limit
// written in C, and writes what it saw to docs/benchmarks.md.
//
// The measure is the server's CPU time, user and system, per message, read
// from the kernel's own clock of the server's process (clock_getcpuclockid(3)).
// It survives a noisy machine far better than a rate does. Server and load run
// on different CPUs; the servers take turns within every round; a figure is
// the median over the rounds, with the smallest and the largest beside it.
package main
