package config

import (
	"strings"
	"unicode/utf8"
)

// TokenKind is what a piece of TOML is.
type TokenKind int

// The kinds of tokens.
const (
	TokenSpace TokenKind = iota // and what is no TOML
	TokenComment
	TokenHeader // [table]
	TokenKey
	TokenString
	TokenNumber // and dates
	TokenBool
	TokenPunct
)

// Token is a piece of a text, from byte Start to before byte End.
type Token struct {
	Kind       TokenKind
	Start, End int
}

// Tokens parts a text, which may be half typed, into tokens that cover every
// byte of it in order.
func Tokens(text string) []Token {
	l := lexer{text: text, fresh: true}
	for l.pos < len(text) {
		l.next()
	}
	return l.out
}

type lexer struct {
	text  string
	pos   int
	eol   int  // where the line of pos ends, once it was asked for
	fresh bool // nothing but space stands before on the line
	depth int  // of brackets and braces
	out   []Token
}

func (l *lexer) emit(kind TokenKind, end int) {
	if n := len(l.out); kind == TokenSpace && n > 0 && l.out[n-1].Kind == TokenSpace {
		l.out[n-1].End = end
	} else {
		l.out = append(l.out, Token{Kind: kind, Start: l.pos, End: end})
	}
	if kind != TokenSpace {
		l.fresh = false
	}
	l.pos = end
}

func (l *lexer) next() {
	switch c := l.text[l.pos]; {
	case c == '\n':
		l.emit(TokenSpace, l.pos+1)
		l.fresh = true
	case c == ' ' || c == '\t' || c == '\r':
		l.emit(TokenSpace, l.pos+1)
	case c == '#':
		l.emit(TokenComment, l.lineEnd())
	case c == '[' && l.fresh && l.depth == 0:
		end := l.pos + strings.IndexByte(l.text[l.pos:l.lineEnd()]+"]", ']') + 1
		for end < len(l.text) && l.text[end] == ']' {
			end++
		}
		l.emit(TokenHeader, min(end, l.lineEnd()))
	case c == '"' || c == '\'':
		l.quoted()
	case strings.IndexByte("[]{}=,", c) >= 0:
		l.punct(c)
	default:
		l.word()
	}
}

// lineEnd is where the line of pos ends. It is looked for once a line.
func (l *lexer) lineEnd() int {
	if l.eol > l.pos {
		return l.eol
	}
	l.eol = len(l.text)
	if i := strings.IndexByte(l.text[l.pos:], '\n'); i >= 0 {
		l.eol = l.pos + i
	}
	return l.eol
}

func (l *lexer) punct(c byte) {
	switch c {
	case '[', '{':
		l.depth++
	case ']', '}':
		l.depth = max(0, l.depth-1)
	}
	l.emit(TokenPunct, l.pos+1)
}

// quoted takes a string, which ends with its line when it is not closed, unless
// it has three quotes.
func (l *lexer) quoted() {
	sc := scanner{text: l.text, pos: l.pos}
	if mark := strings.Repeat(l.text[l.pos:l.pos+1], 3); !strings.HasPrefix(l.text[l.pos:], mark) {
		sc.text = l.text[:l.lineEnd()]
	}
	sc.quoted()
	l.emit(l.asKey(TokenString, sc.pos), sc.pos)
}

// word takes what stands without quotes.
func (l *lexer) word() {
	end := l.pos
	for end < len(l.text) && strings.IndexByte(" \t\r\n#[]{}=,\"'", l.text[end]) < 0 {
		end++
	}
	if end == l.pos {
		_, n := utf8.DecodeRuneInString(l.text[l.pos:])
		end += n
	}
	kind := TokenSpace
	switch w := l.text[l.pos:end]; {
	case w == "true" || w == "false":
		kind = TokenBool
	case strings.IndexByte("+-0123456789", w[0]) >= 0 || w == "inf" || w == "nan":
		kind = TokenNumber
	}
	l.emit(l.asKey(kind, end), end)
}

// asKey is TokenKey where an equals sign follows, or where a line begins with a
// word that waits for one.
func (l *lexer) asKey(kind TokenKind, end int) TokenKind {
	rest := strings.TrimLeft(l.text[end:], " \t")
	if strings.HasPrefix(rest, "=") || l.fresh && l.depth == 0 {
		return TokenKey
	}
	return kind
}

// headerPath is the dotted path in a table's header.
func headerPath(header string) string {
	sc := scanner{text: strings.Trim(header, "[] \t") + "\n"}
	return sc.key()
}
