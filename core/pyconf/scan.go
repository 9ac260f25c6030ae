package pyconf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind is what a token is.
type tokenKind int

const (
	tokenEnd     tokenKind = iota
	tokenNewline           // between two statements
	tokenName
	tokenNumber
	tokenText
	tokenOp // one byte
)

// token is a word of a file.
type token struct {
	kind   tokenKind
	text   string
	line   int
	column int // of the line, from 0
}

// scanner cuts a text into tokens. Newlines within brackets are none.
type scanner struct {
	text   string
	at     int
	line   int
	start  int // of the line
	nested int
}

// next is the next token. An error is a text that does not end, or a byte that is
// of no token.
func (s *scanner) next() (token, error) {
	s.blank()
	t := token{line: s.line, column: s.at - s.start}
	if s.at >= len(s.text) {
		return t, nil
	}
	c := s.text[s.at]
	switch {
	case c == '\n':
		s.newline()
		t.kind = tokenNewline
		return t, nil
	case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf:
		t.kind, t.text = tokenName, s.while(wordByte)
		if raw := strings.ToLower(t.text); s.at < len(s.text) && (s.text[s.at] == '\'' || s.text[s.at] == '"') && (raw == "r" || raw == "u") {
			return s.quoted(t, raw == "r")
		}
	case c >= '0' && c <= '9' || c == '.' && s.at+1 < len(s.text) && s.text[s.at+1] >= '0' && s.text[s.at+1] <= '9':
		t.kind, t.text = tokenNumber, s.number()
	case c == '\'' || c == '"':
		return s.quoted(t, false)
	default:
		s.at++
		t.kind, t.text = tokenOp, string(c)
		switch c {
		case '(', '[', '{':
			s.nested++
		case ')', ']', '}':
			s.nested = max(0, s.nested-1)
		}
	}
	return t, nil
}

// blank passes over spaces, comments, lines that go on, and newlines in brackets.
func (s *scanner) blank() {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			s.at++
		case c == '#':
			for s.at < len(s.text) && s.text[s.at] != '\n' {
				s.at++
			}
		case c == '\\' && strings.HasPrefix(s.text[s.at:], "\\\n"):
			s.at++
			s.newline()
		case c == '\n' && s.nested > 0:
			s.newline()
		default:
			return
		}
	}
}

func (s *scanner) newline() {
	s.at++
	s.line++
	s.start = s.at
}

func wordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

func (s *scanner) while(in func(byte) bool) string {
	from := s.at
	for s.at < len(s.text) && in(s.text[s.at]) {
		s.at++
	}
	return s.text[from:s.at]
}

// number is the text of a number, with the sign of its exponent.
func (s *scanner) number() string {
	from := s.at
	for s.at < len(s.text) {
		c := s.text[s.at]
		sign := (c == '+' || c == '-') && (s.text[s.at-1] == 'e' || s.text[s.at-1] == 'E') && !strings.HasPrefix(s.text[from:], "0x")
		if !wordByte(c) && c != '.' && (!sign || s.at == from) {
			break
		}
		s.at++
	}
	return s.text[from:s.at]
}

// quoted is a string, in one quote or three.
func (s *scanner) quoted(t token, raw bool) (token, error) {
	quote := s.text[s.at : s.at+1]
	if strings.HasPrefix(s.text[s.at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	s.at += len(quote)
	var b strings.Builder
	for s.at < len(s.text) {
		switch {
		case strings.HasPrefix(s.text[s.at:], quote):
			s.at += len(quote)
			t.kind, t.text = tokenText, b.String()
			return t, nil
		case s.text[s.at] == '\n' && len(quote) == 1:
			return t, fmt.Errorf("line %d: a string does not end on its line", t.line)
		case s.text[s.at] == '\n':
			b.WriteByte('\n')
			s.newline()
		case s.text[s.at] == '\\' && !raw && s.at+1 < len(s.text):
			s.escape(&b)
		default:
			b.WriteByte(s.text[s.at])
			s.at++
		}
	}
	return t, fmt.Errorf("line %d: a string does not end", t.line)
}

// escape reads what begins with a backslash; those that Go's strings have too are
// meant, others stay as they are.
func (s *scanner) escape(b *strings.Builder) {
	if s.text[s.at+1] == '\n' {
		s.at++
		s.newline()
		return
	}
	switch c := s.text[s.at+1]; c {
	case '\'', '"':
		b.WriteByte(c)
		s.at += 2
	default:
		r, _, rest, err := strconv.UnquoteChar(s.text[s.at:min(len(s.text), s.at+10)], 0)
		if err != nil {
			b.WriteByte('\\')
			s.at++
			return
		}
		b.WriteRune(r)
		s.at = min(len(s.text), s.at+10) - len(rest)
	}
}
