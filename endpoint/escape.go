package endpoint

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unsafeBytes are those that end a part of an endpoint or a word of a service
// line; the canonical form never holds them but where they do just that.
const unsafeBytes = " \"'`\\%?&#"

// escape percent-encodes what may not stand for itself in a path or a value:
// unsafeBytes, what is not printable, and what is not UTF-8.
func escape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) || strings.ContainsRune(unsafeBytes, r) {
			for _, c := range []byte(s[:size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// unescape resolves percent-encoding. Every '%' must be followed by two
// hexadecimal digits.
func unescape(s span) (string, error) {
	text := s.String()
	if !strings.Contains(text, "%") {
		return text, nil
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		if err := checkEscape(s, i); err != nil {
			return "", err
		}
		b = append(b, unhex(text[i+1])<<4|unhex(text[i+2]))
		i += 2
	}
	return string(b), nil
}

// checkEscape checks the two digits after the '%' at i.
func checkEscape(s span, i int) error {
	text := s.String()
	if i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
		return nil
	}
	return s.slice(i, i+1).fail("%25", "two hexadecimal digits must follow %%; a percent sign itself is %%25")
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
