package cocoeval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds on what a scanner takes. Its own memory is a buffer and a few times
// maxText at most, however long the file.
const (
	bufferSize = 1 << 16 // bytes of the file that are held at a time
	maxNumber  = 1 << 12 // bytes of a number
	maxText    = 1 << 16 // bytes of a key or a name
	maxDepth   = 1000    // arrays and objects within each other
)

// errCut is the error about a file that ends before its JSON value does.
var errCut = errors.New("the file ends in the middle; it was not written to its end")

// scanner takes JSON apart as it is read. It is made for files of many small
// objects with known keys: what is asked for is read where it stands, what is
// not is checked and passed over. The first error stays; from there on every
// read gives zeros, so that the callers check once.
type scanner struct {
	from    io.Reader
	buf     []byte
	at, end int   // buf[at:end] is still to be taken
	before  int64 // bytes of the file before buf[0]
	word    []byte
	err     error
}

func newScanner(r io.Reader) *scanner {
	return &scanner{from: r, buf: make([]byte, bufferSize)}
}

// fail notes the first error, with its place in the file.
func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("%w, at byte %d", fmt.Errorf(format, args...), s.before+int64(s.at))
	}
}

// more reads on in the file and keeps what is not taken yet. It tells whether
// there was more; at the file's end it does not fail.
func (s *scanner) more() bool {
	if s.err != nil {
		return false
	}
	copy(s.buf, s.buf[s.at:s.end])
	s.before += int64(s.at)
	s.at, s.end = 0, s.end-s.at
	for range 100 { // a reader may give nothing and no error, but not for ever
		n, err := s.from.Read(s.buf[s.end:])
		s.end += n
		switch {
		case n > 0:
			return true
		case errors.Is(err, io.EOF):
			return false
		case err != nil:
			s.fail("reading on: %w", err)
			return false
		}
	}
	s.fail("reading on: %w", io.ErrNoProgress)
	return false
}

// next gives the byte that comes after white space, without taking it, and 0
// after an error.
func (s *scanner) next() byte {
	for s.err == nil {
		for ; s.at < s.end; s.at++ {
			switch c := s.buf[s.at]; c {
			case ' ', '\n', '\r', '\t':
			default:
				return c
			}
		}
		if !s.more() {
			s.cut()
		}
	}
	return 0
}

// cut fails where the file ends too early. Where is told by the error itself.
func (s *scanner) cut() {
	if s.err == nil {
		s.err = errCut
	}
}

// unexpected fails at the byte that comes next.
func (s *scanner) unexpected(want string) {
	switch c := s.next(); {
	case s.err != nil:
	case c == 'N' || c == 'I':
		s.fail("NaN or Infinity for a number")
	case c > ' ' && c < 0x7f:
		s.fail("want %s, found %c", want, c)
	default:
		s.fail("want %s, found the byte %#02x", want, c)
	}
}

// take takes the byte c if it comes next.
func (s *scanner) take(c byte) bool {
	if s.next() != c || s.err != nil {
		return false
	}
	s.at++
	return true
}

// want takes the byte c, which must come next.
func (s *scanner) want(c byte) {
	if !s.take(c) {
		s.unexpected(string(c))
	}
}

// list takes an array or an object: what opens it, items parted by commas, and
// what closes it.
func (s *scanner) list(opens, closes byte, item func(i int)) {
	s.want(opens)
	if s.take(closes) {
		return
	}
	for i := 0; s.err == nil; i++ {
		item(i)
		if s.take(closes) {
			return
		}
		if !s.take(',') {
			s.unexpected(fmt.Sprintf(", or %c", closes))
		}
	}
}

// ended wants nothing but white space up to the file's end.
func (s *scanner) ended() {
	for s.err == nil {
		for ; s.at < s.end; s.at++ {
			if c := s.buf[s.at]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				s.fail("more data after the JSON value")
				return
			}
		}
		if !s.more() {
			return
		}
	}
}

// object takes an object. member takes the value of each key; the key is good
// until then.
func (s *scanner) object(member func(key []byte)) {
	s.list('{', '}', func(int) {
		key := s.text()
		s.want(':')
		if s.err == nil {
			member(key)
		}
	})
}

// array takes an array, of which element takes one element a call.
func (s *scanner) array(element func(i int)) { s.list('[', ']', element) }

// null takes a null if it comes next.
func (s *scanner) null() bool {
	if s.next() != 'n' {
		return false
	}
	s.literal("null")
	return s.err == nil
}

// literal takes the word w, of which the first byte comes next.
func (s *scanner) literal(w string) {
	for i := range len(w) {
		if s.at == s.end && !s.more() {
			s.cut()
		}
		if s.err != nil {
			return
		}
		if s.buf[s.at] != w[i] {
			s.unexpected(w)
			return
		}
		s.at++
	}
}

// text takes a string. The result is good until the next call.
func (s *scanner) text() []byte {
	s.word = append(s.word[:0], '"')
	escaped := s.quoted(func(part []byte) {
		if len(s.word)+len(part) > maxText {
			s.fail("a text of more than %d bytes", maxText)
			return
		}
		s.word = append(s.word, part...)
	})
	if escaped && s.err == nil {
		s.unescape()
	}
	if s.err != nil {
		return nil
	}
	return s.word[1 : len(s.word)-1]
}

// unescape puts the text in place of its JSON form in s.word, and keeps the
// quotes.
func (s *scanner) unescape() {
	var text string
	if err := json.Unmarshal(s.word, &text); err != nil {
		s.fail("%w", err)
	}
	s.word = append(append(s.word[:1], text...), '"')
}

// quoted takes a string, hands on its JSON form after the first quote part by
// part, and tells whether it has escapes.
func (s *scanner) quoted(part func([]byte)) (escaped bool) {
	if !s.take('"') {
		s.unexpected("a text")
	}
	var in escape
	for s.err == nil {
		from := s.at
		for ; s.at < s.end; s.at++ {
			switch c := s.buf[s.at]; {
			case c < ' ':
				s.fail("the byte %#02x within a text", c)
				return escaped
			case in != plain:
				if !in.next(c) {
					s.fail("an escape that JSON does not have within a text")
					return escaped
				}
			case c == '\\':
				escaped, in = true, backslash
			case c == '"':
				s.at++
				part(s.buf[from:s.at])
				return escaped
			}
		}
		part(s.buf[from:s.at])
		if !s.more() {
			s.cut()
		}
	}
	return escaped
}

// escape is where in an escape a string is: plain, after a backslash, or the hex
// digits that are still to come.
type escape int

const (
	plain     escape = 0
	backslash escape = 5
)

// next goes on by the byte c and tells whether it may stand there.
func (e *escape) next(c byte) bool {
	if *e != backslash {
		*e--
		return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
	}
	if c == 'u' {
		*e = 4
		return true
	}
	*e = plain
	return strings.IndexByte(`"\/bfnrt`, c) >= 0
}

// skip takes a value of any kind and checks that it is JSON. depth is how many
// arrays and objects it is in.
func (s *scanner) skip(depth int) {
	if depth > maxDepth {
		s.fail("more than %d arrays and objects within each other", maxDepth)
		return
	}
	switch c := s.next(); c {
	case '{':
		s.list('{', '}', func(int) {
			s.quoted(func([]byte) {})
			s.want(':')
			s.skip(depth + 1)
		})
	case '[':
		s.list('[', ']', func(int) { s.skip(depth + 1) })
	case '"':
		s.quoted(func([]byte) {})
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}
