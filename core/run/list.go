package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"detnas/core/input"
)

const (
	readFor  = time.Second // journals in one listing, about
	readPart = 1000        // entries between two looks at the clock
)

// StateReading stands in place of a run's state while a lister has not read its
// journal to the end yet.
const StateReading = "reading"

// Listed is a run in a folder of runs.
type Listed struct {
	Folder    *Folder
	State     State     // as Status tells it, or StateReading; without candidates, generation, warnings and the search's acts
	Progress  float64   // of the steps that the run is to do, 0 to 1
	Score     float64   // the final figure, else the best candidate's score; NaN without either
	ScoreName string    // "AP", or "best" for a candidate's
	Loss      []float64 // the last losses of the step, the newest last
	Err       error     // why the run cannot be read; the rest may be of earlier
}

// Lister lists the runs in a folder again and again. It reads of each journal
// only what came since the last time, and keeps little of it: some kilobytes a
// run. It is safe for concurrent use.
type Lister struct {
	dir string
	now func() time.Time

	mu   sync.Mutex
	runs map[string]*listing // by the folder's name
}

// NewLister makes a lister of the runs in a folder, which need not be there yet.
func NewLister(runs string) *Lister {
	return &Lister{dir: runs, now: time.Now, runs: map[string]*listing{}}
}

// List lists the runs by name. What is no run is left out; a run that cannot be
// read is listed with its error. A call reads for about a second; where there is
// more to read, the journals that were written last come first and the next call
// goes on.
func (l *Lister) List() ([]Listed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	runs, err := l.look()
	if err != nil {
		return nil, err
	}
	byAge := slices.DeleteFunc(slices.Clone(runs), (*listing).current)
	slices.SortStableFunc(byAge, func(a, b *listing) int { return b.written().Compare(a.written()) })
	began := l.now()
	late := func() bool { return l.now().Sub(began) >= readFor }
	for i, x := range byAge {
		if i == 0 || !late() { // each call gets on by something
			x.read(late)
		}
	}
	out := make([]Listed, len(runs))
	for i, x := range runs {
		out[i] = x.listed()
	}
	return out, nil
}

// look finds the runs there are and looks at their locks and journals.
func (l *Lister) look() ([]*listing, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		if errors.Is(err, syscall.ENOTDIR) {
			return nil, fmt.Errorf("listing runs: %w", ToStart(err))
		}
		return nil, fmt.Errorf("listing runs: %w", allow(err, "read", input.Line(l.dir)))
	}
	var runs []*listing
	known := l.runs
	l.runs = make(map[string]*listing, len(entries))
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		f, err := Find("", filepath.Join(l.dir, name))
		if err != nil {
			continue // no run
		}
		x := known[name]
		if x == nil {
			x = &listing{folder: f, digest: newDigest(f.Name())}
		}
		l.runs[name] = x
		x.look()
		runs = append(runs, x)
	}
	return runs, nil
}

// listing is what a lister keeps of a run.
type listing struct {
	folder *Folder
	locked bool
	there  os.FileInfo // the journal when it was looked at; nil where there is none
	opened os.FileInfo // the journal that is read, when that began
	done   os.FileInfo // the journal when it had been read to its end, or to where it is damaged
	reader *Reader
	err    error
	digest
}

// look looks at the lock, and then at the journal: a run that ends between the
// two has ended.
func (x *listing) look() {
	x.there = nil
	var err error
	if x.locked, err = x.folder.Locked(); err == nil {
		x.there, err = os.Stat(x.folder.JournalPath())
	}
	switch {
	case err == nil:
	case errors.Is(err, os.ErrNotExist):
		x.anew()
	default:
		x.done, x.err = nil, fmt.Errorf("reading the journal: %w", err)
	}
}

// anew forgets what was read.
func (x *listing) anew() {
	x.digest, x.opened, x.done, x.reader, x.err = newDigest(x.folder.Name()), nil, nil, nil, nil
}

// written is when the journal was written last.
func (x *listing) written() time.Time {
	if x.there == nil {
		return time.Time{}
	}
	return x.there.ModTime()
}

// current reports whether all of the journal has been read.
func (x *listing) current() bool {
	return x.there == nil || x.done != nil && os.SameFile(x.done, x.there) &&
		x.done.Size() == x.there.Size() && x.done.ModTime().Equal(x.there.ModTime())
}

// read reads what the journal has grown by, until it is late. A journal that is
// another file than before, has been cut, or was damaged is read from its start.
func (x *listing) read(late func() bool) {
	file, _, err := input.Open(x.folder.JournalPath())
	if err != nil {
		x.err = fmt.Errorf("reading the journal: %w", allow(err, "read", x.folder.JournalPath()))
		return
	}
	defer file.Close()
	if x.reader == nil || x.err != nil || !os.SameFile(x.opened, x.there) {
		x.begin(file)
	}
	x.reader.src = file
	defer func() { x.reader.src = nil }()
	for {
		entries, err := x.reader.Batch(readPart)
		if errors.Is(err, ErrCut) {
			x.begin(file)
			continue
		}
		for _, e := range entries {
			x.apply(e)
		}
		if x.err = err; err != nil || len(entries) == 0 {
			x.done = x.there
			x.reader.idle()
			return
		}
		if late() {
			return
		}
	}
}

// begin reads the journal from its start.
func (x *listing) begin(file *os.File) {
	x.anew()
	x.opened, x.reader = x.there, NewReader(x.folder.JournalPath(), file)
}

// listed is the run as it is shown.
func (x *listing) listed() Listed {
	out := x.digest.listed()
	out.Folder, out.Err = x.folder, x.err
	if x.err == nil && !x.current() {
		out.State.State = StateReading
	} else {
		out.State.settle(x.locked)
	}
	return out
}
