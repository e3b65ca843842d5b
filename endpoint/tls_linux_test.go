package endpoint

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sock/socket"
)

func TestTLSSelfSigned(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tls://localhost:0")
	serveEcho(t, l)
	ca := caFile(t, l)
	port := l.Endpoint().Port
	for _, text := range []string{
		"tls://localhost:" + port + "?ca=" + ca,
		"tls://127.0.0.1:" + port + "?ca=" + ca,
		"tls://[::1]:" + port + "?ca=" + ca,
		"tls://127.0.0.1:" + port + "?sni=localhost&ca=" + ca,
		"tls://localhost:" + port + "?insecure",
	} {
		c := mustDial(t, text)
		if got := peerFingerprint(t, c); got != l.Fingerprint() || len(got) != 32*3-1 {
			t.Errorf("%s: the certificate shown is %s, want Fingerprint %s", text, got, l.Fingerprint())
		}
		if s := socketOf(c); s.Family() != socket.INET && s.Family() != socket.INET6 {
			t.Errorf("%s: NetConn is no socket.Conn of TCP: %v", text, s.Family())
		}
		checkEcho(t, c, "secret")
		c.Close()
	}
}

func TestTLSSelfSignedNames(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ listen, names string }{
		{"tls://127.0.0.1:0", "127.0.0.1 ::1 localhost " + host},
		{"tls://127.0.0.5:0", "127.0.0.5 localhost"},
		{"tls://:0", "127.0.0.1 localhost"},
	} {
		l := mustListen(t, tt.listen)
		certificate, err := l.KeyPair().certificate()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(tt.names) {
			if err := certificate.Leaf.VerifyHostname(name); err != nil {
				t.Errorf("%s: %v", tt.listen, err)
			}
		}
	}
}

// The processes that share a listener share its certificate.
func TestTLSKeyPairIsInherited(t *testing.T) {
	pair, err := SelfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ListenConfig{KeyPair: pair}.Listen(testContext(t), mustParse(t, "tls://localhost:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Fingerprint() != pair.Fingerprint() || l.KeyPair() != pair || pair.Fingerprint() == "" {
		t.Errorf("Fingerprint = %s, want the pair's %s", l.Fingerprint(), pair.Fingerprint())
	}
	config, err := ServerTLS(l.Endpoint(), l.KeyPair())
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprint(config.Certificates[0].Certificate[0]); got != pair.Fingerprint() {
		t.Errorf("ServerTLS shows %s, want %s", got, pair.Fingerprint())
	}
	other, err := SelfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	if other.Fingerprint() == pair.Fingerprint() {
		t.Error("two self-signed certificates have one fingerprint")
	}
	if bad := (&KeyPair{}).Fingerprint(); bad != "" {
		t.Errorf("Fingerprint of nothing = %q, want none", bad)
	}
}

// tlsMatrix is what can be wrong with certificates, and how both ends say it.
func TestTLSCertificates(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	good := ours.leaf("good.pem", -time.Hour, time.Hour, "localhost")
	named := ours.leaf("named.pem", -time.Hour, time.Hour, "example.org", "192.0.2.7")
	expired := ours.leaf("expired.pem", -2*time.Hour, -time.Hour, "localhost")
	early := ours.leaf("early.pem", time.Hour, 2*time.Hour, "localhost")
	client := ours.leaf("client.pem", -time.Hour, time.Hour)
	stranger := theirs.leaf("stranger.pem", -time.Hour, time.Hour)
	for _, tt := range []struct {
		name, server, client string
		want, heard          string // the client's words, the server's; empty: all is well
	}{
		{"good", "cert=" + good, "ca=" + ours.file, "", ""},
		{"insecure", "cert=" + expired, "insecure", "", ""},
		{"right-name-by-sni", "cert=" + named, "ca=" + ours.file + "&sni=example.org", "", ""},
		{"unknown-issuer", "cert=" + good, "ca=" + theirs.file, "TLS: the server's certificate is of an unknown issuer (CN=ours)", "the client refused"},
		{"system-roots", "cert=" + good, "", "TLS: the server's certificate is of an unknown issuer (CN=ours)", "the client refused"},
		{"self-signed", "", "ca=" + theirs.file, "TLS: the server's certificate is of an unknown issuer (it is self-signed)", "the client refused"},
		{"wrong-name", "cert=" + named, "ca=" + ours.file, "TLS: the certificate is for example.org, 192.0.2.7, not for localhost", "the client refused"},
		{"expired", "cert=" + expired, "ca=" + ours.file, "TLS: the server's certificate expired on ", "the client refused"},
		{"not-yet-valid", "cert=" + early, "ca=" + ours.file, "TLS: the server's certificate is not valid before ", "the client refused"},
		{"client-certificate", "cert=" + good + "&ca=" + ours.file, "ca=" + ours.file + "&cert=" + client, "", ""},
		{"no-client-certificate", "cert=" + good + "&ca=" + ours.file, "ca=" + ours.file, "TLS: the server refused: it demands a certificate, and none was given (cert=)", "the client gave no certificate, and one is demanded (ca=)"},
		{"client-of-unknown-issuer", "cert=" + good + "&ca=" + ours.file, "ca=" + ours.file + "&cert=" + stranger, "TLS: the server refused: it does not accept the certificate", "the client's certificate is of an unknown issuer (CN=theirs)"},
		{"alpn", "cert=" + good + "&alpn=h2,http/1.1", "ca=" + ours.file + "&alpn=http/1.1", "", ""},
		{"no-common-alpn", "cert=" + good + "&alpn=h2", "ca=" + ours.file + "&alpn=imap", "TLS: the server refused: there is no application protocol that both sides speak (alpn=)", "no application protocol that both sides speak (alpn=)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaks(t)
			l := mustListen(t, strings.TrimSuffix("tls://localhost:0?"+tt.server, "?"))
			heard := serveOne(l)
			got := converse("tls://localhost:"+l.Endpoint().Port+"?"+tt.client, t)
			checkWords(t, "the client says", got, tt.want)
			checkWords(t, "the server says", <-heard, tt.heard)
			if got != nil && tt.name != "no-client-certificate" && tt.name != "client-of-unknown-issuer" {
				endpoint := "connect tls://localhost:" + l.Endpoint().Port + ": "
				if !strings.HasPrefix(got.Error(), endpoint) {
					t.Errorf("error is %q, want it to begin with %q", got, endpoint)
				}
			}
		})
	}
}

func checkWords(t *testing.T, who string, err error, want string) {
	t.Helper()
	var secure *TLSError
	switch {
	case err == nil && want == "":
	case err == nil || want == "" || !strings.Contains(err.Error(), want):
		t.Errorf("%s %v, want %q", who, err, want)
	case !errors.As(err, &secure) || secure.Unwrap() == nil:
		t.Errorf("%s %#v, want a *TLSError with its cause", who, err)
	}
}

// serveOne accepts one connection and says what became of it.
func serveOne(l *Listener) <-chan error {
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.Copy(c, c)
			c.Close()
		}
		done <- err
	}()
	return done
}

// converse connects, says something and reads it back.
func converse(text string, t *testing.T) error {
	t.Helper()
	c, err := Dial(testContext(t), mustParse(t, strings.TrimSuffix(text, "?")))
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(contextLimit))
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	return c.(interface{ CloseWrite() error }).CloseWrite()
}

func TestTLSVersions(t *testing.T) {
	l := mustListen(t, "tls://127.0.0.1:0")
	heard := serveOne(l)
	_, err := tls.Dial("tcp", "127.0.0.1:"+l.Endpoint().Port, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		t.Error("a client of TLS 1.1 was served, want it refused")
	}
	checkWords(t, "the server says", <-heard, "there is no version of TLS that both sides speak")
}

// TLS 1.2 refuses within the handshake what TLS 1.3 refuses after it.
func TestTLSOldServerDemandsCertificate(t *testing.T) {
	ours := newAuthority(t, "ours")
	pair, err := tls.LoadX509KeyPair(ours.leaf("good.pem", -time.Hour, time.Hour, "localhost"), ours.leaf("good.pem", -time.Hour, time.Hour, "localhost"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	failed, _ := dialFails(t, "tls://"+l.Addr().String()+"?insecure")
	<-done
	if want := "connect tls://" + l.Addr().String() + ": TLS: the server refused: "; !strings.HasPrefix(failed.Error(), want) || !strings.Contains(failed.Error(), "certificate") {
		t.Errorf("error is %q, want %q and a word about the certificate", failed, want)
	}
}

func TestTLSNotTLS(t *testing.T) {
	for _, tt := range []struct{ name, says, want string }{
		{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", `not TLS at the other end: the server began with "HTTP/"`},
		{"greeting", "220 mail.example\r\n", `not TLS at the other end: the server began with "220 m"`},
		{"closes", "", "the server closed the connection during the handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaks(t)
			l := mustListen(t, "tcp://127.0.0.1:0")
			done := make(chan error, 1)
			go func() {
				c, err := l.Accept()
				if err == nil {
					io.WriteString(c, tt.says)
					c.(*socket.Conn).CloseWrite()
					io.Copy(io.Discard, c)
					err = c.Close()
				}
				done <- err
			}()
			failed, report := dialFails(t, "tls://127.0.0.1:"+l.Endpoint().Port)
			if err := <-done; err != nil {
				t.Error(err)
			}
			want := "connect tls://127.0.0.1:" + l.Endpoint().Port + ": TLS: " + tt.want
			if failed.Error() != want {
				t.Errorf("error is %q, want %q", failed, want)
			}
			if len(report.Attempts) != 1 || report.Attempts[0].Err != nil || report.Handshake <= 0 {
				t.Errorf("report is %+v, want one address that connected, and a handshake", report)
			}
		})
	}
}

func TestTLSSilentServer(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tcp://127.0.0.1:0")
	address := "tls://127.0.0.1:" + l.Endpoint().Port
	failed, _ := dialFails(t, address+"?timeout=50ms")
	if want := "connect " + address + ": TLS: the server did not complete the handshake within 50ms"; failed.Error() != want || !failed.Timeout() {
		t.Errorf("error is %q, Timeout %v; want %q, true", failed, failed.Timeout(), want)
	}
	d := Dialer{HandshakeTimeout: 30 * time.Millisecond}
	_, _, err := d.Dial(testContext(t), mustParse(t, address))
	if err == nil || !strings.HasSuffix(err.Error(), "within 30ms") {
		t.Errorf("error is %v, want the handshake's own limit", err)
	}
}

func TestTLSPlainClient(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tls://127.0.0.1:0")
	heard := serveOne(l)
	c, err := net.Dial("tcp", "127.0.0.1:"+l.Endpoint().Port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	checkWords(t, "the server says", <-heard, `not TLS at the other end: the client began with "GET /"`)
}

func TestTLSSilentClientBlocksNobody(t *testing.T) {
	leaks(t)
	l, err := ListenConfig{HandshakeTimeout: 300 * time.Millisecond}.Listen(testContext(t), mustParse(t, "tls://127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, l)
	silent, err := net.Dial("tcp", "127.0.0.1:"+l.Endpoint().Port)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	checkEcho(t, mustDial(t, "tls://127.0.0.1:"+l.Endpoint().Port+"?insecure"), "next, please")
	silent.SetDeadline(time.Now().Add(contextLimit))
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the silent client reads %v, want io.EOF when the handshake's time is up", err)
	}
}

func TestTLSServerHandshakeLimit(t *testing.T) {
	leaks(t)
	l, err := ListenConfig{HandshakeTimeout: 20 * time.Millisecond}.Listen(testContext(t), mustParse(t, "tls://127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := serveOne(l)
	silent, err := net.Dial("tcp", "127.0.0.1:"+l.Endpoint().Port)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	checkWords(t, "the server says", <-heard, "the client did not complete the handshake within 20ms")
}

// Both directions end one after the other, and what comes late still arrives.
func TestTLSHalfClose(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tls://127.0.0.1:0")
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		got, err := io.ReadAll(c) // to the client's end
		if err == nil {
			_, err = fmt.Fprintf(c, "heard %d bytes", len(got))
		}
		done <- err
	}()
	c := mustDial(t, "tls://127.0.0.1:"+l.Endpoint().Port+"?insecure")
	c.SetDeadline(time.Now().Add(contextLimit))
	if _, err := c.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := c.(*TLSConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if string(got) != "heard 100000 bytes" || err != nil {
		t.Errorf("the late reply is %q, %v; want %q", got, err, "heard 100000 bytes")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Who can cut the TCP connection must not be able to cut the text short unseen: only close_notify
// is an end. RFC 8446, section 6.1.
func TestTLSEndWithoutCloseNotify(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tls://127.0.0.1:0")
	for _, tt := range []struct {
		name string
		end  func(*TLSConn) error
		want error
	}{
		{"close-notify", (*TLSConn).CloseWrite, nil},
		{"close", (*TLSConn).Close, nil},
		{"fin-between-records", func(c *TLSConn) error { return c.NetConn().(*socket.Conn).CloseWrite() }, io.ErrUnexpectedEOF},
		{"fin-within-a-record", func(c *TLSConn) error {
			_, err := c.NetConn().Write([]byte{23, 3, 3, 0, 100, 1, 2})
			return errors.Join(err, c.NetConn().(*socket.Conn).CloseWrite())
		}, io.ErrUnexpectedEOF},
	} {
		for _, side := range []string{"server", "client"} {
			t.Run(tt.name+"-by-"+side, func(t *testing.T) {
				result := make(chan error, 1)
				go func() {
					c, err := l.Accept()
					if err != nil {
						result <- err
						return
					}
					result <- heard(c.(*TLSConn), side == "server", tt.end, tt.want)
				}()
				c := mustDial(t, "tls://127.0.0.1:"+l.Endpoint().Port+"?insecure")
				if err := heard(c.(*TLSConn), side == "client", tt.end, tt.want); err != nil {
					t.Errorf("client: %v", err)
				}
				if err := <-result; err != nil {
					t.Errorf("server: %v", err)
				}
			})
		}
	}
}

// heard says a word and ends, or listens to the end, which is to be want.
func heard(c *TLSConn, talks bool, end func(*TLSConn) error, want error) error {
	defer c.Close()
	c.SetDeadline(time.Now().Add(contextLimit))
	if talks {
		if _, err := c.Write([]byte("word")); err != nil {
			return err
		}
		if err := end(c); err != nil {
			return err
		}
		_, _ = c.NetConn().Read(make([]byte, 1)) // until the other side has gone too
		return nil
	}
	got, err := io.ReadAll(c)
	if string(got) != "word" || !errors.Is(err, want) {
		return fmt.Errorf("heard %q, %v; want word, %v", got, err, want)
	}
	if _, again := c.Read(make([]byte, 1)); want != nil && !errors.Is(again, want) {
		return fmt.Errorf("the second time: %v, want %v", again, want)
	}
	return nil
}

func TestTLSConnConcurrentFirstUse(t *testing.T) {
	leaks(t)
	l := mustListen(t, "tls://127.0.0.1:0")
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		var group sync.WaitGroup
		group.Go(func() { io.WriteString(c, "server first") })
		_, err = io.ReadAll(c)
		group.Wait()
		done <- err
	}()
	c := mustDial(t, "tls://127.0.0.1:"+l.Endpoint().Port+"?insecure")
	b := make([]byte, len("server first"))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "server first" {
		t.Errorf("read %q, %v", b, err)
	}
	c.(*TLSConn).CloseWrite()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTLSHandshakeErrorStays(t *testing.T) {
	l := mustListen(t, "tls://127.0.0.1:0")
	peer, err := net.Dial("tcp", "127.0.0.1:"+l.Endpoint().Port)
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	peer.Close()
	_, first := c.Read(make([]byte, 1))
	_, second := c.Write([]byte("x"))
	if first == nil || second == nil || first.Error() != second.Error() || !strings.Contains(first.Error(), "closed the connection") {
		t.Errorf("Read = %v, Write = %v; want the handshake's error from both", first, second)
	}
}

func TestTLSFilesAreReadAgain(t *testing.T) {
	ours := newAuthority(t, "ours")
	cert := ours.leaf("cert.pem", -time.Hour, time.Hour, "localhost")
	l := mustListen(t, "tls://localhost:0?cert="+cert)
	serveEcho(t, l)
	first := l.Fingerprint()
	text := "tls://localhost:" + l.Endpoint().Port + "?ca=" + ours.file
	if got := peerFingerprint(t, mustDial(t, text)); got != first {
		t.Errorf("the certificate shown is %s, want %s", got, first)
	}
	if err := os.WriteFile(cert, []byte("half-written"), 0o600); err != nil {
		t.Fatal(err)
	}
	lookAgain(l)
	if got := peerFingerprint(t, mustDial(t, text)); got != first {
		t.Errorf("with a broken file the certificate shown is %s, want the last good one %s", got, first)
	}
	ours.leaf("cert.pem", -time.Hour, 2*time.Hour, "localhost")
	lookAgain(l)
	second := peerFingerprint(t, mustDial(t, text))
	if second == first || l.Fingerprint() != second {
		t.Errorf("after a change the certificate shown is %s, Fingerprint %s; want a new one", second, l.Fingerprint())
	}
}

// lookAgain is as if the time to look at the files again had come.
func lookAgain(l *Listener) {
	l.tls.files.mu.Lock()
	defer l.tls.files.mu.Unlock()
	l.tls.files.checked = time.Time{}
}

// recordReader reads no further than the TLS record that is asked for, as
// OpenSSL does; crypto/tls takes what there is.
type recordReader struct {
	net.Conn
	left int // of the record
}

func (r *recordReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		n, err := io.ReadFull(r.Conn, b[:5])
		r.left = int(b[3])<<8 | int(b[4])
		return n, err
	}
	n, err := r.Conn.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

// A client that sends, closes and never reads is heard to the end, though most
// of what it sent is still in its own buffer when it closes.
func TestTLSSendOnlyClientIsHeardInFull(t *testing.T) {
	leaks(t)
	const size = 300_000
	l := mustListen(t, "tls://127.0.0.1:0?rcvbuf=4096")
	closed := make(chan struct{})
	counted := make(chan int64, 1)
	go func() {
		var n int64
		if c, err := l.Accept(); err == nil {
			c.(*TLSConn).Handshake()
			<-closed
			n, _ = io.Copy(io.Discard, struct{ io.Reader }{c})
			c.Close()
		}
		counted <- n
	}()
	plain := mustDial(t, "tcp://127.0.0.1:"+l.Endpoint().Port+"?sndbuf=400KiB")
	c := tls.Client(&recordReader{Conn: plain}, &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}) // asks for tickets, as most do
	c.SetDeadline(time.Now().Add(contextLimit))
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	plain.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := socketOf(plain).Recv(make([]byte, 1), socket.MsgPeek); err == nil {
		t.Errorf("%d bytes that the client never asked for wait to be read, want none", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	close(closed)
	if n := <-counted; n != size {
		t.Errorf("the server heard %d bytes, want %d", n, size)
	}
}

func TestTLSFileErrors(t *testing.T) {
	ours := newAuthority(t, "ours")
	good := ours.leaf("good.pem", -time.Hour, time.Hour, "localhost")
	other := ours.leaf("other.pem", -time.Hour, time.Hour, "localhost")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, options, want string }{
		{"no-cert", "cert=/no/such.pem", "cert: open /no/such.pem: no such file or directory"},
		{"no-key", "cert=" + good + "&key=/no/such.pem", "key: open /no/such.pem: no such file or directory"},
		{"wrong-key", "cert=" + good + "&key=" + other, "private key does not match public key"},
		{"no-ca", "ca=/no/such.pem", "ca: open /no/such.pem: no such file or directory"},
		{"empty-ca", "ca=" + empty, "ca: there is no certificate in " + empty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaks(t)
			if failed := listenFails(t, "tls://localhost:0?"+tt.options); !strings.Contains(failed.Error(), tt.want) {
				t.Errorf("listen: %q, want %q", failed, tt.want)
			}
			failed, report := dialFails(t, "tls://localhost:1?"+tt.options)
			if !strings.Contains(failed.Error(), tt.want) || len(report.Attempts) != 0 {
				t.Errorf("connect: %q after %d attempts, want %q before any", failed, len(report.Attempts), tt.want)
			}
		})
	}
}

func TestTLSHTTPSSpeaksHTTP(t *testing.T) {
	l := mustListen(t, "https://127.0.0.1:0")
	serveEcho(t, l)
	c := mustDial(t, "https://127.0.0.1:"+l.Endpoint().Port+"?insecure")
	if got := c.(*TLSConn).ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("the protocol is %q, want http/1.1", got)
	}
	if config := l.TLSConfig(); config == nil || config == l.tls.config || mustListen(t, "tcp://0").TLSConfig() != nil {
		t.Errorf("TLSConfig = %p, want a copy with TLS and nil without", config)
	}
}

// Others' clients: openssl checks the certificate as strictly as any.
func TestTLSOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	l := mustListen(t, "tls://localhost:0")
	serveEcho(t, l)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		cmd := exec.CommandContext(testContext(t), openssl, "s_client", "-connect", "127.0.0.1:"+l.Endpoint().Port, version, "-servername", "localhost",
			"-verify_hostname", "localhost", "-CAfile", caFile(t, l), "-verify_return_error", "-quiet")
		if got, err := ask(cmd, "to openssl and back\n"); !strings.HasPrefix(got, "to openssl and back\n") || err != nil {
			t.Errorf("openssl s_client %s said %q, %v", version, got, err)
		}
	}
	pem := caFile(t, l)
	out, err := exec.Command(openssl, "x509", "-in", pem, "-noout", "-fingerprint", "-sha256").Output()
	if err != nil || !strings.Contains(string(out), l.Fingerprint()) {
		t.Errorf("openssl x509 says %q, %v; want %s", out, err, l.Fingerprint())
	}
}

// ask gives a program a line, wants it back, and then ends the program.
func ask(cmd *exec.Cmd, line string) (string, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		return "", err
	}
	reply := make([]byte, len(line))
	_, err = io.WriteString(in, line)
	if err == nil {
		_, err = io.ReadFull(out, reply)
	}
	cmd.Process.Kill() // s_client does not end with its input
	cmd.Wait()
	return string(reply) + words.String(), err
}

func TestTLSCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	l := mustListen(t, "https://localhost:0")
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		if _, err = c.Read(make([]byte, 4096)); err == nil {
			_, err = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nhello, curl")
		}
		done <- err
	}()
	out, err := exec.CommandContext(testContext(t), curl, "-sS", "--cacert", caFile(t, l), "https://localhost:"+l.Endpoint().Port+"/").CombinedOutput()
	if err != nil || string(out) != "hello, curl" {
		t.Errorf("curl said %q, %v; want %q", out, err, "hello, curl")
	}
	l.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
