package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"sock/socket"
)

// slotWait is how long a child waits for the server's answer.
const slotWait = 10 * time.Second

// ServeChild serves one connection in a child process that a Server under
// [Process] has started, and returns when it has ended. The Config holds the
// Handler (and, if wanted, Observe); everything else, TLS included, comes from
// the parent. When the parent dies, the connection is reset; when the context
// ends, it is closed as by [Server.Shutdown].
//
// It must be the first thing the program does: it takes descriptors 3 and 4.
// Elsewhere than on Linux it returns an error that wraps errors.ErrUnsupported.
func ServeChild(ctx context.Context, cfg Config) error {
	control, err := openControl()
	if err != nil {
		return err
	}
	defer control.Close()
	u, err := readSetup(control)
	if err != nil {
		return err
	}
	conn, err := socket.FromFD(childConn)
	if err != nil {
		return fmt.Errorf("engine: the connection of a child: %w", err)
	}
	defer conn.Close()
	p := &parent{control: control, granted: make(chan bool, 1)}
	if err := p.configure(&cfg, u); err != nil {
		return err
	}
	return p.serve(ctx, cfg, conn, u.ID)
}

// openControl checks that there is a control socket. (FromFD also keeps it from
// programs that the handler starts.)
func openControl() (*socket.Socket, error) {
	control, err := socket.FromFD(childControl)
	if err != nil {
		return nil, fmt.Errorf("engine: not started by a server: %w", err)
	}
	if control.Family() != socket.UNIX || control.Type() != socket.SEQPACKET {
		_ = control.Close() // not ours
		return nil, errors.New("engine: not started by a server: descriptor 4 is no control socket")
	}
	return control, nil
}

// readSetup waits for the first message.
func readSetup(control *socket.Socket) (setup, error) {
	var u setup
	buf := make([]byte, maxControl)
	n, err := control.Recv(buf, 0)
	if err != nil {
		return u, fmt.Errorf("engine: setup of a child: %w", err)
	}
	if n == 0 || buf[0] != msgSetup {
		return u, errors.New("engine: setup of a child: not a setup message")
	}
	if err := json.Unmarshal(buf[1:n], &u); err != nil {
		return u, fmt.Errorf("engine: setup of a child: %w", err)
	}
	return u, nil
}

// parent is the server as a child sees it.
type parent struct {
	control *socket.Socket
	s       *Server
	granted chan bool // the answer to msgShaken
}

// configure makes the child's Config complete.
func (p *parent) configure(cfg *Config, u setup) error {
	if err := u.apply(cfg); err != nil {
		return err
	}
	own := cfg.Observe
	cfg.Observe = func(e Event) {
		p.report(e)
		if own != nil {
			own(e)
		}
	}
	return cfg.check()
}

// serve serves the connection in this goroutine.
func (p *parent) serve(ctx context.Context, cfg Config, conn *socket.Socket, id uint64) error {
	p.s = newServer(cfg)
	p.s.bus.forward = p.publish
	p.s.slot = p.askSlot
	p.s.nextID.Store(id - 1)
	peer, _ := conn.PeerAddr() // fails only on a connection gone already
	m := p.s.newServed(conn, peer)
	m.base().self = m
	p.s.join(m)
	p.s.opened(&m.base().c)
	defer context.AfterFunc(ctx, func() { p.s.beginShutdown() })()

	var listening sync.WaitGroup
	// Stopped by the deadline below; waited for there too.
	listening.Go(p.listen)
	m.run()
	_ = p.control.SetReadDeadline(longAgo) // fails only on a closed socket
	listening.Wait()
	return nil
}

// listen acts on the server's messages until its end, or the connection's.
func (p *parent) listen() {
	buf := make([]byte, maxControl)
	for {
		n, err := p.control.Recv(buf, 0)
		if err != nil || n == 0 {
			p.s.each(member.force) // nobody is there to report to
			return
		}
		p.heard(buf[0], buf[1:n])
	}
}

func (p *parent) heard(kind byte, body []byte) {
	switch kind {
	case msgBus:
		p.s.bus.deliver(body)
	case msgStop:
		p.s.beginShutdown()
	case msgForce:
		p.s.each(member.force)
	case msgGo, msgRefuse:
		select {
		case p.granted <- kind == msgGo:
		default: // nobody asked twice
		}
	}
}

// askSlot asks whether MaxConns allows for one more.
func (p *parent) askSlot() bool {
	if _, err := p.control.Send([]byte{msgShaken}, 0); err != nil {
		return false
	}
	select {
	case ok := <-p.granted:
		return ok
	case <-time.After(slotWait):
		return false
	}
}

// publish hands a message of the Bus to the server, who spreads it.
func (p *parent) publish(msg []byte) {
	packet := append([]byte{msgBus}, msg...)
	if _, err := p.control.Send(packet, socket.MsgDontWait); err != nil {
		p.s.counters.busDropped.Add(1)
	}
}

// report passes on what the server must know. The record is the last message;
// it waits for room, all others are dropped where there is none.
func (p *parent) report(e Event) {
	switch e.Kind {
	case EventClose:
		r := e.Record
		body := childEnd{Received: r.Received, Sent: r.Sent, By: r.End.By, How: r.End.How}
		body.Err, body.Errno = packError(r.End.Err)
		p.send(msgEnd, body, 0)
	case EventError, EventNotice:
		body := childEvent{Kind: e.Kind, Text: e.Text, Stack: e.Stack[:min(len(e.Stack), maxStack)]}
		body.Err, body.Errno = packError(e.Err)
		p.send(msgEvent, body, socket.MsgDontWait)
	}
}

func (p *parent) send(kind byte, body any, flags socket.Flags) {
	if packet, err := message(kind, body); err == nil {
		_, _ = p.control.Send(packet, flags) // fails only when nobody listens any more
	}
}
