package socket

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
)

// optionText is the arguments of setsockopt and getsockopt: SOL_SOCKET, SO_REUSEADDR, 1.
func (c *Call) optionText() string {
	level, symbol := optionSymbol(c.Level, c.Option)
	text := level + ", " + symbol
	if c.Name == "getsockopt" && c.failed() {
		return text
	}
	return text + ", " + valueText(c.Value)
}

// valueText prints an int as a number, and any other value as bytes.
func valueText(value []byte) string {
	if len(value) == 4 {
		return strconv.Itoa(int(int32(binary.NativeEndian.Uint32(value))))
	}
	for _, c := range value {
		if c < ' ' || c > '~' {
			return "{" + hex.EncodeToString(value) + "}"
		}
	}
	return strconv.Quote(string(value))
}

type optionKey struct{ level, number int }

// optionSymbols turns the option table round: number to name.
var optionSymbols = sync.OnceValue(func() map[optionKey]string {
	symbols := make(map[optionKey]string)
	for _, o := range Options() {
		key := optionKey{o.Level, o.Number}
		if _, taken := symbols[key]; !taken {
			symbols[key] = o.Symbol
		}
	}
	return symbols
})

// optionSymbol names a level and an option in C; numbers stand for what has no name.
func optionSymbol(level, number int) (levelName, symbol string) {
	levelName, symbol = levelNames[level], optionSymbols()[optionKey{level, number}]
	if levelName == "" {
		levelName = strconv.Itoa(level)
	}
	if symbol == "" {
		symbol = strconv.Itoa(number)
	}
	return levelName, strings.ToUpper(symbol)
}
