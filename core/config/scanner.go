package config

import (
	"strconv"
	"strings"
)

// scanner walks valid TOML.
type scanner struct {
	text string
	pos  int

	counted, lines int // lines before offset counted
}

// line returns the line of an offset; offsets must not fall from call to call.
func (sc *scanner) line(at int) int {
	sc.lines += strings.Count(sc.text[sc.counted:at], "\n")
	sc.counted = at
	return sc.lines + 1
}

func (sc *scanner) skip(set string) {
	for sc.pos < len(sc.text) && strings.IndexByte(set, sc.text[sc.pos]) >= 0 {
		sc.pos++
	}
}

// skipSpace skips white space, newlines, commas and comments.
func (sc *scanner) skipSpace() {
	for {
		sc.skip(" \t\r\n,")
		if sc.pos >= len(sc.text) || sc.text[sc.pos] != '#' {
			return
		}
		sc.until("\n")
	}
}

func (sc *scanner) until(set string) {
	for sc.pos < len(sc.text) && strings.IndexByte(set, sc.text[sc.pos]) < 0 {
		sc.pos++
	}
}

// key reads a dotted key; parts that need quotes keep them.
func (sc *scanner) key() string {
	var parts []string
	for {
		sc.skip(" \t")
		start := sc.pos
		if sc.pos < len(sc.text) && (sc.text[sc.pos] == '"' || sc.text[sc.pos] == '\'') {
			sc.quoted()
		} else {
			sc.until(" \t\r\n.=]")
		}
		parts = append(parts, keyPart(unquoteKey(sc.text[start:sc.pos])))
		sc.skip(" \t")
		if sc.pos >= len(sc.text) || sc.text[sc.pos] != '.' {
			return strings.Join(parts, ".")
		}
		sc.pos++
	}
}

func unquoteKey(s string) string {
	if len(s) < 2 {
		return s
	}
	if s[0] == '\'' {
		return s[1 : len(s)-1]
	}
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}

// keyPart quotes a part of a dotted key that is not a bare one.
func keyPart(s string) string {
	bare := func(r rune) bool {
		return r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !bare(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}

func joinKey(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// keyValue reads key = value and gives the key, and those of an inline table
// in it, to found, outermost first.
func (sc *scanner) keyValue(table string, found func(entry)) {
	start := sc.pos
	e := entry{path: joinKey(table, sc.key()), line: sc.line(start)}
	sc.skip(" \t=")
	e.start = sc.pos
	var inner []entry
	sc.value(e.path, func(e entry) { inner = append(inner, e) })
	e.end = sc.pos
	found(e)
	for _, e := range inner {
		found(e)
	}
}

func (sc *scanner) value(path string, found func(entry)) {
	if sc.pos >= len(sc.text) {
		return
	}
	switch sc.text[sc.pos] {
	case '"', '\'':
		sc.quoted()
	case '[':
		sc.pos++
		for sc.more(']') {
			sc.value(path, func(entry) {})
		}
	case '{':
		sc.pos++
		for sc.more('}') {
			sc.keyValue(path, found)
		}
	default:
		start := sc.pos
		sc.until(",]}#\r\n")
		sc.pos = start + len(strings.TrimRight(sc.text[start:sc.pos], " \t"))
	}
}

// more reports whether another element stands before the closing bracket, and
// skips the bracket otherwise.
func (sc *scanner) more(closing byte) bool {
	sc.skipSpace()
	if sc.pos >= len(sc.text) {
		return false
	}
	if sc.text[sc.pos] == closing {
		sc.pos++
		return false
	}
	return true
}

// quoted skips a string in any of TOML's four forms.
func (sc *scanner) quoted() {
	q := sc.text[sc.pos]
	mark := string(q)
	if triple := strings.Repeat(mark, 3); strings.HasPrefix(sc.text[sc.pos:], triple) {
		mark = triple
	}
	sc.pos += len(mark)
	for sc.pos < len(sc.text) && !strings.HasPrefix(sc.text[sc.pos:], mark) {
		if q == '"' && sc.text[sc.pos] == '\\' {
			sc.pos++
		}
		sc.pos++
	}
	sc.pos = min(sc.pos+len(mark), len(sc.text))
	if len(mark) == 3 { // up to two quotes may stand before the closing three
		for range 2 {
			if sc.pos < len(sc.text) && sc.text[sc.pos] == q {
				sc.pos++
			}
		}
	}
}
