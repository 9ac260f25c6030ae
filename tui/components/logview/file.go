package logview

import (
	"slices"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
)

// Source is a growing file by its lines, such as run.Lines. Its methods may be
// called from any goroutine.
type Source interface {
	// Refresh takes in what the file has grown by.
	Refresh() error
	// Len is how many lines there are.
	Len() int
	// Read returns at most n lines from line from on, counted from 0.
	Read(from, n int) ([]string, error)
}

// file is the source as commands use it.
type file struct {
	source Source
	words  func(string) Line
	search atomic.Int64 // number of the search that counts
}

// loaded brings lines.
type loaded struct {
	view  *View
	total int
	from  int
	lines []Line
	err   error
}

// window is what a view wants of the file: n lines from a line on, or the last n.
type window struct {
	from, n int
	end     bool
}

// held is what a view has of the file: lines from a line on, as of when it had
// so many in all. The lines are not written to any more.
type held struct {
	total, from int
	lines       []Line
}

// load reads what a view wants, and of that only what it does not have: putting
// lines in words takes longer than reading them, and new ones come all the time.
func (f *file) load(v *View, want window, has held) tea.Cmd {
	return func() tea.Msg {
		l := loaded{view: v}
		if l.err = f.source.Refresh(); l.err != nil {
			return l
		}
		l.total = f.source.Len()
		if want.end {
			want.from = l.total - want.n
		}
		l.from = max(want.from, 0)
		keep := has.after(l.from, l.total)
		l.lines, l.err = f.read(l.from+len(keep), want.n-len(keep))
		l.lines = slices.Concat(keep, l.lines)
		return l
	}
}

// after are the lines that are held from a line on, in a file that has total
// lines now. The last line of a file may have been half a line; where the file
// is shorter than it was it is another one.
func (h held) after(from, total int) []Line {
	lines := h.lines
	if total < h.total || from < h.from {
		return nil
	}
	if n := len(lines); n > 0 && h.from+n == h.total {
		lines = lines[:n-1]
	}
	return lines[min(from-h.from, len(lines)):]
}

func (f *file) read(from, n int) ([]Line, error) {
	if n <= 0 {
		return nil, nil
	}
	raw, err := f.source.Read(from, n)
	if err != nil {
		return nil, err
	}
	lines := make([]Line, len(raw))
	for i, l := range raw {
		lines[i] = f.words(l)
	}
	return lines, nil
}
