package endpoint

import (
	"fmt"
	"net/netip"
	"strings"

	"sock/internal/syntax"
	"sock/socket"
)

// fault is what is wrong with a decoded part: length bytes at offset, or all
// of it where length is negative.
type fault struct {
	offset, length int
	message        string
	suggestion     string
}

// wrong is a fault of the whole part.
func wrong(suggestion, format string, args ...any) *fault {
	return &fault{0, -1, fmt.Sprintf(format, args...), suggestion}
}

// wrongAt is a fault of a few bytes of the part.
func wrongAt(offset, length int, format string, args ...any) *fault {
	return &fault{offset, length, fmt.Sprintf(format, args...), ""}
}

// at points the fault at the part as it was written. Where that holds escapes,
// offsets of the decoded part mean nothing in it, and all of it is pointed at.
func (f *fault) at(written span, decoded string) error {
	if f.length >= 0 && written.String() == decoded {
		written = written.slice(f.offset, f.offset+f.length)
	}
	suggestion := f.suggestion
	if suggestion != "" {
		suggestion = escape(suggestion)
	}
	return written.fail(suggestion, "%s", f.message)
}

// rule is what a name means: an own option, or a row of the socket's table.
type rule struct {
	own *ownOption
	row *socket.Option
}

func (r rule) name() string {
	if r.own != nil {
		return r.own.Name
	}
	return r.row.Name
}

func (r rule) repeats() bool {
	if r.own != nil {
		return r.own.Repeats
	}
	return r.row.Kind == socket.KindMembership
}

// lookupRule finds an option by its name, or by the kernel's symbol for it.
func lookupRule(name string) (rule, bool) {
	for i := range ownOptions {
		if ownOptions[i].Name == name {
			return rule{own: &ownOptions[i]}, true
		}
	}
	row, ok := socket.Lookup(name)
	return rule{row: row}, ok
}

// parseOptions reads what follows the '?'. It returns each option's span.
func (e *Endpoint) parseOptions(row scheme, options span) ([]span, error) {
	seen := make(map[string]bool)
	var spans []span
	for more := true; more; {
		var piece span
		piece, options, more = options.cut("&")
		option, err := e.parseOption(row, piece, seen)
		if err != nil {
			return nil, err
		}
		e.Options = append(e.Options, option)
		spans = append(spans, piece)
	}
	return spans, e.checkTogether(spans)
}

// parseOption reads "name" or "name=value".
func (e *Endpoint) parseOption(row scheme, piece span, seen map[string]bool) (Option, error) {
	name, value, hasValue := piece.cut("=")
	if name.len() == 0 {
		return Option{}, name.fail("", "missing option")
	}
	r, ok := lookupRule(name.String())
	if !ok {
		return Option{}, failUnknown(name)
	}
	option := Option{Name: r.name(), HasValue: hasValue}
	if seen[option.Name] && !r.repeats() {
		return Option{}, piece.fail("", "option %s is given twice", option.Name)
	}
	seen[option.Name] = true
	if reason := e.unfit(row, r); reason != "" {
		return Option{}, name.fail("", "%s", reason)
	}
	var err error
	if option.Value, err = unescape(value); err != nil {
		return Option{}, err
	}
	if hasValue && option.Value == "" {
		return Option{}, piece.fail("", "missing value after %s=", option.Name)
	}
	return option, e.checkValue(r, option, name, value)
}

// failUnknown names the nearest option there is.
func failUnknown(name span) error {
	text := name.String()
	var names []string
	for _, o := range ownOptions {
		names = append(names, o.Name)
	}
	for _, o := range socket.Options() {
		names = append(names, o.Name)
		if strings.Contains(text, "_") {
			names = append(names, o.Symbol)
		}
	}
	return name.fail(syntax.Nearest(text, names), "unknown option %s", quote(text))
}

// unfit is why an option makes no sense for the endpoint, or empty.
func (e *Endpoint) unfit(row scheme, r rule) string {
	if r.own != nil {
		if r.own.reach.covers(row) {
			return ""
		}
		return fmt.Sprintf("option %s needs %s, not %s", r.own.Name, r.own.reach.text, row.name)
	}
	if e.carries(row, r.row) {
		return ""
	}
	return fmt.Sprintf("option %s is for %s sockets, not %s", r.row.Name, r.row.Scope(), e.kind(row))
}

// kind is what the endpoint's sockets are, in words: the scheme, and the
// family where a literal address settles that.
func (e *Endpoint) kind(row scheme) string {
	families := e.families(row)
	switch {
	case len(families) > 1 || !row.has4() || !row.has6():
		return row.name
	case families[0] == socket.INET:
		return row.name + " over IPv4"
	}
	return row.name + " over IPv6"
}

// carries reports whether a socket that the endpoint may need has the option.
// What a descriptor is, is not known before it is asked.
func (e *Endpoint) carries(row scheme, option *socket.Option) bool {
	if e.IsFD() {
		return true
	}
	for _, family := range e.families(row) {
		if option.AppliesTo(family, row.socketType(), row.protocol()) {
			return true
		}
	}
	return false
}

// families are those that the endpoint's sockets can have.
func (e *Endpoint) families(row scheme) []socket.Family {
	if row.unix {
		return []socket.Family{socket.UNIX}
	}
	ip, err := netip.ParseAddr(e.Host)
	var families []socket.Family
	if row.has6() && (err != nil || ip.Is6()) {
		families = append(families, socket.INET6)
	}
	if row.has4() && (err != nil || ip.Is4()) {
		families = append(families, socket.INET)
	}
	return families
}

// checkValue checks an option's value, or that it may stand without one.
func (e *Endpoint) checkValue(r rule, option Option, name, value span) error {
	if r.row != nil {
		return checkSocketValue(r.row, option, name, value)
	}
	if !option.HasValue {
		if r.own.Kind == KindFlag {
			return nil
		}
		return name.fail(r.own.Name+"="+r.own.Example, "option %s needs a value: %s", r.own.Name, r.own.Unit)
	}
	if f := r.own.check(e, option.Value); f != nil {
		return f.at(value, option.Value)
	}
	return nil
}

// checkSocketValue asks the option table.
func checkSocketValue(row *socket.Option, option Option, name, value span) error {
	err := row.Parse(option.Value)
	if err == nil {
		return nil
	}
	message := "option " + err.Error()
	if !strings.HasPrefix(err.Error(), row.Name) {
		message = "option " + row.Name + ": " + err.Error()
	}
	if !option.HasValue {
		return name.fail("", "%s", message)
	}
	return value.fail(nearestValue(row, option.Value), "%s", message)
}

// nearestValue is a value that the row takes and that text may be meant for.
func nearestValue(row *socket.Option, text string) string {
	var words []string
	for _, v := range row.Values {
		words = append(words, v.Word)
	}
	switch {
	case row.Kind == socket.KindDuration && isDigits(text):
		words = []string{text + "s"}
	case row.Kind == socket.KindBool:
		words = flagWords()
	}
	if near := syntax.Nearest(text, words); near != "" && row.Parse(near) == nil {
		return near
	}
	return ""
}

// checkTogether refuses options that contradict each other.
func (e *Endpoint) checkTogether(spans []span) error {
	for i, o := range e.Options {
		switch o.Name {
		case "key":
			if e.Cert() == "" {
				return spans[i].fail("", "option key needs cert, the certificate that it belongs to")
			}
		case "backend", "loops":
			if e.Model() != "event" {
				return spans[i].fail("", "option %s is for event loops: it needs model=event", o.Name)
			}
		case "insecure":
			if e.Insecure() && e.CA() != "" {
				return spans[i].fail("", "insecure verifies nothing, and ca says what to verify with: leave one out")
			}
		case "mode":
			if strings.HasPrefix(e.Path, "@") {
				return spans[i].fail("", "an abstract socket has no file, and so no mode")
			}
		}
	}
	return nil
}

// SocketOption is a row of the socket option table with the value that an
// endpoint gives it, ready for its SetText.
type SocketOption struct {
	*socket.Option
	Text string // empty for the bare name
}

// SocketOptions returns the options that are rows of the socket option table,
// in the order written.
func (e Endpoint) SocketOptions() []SocketOption {
	var list []SocketOption
	for _, o := range e.Options {
		if r, ok := lookupRule(o.Name); ok && r.row != nil {
			list = append(list, SocketOption{r.row, o.Value})
		}
	}
	return list
}

// Check reports whether the endpoint is right and every option of it means
// something on that side; Where 0 asks for the first only. It is for
// endpoints made by hand, and before dialling and listening: no option is
// accepted and then ignored. The error is a [*SyntaxError] over the canonical
// form.
func (e Endpoint) Check(side Where) error {
	parsed, spans, err := parse(e.String())
	if err != nil {
		return err
	}
	if !parsed.Equal(e) {
		return spanOf(e.String()).fail(parsed.String(), "the endpoint was not made by Parse, and is not canonical")
	}
	for i, o := range parsed.Options {
		r, _ := lookupRule(o.Name)
		if where := r.where(); side != 0 && where&side == 0 {
			return spans[i].fail("", "option %s is for %s only", o.Name, where)
		}
	}
	return nil
}

// where is the side on which an option means something.
func (r rule) where() Where {
	if r.own != nil {
		return r.own.Where
	}
	var where Where
	if r.row.ForDialer() {
		where |= ForDial
	}
	if r.row.ForListener() {
		where |= ForListen
	}
	return where
}

// With returns the endpoint with the option set to value: in its place where
// there is one, else at the end. An empty value writes the name alone. The
// name may be a kernel's symbol. It is how a command's flag becomes an option.
func (e Endpoint) With(name, value string) (Endpoint, error) {
	if r, ok := lookupRule(name); ok {
		name = r.name()
	}
	set := Option{Name: name, Value: value, HasValue: value != ""}
	var options []Option
	placed := false
	for _, o := range e.Options {
		switch {
		case o.Name != name:
			options = append(options, o)
		case !placed:
			options, placed = append(options, set), true
		}
	}
	if !placed {
		options = append(options, set)
	}
	e.Options = options
	return Parse(e.String())
}

// Without returns the endpoint without any option of that name.
func (e Endpoint) Without(name string) Endpoint {
	var options []Option
	for _, o := range e.Options {
		if o.Name != name {
			options = append(options, o)
		}
	}
	e.Options = options
	return e
}
