package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"detnas/core/input"
)

// override applies one "key=value" of the command line to the text. A value is
// TOML; what is no TOML counts as a string, and so do the elements of a list,
// so that no quotes are needed.
func (s *source) override(sch schema, set string) error {
	key, value, ok := strings.Cut(set, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok || key == "" {
		return fmt.Errorf("--set %s: want key=value, such as --set seed=7", input.Line(clip(set)))
	}
	fail := func(format string, args ...any) error {
		return &Error{Problems: []Problem{{File: s.file, Set: true, Key: clip(key), What: fmt.Sprintf(format, args...)}}}
	}
	t, known := sch[key]
	switch {
	case !known:
		return fail("%s", sch.unknown(key))
	case t == nil:
		return fail("is a table; set its keys, such as %s", joinKey(key, sch.names(key)[0]))
	case !utf8.ValidString(value):
		return fail("the value is not UTF-8")
	}
	v := parseValue(t, value)
	text, ok := literal(v)
	if !ok || !fits(t, v) {
		return fail("wants %s, not %s", wanted(t), typeOf(v))
	}
	s.put(key, text)
	s.sets[key] = true
	return nil
}

// parseValue reads the value of an override as a t where it can, or else as
// what it looks like.
func parseValue(t reflect.Type, text string) any {
	v := decodeValue(text)
	switch {
	case v != nil && fits(t, v):
		return v
	case t.Kind() == reflect.Slice:
		return parseList(t.Elem(), text)
	case t.Kind() == reflect.String || v == nil:
		return text
	}
	return v
}

// parseList reads "[a, b]" or "a, b".
func parseList(elem reflect.Type, text string) any {
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		text = strings.TrimSuffix(inner, "]")
	}
	list := []any{}
	if strings.TrimSpace(text) == "" {
		return list
	}
	for part := range strings.SplitSeq(text, ",") {
		list = append(list, parseValue(elem, strings.TrimSpace(part)))
	}
	return list
}

// literal writes a decoded scalar, or a list of them, as TOML on one line; no
// key takes a list of lists.
func literal(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return quote(x), true
	case bool:
		return strconv.FormatBool(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case float64:
		return formatFloat(x), true
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			if _, nested := e.([]any); nested {
				return "", false
			}
			part, ok := literal(e)
			if !ok {
				return "", false
			}
			parts[i] = part
		}
		return "[" + strings.Join(parts, ", ") + "]", true
	default:
		return "", false
	}
}

func formatFloat(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	text := strconv.FormatFloat(x, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
