// Package syntax holds the one error that every small language of sock reports
// (endpoints, service lines, option values, filters): it points at the
// offending characters and, where there is one, names the nearest right
// spelling.
package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with a text, and where. Offset and Length count
// bytes of Text; Line and Column count from 1, in characters, and are zero
// where the text did not come from a file.
type Error struct {
	File         string // the file's name; empty for text from the command line
	Line, Column int    // where Text[Offset] stands in File
	Text         string // the whole text, or the whole line of a file
	Offset       int    // the first offending byte of Text
	Length       int    // how many bytes offend; zero where something is missing
	Message      string // lowercase, without a final stop
	Suggestion   string // the nearest right spelling, or empty
}

// Error gives one line: the place, the message and the suggestion.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.File != "":
		fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	case e.Line > 0:
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	b.WriteString(e.Message)
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Suggestion)
	}
	return b.String()
}

// Underline gives two lines for a terminal: the text, and carets under the
// offending part. Control characters of the text are shown as '?' and tabs as
// one space, so that the carets stand where they should.
func (e *Error) Underline() string {
	start := min(max(e.Offset, 0), len(e.Text))
	end := min(max(start+e.Length, start), len(e.Text))
	carets := max(utf8.RuneCountInString(e.Text[start:end]), 1)
	return Printable(e.Text) + "\n" +
		strings.Repeat(" ", utf8.RuneCountInString(e.Text[:start])) + strings.Repeat("^", carets)
}

// Printable shows a text on one line of a terminal: a tab becomes a space,
// any other control character or invalid byte a '?'.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ', r == 0x7f, r == utf8.RuneError, r >= 0x80 && r < 0xa0:
			return '?'
		}
		return r
	}, text)
}

// At returns e placed in a file: the text becomes the line's whole text, and
// shift is where e.Text began in it, in bytes.
func (e *Error) At(file string, line int, text string, shift int) *Error {
	placed := *e
	placed.File, placed.Line, placed.Text = file, line, text
	placed.Offset = min(e.Offset+shift, len(text))
	placed.Column = utf8.RuneCountInString(text[:placed.Offset]) + 1
	return &placed
}

// Nearest returns the candidate with the smallest edit distance to word, or
// the empty string where none is near enough to be a slip of the fingers: at
// most one edit for every three characters, and never more than three.
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, bound := "", min(max(len(word)/3, 1), 3)
	for _, c := range candidates {
		if d := distance(word, strings.ToLower(c), bound); d <= bound && (best == "" || d < bound) {
			best, bound = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours. It may return early with any number
// above bound once it is certain to exceed it.
func distance(a, b string, bound int) int {
	if len(a)-len(b) > bound || len(b)-len(a) > bound {
		return bound + 1
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
