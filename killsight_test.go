package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sight sees what happens to the files of a run, as it happens: the kernel tells.
type sight struct {
	t      *testing.T
	notify *os.File
	dirs   map[int32]string // by inotify's number
	seen   chan thing
	done   chan struct{}
}

// thing is what happened to a file.
type thing struct {
	mask uint32
	name string
}

// watch looks at the run's folder from now on, also when it is still to be made.
func (a *attempt) watch(t *testing.T) *sight {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	s := &sight{
		t: t, notify: os.NewFile(uintptr(fd), "inotify"), dirs: map[int32]string{},
		seen: make(chan thing, 64), done: make(chan struct{}),
	}
	runs := filepath.Dir(a.folder)
	if err := os.MkdirAll(runs, 0o755); err != nil {
		t.Fatal(err)
	}
	s.add(runs)
	go s.read()
	return s
}

// add looks at a folder and at those in it, but not at images.
func (s *sight) add(dir string) {
	if name := filepath.Base(dir); name == "data" || strings.HasPrefix(name, ".") {
		return
	}
	conn, err := s.notify.SyscallConn()
	if err != nil {
		return // closed
	}
	_ = conn.Control(func(fd uintptr) {
		wd, err := unix.InotifyAddWatch(int(fd), dir, unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVED_TO|unix.IN_MODIFY)
		if err == nil { // else it is gone again
			s.dirs[int32(wd)] = dir
		}
	})
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			s.add(filepath.Join(dir, e.Name()))
		}
	}
}

// read passes on what the kernel tells until the sight is closed. What nobody
// waits for is dropped.
func (s *sight) read() {
	defer close(s.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := s.notify.Read(buf)
		if err != nil {
			return
		}
		for at := 0; at+unix.SizeofInotifyEvent <= n; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&buf[at])) //nolint:gosec // as the kernel lays it out
			at += unix.SizeofInotifyEvent
			name := strings.TrimRight(string(buf[at:at+int(e.Len)]), "\x00")
			at += int(e.Len)
			if e.Mask&unix.IN_ISDIR != 0 {
				s.add(filepath.Join(s.dirs[e.Wd], name))
			}
			select {
			case s.seen <- thing{e.Mask, name}:
			default:
			}
		}
	}
}

// await waits for the nth of the things that an aim is at, and reports false when
// the process ended before. At the start of a process those count that have
// happened already.
func (s *sight) await(p *process, a aim, nth int) bool {
	for a != begins && len(s.seen) > 0 {
		<-s.seen
	}
	for nth > 0 {
		select {
		case <-p.done:
			return false
		case e := <-s.seen:
			if e.is(a) {
				nth--
			}
		}
	}
	return true
}

// is reports whether an aim is at such a thing.
func (e thing) is(a aim) bool {
	switch a {
	case begins:
		return true
	case writes:
		return e.mask&unix.IN_CREATE != 0 && strings.HasPrefix(e.name, ".")
	case edits:
		return strings.Contains(e.name, "config")
	case removes:
		return e.mask&unix.IN_DELETE != 0 && strings.HasSuffix(e.name, ".safetensors")
	case renames:
		return e.mask&unix.IN_MOVED_TO != 0
	default:
		return e.mask&unix.IN_MODIFY != 0 && e.name == "events.jsonl"
	}
}

// close ends the looking.
func (s *sight) close() {
	if err := s.notify.Close(); err != nil {
		s.t.Error(err)
	}
	<-s.done
}
