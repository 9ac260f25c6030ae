package run

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// LockFile is the file by which this process holds the folder. A process that is
// started with it open holds the folder too, and goes on to do so when this one
// has let go of it, so that nobody comes between.
func (f *Folder) LockFile() (*os.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return nil, fmt.Errorf("handing run %s over: it is not locked by this process", f.Name())
	}
	return f.lock, nil
}

// Adopt opens the folder dir in a process that was started with its lock file
// open, and takes it over. The file belongs to the folder from then on.
func Adopt(dir string, lock *os.File) (*Folder, error) {
	f, err := Find("", dir)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(int(lock.Fd()))
	given, err := lock.Stat()
	if err != nil {
		return nil, fmt.Errorf("taking run %s over: %w", f.Name(), err)
	}
	own, err := os.Stat(f.lockPath())
	if err != nil {
		return nil, fmt.Errorf("taking run %s over: %w", f.Name(), err)
	}
	if !os.SameFile(given, own) {
		return nil, fmt.Errorf("taking run %s over: the lock that was given is not that of %s", f.Name(), dir)
	}
	if err := f.own(lock); err != nil {
		return nil, err
	}
	return f, nil
}

// own makes this process the folder's owner, if nobody else holds its lock.
func (f *Folder) own(file *os.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.take(file); err != nil {
		return errors.Join(err, closing(file))
	}
	if err := f.sweep(); err != nil {
		return errors.Join(err, closing(file))
	}
	f.lock = file
	return nil
}
