package run

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Journal appends events to a run's journal. It may be used from many
// goroutines; their events stand in the order of the calls.
type Journal struct {
	mu     sync.Mutex
	file   *os.File
	seq    int64
	end    int64 // offset after the last whole line
	buf    []byte
	healed int64
	now    func() time.Time
}

// OpenJournal opens the journal of a folder that this process has locked, gives
// what is in it to visit, and cuts off a last line that a crash has torn. Where
// there is none it is made.
func (f *Folder) OpenJournal(visit func(Entry) error) (*Journal, error) {
	if !f.held() {
		return nil, fmt.Errorf("opening the journal of run %s: the run is not locked by this process", f.Name())
	}
	path := f.JournalPath()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // runs are there to be read
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j := &Journal{file: file, now: time.Now}
	if err := j.heal(path, visit); err != nil {
		return nil, errors.Join(err, closing(file))
	}
	return j, nil
}

// heal reads the journal and truncates it after the last whole line.
func (j *Journal) heal(path string, visit func(Entry) error) error {
	r := NewReader(path, j.file)
	if err := readAll(r, visit); err != nil {
		return err
	}
	info, err := j.file.Stat()
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	j.seq, j.end, j.healed = r.seq, r.off, info.Size()-r.off
	if j.healed > 0 {
		if err := j.file.Truncate(j.end); err != nil {
			return fmt.Errorf("cutting a torn line off %s: %w", path, err)
		}
	}
	return nil
}

// Healed is the bytes of a torn last line that were cut off at opening.
func (j *Journal) Healed() int64 { return j.healed }

// Append writes an event. Those that a resumed run builds on (checkpoints,
// candidates, the ends of steps and runs) are on disk when it returns; others
// survive the death of the process, but not always that of the machine. After
// an error of writing, such as a full disk, the journal is as it was before and
// the call can be made again; after one of syncing the event stands in it.
func (j *Journal) Append(e Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	line, err := appendLine(j.buf[:0], j.seq+1, j.now(), e)
	if err != nil {
		return err
	}
	j.buf = line
	if len(line) > maxLine {
		return fmt.Errorf("writing a %s event: %d bytes are more than a line may have (%d)", e.Kind(), len(line), maxLine)
	}
	if _, err := j.file.WriteAt(line, j.end); err != nil {
		return fmt.Errorf("writing to the journal: %w", errors.Join(err, j.file.Truncate(j.end)))
	}
	j.seq++
	j.end += int64(len(line))
	if durable(e) {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("syncing the journal: %w", err)
		}
	}
	return nil
}

// durable reports whether a resumed run builds on an event.
func durable(e Event) bool {
	switch e.(type) {
	case Train, Eval, Warning, DataProblem, Preparing, Usage, StepStarted, Generation:
		return false
	default:
		return true
	}
}

// Close syncs and closes the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.Join(j.file.Sync(), j.file.Close()); err != nil {
		return fmt.Errorf("closing the journal: %w", err)
	}
	return nil
}
