package cli

import (
	"net"
	"time"

	"sock/socket"
)

// presence says what is known of a peer that has finished sending.
type presence int

const (
	unseen  presence = iota // nothing: it may still be reading
	present                 // it has the connection open, and may still read
	gone                    // it has closed: nobody reads any more
)

// watch looks for a peer again and again, but spends no more than a tenth of
// its time on that: on a machine of very many connections one look is long.
type watch struct {
	seen  presence
	after time.Time // when to look again
}

func (w *watch) look(conn net.Conn, now time.Time) presence {
	if now.Before(w.after) {
		return w.seen
	}
	w.seen = presenceOf(conn)
	w.after = now.Add(10 * time.Since(now))
	return w.seen
}

// socketOf is the socket under a connection, through TLS; nil where there is
// none.
func socketOf(conn net.Conn) *socket.Socket {
	if inner, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = inner.NetConn()
	}
	if c, ok := conn.(interface{ Socket() *socket.Socket }); ok {
		return c.Socket()
	}
	return nil
}
