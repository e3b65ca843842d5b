//go:build linux

package main

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// patience is how long a datagram's answer is waited for before it counts as
// lost and the next is sent.
const patience = 50 * time.Millisecond

// datagrams is a closed loop from many peers: each has its own connected
// socket and a window of datagrams in flight.
type datagrams struct {
	epoll   int
	peers   map[int32]*datagramPeer
	window  int
	message []byte
	scratch []byte
	events  []unix.EpollEvent
	missing int64
}

type datagramPeer struct {
	fd     int
	flying int
	since  time.Time // of the last send
}

func newDatagrams(port, peers, window, size int) (flow, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := &datagrams{epoll: epoll, peers: map[int32]*datagramPeer{}, window: window, message: make([]byte, size), scratch: make([]byte, 64<<10), events: make([]unix.EpollEvent, 512)}
	for range peers {
		fd, err := connectDatagram(port)
		if err != nil {
			f.close()
			return nil, err
		}
		f.peers[int32(fd)] = &datagramPeer{fd: fd}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			f.close()
			return nil, err
		}
	}
	f.refill()
	return f, nil
}

func connectDatagram(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// refill gives up on what was waited for too long and fills every window.
func (f *datagrams) refill() {
	now := time.Now()
	for _, p := range f.peers {
		if p.flying > 0 && now.Sub(p.since) > patience {
			f.missing += int64(p.flying)
			p.flying = 0
		}
		f.fill(p, now)
	}
}

func (f *datagrams) fill(p *datagramPeer, now time.Time) {
	for p.flying < f.window {
		if _, err := unix.Write(p.fd, f.message); err != nil {
			return // the socket's buffer is full, or an ICMP error: the next turn tries again
		}
		p.flying++
		p.since = now
	}
}

func (f *datagrams) step(record func(time.Duration)) (messages int64, err error) {
	n, err := unix.EpollWait(f.epoll, f.events, int(patience/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, err
	}
	if n <= 0 {
		f.refill()
		return 0, nil
	}
	now := time.Now()
	for _, e := range f.events[:n] {
		p := f.peers[e.Fd]
		for p.flying > 0 {
			if _, err := unix.Read(p.fd, f.scratch); err != nil {
				break
			}
			record(now.Sub(p.since))
			p.flying--
			messages++
		}
		f.fill(p, now)
	}
	return messages, nil
}

func (f *datagrams) lost() int64 { return f.missing }

func (f *datagrams) close() {
	for _, p := range f.peers {
		unix.Close(p.fd)
	}
	unix.Close(f.epoll)
}

// bulk is one peer that sends trains of datagrams, each train one call with
// UDP_SEGMENT, and counts the bytes that come back, a train at a time with
// UDP_GRO where the server answers in trains.
type bulk struct {
	fd            int
	size, train   int // bytes of a datagram, datagrams of a train
	window        int // trains in flight
	flying        int // bytes
	since         time.Time
	data, scratch []byte
	control       []byte
	missing       int64
}

func newBulk(port, size, train, window int) (flow, error) {
	fd, err := connectDatagram(port)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1); err != nil {
		unix.Close(fd)
		return nil, err
	}
	f := &bulk{fd: fd, size: size, train: train, window: window, data: make([]byte, size*train), scratch: make([]byte, 64<<10)}
	f.control = make([]byte, unix.CmsgSpace(2))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&f.control[0]))
	header.Level, header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&f.control[unix.CmsgLen(0)])) = uint16(size)
	return f, nil
}

func (f *bulk) step(record func(time.Duration)) (messages int64, err error) {
	for f.flying+len(f.data) <= f.window*len(f.data) {
		if _, err := unix.SendmsgN(f.fd, f.data, f.control, nil, 0); err != nil {
			break
		}
		f.flying += len(f.data)
		f.since = time.Now()
	}
	ready := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}}
	if n, _ := unix.Poll(ready, int(patience/time.Millisecond)); n == 0 {
		f.missing += int64(f.flying / f.size)
		f.flying = 0
		return 0, nil
	}
	for {
		n, err := unix.Read(f.fd, f.scratch)
		if err != nil {
			return messages, nil
		}
		record(time.Since(f.since))
		f.flying = max(f.flying-n, 0)
		messages += int64(n / f.size)
	}
}

func (f *bulk) lost() int64 { return f.missing }
func (f *bulk) close()      { unix.Close(f.fd) }
