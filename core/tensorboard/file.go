package tensorboard

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// filePrefix begins the names of event files; TensorBoard reads those of a folder in
// the order of their names.
const filePrefix = "events.out.tfevents."

// file is an event file that is written.
type file struct {
	f *os.File
	w *bufio.Writer
}

// newFile begins an event file in a folder, whose name comes after those that are
// there, and marks the step from which on it takes the place of older ones.
func newFile(dir string, at time.Time, from int64) (*file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for event files: %w", err)
	}
	second := at.Unix()
	for _, e := range entries {
		name, _ := strings.CutPrefix(e.Name(), filePrefix)
		digits, _, _ := strings.Cut(name, ".")
		if last, err := strconv.ParseInt(digits, 10, 64); err == nil && last < 1e10-1 { // ten digits sort as numbers
			second = max(second, last+1)
		}
	}
	path := filepath.Join(dir, fmt.Sprintf("%s%010d.detnas", filePrefix, second))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // runs are there to be read
	if err != nil {
		return nil, fmt.Errorf("beginning an event file: %w", err)
	}
	out := &file{f: f, w: bufio.NewWriterSize(f, 1<<16)}
	if err := errors.Join(out.add(versionEvent(at)), out.add(startEvent(at, from))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return out, nil
}

// add writes an event.
func (f *file) add(event []byte) error {
	if _, err := f.w.Write(appendRecord(nil, event)); err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	return nil
}

// flush hands what was written to the system, for readers.
func (f *file) flush() error {
	if err := f.w.Flush(); err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	return nil
}

// close ends the file.
func (f *file) close() error {
	err := f.flush()
	if cerr := f.f.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("closing an event file: %w", cerr))
	}
	return err
}
