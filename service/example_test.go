package service_test

import (
	"errors"
	"fmt"
	"strings"

	"sock/internal/syntax"
	"sock/service"
)

func ExampleParseLine() {
	line, err := service.ParseLine(`tcp://127.0.0.1:65433  greet 'Hello, person from {peer}'  # says it and ends`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(line.Endpoint.Port, line.Name, line.Args)
	fmt.Println(line)
	// Output:
	// 65433 greet [Hello, person from {peer}]
	// tcp://127.0.0.1:65433 greet "Hello, person from {peer}"
}

func ExampleParseFile() {
	_, err := service.ParseFile("sock.conf", strings.NewReader("tcp://127.0.0.1:7007 echo\ntcp://127.0.0.1:7008 ehco\n"))
	fmt.Println(strings.Replace(err.Error(), "; there are "+strings.Join(service.Names(), ", "), "", 1))
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		fmt.Println(wrong.Underline())
	}
	// Output:
	// sock.conf:2:22: unknown service "ehco"; did you mean "echo"?
	// tcp://127.0.0.1:7008 ehco
	//                      ^^^^
}
