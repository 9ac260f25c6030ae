package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"detnas/core/input"
)

// maxLine bounds a line of the journal in bytes, and so what a reader holds.
const maxLine = 1 << 20

// What a reader reads and decodes at once.
const (
	chunk      = 64 << 10 // bytes for an event or two
	bulk       = 1 << 20  // bytes for many
	parallel   = 128      // lines for which another goroutine is worth its while
	readAtOnce = 4096     // entries
)

// Reader reads a journal that may still be growing. A line may have 1 MiB; the
// reader holds up to 4 MiB of the journal, and a batch is made of up to 3. What is
// decoded of a line takes up to 128 times its bytes.
type Reader struct {
	name     string
	src      io.ReaderAt
	off      int64  // of the next line
	buf      []byte // what was read from off on, within room
	room     []byte
	line     int    // lines read
	seq      int64  // of the last entry
	last     []byte // the last line read
	decoders []decoder
	ends     []int // of the lines of a batch
}

// NewReader reads the journal in src from its start; name is for errors.
func NewReader(name string, src io.ReaderAt) *Reader {
	return &Reader{name: name, src: src, decoders: make([]decoder, 1)}
}

// ErrCut says that the line which a reader read last no longer stands in the
// journal: its writer could not put it on disk and has taken it back. What
// follows is to be read from the start.
var ErrCut = errors.New("the journal was cut: its last line was taken back")

// Next returns the next entry, or io.EOF where there is none yet; asked again
// later, it returns what has been added. A last line that is torn counts as not
// there. Other errors are ErrCut, or name the line.
func (r *Reader) Next() (Entry, error) {
	if err := r.stands(); err != nil {
		return Entry{}, err
	}
	line, err := r.peek()
	if err != nil {
		return Entry{}, err
	}
	entry, err := r.decoders[0].parse(line)
	if err == nil && entry.Seq != r.seq+1 {
		err = fmt.Errorf("event %d follows event %d", entry.Seq, r.seq)
	}
	if err != nil {
		last, lastErr := r.isLast(len(line))
		if lastErr != nil {
			return Entry{}, lastErr
		}
		if last {
			r.rest(0)
			return Entry{}, io.EOF
		}
		return Entry{}, r.damaged(err)
	}
	r.take(len(line), len(line))
	r.seq = entry.Seq
	return entry, nil
}

// stands is ErrCut where the last line read does not stand any more.
func (r *Reader) stands() error {
	if r.off == 0 {
		return nil
	}
	now := make([]byte, len(r.last))
	if _, err := r.src.ReadAt(now, r.off-int64(len(now))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", r.name, err)
	}
	if !bytes.Equal(now, r.last) {
		return ErrCut
	}
	return nil
}

// Batch returns the next entries, at most limit and not more than some
// megabytes of them; none where there are none yet. It is for many at once: they
// are decoded on all the cores that there are. An error is as in Next, and comes
// with the entries before it.
func (r *Reader) Batch(limit int) ([]Entry, error) { return r.batch(nil, limit) }

// batch is Batch, into a slice that was given by an earlier one if it is large
// enough.
func (r *Reader) batch(room []Entry, limit int) ([]Entry, error) {
	if err := r.stands(); err != nil {
		return nil, err
	}
	ends, err := r.lines(limit)
	if err != nil {
		return nil, err
	}
	entries := slices.Grow(room[:0], len(ends))[:len(ends)]
	good := r.decode(ends, entries)
	for i := range good {
		if entries[i].Seq != r.seq+1 {
			good = i
			break
		}
		r.seq++
	}
	if good > 0 {
		start := 0
		if good > 1 {
			start = ends[good-2]
		}
		r.line += good - 1
		r.take(ends[good-1], ends[good-1]-start)
	}
	if good == len(ends) {
		return entries, nil
	}
	entries = entries[:good]
	if _, err := r.Next(); !errors.Is(err, io.EOF) { // what is wrong with the line after them
		return entries, err
	}
	return entries, nil
}

// lines returns where the next whole lines end in the buffer.
func (r *Reader) lines(limit int) ([]int, error) {
	ends := r.ends[:0]
	defer func() { r.ends = ends }()
	for at := 0; len(ends) < limit; {
		if nl := bytes.IndexByte(r.buf[at:], '\n'); nl >= 0 {
			at += nl + 1
			ends = append(ends, at)
			continue
		}
		if len(ends) > 0 && len(r.buf) > bulk {
			break
		}
		if len(r.buf)-at > maxLine {
			if len(ends) > 0 {
				break // the next call says so
			}
			return nil, r.endless()
		}
		want := chunk
		if len(r.buf) >= chunk { // there is much
			want = bulk
		}
		more, err := r.more(want)
		if err != nil {
			return nil, err
		}
		if !more {
			r.rest(at)
			break
		}
	}
	return ends, nil
}

// decode fills entries from the lines that end at ends, and returns how many
// there are before the first that cannot be decoded.
func (r *Reader) decode(ends []int, entries []Entry) int {
	workers := max(1, min(runtime.GOMAXPROCS(0), len(ends)/parallel))
	for len(r.decoders) < workers {
		r.decoders = append(r.decoders, decoder{})
	}
	good := make([]int, workers) // by worker, entries that it decoded
	work := func(w, from, to int) {
		for i := from; i < to; i++ {
			start := 0
			if i > 0 {
				start = ends[i-1]
			}
			var err error
			if entries[i], err = r.decoders[w].parse(r.buf[start:ends[i]]); err != nil {
				return
			}
			good[w]++
		}
	}
	part := func(w int) int { return w * len(ends) / workers }
	var wait sync.WaitGroup
	for w := 1; w < workers; w++ {
		wait.Go(func() { work(w, part(w), part(w+1)) })
	}
	work(0, 0, part(1))
	wait.Wait()
	for w, n := range good {
		if n < part(w+1)-part(w) {
			return part(w) + n
		}
	}
	return len(ends)
}

// peek returns the next line with its newline, which stays in the buffer.
func (r *Reader) peek() ([]byte, error) {
	for searched := 0; ; {
		if nl := bytes.IndexByte(r.buf[searched:], '\n'); nl >= 0 {
			return r.buf[:searched+nl+1], nil
		}
		searched = len(r.buf)
		if searched > maxLine {
			return nil, r.endless()
		}
		switch more, err := r.more(chunk); {
		case err != nil:
			return nil, err
		case !more:
			r.rest(0)
			return nil, io.EOF
		}
	}
}

func (r *Reader) endless() error {
	return r.damaged(fmt.Errorf("a line of more than %d bytes is no event", maxLine))
}

// damaged is the error of the line after those that were read, with what helps.
func (r *Reader) damaged(err error) error {
	err = fmt.Errorf("%s:%d: %w", input.Line(r.name), r.line+1, err)
	if errors.Is(err, errNewer) {
		return err
	}
	return fmt.Errorf("%w; keep the lines before it (head -n %d) and resume the run: what the others told is done again", err, r.line)
}

// more adds up to n bytes to the buffer and reports whether there were any.
func (r *Reader) more(n int) (bool, error) {
	have := len(r.buf)
	if cap(r.buf)-have < n {
		if cap(r.room) < have+n {
			r.room = make([]byte, have+n)
		}
		r.buf = append(r.room[:0], r.buf...) // back to the front of it
	}
	got, err := r.src.ReadAt(r.buf[have:have+n], r.off+int64(have))
	r.buf = r.buf[:have+got]
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading %s: %w", r.name, err)
	}
	return got > 0, nil
}

// rest drops what is in the buffer after the first n bytes: a torn line, which
// may be cut off and written anew. Nothing more is there to be read, so what was
// held for reading much goes too.
func (r *Reader) rest(n int) {
	r.buf = r.buf[:n]
	if cap(r.room) > chunk {
		r.idle()
	}
}

// idle frees what is held for reading.
func (r *Reader) idle() { r.buf, r.room, r.ends = bytes.Clone(r.buf), nil, nil }

// isLast reports whether nothing follows the first n bytes of the buffer.
func (r *Reader) isLast(n int) (bool, error) {
	if len(r.buf) > n {
		return false, nil
	}
	more, err := r.more(chunk)
	return !more, err
}

// take goes on to what follows the first n bytes, which end with a line of so
// many.
func (r *Reader) take(n, line int) {
	r.last = append(r.last[:0], r.buf[n-line:n]...)
	r.buf = r.buf[n:]
	r.off += int64(n)
	r.line++
}

// ReadJournal gives each entry of a journal to visit, in order, up to a torn
// last line. A journal that is not there has none.
func ReadJournal(path string, visit func(Entry) error) (err error) {
	file, _, err := input.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the journal: %w", allow(err, "read", path))
	}
	defer func() { err = errors.Join(err, closing(file)) }()
	return readAll(NewReader(path, file), visit)
}

// readAll gives all entries to visit. Where the last of them is taken back as it
// is read, the others still hold, and so does it for whoever reads so far.
func readAll(r *Reader, visit func(Entry) error) error {
	var entries []Entry
	for {
		var err error
		entries, err = r.batch(entries, readAtOnce)
		for _, entry := range entries {
			if err := visit(entry); err != nil {
				return err
			}
		}
		if errors.Is(err, ErrCut) {
			return nil
		}
		if err != nil || len(entries) == 0 {
			return err
		}
	}
}
