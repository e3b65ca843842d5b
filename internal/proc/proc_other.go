//go:build !linux

package proc

import "net/netip"

// PortHolder sees nothing: only Linux's proc(5) tells.
func PortHolder(network string, addr netip.AddrPort) (Holder, bool) { return Holder{}, false }

// PathHolder sees nothing: only Linux's proc(5) tells.
func PathHolder(path string) (Holder, bool) { return Holder{}, false }

// Command knows no names: only Linux's proc(5) tells.
func Command(pid int) string { return "" }
