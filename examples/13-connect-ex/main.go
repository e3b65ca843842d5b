// Connect with its errno as a value, as Python's connect_ex gives it: 0 where
// somebody listens, else the number and its meaning. It makes a port scanner.
//
//	go run ./examples/13-connect-ex -host 127.0.0.1 22 80 65432
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"strconv"
	"time"

	"sock/socket"
)

func main() {
	host := netip.MustParseAddr("127.0.0.1")
	flag.TextVar(&host, "host", host, "whose ports to try")
	flag.Parse()
	for _, text := range flag.Args() {
		port, err := strconv.ParseUint(text, 10, 16)
		check(err)
		try(netip.AddrPortFrom(host, uint16(port)))
	}
}

func try(target netip.AddrPort) {
	s, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	errno, err := s.ConnectEx(ctx, socket.AddrFrom(target))
	switch {
	case errno != 0:
		fmt.Printf("%v: errno %d, %v\n", target, int(errno), errno)
	case err != nil: // the kernel gave no errno: three seconds were not enough
		fmt.Printf("%v: %v\n", target, err)
	default:
		fmt.Printf("%v: 0, connected\n", target)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
