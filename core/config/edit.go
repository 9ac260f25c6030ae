package config

import (
	"errors"
	"fmt"
	"strings"

	"detnas/core/input"
)

// Check lists everything wrong with a config's text, in the order of its lines;
// none where it can be run. It looks at no file.
func Check(file, text string) []Problem {
	_, err := Parse(file, []byte(text), nil)
	var all *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &all):
		return all.Problems
	}
	return []Problem{{File: file, What: err.Error()}}
}

// SetInText puts a value, in TOML, in place of that of a key in a text, or adds
// the key to its table. Comments and layout stay as they are. The text has to be
// TOML.
func SetInText(text, key, literal string) (string, error) {
	if _, err := parseDocument("config", text); err != nil {
		return "", err
	}
	if decodeValue(literal) == nil {
		return "", fmt.Errorf("%s: %s is no value in TOML; strings want quotes", input.Line(key), input.Line(clip(literal)))
	}
	sch := newSchema()
	if t, known := sch[key]; !known || t == nil {
		return "", fmt.Errorf("%s: %s", input.Line(key), sch.unknown(key))
	}
	src := newSource("config", text)
	src.put(key, literal)
	if _, err := parseDocument("config", src.text); err != nil {
		return "", fmt.Errorf("setting %s: the text would no longer be TOML; write it by hand", key)
	}
	return src.text, nil
}

// TableAt is the table that the keys on a line of a text, counted from 1, belong
// to.
func TableAt(text string, line int) string {
	end := 0 // of the line
	for range line {
		next := strings.IndexByte(text[end:], '\n')
		if next < 0 {
			end = len(text)
			break
		}
		end += next + 1
	}
	table := ""
	for _, t := range Tokens(text) {
		if t.Start >= end {
			break
		}
		if t.Kind == TokenHeader {
			table = headerPath(text[t.Start:t.End])
		}
	}
	return table
}
