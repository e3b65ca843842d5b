//go:build !linux

package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"syscall"
	"time"
)

// errNotHere is what every call returns on a system other than Linux.
var errNotHere = fmt.Errorf("socket: not on %s, only on Linux: %w", runtime.GOOS, errors.ErrUnsupported)

// Socket is a socket. On this system none can be made: every call returns an error that wraps
// errors.ErrUnsupported.
//
// The functions and methods below stand for those of Linux, where they are documented.
type Socket struct{}

func New(Family, Type, Protocol) (*Socket, error)                        { return nil, errNotHere }
func Pair(Family, Type, Protocol) (a, b *Socket, err error)              { return nil, nil, errNotHere }
func FromFD(int) (*Socket, error)                                        { return nil, errNotHere }
func FromConn(syscall.Conn) (*Socket, error)                             { return nil, errNotHere }
func (s *Socket) Family() Family                                         { return 0 }
func (s *Socket) Type() Type                                             { return 0 }
func (s *Socket) Protocol() Protocol                                     { return 0 }
func (s *Socket) FD() int                                                { return -1 }
func (s *Socket) Bind(Addr) error                                        { return errNotHere }
func (s *Socket) Listen(int) (int, error)                                { return 0, errNotHere }
func (s *Socket) Accept(context.Context) (*Socket, Addr, error)          { return nil, Addr{}, errNotHere }
func (s *Socket) Connect(context.Context, Addr) error                    { return errNotHere }
func (s *Socket) ConnectEx(context.Context, Addr) (syscall.Errno, error) { return 0, errNotHere }
func (s *Socket) Send([]byte, Flags) (int, error)                        { return 0, errNotHere }
func (s *Socket) SendAll([]byte, Flags) (int, error)                     { return 0, errNotHere }
func (s *Socket) Recv([]byte, Flags) (int, error)                        { return 0, errNotHere }
func (s *Socket) RecvInto([]byte, Flags) (int, error)                    { return 0, errNotHere }
func (s *Socket) SendTo([]byte, Flags, Addr) (int, error)                { return 0, errNotHere }
func (s *Socket) RecvFrom([]byte, Flags) (int, Addr, error)              { return 0, Addr{}, errNotHere }
func (s *Socket) SendMsg(*Message, Flags) (int, error)                   { return 0, errNotHere }
func (s *Socket) RecvMsg(*Message, Flags) (int, error)                   { return 0, errNotHere }
func (s *Socket) SendBatch([]Message, Flags) (int, error)                { return 0, errNotHere }
func (s *Socket) RecvBatch([]Message, Flags) (int, error)                { return 0, errNotHere }
func (s *Socket) RecvError([]byte) (QueuedError, int, error)             { return QueuedError{}, 0, errNotHere }
func (s *Socket) SendFile(*os.File, int64, int64) (int64, error)         { return 0, errNotHere }
func (s *Socket) Splice(*Socket, int64) (int64, error)                   { return 0, errNotHere }
func (s *Socket) Shutdown(How) error                                     { return errNotHere }
func (s *Socket) Close() error                                           { return errNotHere }
func (s *Socket) Detach() (int, error)                                   { return -1, errNotHere }
func (s *Socket) Dup() (*Socket, error)                                  { return nil, errNotHere }
func (s *Socket) LocalAddr() (Addr, error)                               { return Addr{}, errNotHere }

func (s *Socket) PeerAddr() (Addr, error) { return Addr{}, errNotHere }

func (s *Socket) Tuple() (Tuple, error) { return Tuple{}, errNotHere }

func (s *Socket) AtMark() (bool, error)                             { return false, errNotHere }
func (s *Socket) SetDeadline(time.Time) error                       { return errNotHere }
func (s *Socket) SetReadDeadline(time.Time) error                   { return errNotHere }
func (s *Socket) SetWriteDeadline(time.Time) error                  { return errNotHere }
func (s *Socket) Control(func(fd int) error) error                  { return errNotHere }
func (s *Socket) SyscallConn() (syscall.RawConn, error)             { return nil, errNotHere }
func (s *Socket) setsockopt(level, name int, value []byte) error    { return errNotHere }
func (s *Socket) getsockopt(level, name int, b []byte) (int, error) { return 0, errNotHere }

// What the portable types are made of.
func (s *Socket) networkName() string             { return "" }
func (s *Socket) localAddr() Addr                 { return Addr{} }
func (s *Socket) peerAddr() Addr                  { return Addr{} }
func (s *Socket) blockingFile() (*os.File, error) { return nil, errNotHere }

func (s *Socket) send(string, []byte, Flags, bool) (int, error) { return 0, errNotHere }

func (s *Socket) recv(string, []byte, Flags, bool) (int, error) { return 0, errNotHere }

func (s *Socket) sendTo(string, []byte, Flags, Addr) (int, error) { return 0, errNotHere }

func (s *Socket) recvFrom(string, []byte, Flags) (int, Addr, error) { return 0, Addr{}, errNotHere }

func (s *Socket) sendRegular(string, io.Reader, int64) (int64, bool, error) { return 0, false, nil }

func (s *Socket) splice(string, syscall.RawConn, *Socket, int64) (int64, error) { return 0, errNotHere }

// Parse is of no use on this system, where no control message can have been received.
func (c *Control) Parse([]byte) error { return errNotHere }

// ControlMessages gives nothing on this system.
func ControlMessages([]byte) iter.Seq[ControlMessage] { return func(func(ControlMessage) bool) {} }

// ControlSpace is 0 on this system, and the Append functions append nothing.
func ControlSpace(int) int { return 0 }

func AppendControl(b []byte, _ ControlMessage) []byte  { return b }
func AppendRights(b []byte, _ ...int) []byte           { return b }
func AppendCredentials(b []byte, _ Credentials) []byte { return b }
func AppendPacketInfo(b []byte, _ PacketInfo) []byte   { return b }
func AppendTTL(b []byte, _ int) []byte                 { return b }
func AppendHopLimit(b []byte, _ int) []byte            { return b }
func AppendTOS(b []byte, _ int) []byte                 { return b }
func AppendTrafficClass(b []byte, _ int) []byte        { return b }
func AppendSegmentSize(b []byte, _ int) []byte         { return b }

// RawAddr gives the invalid Addr: there is no kernel whose form it knows.
func RawAddr([]byte) Addr { return Addr{} }
