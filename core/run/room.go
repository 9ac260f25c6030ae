package run

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// What is reserved ahead of a journal's end, and how little is left of it when
// it is reserved anew, in bytes. What is left then is for the events that end
// or steer a run, some hundred of them.
const (
	roomAhead = 256 << 10
	roomLeast = roomAhead / 2
	roomUnit  = 4 << 10
)

// room is the part of a disk that is kept free ahead of a file's end, so that
// something can still be written there when the disk is full.
type room struct {
	end  int64 // offset up to which there is room
	none bool  // the file system reserves none
}

// ahead makes sure that a file can be written up to an offset, with enough room
// after it. Its error is that of a full disk.
func (r *room) ahead(file *os.File, offset int64) error {
	if r.none || r.end-offset >= roomLeast {
		return nil
	}
	return r.reserve(file, offset, roomAhead)
}

// find reserves what there is after an offset, up to all of it. What a process
// before has reserved and not used counts.
func (r *room) find(file *os.File, offset int64) {
	r.end = offset
	for n := int64(roomAhead); n >= roomUnit && !r.none && r.end == offset; n /= 2 {
		_ = r.reserve(file, offset, n) // half of it, then
	}
}

// reserve reserves n bytes after an offset without making the file longer.
func (r *room) reserve(file *os.File, offset, n int64) error {
	var err error
	for {
		err = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, offset, n)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		r.end = offset + n
	case isFull(err):
		return os.NewSyscallError("reserving room", err)
	default: // a file system that cannot, or a file that is none
		r.none = true
	}
	return nil
}
