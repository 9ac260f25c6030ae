package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// tempSuffix ends the names of files that are not whole yet; they start with a
// dot.
const tempSuffix = ".tmp"

// WriteFile puts data at path, so that after a crash there is either what was
// there before or all of data.
func WriteFile(path string, data []byte) error {
	return replace(path, int64(len(data)), func(w io.Writer) error {
		_, err := w.Write(data)
		return err //nolint:wrapcheck // wrapped by replace
	})
}

// WriteStream puts at path what write writes, about so many bytes, as WriteFile does.
func WriteStream(path string, size int64, write func(io.Writer) error) error {
	return replace(path, size, write)
}

// writeSoft puts data at path whole or not at all, but does not wait for the
// disk: after the machine has died there may be nothing of it.
func writeSoft(path string, data []byte) error {
	return swap(path, int64(len(data)), func(temp *os.File) error {
		_, err := temp.Write(data)
		return errors.Join(err, temp.Chmod(0o644), temp.Close())
	})
}

// replace writes a temporary file of about so many bytes beside path, syncs it,
// renames it to path and syncs the folder.
func replace(path string, size int64, write func(io.Writer) error) error {
	if err := swap(path, size, func(temp *os.File) error { return fill(temp, write) }); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return &WriteError{Path: path, Err: err}
	}
	return nil
}

// swap has a temporary file of about so many bytes beside path filled and
// closed, and renames it to path.
func swap(path string, size int64, fill func(*os.File) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+tempSuffix)
	if err != nil {
		return &WriteError{Path: path, Bytes: size, Err: err}
	}
	if err := fill(temp); err != nil {
		return &WriteError{Path: path, Bytes: size, Err: errors.Join(err, os.Remove(temp.Name()))}
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return &WriteError{Path: path, Bytes: size, Err: errors.Join(err, os.Remove(temp.Name()))}
	}
	return nil
}

func fill(temp *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(temp, 1<<20)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if err == nil {
		err = temp.Sync()
	}
	return errors.Join(err, temp.Close())
}

// duplicate puts a copy of the file at from, which has so many bytes, at path.
func duplicate(from, path string, size int64) (err error) {
	file, err := os.Open(from) //nolint:gosec // a file of the run
	if err != nil {
		return &WriteError{Path: path, Err: err}
	}
	defer func() { err = errors.Join(err, closing(file)) }()
	return replace(path, size, func(w io.Writer) error {
		_, err := io.Copy(w, file)
		return err //nolint:wrapcheck // wrapped by replace
	})
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // a folder of the run
	if err != nil {
		return fmt.Errorf("syncing folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing folder %s: %w", dir, err)
	}
	return nil
}
