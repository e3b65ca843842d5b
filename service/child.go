package service

import (
	"context"
	"os"
	"os/exec"

	"sock/engine"
)

// Child gives the program that serves one connection of a line under the
// model process: this program itself, with the given arguments and then the
// line as the last one. What runs under those arguments must call [ServeChild]
// first of all. It fits engine.Config.Child.
func Child(l Line, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, append(args, l.String())...)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// ServeChild serves, in a process that [Child] describes, the one connection
// that the parent has handed over, and returns when it has ended. The text is
// the line as Child passed it.
func ServeChild(ctx context.Context, text string) error {
	l, err := ParseLine(text)
	if err != nil {
		return err
	}
	handler, err := l.Handler()
	if err != nil {
		return err
	}
	return engine.ServeChild(ctx, engine.Config{Handler: handler})
}
