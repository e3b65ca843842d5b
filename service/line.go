package service

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"sock/endpoint"
	"sock/engine"
	"sock/internal/syntax"
)

// The bounds of a file of service lines.
const (
	maxLine  = 64 << 10 // bytes of one line, as written and as String gives it
	maxLines = 64 << 10 // lines of one file
	maxFile  = 16 << 20 // bytes of one file
	maxShown = 60       // bytes an error shows of a line that is too long
)

// A Line is one service line: an endpoint and what it says. A Line is a
// value; nothing in it changes after ParseLine.
type Line struct {
	Endpoint endpoint.Endpoint
	Name     string   // the service: a row's Name
	Args     []string // what followed it, quotes taken off

	Text   string // as it was written, comment included
	File   string // where it stood; empty from the command line
	Number int    // counts from 1; zero from the command line
}

// ParseLine reads one service line and checks all of it: the endpoint, the
// service's name, its arguments, and whether the service can speak on that
// endpoint. Nothing is opened or started. An error is a *syntax.Error.
//
//	tcp://127.0.0.1:65433 greet "Hello, person from {peer}"   # a comment
func ParseLine(text string) (Line, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	l, ok, err := parse(text)
	if err == nil && !ok {
		err = &syntax.Error{Text: text, Message: "an empty service line; it needs an endpoint and a service, as in: tcp://127.0.0.1:7007 echo"}
	}
	return l, err
}

// ParseFile reads service lines, one per line; blank lines and comments are
// skipped, CRLF ends a line as LF does, and a byte order mark of UTF-8 is
// passed over. The name is for the errors, which are *syntax.Error with the
// line and the column, or the reader's own. Two lines with one address are an
// error here, because only one of them could be served.
func ParseFile(name string, r io.Reader) ([]Line, error) {
	var lines []Line
	in := bufio.NewReaderSize(io.LimitReader(r, maxFile+1), maxLine+2)
	total := 0
	for number := 1; ; number++ {
		text, err := readLine(in, number)
		total += len(text) + 1
		if err == nil && (number > maxLines || total > maxFile+1) {
			err = &syntax.Error{Message: fmt.Sprintf("a file of service lines has at most %d lines and %d bytes", maxLines, maxFile)}
		}
		if errors.Is(err, io.EOF) {
			return lines, Check(lines)
		}
		if err == nil {
			lines, err = appendLine(lines, name, number, text)
		}
		if err != nil {
			return nil, located(err, name, number)
		}
	}
}

// appendLine parses one line of a file.
func appendLine(lines []Line, name string, number int, text string) ([]Line, error) {
	l, ok, err := parse(text)
	if err != nil || !ok {
		return lines, err
	}
	l.File, l.Number = name, number
	return append(lines, l), nil
}

// readLine gives the next line without its end, and io.EOF after the last.
func readLine(in *bufio.Reader, number int) (string, error) {
	b, err := in.ReadSlice('\n')
	text := string(b)
	if number == 1 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return text, checkCharacters(text)
	case errors.Is(err, io.EOF) && len(b) > 0:
		return strings.TrimSuffix(text, "\r"), nil
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), nil
}

// located gives a syntax error its place in a file; others get the file's name.
func located(err error, name string, number int) error {
	var fault *syntax.Error
	if errors.As(err, &fault) {
		return fault.At(name, number, fault.Text, 0)
	}
	return fmt.Errorf("service: read %s: %w", name, err)
}

// parse reads one line; ok is false for a line that says nothing.
func parse(text string) (l Line, ok bool, err error) {
	words, err := scan(text)
	if err != nil || len(words) == 0 {
		return Line{}, false, err
	}
	l = Line{Text: text}
	if l.Endpoint, err = parseEndpoint(text, words); err != nil {
		return Line{}, false, err
	}
	if len(words) == 1 {
		return Line{}, false, &syntax.Error{
			Text: text, Offset: words[0].end,
			Message: "no service after the endpoint; there are " + strings.Join(Names(), ", "),
		}
	}
	l.Name = words[1].text
	for _, w := range words[2:] {
		l.Args = append(l.Args, w.text)
	}
	if err := l.check(text, words); err != nil {
		return Line{}, false, err
	}
	return l, true, nil
}

// parseEndpoint reads the line's first word.
func parseEndpoint(text string, words []word) (endpoint.Endpoint, error) {
	first := &words[0]
	ep, err := endpoint.Parse(first.text)
	if err == nil {
		return ep, nil
	}
	fault := &syntax.Error{Message: err.Error(), Length: len(first.text)}
	errors.As(err, &fault)
	placed := *fault
	placed.Text = text
	placed.Offset, placed.Length = first.place(fault.Offset, fault.Length)
	if _, isService := Lookup(first.text); isService {
		placed.Message = "a line begins with its endpoint and then names the service, as in: tcp://127.0.0.1:7007 " + first.text
		placed.Suggestion = ""
	}
	return ep, &placed
}

// check looks at everything after the endpoint.
func (l *Line) check(text string, words []word) error {
	name := &words[1]
	fault := func(w *word, message, suggestion string) error {
		return &syntax.Error{Text: text, Offset: w.start, Length: w.end - w.start, Message: message, Suggestion: suggestion}
	}
	row, ok := Lookup(l.Name)
	if !ok {
		return fault(name, fmt.Sprintf("unknown service %q; there are %s", l.Name, strings.Join(Names(), ", ")),
			syntax.Nearest(l.Name, Names()))
	}
	if message := row.cannotServe(l.Endpoint); message != "" {
		return fault(&words[0], message, "")
	}
	if option := dialOnly(l.Endpoint); option != "" {
		return fault(&words[0], option+" is for connecting; a service listens", "")
	}
	if _, err := row.New(l.Args); err != nil {
		return argumentFault(err, text, words)
	}
	if n := len(l.String()); n > maxLine {
		return fault(name, "a line that takes "+strconv.Itoa(n)+" bytes when its quotes are written out; the limit is "+strconv.Itoa(maxLine), "")
	}
	return nil
}

// cannotServe says why a service has nothing to say on an endpoint, or "".
func (s *Service) cannotServe(e endpoint.Endpoint) string {
	switch {
	case e.IsDatagram() && !s.Datagram:
		return s.Name + " needs a stream; " + e.Scheme + " carries datagrams"
	case e.IsStream() && !s.Stream:
		return s.Name + " needs datagrams; " + e.Scheme + " is a stream"
	case e.Scheme == "http" || e.Scheme == "https":
		return s.Name + " does not speak HTTP; use tcp or tls"
	}
	return ""
}

// CanServe says whether the line's service can speak on an endpoint, nil if so.
// ParseLine has asked for the line's own; what kind of socket fd:// is shows
// only when it is open.
func (l Line) CanServe(e endpoint.Endpoint) error {
	if s := l.Service(); s != nil {
		if message := s.cannotServe(e); message != "" {
			return errors.New(message)
		}
	}
	return nil
}

// dialOnly returns the first option that means nothing to a listener, or "".
func dialOnly(e endpoint.Endpoint) string {
	for _, o := range e.Options {
		for _, own := range endpoint.OwnOptions() {
			if own.Name == o.Name && own.Where == endpoint.ForDial {
				return o.Name
			}
		}
	}
	return ""
}

// argumentFault points at the argument a service does not take.
func argumentFault(err error, text string, words []word) error {
	fault := &syntax.Error{Text: text, Offset: words[1].start, Length: words[1].end - words[1].start, Message: err.Error()}
	var argument *ArgumentError
	if !errors.As(err, &argument) {
		return fault
	}
	fault.Message, fault.Suggestion = argument.Message, argument.Suggestion
	switch i := argument.Index + 2; {
	case i >= len(words):
		fault.Offset, fault.Length = words[len(words)-1].end, 0
	case argument.Length == 0:
		fault.Offset, fault.Length = words[i].start, words[i].end-words[i].start
	default:
		fault.Offset, fault.Length = words[i].place(argument.Offset, argument.Length)
	}
	return fault
}

// An ArgumentError says which argument of a service is wrong, and where in it.
type ArgumentError struct {
	Index          int // counts from 0; the number of arguments where one is missing
	Offset, Length int // the offending bytes of the argument; Length 0 means all of it
	Message        string
	Suggestion     string // the nearest right spelling, or empty
}

// Error gives the message and the suggestion.
func (e *ArgumentError) Error() string {
	if e.Suggestion != "" {
		return fmt.Sprintf("%s; did you mean %q?", e.Message, e.Suggestion)
	}
	return e.Message
}

// noArguments refuses any argument.
func noArguments(name string, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &ArgumentError{Index: 0, Message: name + " takes no arguments"}
}

// String gives the line in its canonical form: the canonical endpoint, the
// service and its arguments, quoted where they must be. ParseLine reads it
// back to an equal Line; two lines that do the same have the same String.
func (l Line) String() string {
	var b strings.Builder
	b.WriteString(Quote(l.Endpoint.String()))
	b.WriteByte(' ')
	b.WriteString(Quote(l.Name))
	for _, a := range l.Args {
		b.WriteByte(' ')
		b.WriteString(Quote(a))
	}
	return b.String()
}

// Where names the line's place for a message: "FILE:LINE", or the line itself
// where it did not come from a file.
func (l Line) Where() string {
	if l.File != "" {
		return l.File + ":" + strconv.Itoa(l.Number)
	}
	return l.String()
}

// Service returns the line's row of the registry, or nil for a line that did
// not come from ParseLine and names none.
func (l Line) Service() *Service {
	s, _ := Lookup(l.Name)
	return s
}

// Handler makes the handler that serves the line.
func (l Line) Handler() (engine.Handler, error) {
	s := l.Service()
	if s == nil {
		return nil, fmt.Errorf("service: unknown service %q", l.Name)
	}
	if s.NewIdle != nil && l.Endpoint.Idle() > 0 {
		return s.NewIdle(l.Args)
	}
	return s.New(l.Args)
}

// Prepare checks before the line is served that the machine has what its
// service needs: for exec, the program.
func (l Line) Prepare() error {
	if s := l.Service(); s != nil && s.Prepare != nil {
		return s.Prepare(l.Args)
	}
	return nil
}

// NewLine makes a line of its parts and checks it as ParseLine does.
func NewLine(e endpoint.Endpoint, name string, args ...string) (Line, error) {
	return ParseLine(Line{Endpoint: e, Name: name, Args: args}.String())
}

// Address is what two lines may not share: the transport and where it is
// bound, without the options. Lines on port 0 never share one.
func (l Line) Address() string {
	e := l.Endpoint
	switch {
	case e.IsUnix():
		return "unix " + e.Path
	case e.IsFD():
		return "fd " + e.Host
	case e.IsDatagram():
		return "udp " + e.Host + ":" + e.Port
	}
	return "tcp " + e.Host + ":" + e.Port
}

// Check reports the first line that shares its address with an earlier one,
// as a *syntax.Error that names the earlier.
func Check(lines []Line) error {
	first := make(map[string]Line, len(lines))
	for _, l := range lines {
		if l.Endpoint.Port == "0" {
			continue
		}
		earlier, taken := first[l.Address()]
		if !taken {
			first[l.Address()] = l
			continue
		}
		fault := &syntax.Error{Text: l.Text, Message: fmt.Sprintf("%s is taken by an earlier line: %s", l.Endpoint, earlier.Where())}
		if words, err := scan(l.Text); err == nil && len(words) > 0 {
			fault.Offset, fault.Length = words[0].start, words[0].end-words[0].start
		}
		if l.File == "" {
			return fault
		}
		return fault.At(l.File, l.Number, l.Text, 0)
	}
	return nil
}
