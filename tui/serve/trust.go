package serve

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// What nobody but the owner may do with a file: bits of its mode.
const (
	othersWrite = 0o022
	othersReach = 0o077
)

// readTrusted reads a file of at most so many bytes, as sshd does: it and the
// folders above it have to belong to this user or to root, and others may not do
// what forbidden says.
func readTrusted(path string, forbidden fs.FileMode, most int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
	if err != nil {
		return nil, err //nolint:wrapcheck // names the path
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err //nolint:wrapcheck // names the path
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes, and may have %d", path, info.Size(), most)
	}
	if err := trusted(path, info, forbidden); err != nil {
		return nil, err
	}
	if err := trustedFolders(path); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return text, nil
}

// trusted looks at the owner and the mode of a file or a folder.
func trusted(path string, info fs.FileInfo, forbidden fs.FileMode) error {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (%d); make it your own", path, s.Uid)
	}
	if bad := info.Mode().Perm() & forbidden; bad != 0 {
		do, cure := "write to", "chmod go-w"
		if forbidden == othersReach {
			do, cure = "reach", "chmod go-rwx"
		}
		return fmt.Errorf("others can %s %s (mode %04o); %s %s", do, path, info.Mode().Perm(), cure, path)
	}
	return nil
}

// trustedFolders looks at every folder above a file. In one with the sticky bit,
// such as /tmp, nobody can put another file in the place of mine.
func trustedFolders(path string) error {
	abs, err := filepath.Abs(path)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return fmt.Errorf("looking at the folders of %s: %w", path, err)
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		if err != nil {
			return fmt.Errorf("looking at the folders of %s: %w", path, err)
		}
		forbidden := fs.FileMode(othersWrite)
		if info.Mode()&fs.ModeSticky != 0 {
			forbidden = 0
		}
		if err := trusted(dir, info, forbidden); err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// MakeFolder makes the folder of the server's files, which only this user can
// reach, where it is not there yet. One that others can write to is refused.
func MakeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the server's folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err == nil {
		err = trusted(dir, info, othersWrite)
	}
	if err != nil {
		return fmt.Errorf("the server's folder: %w", err)
	}
	return nil
}
