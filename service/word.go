package service

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"sock/internal/syntax"
)

// A word is one shell-like word of a service line: its text after the quotes
// are taken off, and where it stood.
type word struct {
	text       string
	start, end int   // the word's bytes in the line, quotes included
	at         []int // at[i] is where text[i] stands in the line, and one more where the last ends; nil where text stands there as it is
}

// place returns the line's offset and length for a part of the word's text.
func (w *word) place(offset, length int) (int, int) {
	start, end := w.position(offset), w.position(offset+length)
	return start, end - start
}

func (w *word) position(i int) int {
	switch {
	case i < 0:
		return w.start
	case w.at == nil:
		return min(w.start+i, w.end)
	case i >= len(w.at):
		return w.end // an empty word
	}
	return w.at[i]
}

// Split cuts a text into words by the quoting of a service line: white space
// parts words, a backslash takes the next character as it is, '…' takes
// everything as it is, "…" takes everything but the escapes \" \\ \n \r \t
// \xHH and, for a shell's sake, \$ and \`, and a # that begins a word begins a
// comment. Nothing else of a shell is there: no variables, no patterns. An
// error is a *syntax.Error.
func Split(text string) ([]string, error) {
	words, err := scan(text)
	if err != nil {
		return nil, err
	}
	split := make([]string, len(words))
	for i := range words {
		split[i] = words[i].text
	}
	return split, nil
}

// scan cuts a line into its words and drops its comment.
func scan(line string) ([]word, error) {
	if err := checkCharacters(line); err != nil {
		return nil, err
	}
	s := scanner{line: line}
	for {
		s.skipSpace()
		if s.pos == len(line) || line[s.pos] == '#' {
			return s.words, nil
		}
		if err := s.word(); err != nil {
			return nil, err
		}
	}
}

// checkCharacters refuses what no line holds for good: control characters,
// invalid UTF-8, and more bytes than a line may have.
func checkCharacters(line string) error {
	if len(line) > maxLine {
		return &syntax.Error{
			Text: line[:maxShown], Offset: maxShown,
			Message: "a line of " + strconv.Itoa(len(line)) + " bytes is too long; the limit is " + strconv.Itoa(maxLine),
		}
	}
	for i, r := range line {
		switch {
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(line[i:]); size == 1 {
				return &syntax.Error{Text: line, Offset: i, Length: 1, Message: "a byte that is not UTF-8"}
			}
		case r < ' ' && r != '\t', r >= 0x7f && r < 0xa0:
			return &syntax.Error{
				Text: line, Offset: i, Length: utf8.RuneLen(r),
				Message: "a control character " + strconv.QuoteRuneToASCII(r) + "; in double quotes it can be written as an escape",
			}
		}
	}
	return nil
}

// A scanner cuts one line. Its text has been checked.
type scanner struct {
	line  string
	pos   int
	words []word
	// The word in hand.
	text strings.Builder
	at   []int
	last int // where its last byte ends in the line
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.line) && (s.line[s.pos] == ' ' || s.line[s.pos] == '\t') {
		s.pos++
	}
}

// word reads one word, quoted parts and plain parts glued together.
func (s *scanner) word() error {
	start := s.pos
	s.text.Reset()
	s.at = make([]int, 0, 16)
	s.last = s.pos
	for s.pos < len(s.line) {
		var err error
		switch s.line[s.pos] {
		case ' ', '\t':
			s.finish(start)
			return nil
		case '\'':
			err = s.single()
		case '"':
			err = s.double()
		case '\\':
			err = s.escaped()
		default:
			s.take(1)
		}
		if err != nil {
			return err
		}
	}
	s.finish(start)
	return nil
}

func (s *scanner) finish(start int) {
	w := word{text: s.text.String(), start: start, end: s.pos, at: append(s.at, s.last)}
	if w.text == s.line[w.start:w.end] {
		w.at = nil
	}
	s.words = append(s.words, w)
}

// take moves n bytes into the word as they are.
func (s *scanner) take(n int) {
	for range n {
		s.put(s.line[s.pos], s.pos, s.pos+1)
		s.pos++
	}
}

// put adds one byte to the word, and where in the line it was written.
func (s *scanner) put(b byte, from, to int) {
	s.text.WriteByte(b)
	s.at = append(s.at, from)
	s.last = to
}

func (s *scanner) fault(offset, length int, message string) error {
	return &syntax.Error{Text: s.line, Offset: offset, Length: length, Message: message}
}

// single reads '…'.
func (s *scanner) single() error {
	end := strings.IndexByte(s.line[s.pos+1:], '\'')
	if end < 0 {
		return s.fault(s.pos, len(s.line)-s.pos, "a single quote is not closed")
	}
	s.pos++
	s.take(end)
	s.pos++
	return nil
}

// escaped reads a backslash outside quotes: the next character as it is.
func (s *scanner) escaped() error {
	if s.pos+1 == len(s.line) {
		return s.fault(s.pos, 1, "a backslash at the end of the line has nothing to quote")
	}
	s.pos++
	s.take(1)
	return nil
}

// double reads "…".
func (s *scanner) double() error {
	open := s.pos
	s.pos++
	for s.pos < len(s.line) {
		switch s.line[s.pos] {
		case '"':
			s.pos++
			return nil
		case '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			s.take(1)
		}
	}
	return s.fault(open, len(s.line)-open, "a double quote is not closed")
}

// escape reads one backslash sequence inside double quotes.
func (s *scanner) escape() error {
	start := s.pos
	if start+1 == len(s.line) {
		return s.fault(start, 1, "a double quote is not closed")
	}
	s.pos += 2
	switch c := s.line[start+1]; c {
	case '"', '\\', '$', '`':
		s.put(c, start, s.pos)
	case 'n':
		s.put('\n', start, s.pos)
	case 'r':
		s.put('\r', start, s.pos)
	case 't':
		s.put('\t', start, s.pos)
	case 'x':
		return s.hex(start)
	default:
		_, size := utf8.DecodeRuneInString(s.line[start+1:])
		return s.fault(start, 1+size, `an unknown escape; in double quotes there are \" \\ \n \r \t \xHH, and single quotes take a backslash as it is`)
	}
	return nil
}

// hex reads the two digits of \xHH. NUL is refused: no argument of a program can hold it.
func (s *scanner) hex(start int) error {
	end := min(s.pos+2, len(s.line))
	v, err := strconv.ParseUint(s.line[s.pos:end], 16, 8)
	switch {
	case err != nil || end-s.pos != 2:
		return s.fault(start, 2, `\x needs two hexadecimal digits`)
	case v == 0:
		return s.fault(start, 4, "a NUL byte")
	}
	s.pos = end
	s.put(byte(v), start, end)
	return nil
}

// Quote writes a word so that Split reads it back: as it is where that is
// possible, else in double or single quotes, with escapes where they are needed.
func Quote(text string) string {
	switch {
	case text != "" && isPlain(text):
		return text
	case isPrintable(text) && !strings.ContainsAny(text, `'"\`):
		return `"` + text + `"`
	case isPrintable(text) && !strings.Contains(text, "'"):
		return "'" + text + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		escape(&b, text[:size], r)
		text = text[size:]
	}
	b.WriteByte('"')
	return b.String()
}

func escape(b *strings.Builder, raw string, r rune) {
	switch {
	case r == '"' || r == '\\':
		b.WriteString(`\` + raw)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case isControl(r), r == utf8.RuneError && len(raw) == 1:
		for i := range len(raw) {
			const digits = "0123456789abcdef"
			b.WriteString(`\x`)
			b.WriteByte(digits[raw[i]>>4])
			b.WriteByte(digits[raw[i]&15])
		}
	default:
		b.WriteString(raw)
	}
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// isPrintable reports whether a text can stand in a line inside single quotes.
func isPrintable(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, isControl) < 0
}

// isPlain reports whether a text can stand in a line with no quotes at all.
func isPlain(text string) bool {
	return isPrintable(text) && text[0] != '#' && !strings.ContainsAny(text, " '\"\\")
}
