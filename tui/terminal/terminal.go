// Package terminal takes the terminal for the screen. What libraries print to
// standard output and standard error would tear it, so both go into a log while
// the screen is open.
package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// Terminal is a terminal that was taken. Its methods may be called from any
// goroutine.
type Terminal struct {
	Out *os.File // what was standard output: the screen draws here
	err *os.File // what was standard error

	mu      sync.Mutex
	log     *os.File // where both go now
	scratch string   // the log before the first To; removed at the end when it is empty
	counted int64    // bytes of the log
	lines   int      // in them, less those that were told of
	given   bool     // back
}

// Take sends standard output and standard error into a scratch file, until To
// names another one. Give has to follow.
func Take() (*Terminal, error) {
	t := &Terminal{scratch: filepath.Join(os.TempDir(), fmt.Sprintf("detnas-%d.log", os.Getpid()))}
	var err error
	if t.Out, err = duplicate(unix.Stdout, "terminal"); err != nil {
		return nil, err
	}
	if t.err, err = duplicate(unix.Stderr, "standard error"); err != nil {
		return nil, errors.Join(err, t.Out.Close())
	}
	if err := t.To(t.scratch); err != nil {
		return nil, errors.Join(err, t.Out.Close(), t.err.Close())
	}
	return t, nil
}

func duplicate(fd int, name string) (*os.File, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("taking the terminal: %w", err)
	}
	return os.NewFile(uintptr(copied), name), nil
}

// To sends standard output and standard error to the end of the file at path.
func (t *Terminal) To(path string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given {
		return nil
	}
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // runs are there to be read
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	if err := point(log, log); err != nil {
		return errors.Join(err, log.Close())
	}
	if t.log != nil {
		_ = t.log.Close() // written by others; there is nothing to flush
	}
	t.log, t.lines = log, 0
	if info, err := log.Stat(); err == nil {
		t.counted = info.Size()
	}
	return nil
}

// point makes standard output and standard error write to these files.
func point(out, errs *os.File) error {
	if err := errors.Join(unix.Dup2(int(out.Fd()), unix.Stdout), unix.Dup2(int(errs.Fd()), unix.Stderr)); err != nil {
		return fmt.Errorf("pointing the standard streams elsewhere: %w", err)
	}
	return nil
}

// Told says that lines of the log are the program's own.
func (t *Terminal) Told(lines int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines -= lines
}

// Strays counts the lines that others have printed into the log since it was
// opened.
func (t *Terminal) Strays() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given {
		return 0
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := t.log.ReadAt(buf, t.counted)
		t.lines += bytes.Count(buf[:n], []byte("\n"))
		t.counted += int64(n)
		if err != nil || n == 0 {
			return max(0, t.lines)
		}
	}
}

// Give gives the standard streams back. It may be called again.
func (t *Terminal) Give() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given {
		return nil
	}
	t.given = true
	err := errors.Join(point(t.Out, t.err), t.log.Close(), t.Out.Close(), t.err.Close())
	if info, serr := os.Stat(t.scratch); serr == nil && info.Size() == 0 {
		err = errors.Join(err, os.Remove(t.scratch))
	}
	return err
}

// Writer counts the lines written to w as the program's own.
func (t *Terminal) Writer(w io.Writer) io.Writer { return &told{w: w, t: t} }

type told struct {
	w io.Writer
	t *Terminal
}

func (w *told) Write(p []byte) (int, error) {
	w.t.Told(bytes.Count(p, []byte("\n")))
	return w.w.Write(p) //nolint:wrapcheck // a writer around a writer
}
