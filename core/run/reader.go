package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine bounds a line of the journal in bytes, and so what a reader holds.
const maxLine = 1 << 20

// Reader reads a journal that may still be growing.
type Reader struct {
	name string
	src  io.ReaderAt
	off  int64  // of the next line
	buf  []byte // what was read from off on
	line int    // lines read
	seq  int64  // of the last entry
}

// NewReader reads the journal in src from its start; name is for errors.
func NewReader(name string, src io.ReaderAt) *Reader {
	return &Reader{name: name, src: src}
}

// Next returns the next entry, or io.EOF where there is none yet; asked again
// later, it returns what has been added. A last line that is torn counts as not
// there. Other errors name the line.
func (r *Reader) Next() (Entry, error) {
	line, err := r.peek()
	if err != nil {
		return Entry{}, err
	}
	entry, err := parseLine(line)
	if err == nil && entry.Seq != r.seq+1 {
		err = fmt.Errorf("event %d follows event %d", entry.Seq, r.seq)
	}
	if err != nil {
		last, lastErr := r.isLast(len(line))
		if lastErr != nil {
			return Entry{}, lastErr
		}
		if last {
			r.buf = nil
			return Entry{}, io.EOF
		}
		return Entry{}, fmt.Errorf("%s:%d: %w", r.name, r.line+1, err)
	}
	r.take(len(line))
	r.seq = entry.Seq
	return entry, nil
}

// peek returns the next line with its newline, which stays in the buffer.
func (r *Reader) peek() ([]byte, error) {
	for searched := 0; ; {
		if nl := bytes.IndexByte(r.buf[searched:], '\n'); nl >= 0 {
			return r.buf[:searched+nl+1], nil
		}
		searched = len(r.buf)
		if searched > maxLine {
			return nil, fmt.Errorf("%s:%d: a line of more than %d bytes is no event", r.name, r.line+1, maxLine)
		}
		switch more, err := r.more(); {
		case err != nil:
			return nil, err
		case !more: // a torn line may be cut off and written anew
			r.buf = nil
			return nil, io.EOF
		}
	}
}

// more adds to the buffer and reports whether there was anything.
func (r *Reader) more() (bool, error) {
	chunk := make([]byte, 64<<10)
	n, err := r.src.ReadAt(chunk, r.off+int64(len(r.buf)))
	r.buf = append(r.buf, chunk[:n]...)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading %s: %w", r.name, err)
	}
	return n > 0, nil
}

// isLast reports whether nothing follows the first n bytes of the buffer.
func (r *Reader) isLast(n int) (bool, error) {
	if len(r.buf) > n {
		return false, nil
	}
	more, err := r.more()
	return !more, err
}

func (r *Reader) take(n int) {
	r.buf = r.buf[n:]
	r.off += int64(n)
	r.line++
}

// ReadJournal gives each entry of a journal to visit, in order, up to a torn
// last line. A journal that is not there has none.
func ReadJournal(path string, visit func(Entry) error) (err error) {
	file, err := os.Open(path) //nolint:gosec // the run that the user names
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	defer func() { err = errors.Join(err, closing(file)) }()
	return readAll(NewReader(path, file), visit)
}

func readAll(r *Reader, visit func(Entry) error) error {
	for {
		entry, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(entry); err != nil {
			return err
		}
	}
}
