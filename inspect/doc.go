// Package inspect answers which sockets there are on this host, in what state,
// and whose. It asks the kernel itself (sock_diag(7), and proc(5) for who has
// them open) and gives what it finds as a stream: a host's sockets are never
// all in memory.
//
//	filter, err := inspect.ParseFilter("tcp listen process=nginx")
//	…
//	for s, err := range inspect.Sockets(ctx, inspect.Query{Filter: filter, With: inspect.WithOwners}) {
//		…
//		fmt.Println(s.Local, s.State, s.Owners)
//	}
//
// What costs more is found only when it is asked for: by Query.With, or by a
// filter that needs it. What could not be seen, and what would show it, is told
// once per query through Query.Notice; a fact that is not known is absent and
// never a zero in disguise: see Socket.Has.
//
// To find out why a connection fails, or who holds one port, there is less
// machinery in the errors of package socket and endpoint; to set options on
// sockets of your own, see package socket. Everything here looks and changes
// nothing.
package inspect
