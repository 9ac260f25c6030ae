package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"detnas/core/input"
)

// WriteError is the error of a file that could not be written. What was there
// before is there still.
type WriteError struct {
	Path  string
	Bytes int64 // that have to be free for it; 0 is not known
	Err   error
}

func (e *WriteError) Error() string { return fmt.Sprintf("writing %s: %v", e.Path, e.Err) }

// Unwrap is what went wrong.
func (e *WriteError) Unwrap() error { return e.Err }

// StorageCause says in a line which file the storage did not take or let go,
// why, and what would help, so that the same can be tried again then. It is
// false for an error that is none of the storage's.
func StorageCause(err error) (string, bool) {
	text, ok := storageCure(err)
	if !ok {
		return "", false
	}
	return text + "; then resume the run", true
}

// ToStart puts what would help in place of an error of the storage that keeps a
// run from being started; it leaves others as they are.
func ToStart(err error) error {
	var at *os.PathError
	switch {
	case errors.Is(err, syscall.ENOTDIR) && errors.As(err, &at):
		return &storageError{input.Line(at.Path) + " is not a folder, where runs are to be; name another with --runs", err}
	case errors.Is(err, syscall.ENAMETOOLONG) && errors.As(err, &at):
		return &storageError{fmt.Sprintf("its path has %d bytes, which is too long here; choose a shorter --name or --runs", len(at.Path)), err}
	}
	if text, ok := storageCure(err); ok {
		return &storageError{text + ", or choose another folder with --runs; then start it again", err}
	}
	return err
}

// storageError is an error of the storage in words with what would help.
type storageError struct {
	text string
	err  error
}

func (e *storageError) Error() string { return e.text }
func (e *storageError) Unwrap() error { return e.err }

// storageCure is StorageCause without what follows it.
func storageCure(err error) (string, bool) {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return "", false
	}
	path, verb, size := blamed(err)
	var why string
	switch no {
	case syscall.ENOSPC:
		why = full(path, size)
	case syscall.EDQUOT:
		why = fmt.Sprintf("the disk quota is used up, and it takes %s; remove something, or have the quota raised", bytesText(size))
	case syscall.EROFS:
		why = "its file system is read-only; mount it so that it can be written"
	case syscall.EACCES, syscall.EPERM:
		why = fmt.Sprintf("permission denied; let user %d, who runs this, write in %s (chmod, chown; chattr -i where something is immutable)", os.Geteuid(), filepath.Dir(path))
	case syscall.EIO:
		why = "the disk fails (input/output error); look into the kernel's log, and mend or replace it"
	case syscall.ENOENT, syscall.ESTALE, syscall.ENODEV, syscall.ENXIO:
		why = fmt.Sprintf("%s is not there any more (%v); put it back, or mount it again", filepath.Dir(path), no)
	default:
		return "", false
	}
	return fmt.Sprintf("%s cannot be %s: %s", path, verb, why), true
}

// allow adds to the error of opening a file what helps where its mode or its
// owner forbids it.
func allow(err error, what, path string) error {
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w; let user %d, who runs this, %s %s (chmod, chown)", err, os.Geteuid(), what, path)
}

// blamed is the file that an error is about, what could not be done to it, and
// the bytes that it takes.
func blamed(err error) (path, verb string, size int64) {
	var write *WriteError
	if errors.As(err, &write) {
		return write.Path, "written", write.Bytes
	}
	var at *os.PathError
	if !errors.As(err, &at) {
		return "a file of the run", "written", 0
	}
	if at.Op == "remove" {
		return at.Path, "removed", 0
	}
	return at.Path, "written", 0
}

// isFull reports whether an error is that of a disk without space.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// full says what a full file system lacks.
func full(path string, size int64) string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &fs); err != nil {
		return "no space is left; make room on its file system"
	}
	free := int64(fs.Bavail) * fs.Bsize //nolint:gosec // bytes of a disk
	if fs.Files > 0 && fs.Ffree == 0 && free > size {
		return "no file can be added, since its file system has no inode left; remove some files there"
	}
	if size == 0 {
		return fmt.Sprintf("no space is left (%s are free); make room on its file system", bytesText(free))
	}
	return fmt.Sprintf("no space is left, as it takes %s and %s are free; make room on its file system", bytesText(size), bytesText(free))
}

// bytesText is a number of bytes in words, rounded up to a tenth.
func bytesText(n int64) string {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	for _, u := range []struct {
		size int64
		name string
	}{{gib, "GiB"}, {mib, "MiB"}, {kib, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
