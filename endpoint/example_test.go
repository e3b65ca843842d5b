package endpoint_test

import (
	"errors"
	"fmt"

	"sock/endpoint"
)

func ExampleParse() {
	e, err := endpoint.Parse("example.com:http?TCP_NODELAY&timeout=5s")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e)
	fmt.Println(e.Network(), e.Host, e.Port, e.Timeout())
	// Output:
	// tcp://example.com:80?nodelay&timeout=5s
	// tcp example.com 80 5s
}

func ExampleParse_error() {
	_, err := endpoint.Parse("tcp://127.0.0.1:65432?nodlay")
	var wrong *endpoint.SyntaxError
	if errors.As(err, &wrong) {
		fmt.Println(wrong)
		fmt.Println(wrong.Underline())
	}
	// Output:
	// unknown option "nodlay"; did you mean "nodelay"?
	// tcp://127.0.0.1:65432?nodlay
	//                       ^^^^^^
}

func ExampleEndpoint_With() {
	e, _ := endpoint.Parse(":7007")
	e, err := e.With("model", "process")
	fmt.Println(e, err)
	// Output: tcp://:7007?model=process <nil>
}
