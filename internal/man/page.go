package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sock/internal/cli"
	"sock/socket"
)

// visible lists the verbs that are documented.
func visible(root *cobra.Command) []*cobra.Command {
	root.InitDefaultHelpCmd() // else it joins only when the command runs
	var list []*cobra.Command
	for _, c := range root.Commands() {
		if !c.Hidden {
			list = append(list, c)
		}
	}
	return list
}

// programPage is sock(1).
func programPage(root *cobra.Command) string {
	r := newPage("sock", "1", root.Short)
	r.section("SYNOPSIS")
	r.line(root.Use)
	r.section("DESCRIPTION")
	r.text(root.Long)
	r.line("Results and the bytes of a connection go to standard output; everything else goes to standard error.")
	var also []string
	r.section("VERBS")
	for _, c := range visible(root) {
		r.item(c.Use, c.Short+".")
		also = append(also, "sock-"+c.Name()+"(1)")
	}
	r.section("TOPICS")
	for _, t := range cli.Topics() {
		r.item("sock help "+t.Name, t.Title+".")
		also = append(also, "sock-"+t.Name+"(7)")
	}
	r.exitStatus()
	r.seeAlso(append(also, "socket(7)", "ip(7)", "tcp(7)", "udp(7)", "unix(7)"))
	return r.String()
}

// verbPage is sock-VERB(1).
func verbPage(c *cobra.Command) string {
	r := newPage("sock-"+c.Name(), "1", c.Short)
	r.section("SYNOPSIS")
	r.line("sock " + c.Use)
	r.section("DESCRIPTION")
	if c.Long == "" {
		r.line(fmt.Sprintf("sock %s %s.", c.Name(), c.Short))
	}
	r.text(c.Long)
	if c.HasAvailableFlags() {
		r.section("OPTIONS")
		c.Flags().VisitAll(r.flag)
	}
	if c.Example != "" {
		r.section("EXAMPLES")
		r.literal(strings.Trim(c.Example, "\n"))
	}
	r.exitStatus()
	also := []string{"sock(1)"}
	for _, t := range cli.Topics() {
		also = append(also, "sock-"+t.Name+"(7)")
	}
	r.seeAlso(also)
	return r.String()
}

func (r *roff) flag(f *pflag.Flag) {
	if f.Hidden {
		return
	}
	r.item(cli.FlagSpelling(f), f.Usage+".")
}

// exitStatus is the topic of that name, as a section.
func (r *roff) exitStatus() {
	for _, t := range cli.Topics() {
		if t.Name == "exit-codes" {
			r.section("EXIT STATUS")
			r.text(t.Text())
		}
	}
}

// topicPage is sock-TOPIC(7).
func topicPage(t cli.Topic) string {
	r := newPage("sock-"+t.Name, "7", t.Title)
	r.section("DESCRIPTION")
	r.text(t.Text())
	if t.Name == "options" {
		r.section("SOCKET OPTIONS")
		r.line("Where a kernel version stands, the option came with it.")
		for _, o := range socket.Options() {
			r.item(o.Name, optionText(o))
		}
	}
	also := []string{"sock(1)"}
	for _, other := range cli.Topics() {
		if other.Name != t.Name {
			also = append(also, "sock-"+other.Name+"(7)")
		}
	}
	r.seeAlso(also)
	return r.String()
}

// optionText is all that the table says of a socket option.
func optionText(o *socket.Option) string {
	text := fmt.Sprintf("%s. %s, %s; %s; sockets: %s", o.Doc, o.Symbol, o.Kind, o.Access, o.Scope())
	if o.Access&socket.Write != 0 {
		text += "; to be set: " + o.When.String()
	}
	if o.Capability != "" {
		text += "; needs " + o.Capability
	}
	if o.Since != "" {
		text += "; since Linux " + o.Since
	}
	return text + ". " + o.Source + "."
}
