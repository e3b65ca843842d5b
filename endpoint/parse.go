package endpoint

import (
	"strings"
	"unicode/utf8"

	"sock/internal/syntax"
)

// Parse reads an endpoint and checks all of it: the scheme, the address, each
// option's name and value, and that each option makes sense for the scheme.
// The error is always a [*SyntaxError]. A port's name is looked up in the
// services database; nothing else outside the text is consulted.
//
// The time it takes is linear in the text, which [MaxLength] bounds.
func Parse(text string) (Endpoint, error) {
	e, _, err := parse(text)
	return e, err
}

// parse also gives the span of each option.
func parse(text string) (Endpoint, []span, error) {
	whole := spanOf(text)
	if err := checkText(whole); err != nil {
		return Endpoint{}, nil, err
	}
	address, options, hasOptions := whole.cut("?")
	row, address, err := parseScheme(address)
	if err != nil {
		return Endpoint{}, nil, err
	}
	e := Endpoint{Scheme: row.name}
	if err := e.parseAddress(row, address); err != nil {
		return Endpoint{}, nil, err
	}
	var spans []span
	if hasOptions {
		if spans, err = e.parseOptions(row, options); err != nil {
			return Endpoint{}, nil, err
		}
	}
	if n := len(e.String()); n > MaxLength {
		return Endpoint{}, nil, whole.fail("", "an endpoint is at most %d bytes long, and this one is %d in its canonical form", MaxLength, n)
	}
	return e, spans, nil
}

// checkText refuses what is wrong wherever it stands.
func checkText(whole span) error {
	switch n := whole.len(); {
	case n == 0:
		return whole.fail("", `missing endpoint; write one like "tcp://localhost:8080", "8080" or "/run/x.sock"`)
	case n > MaxLength:
		return whole.from(MaxLength).fail("", "an endpoint is at most %d bytes long, and this one is %d", MaxLength, n)
	}
	for i, r := range whole.String() {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError && !strings.HasPrefix(whole.text[i:], "\uFFFD") {
			return whole.slice(i, i+1).fail("", "invalid UTF-8; percent-encode the byte as %%%02X", whole.text[i])
		}
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return whole.slice(i, i+size).fail("", "control character %U", r)
		}
	}
	return nil
}

// parseScheme takes the scheme off the front of an address, or tells from the
// address which one it is.
func parseScheme(address span) (scheme, span, error) {
	text := address.String()
	if isPath(text) {
		return schemeOf("unix"), address, nil
	}
	name, rest, found := address.cut("://")
	if !found || !isWord(name.String()) {
		return schemeOf("tcp"), address, checkNoScheme(address)
	}
	if row := schemeOf(strings.ToLower(name.String())); row.name != "" {
		return row, rest, nil
	}
	if name.len() == 0 {
		return scheme{}, rest, name.fail("tcp", "missing scheme before ://")
	}
	return scheme{}, rest, name.fail(syntax.Nearest(name.String(), schemeNames()),
		"unknown scheme %s; schemes are %s", quote(name.String()), strings.Join(schemeNames(), ", "))
}

// checkNoScheme catches "run/x.sock", a path that does not look like one, and
// "unix:/run/x.sock" and "tcp:localhost:80", in which the scheme would pass for
// a host.
func checkNoScheme(address span) error {
	text := address.String()
	if i := strings.IndexAny(text, "/:["); i > 0 && text[i] == '/' {
		return address.fail("./"+text, "a path begins with /, ./ or ../, and only http:// and https:// take one after a host")
	}
	name, rest, found := address.cut(":")
	row := schemeOf(strings.ToLower(name.String()))
	if !found || row.name == "" || isPortText(rest.String()) {
		return nil
	}
	end := rest.start
	if !row.unix && strings.HasPrefix(rest.String(), "/") {
		end++
	}
	return span{address.text, name.end, end}.fail("://", "a scheme ends in ://")
}

// isPath reports whether an address without a scheme is a UNIX socket's.
func isPath(text string) bool {
	for _, prefix := range []string{"/", "./", "../", "@"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// isWord reports whether text may be meant for a scheme.
func isWord(text string) bool {
	for _, c := range []byte(text) {
		if !isAlnum(c) && !strings.ContainsRune("+-._", rune(c)) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isDigits reports whether text is a number without a sign.
func isDigits(text string) bool {
	for _, c := range []byte(text) {
		if !isDigit(c) {
			return false
		}
	}
	return text != ""
}
