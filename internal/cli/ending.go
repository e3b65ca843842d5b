package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sock/internal/syntax"
)

// An ending says what one side's end of file does to a conversation.
type ending struct {
	mode endingMode
	wait time.Duration // with waits only
}

type endingMode string

const (
	unsaid endingMode = ""      // the default, which depends on the transport
	half   endingMode = "half"  // only that direction ends, the other one goes on
	closes endingMode = "close" // the conversation ends, once all is delivered
	waits  endingMode = "wait"  // as half, but for so long only
)

// endingValue is a flag that takes half, close or wait=DURATION.
type endingValue struct{ to *ending }

func (v endingValue) Type() string { return "mode" }

func (v endingValue) String() string {
	if v.to.mode == waits {
		return fmt.Sprintf("wait=%v", v.to.wait)
	}
	return string(v.to.mode)
}

func (v endingValue) Set(text string) error {
	word, duration, hasDuration := strings.Cut(text, "=")
	mode := endingMode(word)
	switch {
	case mode == waits && hasDuration:
		d, err := parseDuration(duration)
		*v.to = ending{waits, d}
		return err
	case mode == waits:
		return errors.New("wait needs a duration, as in wait=2s")
	case (mode == half || mode == closes) && !hasDuration:
		*v.to = ending{mode: mode}
		return nil
	}
	return &syntax.Error{
		Message:    quoted(text) + " is none of half, close and wait=DURATION",
		Suggestion: syntax.Nearest(word, []string{string(half), string(closes), "wait=2s"}),
	}
}
