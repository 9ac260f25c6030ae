package steer

import (
	"errors"
	"fmt"

	"detnas/core/run"
)

// fileViewer is a viewer of a run that another process runs, or that none does:
// it reads the journal from its file and gives commands over the control socket.
type fileViewer struct {
	folder  *run.Folder
	journal journal
	look    *look
}

// Watch is a viewer of the run in a folder, whoever runs it. Where nothing runs
// it, the viewer is not steerable, but takes a change of the config.
func Watch(f *run.Folder) (Viewer, error) {
	return &fileViewer{folder: f, journal: journal{path: f.JournalPath()}, look: &look{folder: f}}, nil
}

// Folder is the run's folder.
func (v *fileViewer) Folder() *run.Folder { return v.folder }

// Next returns what is new in the journal.
func (v *fileViewer) Next(limit int) ([]run.Entry, error) { return v.journal.next(limit) }

// Close ends the viewing.
func (v *fileViewer) Close() error { return v.journal.close() }

// Steerable is nil when a process runs the run and listens.
func (v *fileViewer) Steerable() error { return v.look.away() }

// ErrIdle says that no process runs the run. Its config can be edited all the
// same.
var ErrIdle = errors.New("nothing runs it; resume it first")

// listens says why nobody takes commands for a run, or nil.
func listens(f *run.Folder) error {
	locked, err := f.Locked()
	if err != nil {
		return err
	}
	if !locked {
		return ErrIdle
	}
	conn, err := dial(f)
	if errors.Is(err, errHangs) {
		return fmt.Errorf("reaching run %s: %w", f.Name(), err)
	}
	if err != nil {
		return fmt.Errorf("another process runs it (%s), and %w; steer it from the screen that it runs in", f.Owner(), err)
	}
	if err := conn.Close(); err != nil {
		return fmt.Errorf("leaving the control socket: %w", err)
	}
	return nil
}

// Do gives a command to the process that runs the run. Where none does, the
// config can be changed all the same; it acts when the run is resumed.
func (v *fileViewer) Do(c Command) error {
	if err := v.Steerable(); err != nil {
		if c.Act != ActConfigure {
			return err
		}
		if locked, lerr := v.folder.Locked(); lerr != nil || locked {
			return errors.Join(err, lerr)
		}
		return configure(v.folder, c)
	}
	return ask(v.folder, c)
}
