package up_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"sock/service"
	"sock/up"
)

func Example() {
	ctx := context.Background()
	greet, err := service.ParseLine(`tcp4://127.0.0.1:0 greet "Welcome"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	ready := make(chan string, 1)
	set, err := up.Start(ctx, []service.Line{greet}, up.Config{Observe: func(e up.Event) {
		if e.Kind == up.Listening {
			ready <- e.Addrs[0].String()
		}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer set.Shutdown(ctx)
	conn, err := net.Dial("tcp", <-ready)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	said, _ := io.ReadAll(conn)
	fmt.Printf("%s", said)
	// Output: Welcome
}
