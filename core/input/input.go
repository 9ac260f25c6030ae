// Package input is what the readers of files and messages share: bounds on what
// is taken in, and how words that were read may stand in an error. Whatever is
// read was written by somebody else, or was damaged; a read succeeds, or gives
// one clear error, within the bounds that its reader states.
package input

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// ErrNotFile is wrapped by the error about a folder, a pipe or a device where a
// file is wanted. Reading those may never end.
var ErrNotFile = errors.New("it is not a file")

// ErrTooLarge is wrapped by the errors about what is larger than its bound.
var ErrTooLarge = errors.New("it is too large")

// Open opens a file to be read, and tells what is known of it. It never waits,
// as it would for the other end of a pipe. The error names the path.
func Open(path string) (*os.File, os.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the callers know which
	if err != nil {
		return nil, nil, Plain(err)
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() {
		return file, info, nil
	}
	if err == nil {
		err = fmt.Errorf("open %s: %w", Line(path), ErrNotFile)
	}
	return nil, nil, errors.Join(Plain(err), file.Close())
}

// File reads a whole file of at most so many bytes. A larger one is refused
// before anything of it is read; memory is that of the file.
func File(path string, most int64) ([]byte, error) {
	file, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info.Size() > most {
		return nil, tooLarge(path, info.Size(), most)
	}
	data := make([]byte, 0, info.Size()+1)
	for int64(len(data)) <= most {
		n, err := file.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", Line(path), errors.Unwrap(err))
		case len(data) == cap(data): // it grew since, or does not tell its size, as those in /proc
			data = append(data, 0)[:len(data)]
		}
	}
	return nil, tooLarge(path, int64(len(data)), most)
}

func tooLarge(path string, size, most int64) error {
	return fmt.Errorf("read %s: %w: %d bytes, where %d may be", Line(path), ErrTooLarge, size, most)
}
