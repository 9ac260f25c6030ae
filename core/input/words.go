package input

import (
	"errors"
	"strconv"
	"strings"
)

// Words takes a command line apart as a shell does, with its quotes and
// backslashes, so that what Word has quoted is read back. It puts nothing in place
// of anything: $HOME and * are words like others.
func Words(line string) ([]string, error) {
	var words []string
	s := splitter{rest: line}
	for {
		s.rest = strings.TrimLeft(s.rest, blanks)
		if s.rest == "" {
			return words, nil
		}
		s.word.Reset()
		if err := s.next(); err != nil {
			return nil, err
		}
		words = append(words, s.word.String())
	}
}

// blanks are what stands between words.
const blanks = " \t\n"

// splitter reads words off the start of a command line.
type splitter struct {
	rest string
	word strings.Builder
}

// next reads a word, which rest begins with.
func (s *splitter) next() error {
	for s.rest != "" && !strings.ContainsRune(blanks, rune(s.rest[0])) {
		var err error
		switch {
		case s.rest[0] == '\'':
			err = s.plain()
		case s.rest[0] == '"':
			err = s.double()
		case strings.HasPrefix(s.rest, "$'"):
			err = s.ansiC()
		case s.rest == `\`:
			err = errors.New("the command line ends with a backslash: write two of them, or quote it")
		case s.rest[0] == '\\':
			s.take(1, 1)
		default:
			s.take(0, 1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take leaves out some bytes of rest and puts the n after them into the word.
func (s *splitter) take(skip, n int) {
	s.word.WriteString(s.rest[skip : skip+n])
	s.rest = s.rest[skip+n:]
}

func unclosed(quote string) error {
	return errors.New("the command line has a quote " + quote + " that is not closed: close it, or put a backslash before it")
}

// plain reads '...'.
func (s *splitter) plain() error {
	end := strings.IndexByte(s.rest[1:], '\'')
	if end < 0 {
		return unclosed("'")
	}
	s.take(1, end)
	s.rest = s.rest[1:]
	return nil
}

// double reads "...", in which a backslash stands before few signs.
func (s *splitter) double() error {
	for s.rest = s.rest[1:]; s.rest != ""; {
		switch {
		case s.rest[0] == '"':
			s.rest = s.rest[1:]
			return nil
		case s.rest[0] == '\\' && len(s.rest) > 1 && strings.ContainsRune("$`\"\\", rune(s.rest[1])):
			s.take(1, 1)
		default:
			s.take(0, 1)
		}
	}
	return unclosed(`"`)
}

// ansiC reads $'...', with the escapes of Word: octal digits, and a backslash
// before itself and before a quote. Others stay as they are.
func (s *splitter) ansiC() error {
	for s.rest = s.rest[2:]; s.rest != ""; {
		switch {
		case s.rest[0] == '\'':
			s.rest = s.rest[1:]
			return nil
		case s.rest[0] != '\\' || len(s.rest) == 1:
			s.take(0, 1)
		case strings.ContainsRune(`'"\`, rune(s.rest[1])):
			s.take(1, 1)
		default:
			s.octal()
		}
	}
	return unclosed("$'")
}

// octal reads a byte written as \ooo, or the backslash alone where it is none.
func (s *splitter) octal() {
	if len(s.rest) >= 4 {
		if c, err := strconv.ParseUint(s.rest[1:4], 8, 8); err == nil {
			s.word.WriteByte(byte(c))
			s.rest = s.rest[4:]
			return
		}
	}
	s.take(0, 1)
}
