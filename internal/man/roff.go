package main

import (
	"fmt"
	"slices"
	"strings"
)

// edition is the date in the pages' foot. It changes with a release.
const edition = "2026-11-20"

// roff builds one page in the language of man(7).
type roff struct {
	strings.Builder
	fresh bool // nothing stands below the section's title yet
}

// newPage begins a page with its head and its NAME.
func newPage(name, section, short string) *roff {
	r := &roff{}
	r.WriteString(".\\\" Written by `make man` from the command's own tables.\n")
	fmt.Fprintf(r, ".TH %s %s %s sock \"sock manual\"\n", strings.ToUpper(escape(name)), section, edition)
	r.section("NAME")
	fmt.Fprintf(r, "%s \\- %s\n", escape(name), escape(short))
	return r
}

func (r *roff) section(title string) {
	fmt.Fprintf(r, ".SH %s\n", strings.ToUpper(escape(title)))
	r.fresh = true
}

// paragraph parts what follows from what stands above.
func (r *roff) paragraph() {
	if !r.fresh {
		r.WriteString(".PP\n")
	}
	r.fresh = false
}

// text writes a help text: indented lines stay as they are, unless they are a
// list of terms with explanations; others are filled into paragraphs.
func (r *roff) text(text string) {
	for block := range blocks(text) {
		if !strings.HasPrefix(block, " ") {
			r.paragraph()
			r.lines(block)
		} else if list := entries(block); list != nil {
			for _, e := range list {
				r.item(e.term, e.explanation)
			}
		} else {
			r.literal(block)
		}
	}
}

// entry is a term with its explanation.
type entry struct{ term, explanation string }

// entries reads a block as terms at the left with explanations beside or below
// them, at least one of which goes on in a second line. It returns nil for any
// other.
func entries(block string) []entry {
	var list []entry
	goesOn := false
	for line := range strings.Lines(block) {
		text := strings.TrimSpace(line)
		term, explanation, _ := strings.Cut(text, "  ")
		switch {
		case text == "":
		case strings.HasPrefix(line, "    ") && len(list) > 0:
			goesOn = true
			list[len(list)-1].explanation += "\n" + text
		default:
			list = append(list, entry{term, strings.TrimSpace(explanation)})
		}
	}
	if !goesOn || slices.ContainsFunc(list, func(e entry) bool { return e.explanation == "" }) {
		return nil
	}
	return list
}

// blocks cuts a text at empty lines and where indentation begins or ends. An
// empty line between two indented lines does not cut.
func blocks(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var block []string
		flush := func() bool {
			joined := strings.TrimRight(strings.Join(block, "\n"), "\n")
			block = nil
			return joined == "" || yield(joined)
		}
		for line := range strings.Lines(strings.Trim(text, "\n")) {
			line = strings.TrimRight(line, "\n ")
			indented := len(block) > 0 && strings.HasPrefix(block[0], " ")
			cut := line == "" && !indented || line != "" && indented != strings.HasPrefix(line, " ")
			if cut && !flush() {
				return
			}
			if line != "" || indented {
				block = append(block, line)
			}
		}
		flush()
	}
}

// literal shows lines as they are, without the indentation they share.
func (r *roff) literal(block string) {
	r.paragraph()
	r.WriteString(".in +4n\n.nf\n")
	for line := range strings.Lines(block) {
		r.line(strings.TrimPrefix(strings.TrimRight(line, "\n"), "  "))
	}
	r.WriteString(".fi\n.in\n")
}

// lines writes lines to be filled.
func (r *roff) lines(block string) {
	for line := range strings.Lines(strings.TrimSpace(block)) {
		r.line(strings.TrimSpace(line))
	}
}

// line writes one line of text, which must not be taken for a request.
func (r *roff) line(text string) {
	r.fresh = false
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		r.WriteString(`\&`)
	}
	r.WriteString(escape(text) + "\n")
}

// item writes a term and its explanation. The term is set in bold.
func (r *roff) item(term, explanation string) {
	fmt.Fprintf(r, ".TP\n\\fB%s\\fR\n", escape(term))
	r.lines(explanation)
}

// seeAlso closes a page with references, each "name(section)".
func (r *roff) seeAlso(names []string) {
	r.section("SEE ALSO")
	for i, name := range names {
		page, section, _ := strings.Cut(name, "(")
		comma := ","
		if i == len(names)-1 {
			comma = ""
		}
		fmt.Fprintf(r, ".BR %s (%s%s\n", escape(page), section, comma)
	}
}

// escape writes text so that roff prints it as it is: a hyphen that can be
// copied, no escapes, and characters beyond ASCII by their number.
func escape(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\\':
			b.WriteString(`\e`)
		case c == '-':
			b.WriteString(`\-`)
		case c == '\'':
			b.WriteString(`\(aq`)
		case c == '`':
			b.WriteString(`\(ga`)
		case c == '^':
			b.WriteString(`\(ha`)
		case c == '~':
			b.WriteString(`\(ti`)
		case c > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
