package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sock/internal/syntax"
)

// Bounds of a filter.
const (
	maxFilterText  = 64 << 10
	maxFilterDepth = 100
)

// ParseFilter reads a filter:
//
//	filter     = conj { "or" conj }
//	conj       = part { ["and"] part }
//	part       = "not" part | "(" filter ")" | word | comparison
//	word       = kind | state | "ipv4" | "ipv6" | type | ":" port | address | path
//	comparison = field ( "=" "!=" "<" "<=" ">" ">=" "~" "!~" "in" ) value
//
// Parts side by side must all hold, except that words of one sort are
// alternatives: "tcp udp listen" is "(tcp or udp) and listen". A value with a
// space, a parenthesis or a quote is quoted as in Go. Fields lists the fields.
//
// The empty text is the zero Filter. The error is a *syntax.Error that points
// at the offending characters.
func ParseFilter(text string) (Filter, error) {
	p := &filterParser{text: text}
	p.space()
	if p.at == len(text) {
		return Filter{}, nil
	}
	root, err := p.filter()
	if err == nil && p.at < len(text) {
		err = p.unexpected()
	}
	if err != nil {
		return Filter{}, err
	}
	return Filter{root}, nil
}

// filterParser stands at text[at], which is no space.
type filterParser struct {
	text  string
	at    int
	depth int
}

// fail points at text[from:to].
func (p *filterParser) fail(from, to int, message, suggestion string) *syntax.Error {
	return &syntax.Error{Text: p.text, Offset: from, Length: to - from, Message: message, Suggestion: suggestion}
}

func (p *filterParser) unexpected() error {
	if p.text[p.at] == ')' {
		return p.fail(p.at, p.at+1, "there is no parenthesis to close", "")
	}
	return p.fail(p.at, p.at+1, "a word or a comparison should stand here", "")
}

func (p *filterParser) space() {
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if !unicode.IsSpace(r) {
			return
		}
		p.at += size
	}
}

// keyword takes one of the words, if it stands here on its own.
func (p *filterParser) keyword(words ...string) bool {
	word, end := p.peekWord()
	if !slices.Contains(words, strings.ToLower(word)) {
		return false
	}
	p.at = end
	p.space()
	return true
}

func (p *filterParser) filter() (node, error) {
	if p.depth++; p.depth > maxFilterDepth || len(p.text) > maxFilterText {
		return nil, p.fail(p.at, len(p.text), "the filter is too long or too deep", "")
	}
	defer func() { p.depth-- }()
	var parts []node
	for {
		n, err := p.conjunction()
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		if !p.keyword("or", "||", "|") {
			return joinSome(parts...), nil
		}
	}
}

// conjunction joins what stands side by side. Two words of one sort with
// nothing between them are alternatives.
func (p *filterParser) conjunction() (node, error) {
	var parts []node
	last := "" // the sort of the last word, when nothing but a space follows it
	for {
		n, sort, err := p.part()
		if err != nil {
			return nil, err
		}
		if sort != "" && sort == last {
			parts[len(parts)-1] = joinSome(parts[len(parts)-1], n)
		} else {
			parts = append(parts, n)
		}
		last = sort
		if p.keyword("and", "&&", "&") {
			last = ""
			continue
		}
		if p.ends() {
			return joinAll(parts...), nil
		}
	}
}

// ends reports whether a conjunction ends here.
func (p *filterParser) ends() bool {
	word, _ := p.peekWord()
	word = strings.ToLower(word)
	return p.at == len(p.text) || p.text[p.at] == ')' || word == "or" || word == "||" || word == "|"
}

// part gives a node and, for a word such as "tcp", the field it belongs to.
func (p *filterParser) part() (n node, sort string, err error) {
	if p.at == len(p.text) {
		return nil, "", p.fail(p.at, p.at, "a word or a comparison is missing", "")
	}
	if p.keyword("not") || p.bang() {
		if p.depth++; p.depth > maxFilterDepth {
			return nil, "", p.fail(p.at, len(p.text), "the filter is too long or too deep", "")
		}
		defer func() { p.depth-- }()
		n, _, err = p.part()
		return &not{n}, "", err
	}
	if p.text[p.at] == '(' {
		n, err = p.parenthesis()
		return n, "", err
	}
	return p.leaf()
}

// bang takes a "!" that means not.
func (p *filterParser) bang() bool {
	rest := p.text[p.at:]
	if !strings.HasPrefix(rest, "!") || strings.HasPrefix(rest, "!=") || strings.HasPrefix(rest, "!~") {
		return false
	}
	p.at++
	p.space()
	return true
}

func (p *filterParser) parenthesis() (node, error) {
	open := p.at
	p.at++
	p.space()
	n, err := p.filter()
	if err != nil {
		return nil, err
	}
	if p.at == len(p.text) {
		return nil, p.fail(open, open+1, "the parenthesis is not closed", "")
	}
	if p.text[p.at] != ')' {
		return nil, p.unexpected()
	}
	p.at++
	p.space()
	return n, nil
}

// leaf reads a word or a comparison.
func (p *filterParser) leaf() (node, string, error) {
	start := p.at
	word, end := p.peekWord()
	if word == "" {
		return nil, "", p.unexpected()
	}
	p.at = end
	p.space()
	op, opEnd := p.peekOperator()
	if op == noOperator {
		return p.word(word, start, end)
	}
	f, ok := lookupField(word)
	if !ok {
		return nil, "", p.fail(start, end, fmt.Sprintf("a filter cannot ask for %q", word), nearestField(word))
	}
	if !f.allows(op) {
		return nil, "", p.fail(p.at, opEnd, fmt.Sprintf("%s cannot be compared with %s", f.name, op), "")
	}
	p.at = opEnd
	p.space()
	n, err := p.value(f, op)
	return n, "", err
}

// value reads what stands behind the operator.
func (p *filterParser) value(f *field, op operator) (node, error) {
	start := p.at
	text, end, err := p.peekValue()
	if err != nil {
		return nil, err
	}
	if end == start {
		return nil, p.fail(start, start, "a value for "+f.name+" is missing", "")
	}
	c := &comparison{field: f, op: op}
	if wrong := c.setValue(text); wrong != nil {
		return nil, p.fail(start, end, wrong.message, wrong.suggestion)
	}
	if f.sort == addrSort && (op == equal || op == within) {
		c.op = equal
		if c.addr.prefix.IsValid() && !c.addr.prefix.IsSingleIP() {
			c.op = within
		}
	}
	p.at = end
	p.space()
	return c, nil
}

// word reads a word that stands alone.
func (p *filterParser) word(word string, start, end int) (node, string, error) {
	for _, f := range fields {
		if !f.word {
			continue
		}
		if m, ok := lookupWord(f.name, word); ok {
			return &comparison{field: f, op: equal, text: m.word, set: m.bits}, f.name, nil
		}
	}
	if pattern, ok := parseAddrPattern(word); ok {
		return p.addressWord(pattern), "", nil
	}
	if f, ok := lookupField(word); ok {
		return nil, "", p.fail(start, end, f.name+" needs a comparison, such as "+f.example(), "")
	}
	if n, err := strconv.ParseUint(word, 10, 16); err == nil {
		return nil, "", p.fail(start, end, "a number alone could be anything", ":"+strconv.FormatUint(n, 10))
	}
	return nil, "", p.fail(start, end, fmt.Sprintf("%q is not a word of the filter language", word), nearestAnything(word))
}

// addressWord is what ":8080", "10.0.0.1" or "/run/x.sock" stands for.
func (p *filterParser) addressWord(pattern addrPattern) node {
	switch {
	case pattern.isPath:
		return &comparison{field: fieldsByName["path"], op: equal, text: pattern.path}
	case !pattern.prefix.IsValid():
		return &comparison{field: fieldsByName["port"], op: equal, text: strconv.Itoa(pattern.port), number: int64(pattern.port)}
	}
	c := &comparison{field: fieldsByName["addr"], op: equal, addr: pattern, text: pattern.String()}
	if pattern.port < 0 && !pattern.prefix.IsSingleIP() {
		c.op = within
	}
	return c
}

// peekWord gives the word that starts here, and its end. A path runs to the
// next space; another word ends at an operator too.
func (p *filterParser) peekWord() (string, int) {
	rest := p.text[p.at:]
	stops := "()\"" + operatorSet
	if strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "@") || strings.HasPrefix(rest, "./") {
		stops = "()"
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(stops, r) })
	if end < 0 {
		end = len(rest)
	}
	return rest[:end], p.at + end
}

func (p *filterParser) peekOperator() (operator, int) {
	rest := p.text[p.at:]
	for _, op := range operators {
		if strings.HasPrefix(rest, string(op)) {
			end := p.at + len(op)
			if op == "==" {
				op = equal
			}
			return op, end
		}
	}
	if word, end := p.peekWord(); strings.EqualFold(word, string(within)) {
		return within, end
	}
	return noOperator, p.at
}

// peekValue gives the value that starts here, unquoted, and its end.
func (p *filterParser) peekValue() (string, int, error) {
	rest := p.text[p.at:]
	if strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", 0, p.fail(p.at, len(p.text), "the quoted value does not end, or has a wrong escape", "")
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return "", 0, p.fail(p.at, p.at+len(quoted), "the quoted value has a wrong escape", "")
		}
		return value, p.at + len(quoted), nil
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == ')' || r == '"' })
	if end < 0 {
		end = len(rest)
	}
	return rest[:end], p.at + end, nil
}

// allows reports whether the operator means something for the field.
func (f *field) allows(op operator) bool {
	switch op {
	case equal, notEqual:
		return true
	case matches, matchesNot:
		return f.texts != nil
	case within:
		return f.sort == addrSort
	}
	return f.numbers != nil && f.sort != userSort
}

// example is a comparison with the field.
func (f *field) example() string {
	return f.name + [...]string{
		"=" + exampleWord(f), ">0", "=443", ">64KiB", ">50ms", "=root", "=eth0", "=nginx", "=10.0.0.1",
	}[f.sort]
}

func exampleWord(f *field) string {
	if list := words[f.name]; len(list) > 0 {
		return list[0].word
	}
	return ""
}

func nearestWord(word, field string) string {
	var known []string
	for _, m := range words[field] {
		known = append(known, m.word)
	}
	return syntax.Nearest(word, known)
}

func nearestField(word string) string {
	var known []string
	for _, f := range fields {
		known = append(known, f.name)
	}
	return syntax.Nearest(word, known)
}

func nearestAnything(word string) string {
	known := []string{"and", "or", "not"}
	for _, f := range fields {
		known = append(known, f.name)
		for _, m := range words[f.name] {
			known = append(known, m.word)
		}
	}
	return syntax.Nearest(word, known)
}
