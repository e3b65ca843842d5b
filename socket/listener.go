package socket

import (
	"context"
	"net"
	"syscall"
	"time"
)

// Listener is a listening Socket as a net.Listener. All methods are safe for concurrent use.
type Listener struct {
	s    *Socket
	addr net.Addr
}

// Listener gives the socket, on which Listen was called, as a net.Listener, with nothing duplicated.
func (s *Socket) Listener() *Listener {
	return &Listener{s: s, addr: s.localAddr().NetAddr(s.Type(), s.Protocol())}
}

// Socket gives the socket that l is.
func (l *Listener) Socket() *Socket { return l.s }

// Accept waits for a connection; what it returns is a *Conn. See [Socket.Accept].
func (l *Listener) Accept() (net.Conn, error) {
	s, err := l.AcceptSocket()
	if err != nil {
		return nil, err
	}
	return s.Conn(), nil
}

// AcceptSocket is Accept that gives the Socket.
func (l *Listener) AcceptSocket() (*Socket, error) {
	s, _, err := l.s.Accept(context.Background())
	return s, err
}

// Close closes the socket. It does not remove a UNIX socket's path.
func (l *Listener) Close() error { return l.s.Close() }

// Addr gives the address that the socket listens on, with the port that the kernel chose.
func (l *Listener) Addr() net.Addr { return l.addr }

// SetDeadline sets when Accept stops waiting; the zero time means never.
func (l *Listener) SetDeadline(t time.Time) error { return l.s.SetReadDeadline(t) }

// SyscallConn gives the descriptor to other packages. syscall.Conn.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return l.s.SyscallConn() }
