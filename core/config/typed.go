package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"detnas/core/input"
)

// Typed is the TOML of a key's value as a person types it: strings, and those of
// a list, need no quotes, nor a list its brackets. The error says what the key
// wants.
func Typed(key, text string) (literalText string, err error) {
	sch := newSchema()
	t, known := sch[key]
	if !known || t == nil {
		return "", fmt.Errorf("%s: %s", input.Line(key), sch.unknown(key))
	}
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) {
		return "", fmt.Errorf("%s: the value is not UTF-8", key)
	}
	v := parseValue(t, text)
	out, ok := literal(v)
	if !ok || !fits(t, v) {
		return "", fmt.Errorf("%s wants %s, not %s", key, wanted(t), typeOf(v))
	}
	if v := decodeValue(text); v != nil && fits(t, v) && !strings.ContainsAny(text, "#\n") {
		return text, nil // as it was written: 4e-5 stays
	}
	return out, nil
}

// Bare is a key's value as a person would type it: a string without quotes
// where Typed reads it so.
func Bare(key, literalText string) string {
	v := decodeValue(literalText)
	if v == nil {
		return literalText
	}
	if s, ok := v.(string); ok && !strings.ContainsAny(s, "\n\r\t") {
		if again, err := Typed(key, s); err == nil && again == quote(s) {
			return s
		}
	}
	return strings.Join(strings.Fields(literalText), " ")
}
