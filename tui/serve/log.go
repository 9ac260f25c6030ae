package serve

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

const mostLog = 16 << 20 // bytes of the log's file; the one before it is kept

// Log is the server's log: a line for every login, refusal, act and end, as
// key=value, in which what came from outside is escaped. It goes into a file and
// to another writer.
type Log struct {
	*slog.Logger
	path string
	also io.Writer

	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenLog opens the log at path, which only this user can read.
func OpenLog(path string, also io.Writer) (*Log, error) {
	l := &Log{path: path, also: also}
	l.Logger = slog.New(slog.NewTextHandler(l, nil))
	return l, l.open()
}

func (l *Log) open() error {
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the server's log: %w", err)
	}
	info, err := file.Stat()
	if err == nil {
		err = file.Chmod(0o600)
	}
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("opening the server's log: %w", err)
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write writes a line. What cannot be written into the file is told to the other
// writer: sessions go on without it.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.also.Write(line)
	if l.file != nil && l.size > 0 && l.size+int64(len(line)) > mostLog {
		l.turn()
	}
	if l.file == nil {
		return len(line), nil
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	if err != nil {
		_, _ = fmt.Fprintf(l.also, "detnas: writing %s: %v\n", l.path, err)
	}
	return len(line), nil
}

// turn begins a new file beside the old one.
func (l *Log) turn() {
	_ = l.file.Close()
	l.file = nil
	if err := errors.Join(os.Rename(l.path, l.path+".1"), l.open()); err != nil {
		_, _ = fmt.Fprintf(l.also, "detnas: turning %s: %v\n", filepath.Base(l.path), err)
	}
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	if err := file.Close(); err != nil {
		return fmt.Errorf("closing the server's log: %w", err)
	}
	return nil
}
