package run

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"detnas/core/input"
)

// The lock is tried again for a moment, since looking at it takes it for an
// instant.
const (
	lockTries = 20
	lockPause = 5 * time.Millisecond
)

// Lock makes this process the one that writes the folder, and clears what a
// writer that died left half done. The lock dies with its process, so a stale
// one is none. It fails when another process, or another Folder of this one,
// holds the lock, and names that process.
func (f *Folder) Lock() error {
	if f.held() {
		return nil
	}
	file, err := os.OpenFile(f.lockPath(), os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // others may read who runs it
	if err != nil {
		return fmt.Errorf("locking run %s: %w", f.Name(), allow(err, "write", f.lockPath()))
	}
	return f.own(file)
}

func (f *Folder) take(file *os.File) error {
	var err error
	for range lockTries {
		if err = flock(file, syscall.LOCK_EX); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(lockPause)
	}
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return fmt.Errorf("run %s is being written by %s; stop that first, or start a run of another name", f.Name(), owner(file))
	case err != nil:
		return fmt.Errorf("locking run %s: %w", f.Name(), err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	text := fmt.Sprintf("process %d on %s since %s\n", os.Getpid(), host, time.Now().Format(time.RFC3339))
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("locking run %s: %w", f.Name(), err)
	}
	if _, err := file.WriteAt([]byte(text), 0); err != nil && !isFull(err) { // without its name it holds the lock all the same
		return fmt.Errorf("locking run %s: %w", f.Name(), err)
	}
	return nil
}

// sweep makes the folders that a writer needs and removes what a dead one left:
// temporary files and its control socket, at which nobody listens any more.
func (f *Folder) sweep() error {
	if err := os.MkdirAll(f.checkpoints(), 0o755); err != nil { //nolint:gosec // runs are there to be read
		return fmt.Errorf("preparing run %s: %w", f.Name(), err)
	}
	for _, dir := range []string{f.dir, f.checkpoints(), f.previews(), f.listings()} {
		stale, err := filepath.Glob(filepath.Join(globQuote(dir), ".*"+tempSuffix))
		if err != nil {
			return fmt.Errorf("preparing run %s: %w", f.Name(), err)
		}
		for _, path := range stale {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("preparing run %s: removing what a dead process left: %w", f.Name(), err)
			}
		}
	}
	if err := os.Remove(f.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("preparing run %s: removing what a dead process left: %w", f.Name(), err)
	}
	return nil
}

// globQuote takes their meaning from the signs of a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Unlock lets another process write the folder.
func (f *Folder) Unlock() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return nil
	}
	file := f.lock
	f.lock = nil
	return closing(file)
}

// Locked reports whether some process writes the folder.
func (f *Folder) Locked() (bool, error) {
	if f.held() {
		return true, nil
	}
	file, _, err := input.Open(f.lockPath())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at the lock of run %s: %w", f.Name(), allow(err, "read", f.lockPath()))
	}
	err = flock(file, syscall.LOCK_SH)
	held := errors.Is(err, syscall.EWOULDBLOCK)
	if held {
		err = nil
	}
	if err = errors.Join(err, closing(file)); err != nil {
		return false, fmt.Errorf("looking at the lock of run %s: %w", f.Name(), err)
	}
	return held, nil
}

// Owner is what the process that holds the lock, or held it last, wrote about
// itself.
func (f *Folder) Owner() string {
	file, _, err := input.Open(f.lockPath())
	if err != nil {
		return "another process"
	}
	defer file.Close()
	return owner(file)
}

// flock asks for a lock and does not wait for it.
func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err //nolint:wrapcheck // wrapped by the callers, which test for EWOULDBLOCK
		}
	}
}

// owner is what the lock's holder wrote about itself, on a line.
func owner(file *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 256))
	if who := input.Line(strings.TrimSpace(string(text))); err == nil && who != "" {
		return who
	}
	return "another process"
}

func closing(file *os.File) error {
	if err := file.Close(); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

// Stands reports whether the folder at its path is the one that this process has
// locked: not where it was removed, and another may have been made in its place.
func (f *Folder) Stands() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return false
	}
	own, err := f.lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.lockPath())
	return err == nil && os.SameFile(own, there)
}

// ErrLost is wrapped by the error of a folder that its process does not own any
// more.
var ErrLost = errors.New("was removed, or another put in its place, while the run went on; this process ends and leaves alone what is there now")

// Ours is an error once the folder that this process has locked was removed, or
// stands no more at its path where another does: by its path, it must not be
// written to any more. Of one that was moved away, or whose storage is away, it may
// be put back: then the lock stands nowhere, and is there.
func (f *Folder) Ours() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return nil
	}
	own, err := f.lock.Stat()
	if err != nil {
		return nil //nolint:nilerr // the storage is away
	}
	removed := false
	if at, ok := own.Sys().(*syscall.Stat_t); ok {
		removed = at.Nlink == 0
	}
	there, err := os.Stat(f.lockPath())
	if removed || err == nil && !os.SameFile(own, there) {
		return fmt.Errorf("the folder of the run, %s, %w", input.Line(f.dir), ErrLost)
	}
	return nil
}

// held reports whether this folder's owner holds the lock.
func (f *Folder) held() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lock != nil
}
