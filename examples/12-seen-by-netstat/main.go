// A server with one client, looked at from outside: the listening socket and
// both ends of the connection, as netstat -an and lsof -i -n list them.
//
//	go run ./examples/12-seen-by-netstat
package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os/exec"
	"strings"

	"sock/socket"
)

func main() {
	listener, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(listener.Bind(socket.AddrFrom(netip.MustParseAddrPort("127.0.0.1:0"))))
	_, err = listener.Listen(0)
	check(err)
	here, err := listener.LocalAddr()
	check(err)
	client, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(client.Connect(context.Background(), here))
	_, _, err = listener.Accept(context.Background())
	check(err)

	show(here, "netstat", "-an")
	show(here, "lsof", "-i", "-n", "-P") // -P: ports as numbers
}

// show runs a program and prints its lines that name the address.
func show(address socket.Addr, name string, args ...string) {
	out, err := exec.Command(name, args...).Output()
	check(err)
	fmt.Println("$", name, strings.Join(args, " "))
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, address.String()) {
			fmt.Print(line)
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
