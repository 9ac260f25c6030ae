package input

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Decoder reads JSON from a stream piece by piece, and refuses a piece (what one
// Decode or one Token takes, with the space before it) of more than most bytes.
// It holds up to three times as much. Numbers that are decoded into an any are
// json.Number.
func Decoder(r io.Reader, most int64) *json.Decoder {
	s := &pieces{src: r, most: most}
	s.dec = json.NewDecoder(s)
	s.dec.UseNumber()
	return s.dec
}

// pieces counts what the decoder has read ahead of the piece that it is at.
type pieces struct {
	src  io.Reader
	dec  *json.Decoder
	most int64
	read int64
}

// Read implements io.Reader.
func (s *pieces) Read(p []byte) (int, error) {
	at := s.dec.InputOffset()
	if s.read-at > s.most {
		return 0, fmt.Errorf("%w: a value of more than %d bytes", ErrTooLarge, s.most)
	}
	n, err := s.src.Read(p)
	s.read += int64(n)
	return n, err //nolint:wrapcheck // io.EOF has to stay what it is
}

// mostDepth bounds the nesting of what is skipped. Nothing that detnas reads has
// a tenth of it.
const mostDepth = 1000

// Skip goes past the next value of a decoder, however large, and holds only
// pieces of it.
func Skip(dec *json.Decoder) error {
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return err //nolint:wrapcheck // the caller knows the file and the place
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		if depth > mostDepth {
			return fmt.Errorf("%w: values within values, %d deep", ErrTooLarge, depth)
		}
	}
}

// PrintableJSON escapes in JSON what a terminal would obey. It can only stand in
// strings, where \u may too.
func PrintableJSON(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return b.String()
}
