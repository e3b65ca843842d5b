package inspect_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"sock/inspect"
)

func ExampleSockets() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	filter, err := inspect.ParseFilter(fmt.Sprintf("tcp listen local=%v", l.Addr()))
	if err != nil {
		log.Fatal(err)
	}
	for s, err := range inspect.Sockets(context.Background(), inspect.Query{Filter: filter, With: inspect.WithOwners}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Kind, s.State, s.Accept, "waiting;", s.Owners[0].Name)
	}
	// Output: tcp listen 0 waiting; inspect.test
}

func ExampleParseFilter() {
	filter, err := inspect.ParseFilter("tcp udp :53 not user=0")
	fmt.Println(filter, err)
	_, err = inspect.ParseFilter("tcp lisen")
	fmt.Println(err)
	// Output:
	// (tcp or udp) and port=53 and not user=0 <nil>
	// "lisen" is not a word of the filter language; did you mean "listen"?
}
