package steer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"detnas/core/input"
	"detnas/core/run"
)

// deskViewer is a viewer in the engine's process: it reads the journal from its
// file, as any other, and puts commands on the desk.
type deskViewer struct {
	desk    *Desk
	journal journal
	later   fileViewer // when the engine has ended; only asked for things
}

// Folder is the run's folder.
func (v *deskViewer) Folder() *run.Folder { return v.desk.folder }

// Next returns what is new in the journal.
func (v *deskViewer) Next(limit int) ([]run.Entry, error) { return v.journal.next(limit) }

// Do puts a command on the desk. Once the engine has ended, it goes to whoever
// runs the run then.
func (v *deskViewer) Do(c Command) error {
	if !v.desk.over() {
		return v.desk.do(c)
	}
	if err := v.Steerable(); err != nil && (c.Act != ActConfigure || !errors.Is(err, ErrIdle)) {
		return err
	}
	return v.later.Do(c)
}

// Steerable is nil while the engine runs, or another process does the run.
func (v *deskViewer) Steerable() error {
	if !v.desk.over() {
		return v.desk.steerable()
	}
	switch err := v.later.Steerable(); {
	case err == nil:
		return nil
	case errors.Is(err, ErrIdle):
		return &ended{why: v.desk.steerable()}
	}
	return v.desk.steerable() // this process has yet to let go of it
}

// ended is ErrIdle with the reason why nothing runs the run any more.
type ended struct{ why error }

func (e *ended) Error() string        { return e.why.Error() }
func (e *ended) Is(target error) bool { return target == ErrIdle }

// Close ends the viewing.
func (v *deskViewer) Close() error { return v.journal.close() }

// journal follows a run's journal, which may not be there yet.
type journal struct {
	path string

	mu     sync.Mutex
	file   *os.File
	reader *run.Reader
	ahead  chan batch // brings what comes next, where it is being read already
	rest   batch      // what was read and not returned
	closed bool
}

// batch is what one reading brought.
type batch struct {
	entries []run.Entry
	err     error // after the entries
}

// next returns at most limit entries after those that it has returned; where the
// last of them was taken back by its writer, it begins with the first again. While
// there is much to read, the following ones are decoded as the caller takes in
// these.
func (j *journal) next(limit int) ([]run.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, errors.New("the viewing of the run has been closed")
	}
	if there, err := j.open(); !there || limit <= 0 {
		return nil, err
	}
	if len(j.rest.entries) == 0 && j.rest.err == nil {
		j.fetch(limit)
	}
	if n := len(j.rest.entries); n > limit {
		out := j.rest.entries[:limit:limit]
		j.rest.entries = j.rest.entries[limit:]
		return out, nil
	}
	out := j.rest
	j.rest = batch{}
	if out.err == nil && len(out.entries) == limit {
		ahead := make(chan batch, 1)
		j.ahead = ahead
		go func() { ahead <- j.read(limit) }()
	}
	return out.entries, out.err
}

// open opens the journal and reports whether it is there.
func (j *journal) open() (bool, error) {
	if j.file != nil {
		return true, nil
	}
	file, _, err := input.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		if _, derr := os.Stat(filepath.Dir(j.path)); errors.Is(derr, os.ErrNotExist) {
			return false, fmt.Errorf("following the journal: %s is gone: the run was deleted or moved", filepath.Dir(j.path))
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("following the journal: %w", err)
	}
	j.file, j.reader = file, run.NewReader(j.path, file)
	return true, nil
}

// fetch puts what comes next into rest.
func (j *journal) fetch(limit int) {
	if j.ahead == nil {
		j.rest = j.read(limit)
		return
	}
	j.rest = <-j.ahead
	j.ahead = nil
	if len(j.rest.entries) == 0 && j.rest.err == nil { // there was nothing; there may be by now
		j.rest = j.read(limit)
	}
}

// read reads at most limit entries.
func (j *journal) read(limit int) batch {
	var b batch
	for len(b.entries) < limit {
		var more []run.Entry
		more, b.err = j.reader.Batch(limit - len(b.entries))
		if errors.Is(b.err, run.ErrCut) {
			b, j.reader = batch{}, run.NewReader(j.path, j.file)
			continue
		}
		if b.entries = append(b.entries, more...); len(more) == 0 || b.err != nil {
			break
		}
	}
	if len(b.entries) == 0 && b.err == nil {
		b.err = j.gone()
	}
	if b.err != nil {
		b.err = fmt.Errorf("following the journal: %w", b.err)
	}
	return b
}

// gone says that what is followed is no longer the journal of the run.
func (j *journal) gone() error {
	now, err := os.Stat(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is gone: the run was deleted or moved", j.path)
	}
	if err != nil {
		return err //nolint:wrapcheck // wrapped by read
	}
	was, err := j.file.Stat()
	if err == nil && !os.SameFile(was, now) {
		err = fmt.Errorf("%s is another file now; open the run again", j.path)
	}
	return err //nolint:wrapcheck // as above
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ahead != nil {
		<-j.ahead // it reads the file
		j.ahead = nil
	}
	file := j.file
	j.file, j.rest, j.closed = nil, batch{}, true
	if file == nil {
		return nil
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("closing the journal: %w", err)
	}
	return nil
}
