// A client that chooses its own port: it binds before it connects. Most
// clients leave that to the kernel; a firewall rule or a protocol may ask for it.
//
//	go run ./examples/03-greeting-server
//	go run ./examples/07-client-source-port -from 127.0.0.1:40000
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"

	"sock/socket"
)

func main() {
	server := netip.MustParseAddrPort("127.0.0.1:65432")
	from := netip.MustParseAddrPort("127.0.0.1:40000")
	flag.TextVar(&server, "addr", server, "the server")
	flag.TextVar(&from, "from", from, "the client's own address and port; port 0 lets the kernel choose")
	flag.Parse()

	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	// The last connection from this port may still be in TIME_WAIT.
	check(socket.ReuseAddr.Set(s, true))
	check(s.Bind(socket.AddrFrom(from)))
	check(s.Connect(context.Background(), socket.AddrFrom(server)))

	pair, err := s.Tuple()
	check(err)
	fmt.Println("connected:", pair)
	_, err = io.Copy(os.Stdout, s.Conn())
	check(err)
	check(s.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
