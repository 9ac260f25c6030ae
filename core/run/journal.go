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
	path   string
	file   *os.File
	seq    int64
	end    int64  // offset after the last whole line
	tail   []byte // the last lines, up to end, of which it is not known that they are on disk
	torn   bool   // something may stand after end
	room   room
	buf    []byte
	healed int64
	now    func() time.Time
	sync   func() error
	ours   func() error // an error once the folder is another's
}

// mostTail bounds the lines that are not synced, and so what a journal holds of
// them.
const mostTail = 1 << 20

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
		return nil, fmt.Errorf("opening the journal: %w", allow(err, "read and write", path))
	}
	j := &Journal{path: path, file: file, now: time.Now, sync: file.Sync, ours: f.Ours}
	if err := j.heal(visit); err != nil {
		return nil, errors.Join(err, closing(file))
	}
	j.room.find(file, j.end)
	return j, nil
}

// heal reads the journal and truncates it after the last whole line.
func (j *Journal) heal(visit func(Entry) error) error {
	r := NewReader(j.path, j.file)
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
			return fmt.Errorf("cutting a torn line off %s: %w", j.path, err)
		}
	}
	return nil
}

// Healed is the bytes of a torn last line that were cut off at opening.
func (j *Journal) Healed() int64 { return j.healed }

// Append writes an event. Those that a resumed run builds on (checkpoints,
// candidates, the ends of steps and runs) are on disk when it returns; others
// survive the death of the process, but not always that of the machine. After
// an error, of writing or of syncing, the journal is as it was before, and the
// call can be made again.
func (j *Journal) Append(e Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.ours(); err != nil {
		return err
	}
	line, err := appendLine(j.buf[:0], j.seq+1, j.now(), e)
	if err != nil {
		return err
	}
	j.buf = line
	if len(line) > maxLine {
		return fmt.Errorf("writing a %s event: %d bytes are more than a line may have (%d)", e.Kind(), len(line), maxLine)
	}
	if err := j.put(line, durable(e), urgent(e)); err != nil {
		return &WriteError{Path: j.path, Bytes: roomAhead, Err: err}
	}
	j.seq++
	j.end += int64(len(line))
	return nil
}

// put writes a line after the last, or leaves the journal as it was.
func (j *Journal) put(line []byte, durable, urgent bool) error {
	if j.torn {
		if err := j.takeBack(); err != nil {
			return err
		}
	}
	if err := j.room.ahead(j.file, j.end+int64(len(line))); err != nil && !urgent {
		return err
	}
	if _, err := j.file.WriteAt(line, j.end); err != nil {
		return errors.Join(err, j.takeBack())
	}
	if !durable && len(j.tail) < mostTail {
		j.tail = append(j.tail, line...)
		return nil
	}
	if err := j.sync(); err != nil {
		return errors.Join(err, j.takeBack())
	}
	j.tail = j.tail[:0]
	return nil
}

// takeBack cuts off what stands after the last whole line. What came before it
// and is not synced is written anew: a sync that has failed forgets it.
func (j *Journal) takeBack() error {
	j.torn = true
	if err := j.file.Truncate(j.end); err != nil {
		return fmt.Errorf("taking the line back: %w", err)
	}
	if _, err := j.file.WriteAt(j.tail, j.end-int64(len(j.tail))); err != nil {
		return fmt.Errorf("writing the lines before it anew: %w", err)
	}
	j.torn = false
	j.room.find(j.file, j.end) // the cut has freed it
	return nil
}

// urgent reports whether an event ends or steers a run, so that it takes of the
// room that is kept for a disk that is full.
func urgent(e Event) bool {
	switch e.(type) {
	case Control, ConfigChanged, RunResumed, RunStopped, RunFailed, RunFinished:
		return true
	default:
		return false
	}
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

// Close syncs and closes the journal, and lets go of the room ahead of it. One
// that is another process's by now is left as it is.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ours() != nil {
		return closing(j.file)
	}
	if err := errors.Join(j.file.Truncate(j.end), j.sync(), j.file.Close()); err != nil {
		return fmt.Errorf("closing the journal: %w", err)
	}
	return nil
}
