// A web server with a process for every connection: it starts itself again and
// hands over the accepted descriptor. A crash takes one client with it.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/exec"

	"sock/socket"
)

func main() {
	address := netip.MustParseAddrPort("127.0.0.1:8080")
	flag.TextVar(&address, "addr", address, "where to listen")
	flag.Parse()
	if flag.Arg(0) == "child" {
		answer()
		return
	}
	listener, err := socket.New(socket.INET, socket.STREAM, socket.TCP)
	check(err)
	check(socket.ReuseAddr.Set(listener, true))
	check(listener.Bind(socket.AddrFrom(address)))
	_, err = listener.Listen(0)
	check(err)
	fmt.Println("listening on", listener.Listener().Addr())
	for {
		client, _, err := listener.Accept(context.Background())
		check(err)
		file, err := client.Conn().File() // a second descriptor; it becomes the child's number 3
		check(err)
		child := exec.Cmd{Path: "/proc/self/exe", Args: []string{"web", "child"}, ExtraFiles: []*os.File{file}}
		check(child.Start())
		file.Close()
		client.Close()
		go child.Wait() // or it would stay behind as a zombie
	}
}

func answer() {
	client, err := socket.FromFD(3)
	check(err)
	request := bufio.NewScanner(client.Conn())
	for request.Scan() && request.Text() != "" { // the head ends with an empty line
	}
	fmt.Fprintf(client.Conn(), "HTTP/1.0 200 OK\r\n\r\nServed by process %d\n", os.Getpid())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
