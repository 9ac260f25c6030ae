package shapes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// room is a hidden folder beside a set's, in which the set is made. Its process
// holds a lock on it, so that one without a lock is known to be a dead process's.
type room struct {
	path string
	lock *os.File
}

// roomPrefix begins the names of the rooms of a set's folder.
func roomPrefix(name string) string { return "." + name + ".partial-" }

// newRoom makes a room for the set in dir, and removes those of dead processes.
func newRoom(dir string) (*room, error) {
	parent, name := filepath.Split(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("shapes: make the folder for the set: %w", err)
	}
	gate, _, err := locked(parent, unix.LOCK_EX) // no room is looked at before it is locked
	if err != nil {
		return nil, fmt.Errorf("shapes: make a folder to work in: %w", err)
	}
	defer gate.Close()
	removeDead(parent, name)
	path, err := os.MkdirTemp(parent, roomPrefix(name)+"*")
	if err != nil {
		return nil, fmt.Errorf("shapes: make a folder to work in: %w", err)
	}
	lock, _, err := locked(path, unix.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("shapes: make a folder to work in: %w", errors.Join(err, os.Remove(path)))
	}
	return &room{path, lock}, nil
}

// close removes the room and what is in it.
func (r *room) close() {
	_ = os.RemoveAll(r.path) // what is left is removed by the next process
	_ = r.lock.Close()
}

// sync waits until what was written is on disk: the pictures are many and small,
// so all of the disk's files are waited for at once.
func (r *room) sync() error {
	if err := unix.Syncfs(int(r.lock.Fd())); err != nil {
		return fmt.Errorf("shapes: sync the set: %w", err)
	}
	return nil
}

// tidy removes the rooms that dead processes left beside the set in dir. It does
// what it can.
func tidy(dir string) {
	dir, err := resolve(dir)
	if err != nil {
		return
	}
	parent, name := filepath.Split(dir)
	if gate, ours, err := locked(parent, unix.LOCK_EX); err == nil {
		defer gate.Close()
		if ours {
			removeDead(parent, name)
		}
	}
}

// removeDead removes the rooms of a set's folder that nobody holds.
func removeDead(parent, name string) {
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), roomPrefix(name)) {
			continue
		}
		path := filepath.Join(parent, e.Name())
		if lock, dead, err := locked(path, unix.LOCK_EX|unix.LOCK_NB); err == nil {
			if dead {
				_ = os.RemoveAll(path)
			}
			_ = lock.Close()
		}
	}
}

// locked opens a folder and locks it. It reports whether the lock was taken: not
// where another process holds it and is not waited for, and not on a disk that
// has no locks.
func locked(dir string, how int) (file *os.File, ours bool, err error) {
	file, err = os.Open(dir)
	if err != nil {
		return nil, false, err
	}
	for {
		if err = unix.Flock(int(file.Fd()), how); !errors.Is(err, unix.EINTR) {
			return file, err == nil, nil
		}
	}
}
