package service

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sock/engine"
	"sock/internal/syntax"
)

var chatService = Service{
	Name: "chat", Usage: "[ROOM]", Doc: "passes each line on to everybody else in the room, over any transport",
	Stream: true, Datagram: true,
	New: newChat,
}

const (
	maxChatLine = 4096 // bytes of one line; longer ones are dropped and their sender is told
	defaultRoom = "main"
)

func newChat(args []string) (engine.Handler, error) {
	c := chat{room: defaultRoom}
	switch len(args) {
	case 0:
	case 1:
		c.room = args[0]
	default:
		return nil, &ArgumentError{Index: 1, Message: "chat takes the name of one room"}
	}
	return c, nil
}

// chat is one line's share of a room. The peers of one server meet on the
// engine's Bus, whichever process serves them; Join brings the servers of one
// process together.
type chat struct {
	room string
}

// Room returns the room that a handler takes part in, or false for a handler
// that shares nothing. The servers of handlers in one room are to be joined.
func Room(h engine.Handler) (room string, shares bool) {
	c, ok := h.(chat)
	return c.room, ok
}

// Open gives the peer its name and lets everybody know.
func (chat) Open(c *engine.Conn) {
	m := &member{id: c.ID(), name: chatName(c), to: c.Ref(), bus: c.Bus()}
	c.SetValue(m)
	if c.Datagram() {
		m.guard = newGuard(c.Local(), c.Peer(), time.Now())
		if m.guard.muted {
			return
		}
	}
	_, _ = c.WriteString("* you are " + m.name + "; what you write goes to everybody here\n")
	m.leave = m.bus.Subscribe(m.hear)
	m.publish("* " + m.name + " joined\n")
}

// chatName is the peer's address, or for a nameless one a number.
func chatName(c *engine.Conn) string {
	if isUnnamed(c.Peer()) {
		return fmt.Sprintf("local#%d", c.ID())
	}
	return c.Peer().String()
}

// Data passes on the lines that are complete.
func (chat) Data(c *engine.Conn) {
	m := c.Value().(*member)
	if c.Datagram() {
		m.datagram(c)
		return
	}
	for {
		end := bytes.IndexByte(c.Peek(), '\n')
		if end < 0 {
			break
		}
		m.line(c, c.Next(end + 1)[:end])
	}
	if c.Buffered() > maxChatLine {
		m.skipping = true
		c.Discard(c.Buffered())
	}
}

// HalfClosed ends a peer that has no more to say, its last line included even
// if that has no line end.
func (chat) HalfClosed(c *engine.Conn) {
	m := c.Value().(*member)
	if n := c.Buffered(); n > 0 || m.skipping {
		m.line(c, c.Next(n))
	}
	c.Close()
}

// Drained tells a peer that reads again what it has missed.
func (chat) Drained(c *engine.Conn) { c.Value().(*member).catchUp(c) }

// Close lets everybody know that the peer is gone.
func (chat) Close(c *engine.Conn, err error) {
	m, ok := c.Value().(*member)
	if !ok {
		return
	}
	if m.guard != nil {
		m.guard.close()
	}
	if m.leave == nil {
		return
	}
	m.leave()
	m.publish("* " + m.name + " left" + reasonLeft(err) + "\n")
}

// reasonLeft is empty for a peer that left in order.
func reasonLeft(err error) string {
	end, ok := errors.AsType[*engine.End](err)
	if !ok || end.How == engine.FIN {
		return ""
	}
	return " (" + map[engine.How]string{
		engine.RST: "connection reset", engine.Timeout: "silent for too long", engine.Failed: "failed",
	}[end.How] + ")"
}

// A member is one peer in a room.
type member struct {
	// Immutable after Open.
	id    uint64
	name  string
	to    engine.Ref
	bus   *engine.Bus
	leave func() // nil for a peer that is never answered
	guard *guard // of datagram sessions

	// Owned by the connection's loop.
	skipping bool // the line being received is too long

	// Guarded by mu; hear comes from every speaker's goroutine.
	mu   sync.Mutex
	lost int // lines this peer did not take since it was last told
}

// datagram passes on the lines of one datagram, within what one peer may say.
func (m *member) datagram(c *engine.Conn) {
	text := bytes.TrimSuffix(c.Next(c.Buffered()), []byte("\n"))
	if !m.guard.allow(time.Now()) {
		return
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		m.line(c, line)
	}
}

// line passes one line on, without its end.
func (m *member) line(c *engine.Conn, line []byte) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if m.skipping || len(line) > maxChatLine {
		m.skipping = false
		_, _ = c.WriteString(fmt.Sprintf("* your line is longer than %d bytes and was dropped\n", maxChatLine))
		return
	}
	m.publish("<" + m.name + "> " + syntax.Printable(string(line)) + "\n")
}

// A message on the bus: one byte, 0 as its speaker sent it and 1 after it
// has crossed to another server; the speaker's ID, 8 bytes, big-endian; the
// text to show.
const (
	messageOwn     = 0
	messageCrossed = 1
	messageHeader  = 1 + 8
)

func (m *member) publish(text string) {
	msg := make([]byte, 1, messageHeader+len(text))
	msg = binary.BigEndian.AppendUint64(msg, m.id)
	_ = m.bus.Publish(append(msg, text...)) // far below the bus' limit
}

// hear shows a message to the peer, unless it is the peer's own.
func (m *member) hear(msg []byte) error {
	if len(msg) < messageHeader {
		return nil
	}
	if msg[0] == messageOwn && binary.BigEndian.Uint64(msg[1:]) == m.id {
		return nil
	}
	return m.say(string(msg[messageHeader:]))
}

// say writes to the peer and never waits for it: what it has no room for is
// counted, and it is told how much that was as soon as it reads again: Drained
// follows, or in a datagram session the next line that is taken.
func (m *member) say(text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.to.Write([]byte(m.missedLocked() + text))
	if err == nil {
		m.lost = 0
		return nil
	}
	m.lost += strings.Count(text, "\n")
	return err
}

// catchUp tells the peer what it has missed. It runs on the loop, where a
// refused write means that Drained will follow and try again.
func (m *member) catchUp(c *engine.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost == 0 {
		return
	}
	if _, err := c.WriteString(m.missedLocked()); err == nil {
		m.lost = 0
	}
}

// missedLocked is the notice of lost lines, or empty. The caller holds mu.
func (m *member) missedLocked() string {
	if m.lost == 0 {
		return ""
	}
	return fmt.Sprintf("* you missed %s, because you read too slowly\n", plural(m.lost, "line"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Join brings the servers of one room together: what is said on one bus is
// heard on all. It returns at once; cancel parts them again. Each bus must
// belong to a different server. Safe for concurrent use.
func Join(buses ...*engine.Bus) (cancel func()) {
	var cancels []func()
	for _, from := range buses {
		cancels = append(cancels, from.Subscribe(func(msg []byte) error {
			return cross(msg, from, buses)
		}))
	}
	return func() {
		for _, c := range cancels {
			c()
		}
	}
}

// cross passes a message on once: one that has crossed already stays.
func cross(msg []byte, from *engine.Bus, buses []*engine.Bus) error {
	if len(msg) < messageHeader || msg[0] != messageOwn {
		return nil
	}
	crossed := bytes.Clone(msg)
	crossed[0] = messageCrossed
	for _, to := range buses {
		if to != from {
			_ = to.Publish(crossed) // as long as the message that fitted its own bus
		}
	}
	return nil
}
