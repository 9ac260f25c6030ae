package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"detnas/core/run"
)

// Bounds on a rank's log on its way to rank 0: so many pieces of so many bytes are in the
// store, the newest, and so many bytes wait to be put there.
const (
	logPieces  = 16
	pieceBytes = 8 << 10
	mostUnsent = 64 << 10
)

func pieceKey(rank int, n int64) string { return fmt.Sprintf("log/%d/%d", rank, n%logPieces) }

// piece is some of a rank's log.
type piece struct {
	Number int64  `json:"number"` // from 0
	Text   []byte `json:"text"`
}

// farLog is the log of a rank whose machine has not the run's folder. What is written to
// it goes into the store with the rank's reports. It never waits: what is too much for
// that is left out, and the log says so.
type farLog struct {
	mu     sync.Mutex
	unsent []byte
	lost   int   // bytes that were left out after unsent
	sent   int64 // pieces
}

// Write takes more of the log.
func (l *farLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unsent)+len(b) > mostUnsent {
		l.lost += len(b)
		return len(b), nil
	}
	if l.lost > 0 {
		l.unsent = fmt.Appendf(l.unsent, "(%d bytes are left out)\n", l.lost)
		l.lost = 0
	}
	l.unsent = append(l.unsent, b...)
	return len(b), nil
}

// send puts what there is of the log into the store by put, and returns how many pieces
// have been put there so far.
func (l *farLog) send(rank int, put func(key string, value []byte) error) int64 {
	l.mu.Lock()
	unsent := l.unsent
	l.unsent = nil
	l.mu.Unlock()
	for len(unsent) > 0 {
		n := min(len(unsent), pieceBytes)
		text, err := json.Marshal(piece{Number: l.sent, Text: unsent[:n]})
		if err != nil || put(pieceKey(rank, l.sent), text) != nil {
			break // the training thread will notice
		}
		unsent, l.sent = unsent[n:], l.sent+1
	}
	return l.sent
}

// farLogs writes the logs of ranks that cannot do so themselves into the run's folder.
type farLogs struct {
	folder *run.Folder
	warn   func(what string)

	mu     sync.Mutex
	taken  map[int]taken // by rank
	failed bool          // it was warned of
}

// taken is how far a rank's log is in the folder.
type taken struct {
	pid    int
	pieces int64
}

// take takes what is new of the log of a rank that has told so by get, which asks the
// store. Where another goroutine is at it, that one has it.
func (f *farLogs) take(rank int, told report, get func(key string) ([]byte, bool, error)) {
	if told.Pieces == 0 || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	at := f.taken[rank]
	if at.pid != told.PID {
		at = taken{pid: told.PID}
	}
	if at.pieces >= told.Pieces {
		return
	}
	var text []byte
	if first := told.Pieces - logPieces; at.pieces < first {
		text = fmt.Appendf(text, "(%d pieces of %d bytes came too fast and are left out)\n", first-at.pieces, pieceBytes)
		at.pieces = first
	}
	for ; at.pieces < told.Pieces; at.pieces++ {
		value, ok, err := get(pieceKey(rank, at.pieces))
		if err != nil {
			return
		}
		var p piece
		if !ok || json.Unmarshal(value, &p) != nil || p.Number != at.pieces {
			p.Text = []byte("(a piece came too fast and is left out)\n")
		}
		text = append(text, p.Text...)
	}
	f.taken[rank] = at
	if err := f.write(rank, text); err != nil && !f.failed {
		f.failed = true
		f.warn(fmt.Sprintf("the log of rank %d is not whole: %v", rank, err))
	}
}

// write adds to a rank's log in the run's folder, if that is there.
func (f *farLogs) write(rank int, text []byte) error {
	if err := f.folder.Ours(); err != nil {
		return err //nolint:wrapcheck // it says what is the matter
	}
	path := run.RankLog(f.folder.Dir(), rank)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as the run's folder
		return err //nolint:wrapcheck // it names the folder
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644) //nolint:gosec // as log.txt
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
