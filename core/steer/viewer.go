package steer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"detnas/core/run"
)

// deskViewer is a viewer in the engine's process: it reads the journal from its
// file, as any other, and puts commands on the desk.
type deskViewer struct {
	desk    *Desk
	journal journal
}

// Folder is the run's folder.
func (v *deskViewer) Folder() *run.Folder { return v.desk.folder }

// Next returns what is new in the journal.
func (v *deskViewer) Next(limit int) ([]run.Entry, error) { return v.journal.next(limit) }

// Do puts a command on the desk.
func (v *deskViewer) Do(c Command) error { return v.desk.do(c) }

// Steerable is nil while the engine runs.
func (v *deskViewer) Steerable() error { return v.desk.steerable() }

// Close ends the viewing.
func (v *deskViewer) Close() error { return v.journal.close() }

// journal follows a run's journal, which may not be there yet.
type journal struct {
	path string

	mu     sync.Mutex
	file   *os.File
	reader *run.Reader
	closed bool
}

// next returns at most limit entries after those that it has returned.
func (j *journal) next(limit int) ([]run.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, errors.New("the viewing of the run has been closed")
	}
	if j.file == nil {
		file, err := os.Open(j.path)
		if errors.Is(err, os.ErrNotExist) {
			if _, derr := os.Stat(filepath.Dir(j.path)); errors.Is(derr, os.ErrNotExist) {
				return nil, fmt.Errorf("following the journal: %s is gone: the run was deleted or moved", filepath.Dir(j.path))
			}
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("following the journal: %w", err)
		}
		j.file, j.reader = file, run.NewReader(j.path, file)
	}
	var entries []run.Entry
	for len(entries) < limit {
		more, err := j.reader.Batch(limit - len(entries))
		if err == nil && len(entries)+len(more) == 0 {
			err = j.gone()
		}
		if entries == nil {
			entries = more
		} else {
			entries = append(entries, more...)
		}
		if err != nil {
			return entries, fmt.Errorf("following the journal: %w", err)
		}
		if len(more) == 0 {
			break
		}
	}
	return entries, nil
}

// gone says that what is followed is no longer the journal of the run.
func (j *journal) gone() error {
	now, err := os.Stat(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is gone: the run was deleted or moved", j.path)
	}
	if err != nil {
		return err //nolint:wrapcheck // wrapped by next
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
	file := j.file
	j.file, j.closed = nil, true
	if file == nil {
		return nil
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("closing the journal: %w", err)
	}
	return nil
}
