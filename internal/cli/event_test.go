package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// kinds maps each event's name to its shape.
var kinds = map[string]any{
	"listening": listeningEvent{},
	"attempt":   attemptEvent{},
	"open":      openEvent{},
	"close":     closeEvent{},
	"denied":    deniedEvent{},
	"notice":    noticeEvent{},
	"error":     errorEvent{},
	"reload":    reloadEvent{},
	"stopped":   stoppedEvent{},
	"stopping":  stoppingEvent{},
	"call":      callEvent{},
}

// field is one row of a table in docs/events.md.
type field struct {
	name, typ string
	optional  bool
}

// documented reads the tables of docs/events.md: the fields of each event, the
// two that every event has included.
func documented() (map[string][]field, error) {
	text, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		return nil, err
	}
	events := map[string][]field{}
	name := ""
	row := regexp.MustCompile("^\\| `([a-z_]+)` \\| ([a-z]+|list of strings)( \\(optional\\))? \\|")
	for _, line := range strings.Split(string(text), "\n") {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			name = strings.Trim(heading, "`")
			continue
		}
		if m := row.FindStringSubmatch(line); m != nil {
			events[name] = append(events[name], field{m[1], m[2], m[3] != ""})
		}
	}
	for name := range events {
		if name != "Every event" {
			events[name] = append(slices.Clone(events["Every event"]), events[name]...)
		}
	}
	return events, nil
}

// TestEventsDocumented holds docs/events.md to the Go types that are emitted:
// the same events, fields, types and order.
func TestEventsDocumented(t *testing.T) {
	docs, err := documented()
	if err != nil {
		t.Fatal(err)
	}
	delete(docs, "Every event")
	for name, shape := range kinds {
		got := []field{{"event", "string", false}, {"time", "string", false}}
		got = append(got, fieldsOf(reflect.TypeOf(shape))...)
		if !reflect.DeepEqual(docs[name], got) {
			t.Errorf("event %s:\ndocs/events.md has %v\nthe type has      %v", name, docs[name], got)
		}
		delete(docs, name)
	}
	for name := range docs {
		t.Errorf("docs/events.md describes %q, which is never emitted", name)
	}
}

func fieldsOf(shape reflect.Type) []field {
	var list []field
	for i := range shape.NumField() {
		f := shape.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, field{name, typeName(f.Type), strings.Contains(options, "omit")})
	}
	return list
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "list of strings"
	case reflect.Bool:
		return "boolean"
	}
	return "number"
}

func checkEvent(docs map[string][]field, line string) string {
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		return "not JSON: " + err.Error()
	}
	name, _ := got["event"].(string)
	fields, ok := docs[name]
	if !ok {
		return "an event that docs/events.md does not describe"
	}
	for _, f := range fields {
		value, there := got[f.name]
		delete(got, f.name)
		switch {
		case !there && f.optional:
		case !there:
			return "without " + f.name
		case jsonType(value) != f.typ:
			return fmt.Sprintf("%s is a %s, docs/events.md says %s", f.name, jsonType(value), f.typ)
		}
	}
	for extra := range got {
		return "with " + extra + ", which docs/events.md does not describe"
	}
	if _, err := time.Parse(time.RFC3339Nano, line[strings.Index(line, `"time":"`)+8:][:strings.IndexByte(line[strings.Index(line, `"time":"`)+8:], '"')]); err != nil {
		return err.Error()
	}
	return ""
}

func jsonType(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "list of strings"
	}
	return fmt.Sprintf("%T", value)
}
