package config

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// mostNested bounds the values within values, and the parts of a dotted key, of
// a text before it is parsed: the time of parsing grows with the square of
// either, and its stack with the first. The schema has four.
const mostNested = 32

// nested says where a text goes beyond mostNested, and in what; nothing where it
// does not. The text need not be TOML: up to its first fault it is read as TOML.
func nested(text string) (at int, what string) {
	sc := scanner{text: text}
	depth, parts := 0, 1
	for sc.pos < len(text) {
		at = sc.pos
		switch text[at] {
		case '"', '\'':
			sc.quoted()
			continue
		case '#':
			sc.until("\n")
			continue
		case '[', '{':
			depth, parts = depth+1, 1
		case ']', '}':
			depth = max(0, depth-1)
		case '.':
			parts++
		case '=', ',', '\n':
			parts = 1
		}
		switch {
		case depth > mostNested:
			return at, fmt.Sprintf("values within values, more than %d deep", mostNested)
		case parts > mostNested:
			return at, fmt.Sprintf("a key of more than %d parts", mostNested)
		}
		sc.pos++
	}
	return 0, ""
}

// decodeValue is the value of a text in TOML, or nil.
func decodeValue(text string) any {
	text = "v = " + text
	if _, what := nested(text); what != "" || len(text) > maxSize {
		return nil
	}
	var doc map[string]any
	if _, err := toml.Decode(text, &doc); err != nil || len(doc) != 1 {
		return nil
	}
	return doc["v"]
}
