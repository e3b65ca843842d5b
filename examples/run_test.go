package examples

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sock/socket"
)

const anyPort = "127.0.0.1:0"

func testEchoServer(t *testing.T, name string) {
	server := start(t, name, "-addr", anyPort)
	address := server.line(t, "listening on ")
	if got, want := nc(t, "hello\nagain\n", address), "hello\nagain\n"; got != want {
		t.Errorf("nc heard %q, want %q", got, want)
	}
	if peer := server.line(t, "connected by "); !strings.HasPrefix(peer, "127.0.0.1:") {
		t.Errorf("connected by %q, want 127.0.0.1 and a port", peer)
	}
	if err := server.wait(t); err != nil {
		t.Errorf("the server ended with %v after its client's end, want success; %s", err, server.stderr.Bytes())
	}
}

func testEchoClient(t *testing.T, name string) {
	t.Run("own-server", func(t *testing.T) {
		wantOutput(t, "received \"Hello, world\"\n", name, "-addr", start(t, "01-echo-server", "-addr", anyPort).line(t, "listening on "))
	})
	t.Run("socat", func(t *testing.T) {
		wantOutput(t, "received \"Hello, world\"\n", name, "-addr", socatEcho(t, "TCP4-LISTEN:0,bind=127.0.0.1"))
	})
	t.Run("refused", func(t *testing.T) {
		if out, failure := run(t, name, "-addr", closedPort(t)); !strings.Contains(failure, "refused") {
			t.Errorf("got %q and failure %q, want a refusal", out, failure)
		}
	})
}

// wantOutput runs an example to its end and compares what it prints.
func wantOutput(t *testing.T, want, name string, args ...string) {
	t.Helper()
	if out, failure := run(t, name, args...); out != want || failure != "" {
		t.Errorf("%s printed %q, want %q; failure %q", name, out, want, failure)
	}
}

// socatEcho starts an echo server of socat's and returns its address.
func socatEcho(t *testing.T, listen string) string {
	t.Helper()
	need(t, "socat")
	// Twice -d makes socat say, on stderr, where it listens.
	command := exec.Command("sh", "-c", `exec socat -d -d "$0" EXEC:cat 2>&1`, listen)
	line := startCommand(t, command).line(t, "")
	for !strings.Contains(line, "127.0.0.1:") {
		t.Fatalf("socat says %q, want where it listens", line)
	}
	return line[strings.LastIndex(line, "127.0.0.1:"):]
}

// closedPort returns an address where nobody listens. It stays bound, without
// listening, until the test ends, so that nobody else takes it.
func closedPort(t *testing.T) string {
	t.Helper()
	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Bind(socket.AddrFrom(netip.MustParseAddrPort(anyPort))); err != nil {
		t.Fatal(err)
	}
	address, err := s.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	return address.String()
}

func testGreetingServer(t *testing.T, name string) {
	address := start(t, name, "-addr", anyPort).line(t, "listening on ")
	greeting := regexp.MustCompile(`^Hello, person from 127\.0\.0\.1:\d+\n$`)
	first, second := nc(t, "", address), nc(t, "", address)
	for _, got := range []string{first, second} {
		if !greeting.MatchString(got) {
			t.Errorf("nc heard %q, want %v", got, greeting)
		}
	}
	if first == second {
		t.Errorf("both clients heard %q, want a port for each", first)
	}
}

func testWebIterative(t *testing.T, name string) {
	address := start(t, name, "-addr", anyPort).line(t, "listening on ")
	for _, path := range []string{"/", "/some/page"} {
		got, want := curl(t, "http://"+address+path), "You asked: GET "+path+" HTTP/1.1\n"
		if got != want {
			t.Errorf("curl got %q, want %q", got, want)
		}
	}
	silent := dial(t, address)
	if got, failure := runCommand(t, "", "curl", "-sS", "-m", "0.5", "http://"+address); failure == "" {
		t.Errorf("curl got %q while another client was being served, want it to wait", got)
	}
	silent.Close()
	curl(t, "http://"+address)
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func testWebProcess(t *testing.T, name string) {
	server := start(t, name, "-addr", anyPort)
	address := server.line(t, "listening on ")
	silent := dial(t, address) // keeps nobody waiting here
	seen := map[string]bool{fmt.Sprintf("Served by process %d\n", server.cmd.Process.Pid): true}
	for range 3 {
		got := curl(t, "http://"+address)
		if !strings.HasPrefix(got, "Served by process ") || seen[got] {
			t.Errorf("curl got %q, want a process of its own, not one of %v", got, seen)
		}
		seen[got] = true
	}
	silent.Close()
	eventually(t, "no child is left, not even as a zombie", func() bool {
		return children(t, server.cmd.Process.Pid) == 0
	})
}

func testHTTP10Client(t *testing.T, name string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s from %s\n", r.Proto, r.URL.Path, r.Host)
	}))
	defer server.Close()
	host, port := hostPort(t, server.Listener.Addr().String())
	out, failure := run(t, name, "-port", port, host, "/page")
	if failure != "" {
		t.Fatal(failure)
	}
	head, body, _ := strings.Cut(out, "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.0 200 OK\r\n") || body != "HTTP/1.0 /page from 127.0.0.1\n" {
		t.Errorf("got %q, want a head and what the server said of the request", out)
	}
}

func testClientSourcePort(t *testing.T, name string) {
	// The whole of 127.0.0.0/8 is this host; nobody else uses this address.
	const from = "127.0.0.77:40000"
	address := start(t, "03-greeting-server", "-addr", anyPort).line(t, "listening on ")
	for range 2 { // the second time the first connection is in TIME_WAIT
		out, failure := run(t, name, "-addr", address, "-from", from)
		if !strings.HasSuffix(out, "\nHello, person from "+from+"\n") || failure != "" {
			t.Errorf("got %q, want a greeting for %s; failure %q", out, from, failure)
		}
	}
}

func testUDPEchoServer(t *testing.T, name string) {
	server := start(t, name, "-addr", anyPort)
	host, port := hostPort(t, server.line(t, "receiving on "))
	for _, want := range []string{"hello", "again"} {
		if out, _ := runCommand(t, want, "nc", "-u", "-w", "1", host, port); out != want {
			t.Errorf("nc -u heard %q, want %q", out, want)
		}
		server.line(t, "5 bytes from 127.0.0.1:")
	}
}

func testUDPEchoClient(t *testing.T, name string) {
	t.Run("own-server", func(t *testing.T) {
		wantOutput(t, "received \"Hello, world\"\n", name, "-addr", start(t, "08-udp-echo-server", "-addr", anyPort).line(t, "receiving on "))
	})
	t.Run("refused", func(t *testing.T) {
		closed, err := net.ListenPacket("udp4", anyPort)
		if err != nil {
			t.Fatal(err)
		}
		address := closed.LocalAddr().String()
		closed.Close()
		if out, failure := run(t, name, "-addr", address); !strings.Contains(failure, "refused") {
			t.Errorf("got %q and failure %q, want a refusal", out, failure)
		}
	})
}

func testManyConnections(t *testing.T, name string) {
	const clients = 300
	server := start(t, name, "-addr", anyPort)
	address := server.line(t, "listening on ")
	var all []net.Conn
	for i := range clients {
		conn := dial(t, address)
		fmt.Fprintf(conn, "%04d", i)
		all = append(all, conn)
	}
	for i, conn := range all {
		var n int
		if _, err := fmt.Fscanf(conn, "%04d", &n); err != nil || n != i {
			t.Fatalf("client %d heard %d, %v", i, n, err)
		}
	}
	if got := nc(t, "one more\n", address); got != "one more\n" {
		t.Errorf("nc heard %q, want %q", got, "one more\n")
	}
	for !strings.HasSuffix(server.line(t, "127.0.0.1:"), fmt.Sprintf("connected, %d in all", clients+1)) {
		continue
	}
	for _, conn := range all {
		conn.Close()
	}
	for !strings.HasSuffix(server.line(t, "127.0.0.1:"), "left, 0 in all") {
		continue
	}
}

func testFourTuple(t *testing.T, name string) {
	out, failure := run(t, name)
	if failure != "" {
		t.Fatal(failure)
	}
	address := `127\.0\.0\.1:\d+`
	for _, line := range []string{
		`listener: ` + address, `client: .*` + address + `.*` + address, `server: .*` + address + `.*` + address,
		`accept said the peer is ` + address, `one is the other turned around: true`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(out) {
			t.Errorf("got\n%swant a line %s", out, line)
		}
	}
}

func testSeenByNetstat(t *testing.T, name string) {
	need(t, "netstat")
	need(t, "lsof")
	var out string
	for range 5 { // netstat reads a table that changes meanwhile: it may show a socket twice, or not
		var failure string
		if out, failure = run(t, name); failure != "" {
			t.Fatal(failure)
		}
		if netstat, lsof, _ := strings.Cut(out, "$ lsof"); seen(netstat) && seen(lsof) {
			return
		}
	}
	t.Errorf("want one listening socket and both ends of a connection, twice, in\n%s", out)
}

// seen looks for one listening socket and both ends of one connection.
func seen(text string) bool {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	distinct := strings.Join(slices.Compact(lines), "\n")
	return strings.Count(distinct, "LISTEN") == 1 && strings.Count(distinct, "ESTABLISHED") == 2
}

func testConnectEx(t *testing.T, name string) {
	_, listening := hostPort(t, start(t, "03-greeting-server", "-addr", anyPort).line(t, "listening on "))
	_, closed := hostPort(t, closedPort(t))
	want := fmt.Sprintf("127.0.0.1:%s: 0, connected\n127.0.0.1:%s: errno 111, connection refused\n", listening, closed)
	wantOutput(t, want, name, listening, closed)
}

func testEventHandler(t *testing.T, name string) {
	server := start(t, name, anyPort)
	address := server.line(t, "listening on ")
	if got, want := nc(t, "hello\n", address), "hello\n"; got != want {
		t.Errorf("nc heard %q, want %q", got, want)
	}
	come := server.line(t, "127.0.0.1:")
	if gone := server.line(t, strings.TrimSuffix("127.0.0.1:"+come, "here")); !strings.HasPrefix(gone, "gone: ") {
		t.Errorf("the server said %q of its client's end, want that it is gone", gone)
	}
}

func testBlockingHandler(t *testing.T, name string) {
	address := start(t, name, "tcp://"+anyPort+"?nodelay").line(t, "listening on ")
	if got, want := nc(t, "hello\nagain\n", address), "hello\nagain\n"; got != want {
		t.Errorf("nc heard %q, want %q", got, want)
	}
}
