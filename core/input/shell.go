package input

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CommandLine is a command of detnas for people to copy: a shell takes its words
// apart as they are, and it is one line that prints.
func CommandLine(words ...string) string {
	var b strings.Builder
	b.WriteString("detnas")
	for _, w := range words {
		b.WriteString(" " + Word(w))
	}
	return b.String()
}

// Word is a word as a shell takes it, quoted where it has to be.
func Word(word string) string {
	switch {
	case word != "" && strings.IndexFunc(word, special) < 0:
		return word
	case utf8.ValidString(word) && strings.IndexFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }) < 0:
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return ansiC(word)
}

// special reports whether a sign means something to some shell, or is not plain
// to see.
func special(r rune) bool {
	return r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_@%+=:,./-", r)
}

// ansiC quotes a word with signs that do not print, as $'...'.
func ansiC(word string) string {
	var b strings.Builder
	b.WriteString("$'")
	for len(word) > 0 {
		r, n := utf8.DecodeRuneInString(word)
		switch {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + word[:n])
		case r == utf8.RuneError || !unicode.IsPrint(r):
			for _, c := range []byte(word[:n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteString(word[:n])
		}
		word = word[n:]
	}
	b.WriteString("'")
	return b.String()
}
