package cli

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The values of flags. Each says what it takes (Type, which help shows) and
// why it does not take something (Set's error, which a usage error quotes).

// textValue is a flag that takes any text.
type textValue struct {
	to   *string
	noun string
}

func newText(to *string, noun string) textValue { return textValue{to, noun} }

func (v textValue) String() string        { return *v.to }
func (v textValue) Set(text string) error { *v.to = text; return nil }
func (v textValue) Type() string          { return v.noun }

// parseDuration reads a duration as the endpoint's options do.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s is not a duration; write one like 300ms, 5s, 2m or 1h30m", quoted(text))
	case d < 0:
		return 0, errors.New("a duration cannot be negative")
	}
	return d, nil
}

// descriptorValue is a flag that takes the number of an inherited descriptor.
type descriptorValue struct{ to *int }

func (v descriptorValue) String() string {
	if *v.to < 0 {
		return ""
	}
	return strconv.Itoa(*v.to)
}
func (v descriptorValue) Type() string { return "n" }

func (v descriptorValue) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return fmt.Errorf("%s is not the number of a descriptor", quoted(text))
	}
	if !isInherited(int(n)) {
		return fmt.Errorf("descriptor %d is not open; a shell opens it with %d>FILE", n, n)
	}
	*v.to = int(n)
	return nil
}
