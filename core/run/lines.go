package run

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"detnas/core/input"
)

// Bounds on what is kept of a growing text.
const (
	clipAt    = 16 << 10 // bytes of a line that are shown; an event of MostRanks has fewer
	firstStep = 256      // lines between two marks, at first
	mostMarks = 1 << 14  // marks; when there are more, every second one goes
)

// Lines are the lines of a text file that may be growing, such as log.txt, by
// number and in memory that does not grow with the file. A last line without its
// newline is a line. The methods may be called from any goroutine.
type Lines struct {
	path string

	mu    sync.Mutex
	info  os.FileInfo // of the file that was read; nil where there is none
	size  int64       // bytes read
	whole int         // lines with their newline
	marks []int64     // offsets of the lines 0, step, 2*step, ...
	step  int         // lines between two marks
	last  int64       // offset of the line after the last newline
}

// NewLines are the lines of the file at path, which need not be there yet. It
// has none before Refresh.
func NewLines(path string) *Lines { return &Lines{path: path, step: firstStep} }

// Refresh takes in what the file has grown by. A file that has shrunk, or is
// another one than before, is read from its start.
func (l *Lines) Refresh() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.path)
	if errors.Is(err, os.ErrNotExist) {
		l.reset()
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading lines: %w", err)
	}
	if l.info != nil && (!os.SameFile(l.info, info) || info.Size() < l.size) {
		l.reset()
	}
	l.info = info
	if info.Size() == l.size {
		return nil
	}
	file, _, err := input.Open(l.path)
	if err != nil {
		return fmt.Errorf("reading lines: %w", err)
	}
	defer file.Close()
	return l.index(file)
}

func (l *Lines) reset() {
	l.info, l.size, l.whole, l.marks, l.step, l.last = nil, 0, 0, nil, firstStep, 0
}

// index counts the lines from size on to the end of the file.
func (l *Lines) index(file io.ReaderAt) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := file.ReadAt(buf, l.size)
		l.count(buf[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading lines of %s: %w", l.path, err)
		}
	}
}

// count takes in the next bytes of the file.
func (l *Lines) count(text []byte) {
	start := l.size
	l.size += int64(len(text))
	for at := 0; ; {
		nl := bytes.IndexByte(text[at:], '\n')
		if nl < 0 {
			return
		}
		if l.whole%l.step == 0 {
			l.mark(l.last)
		}
		at += nl + 1
		l.whole++
		l.last = start + int64(at)
	}
}

// mark notes where the line number whole begins.
func (l *Lines) mark(off int64) {
	l.marks = append(l.marks, off)
	if len(l.marks) <= mostMarks {
		return
	}
	for i := 0; 2*i < len(l.marks); i++ {
		l.marks[i] = l.marks[2*i]
	}
	l.marks = l.marks[:(len(l.marks)+1)/2]
	l.step *= 2
}

// Len is the number of lines as of the last Refresh.
func (l *Lines) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.len()
}

func (l *Lines) len() int {
	if l.last < l.size {
		return l.whole + 1
	}
	return l.whole
}

// Read returns up to n lines from the line number from on, counted from 0,
// without their newlines; what is longer than 4 KiB is clipped. Lines that came
// after the last Refresh are not there yet. Where the file has shrunk since,
// there may be fewer.
func (l *Lines) Read(from, n int) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = max(from, 0)
	if n = min(n, l.len()-from); n <= 0 {
		return nil, nil
	}
	file, _, err := input.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading lines: %w", err)
	}
	defer file.Close()
	line, off := l.nearest(from)
	in := bufio.NewReaderSize(io.NewSectionReader(file, off, l.size-off), 64<<10)
	for ; line < from; line++ {
		if err := skipLine(in); err != nil {
			return nil, l.readError(err)
		}
	}
	lines := make([]string, 0, min(n, 1<<10))
	for len(lines) < n {
		text, err := readClipped(in)
		if err != nil {
			return lines, l.readError(err)
		}
		lines = append(lines, text)
	}
	return lines, nil
}

// readError is nil at the file's end.
func (l *Lines) readError(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("reading lines of %s: %w", l.path, err)
}

// nearest is the last line at or before from whose offset is known.
func (l *Lines) nearest(from int) (line int, off int64) {
	if from >= l.whole {
		return l.whole, l.last
	}
	i := min(from/l.step, len(l.marks)-1)
	return i * l.step, l.marks[i]
}

// skipLine goes past the next newline or to the end; io.EOF where there was
// nothing.
func skipLine(in *bufio.Reader) error {
	for some := false; ; some = true {
		part, err := in.ReadSlice('\n')
		switch {
		case err == nil:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (some || len(part) > 0):
			return nil
		default:
			return err //nolint:wrapcheck // wrapped by readError
		}
	}
}

// readClipped returns the next line, or as much of it as is shown.
func readClipped(in *bufio.Reader) (string, error) {
	part, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) && (!errors.Is(err, io.EOF) || len(part) == 0) {
		return "", err //nolint:wrapcheck // wrapped by readError
	}
	text := string(bytes.TrimSuffix(bytes.TrimSuffix(part[:min(len(part), clipAt+2)], []byte("\n")), []byte("\r")))
	text = strings.ToValidUTF8(text[:min(len(text), clipAt)], "?")
	if errors.Is(err, bufio.ErrBufferFull) {
		if err := skipLine(in); err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
	}
	return text, nil
}
