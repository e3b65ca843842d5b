// Package socket is the BSD socket API for Go, whole: one type, [Socket], whose methods are the
// system calls (socket, bind, listen, accept, connect, send, recv, shutdown, close), with Go's
// deadlines, contexts and errors. It is for programs that need more of a socket than package net
// gives: options before bind, the backlog that was asked for, connect's errno, peek and urgent data,
// control messages, batches of datagrams, the error queue, families that net has not got.
//
// A program that only dials and listens should use net, which runs everywhere and resolves names.
// This package does not resolve names, and does its work on Linux only: elsewhere it builds, and
// every call returns an error that wraps errors.ErrUnsupported.
//
// # From one to the other
//
// [Socket.Conn], [Socket.Listener] and [Socket.PacketConn] give the interfaces of net for a Socket,
// and [FromConn] gives a Socket for a connection of net:
//
//	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
//	…
//	err = socket.ReuseAddr.Set(s, true)
//	err = s.Bind(socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:8080")))
//	granted, err := s.Listen(0) // the system's maximum
//	err = http.Serve(s.Listener(), handler)
//
// Nothing is set that was not asked for. Package net sets SO_REUSEADDR on what listens, and
// TCP_NODELAY and keep-alive on what connects; here that is the caller's to do ([ReuseAddr],
// [NoDelay], [KeepAlive]). A UNIX socket's path stays when the socket is closed.
//
// # Waiting
//
// Every socket is non-blocking and watched by the runtime's poller. A call that has to wait parks
// its goroutine and no thread. What ends it early: the deadline of its direction, the context where
// it takes one ([Socket.Accept], [Socket.Connect]), [Socket.Close]. MsgDontWait asks not to wait
// for the kernel; the call still takes its turn behind one of its direction that waits.
//
// A call returns what the kernel returned: EINTR is retried and EAGAIN waited for, and nothing else
// is hidden. [Socket.SendAll] and [Socket.RecvInto] go on until all is sent or filled.
//
// # Errors
//
// A failure is a *net.OpError that says the call and the addresses. In it is the *os.SyscallError
// with the errno, so errors.Is(err, syscall.ECONNREFUSED) works; or net.ErrClosed, or
// os.ErrDeadlineExceeded, or the context's error. The end of a stream is io.EOF. What this kernel
// has not got is an [UnsupportedError].
//
// # Speed
//
// Send, Recv, SendTo, RecvFrom, SendMsg, RecvMsg, SendBatch and RecvBatch allocate nothing. Keep
// buffers and Messages and use them again.
//
// # Tracing
//
// [SetTracer] shows each call as it finishes: bind(127.0.0.1:8080) = 0.
//
// # Options
//
// [Options] is the table of socket options; each row can be set and read by its typed variable
// ([NoDelay], [RcvBuf], …) or by its name ([Lookup]).
package socket
