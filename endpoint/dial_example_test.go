package endpoint_test

import (
	"context"
	"fmt"
	"io"

	"sock/endpoint"
)

func ExampleDial() {
	ctx := context.Background()
	where, _ := endpoint.Parse("tcp://0") // both loopback addresses, a free port
	listener, err := endpoint.Listen(ctx, where)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() {
		if c, err := listener.Accept(); err == nil {
			io.WriteString(c, "hello")
			c.Close()
		}
	}()
	conn, err := endpoint.Dial(ctx, listener.Endpoint())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	fmt.Printf("%s %v\n", text, err)
	// Output: hello <nil>
}

func ExampleDialer_Dial() {
	where, _ := endpoint.Parse("tcp://127.0.0.1:1?timeout=5s")
	dialer := endpoint.Dialer{
		Attempts: func(a endpoint.Attempt) { fmt.Println("tried", a.Addr) },
	}
	_, report, err := dialer.Dial(context.Background(), where)
	fmt.Println(err)
	fmt.Println(len(report.Attempts), "attempt")
	// Output:
	// tried 127.0.0.1:1
	// connect tcp://127.0.0.1:1: connection refused (ECONNREFUSED)
	// 1 attempt
}

func ExampleListenConfig_Listen() {
	where, _ := endpoint.Parse("unix://@endpoint-example?backlog=16")
	listener, err := endpoint.ListenConfig{}.Listen(context.Background(), where)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(listener.Endpoint(), listener.Addrs())
	fmt.Println(listener.Close())
	// Output:
	// unix://@endpoint-example?backlog=16 [@endpoint-example]
	// <nil>
}
