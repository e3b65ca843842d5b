// Man writes the manual pages from the command's own tables: the verbs and
// their flags, the help topics, the socket options. It is run at development
// time (make man), the pages are committed, and a test holds that they are
// what the tables say.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"sock/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/man DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

// write puts every page into a directory and removes pages that are no longer
// among them.
func write(directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(directory, "sock*.[17]"))
	if err != nil {
		return err
	}
	all := pages()
	for _, path := range old {
		if _, keep := all[filepath.Base(path)]; !keep {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pages gives the text of every page by its file's name.
func pages() map[string]string {
	root := cli.Root()
	all := map[string]string{"sock.1": programPage(root)}
	for _, c := range visible(root) {
		all["sock-"+c.Name()+".1"] = verbPage(c)
	}
	for _, t := range cli.Topics() {
		all["sock-"+t.Name+".7"] = topicPage(t)
	}
	return all
}
