package config

import (
	"errors"
	"fmt"

	"github.com/BurntSushi/toml"
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
	var doc map[string]any
	if _, err := toml.Decode("v = "+literal, &doc); err != nil || len(doc) != 1 {
		return "", fmt.Errorf("%s: %s is no value in TOML; strings want quotes", key, clip(literal))
	}
	sch := newSchema()
	if t, known := sch[key]; !known || t == nil {
		return "", fmt.Errorf("%s: %s", key, sch.unknown(key))
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
	table := ""
	for _, t := range Tokens(text) {
		if t.Kind != TokenHeader {
			continue
		}
		if countLines(text[:t.Start])+1 > line {
			break
		}
		table = headerPath(text[t.Start:t.End])
	}
	return table
}
