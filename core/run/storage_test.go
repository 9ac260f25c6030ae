package run

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// small is a folder on a file system of its own that holds so many bytes.
func small(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("detnas-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes to a file until its disk is full.
func fillUp(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path) //nolint:gosec // in a test's folder
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4<<10); ; {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// onDisk is the bytes that a file takes of its disk.
func onDisk(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return 512 * st.Blocks
}

func TestJournalOnAFullDisk(t *testing.T) {
	dir := small(t, 1<<20)
	f, err := Create(dir, "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the disk goes with the test
	j, _ := open(t, f)
	write(t, j, RunStarted{Run: "r"})
	if n := onDisk(t, f.JournalPath()); n < roomAhead {
		t.Fatalf("the journal takes %d bytes of the disk; want %d ahead of its end", n, roomAhead)
	}
	fillUp(t, filepath.Join(dir, "ballast"))
	warning := Warning{What: strings.Repeat("w", 1000)}
	refused := func() int {
		t.Helper()
		for n := 0; ; n++ {
			switch err := j.Append(warning); {
			case errors.Is(err, syscall.ENOSPC) && strings.Contains(err.Error(), f.JournalPath()):
				return n
			case err != nil || n > roomAhead/1000:
				t.Fatalf("warning %d: %v; want a full disk at some time", n, err)
			}
		}
	}
	if n := refused(); n < 50 {
		t.Errorf("the disk was full after %d warnings; the room was renewed too early", n)
	}
	size := j.end
	for range 100 {
		write(t, j, Control{What: ActPause, Phase: PhaseDone, Why: strings.Repeat("w", 200)})
		refused()
	}
	write(t, j, ConfigChanged{Who: "ann", ConfigHash: "12"})
	refused()
	write(t, j, RunStopped{Why: "by the test"})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if n := onDisk(t, f.JournalPath()); n > j.end+8<<10 || j.end < size+100*200 {
		t.Errorf("closed, a journal of %d bytes takes %d", j.end, n)
	}
	fillUp(t, filepath.Join(dir, "more")) // of what the journal has let go
	j, entries := open(t, f)
	if last := entries[len(entries)-1].Event; last != Event(RunStopped{Why: "by the test"}) {
		t.Errorf("the last event is %v", last)
	}
	if n := refused(); n > 0 {
		t.Errorf("%d warnings found room where there is none", n)
	}
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	write(t, j, warning, RunFinished{})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOnAFullDisk(t *testing.T) {
	dir := small(t, 64<<10)
	f := &Folder{dir: filepath.Join(dir, "r")}
	if err := os.MkdirAll(f.checkpoints(), 0o750); err != nil {
		t.Fatal(err)
	}
	fillUp(t, filepath.Join(dir, "ballast"))
	if err := f.Lock(); err != nil || f.Owner() != "another process" {
		t.Errorf("%v; owned by %q", err, f.Owner())
	}
	other := &Folder{dir: f.dir}
	if err := other.Lock(); err == nil || !strings.Contains(err.Error(), "is being written by another process") {
		t.Errorf("a second lock: %v", err)
	}
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// TestJournalTakesALineBack has the disk fail as a line is synced.
func TestJournalTakesALineBack(t *testing.T) {
	f := create(t)
	j, _ := open(t, f)
	write(t, j, RunStarted{Run: "r"}, Warning{What: "not synced"})
	before, err := os.ReadFile(f.JournalPath())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(f.JournalPath())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	viewer, lister := NewReader("j", file), NewLister(filepath.Dir(f.Dir()))
	sync := j.sync
	j.sync = func() error {
		j.sync = sync
		if entries, err := viewer.Batch(10); err != nil || len(entries) != 3 {
			t.Errorf("%d entries, %v before the line was taken back", len(entries), err)
		}
		if all, err := lister.List(); err != nil || all[0].State.State != StateFinished {
			t.Errorf("%v, %v before the line was taken back", all, err)
		}
		if err := os.WriteFile(f.JournalPath(), make([]byte, j.end), 0o600); err != nil { // as if the disk had never had the lines
			t.Error(err)
		}
		if _, err := j.file.WriteAt(before[:len(before)-len(j.tail)], 0); err != nil {
			t.Error(err)
		}
		return syscall.EIO
	}
	if err := j.Append(RunFinished{}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("a sync that failed: %v", err)
	}
	if now, err := os.ReadFile(f.JournalPath()); err != nil || string(now) != string(before) {
		t.Errorf("the journal is\n%s\n(%v), and was\n%s", now, err, before)
	}
	if _, err := viewer.Batch(10); !errors.Is(err, ErrCut) {
		t.Errorf("who has read the line: %v; want ErrCut", err)
	}
	write(t, j, Control{What: ActPause, Phase: PhaseDone}, Warning{What: "more"})
	if _, err := viewer.Next(); !errors.Is(err, ErrCut) {
		t.Errorf("who has read the line, as there are others: %v; want ErrCut", err)
	}
	if all, err := lister.List(); err != nil || all[0].Err != nil || all[0].State.State != StatePaused || all[0].State.Seq != 4 {
		t.Errorf("listed %+v, %v", all, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, entries := open(t, f)
	if len(entries) != 4 || entries[3].Seq != 4 {
		t.Errorf("the journal has %+v", entries)
	}
}

// cutting is a journal whose last line is taken back, and another written in its
// place, once it has been looked at.
type cutting struct{ before, after string }

func (c *cutting) ReadAt(p []byte, off int64) (int, error) {
	n, err := strings.NewReader(c.before).ReadAt(p, off)
	c.before = c.after
	return n, err //nolint:wrapcheck // a reader around a reader
}

func TestReaderWhoseLineIsTakenBackAsItReads(t *testing.T) {
	line := func(seq int64, e Event) string {
		text, err := appendLine(nil, seq, time.Now(), e)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := line(1, Warning{What: "w"})
	src := &cutting{before: first + line(2, RunFinished{})}
	src.after = src.before
	r := NewReader("j", src)
	if entries, err := r.Batch(10); err != nil || len(entries) != 2 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	src.after = first + line(2, Warning{What: "quite another"}) + line(3, Warning{What: "w"})
	if entries, err := r.Batch(10); !errors.Is(err, ErrCut) || len(entries) > 0 {
		t.Errorf("%d entries, %v; want ErrCut", len(entries), err)
	}
}

func TestJournalThatCannotTakeBack(t *testing.T) {
	f := create(t)
	j, _ := open(t, f)
	write(t, j, RunStarted{Run: "r"})
	broken, err := os.Open(f.JournalPath()) // not for writing
	if err != nil {
		t.Fatal(err)
	}
	whole := j.file
	j.file = broken
	if err := j.Append(Warning{What: "w"}); !errors.Is(err, syscall.EBADF) || !j.torn {
		t.Fatalf("%v; torn %v", err, j.torn)
	}
	if err := j.Append(Warning{What: "w"}); err == nil {
		t.Fatal("a line was written after one that may be torn")
	}
	if _, err := whole.WriteAt([]byte(strings.Repeat("torn ", 100)+"\n"), j.end); err != nil {
		t.Fatal(err)
	}
	j.file = whole
	write(t, j, Warning{What: "w"})
	if err := errors.Join(j.Close(), broken.Close()); err != nil {
		t.Fatal(err)
	}
	_, entries := open(t, f)
	if len(entries) != 2 || j.torn {
		t.Errorf("%d entries, torn %v", len(entries), j.torn)
	}
}

// TestWriteFileThatCannotBeSynced has a pipe in place of a file: it cannot be
// synced.
func TestWriteFileThatCannotBeSynced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(path, []byte("before")); err != nil {
		t.Fatal(err)
	}
	err := swap(path, 5, func(temp *os.File) error {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		return errors.Join(fill(w, func(w io.Writer) error {
			_, err := w.Write([]byte("after"))
			return err
		}), temp.Close())
	})
	var write *WriteError
	if !errors.Is(err, syscall.EINVAL) || !errors.As(err, &write) || write.Path != path || write.Bytes != 5 {
		t.Errorf("a sync that failed: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if text, rerr := os.ReadFile(path); string(text) != "before" || rerr != nil || err != nil || len(entries) != 1 {
		t.Errorf("%q, %v, %v, %v", text, entries, err, rerr)
	}
}

func TestStorageCause(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "checkpoints", "c")
	gone := WriteFile(path, nil)
	for _, tc := range []struct {
		err  error
		want string // empty: none of the storage's
	}{
		{nil, ""},
		{errors.New("no space left on device"), ""},
		{&WriteError{Path: path, Err: syscall.ENAMETOOLONG}, ""},
		{fmt.Errorf("checkpoint: %w", &WriteError{Path: filepath.Join(dir, "c"), Bytes: 3 << 19, Err: syscall.ENOSPC}), dir + "/c cannot be written: no space is left, as it takes 1.5 MiB and "},
		{&WriteError{Path: path, Bytes: 1, Err: syscall.ENOSPC}, "no space is left; make room"},
		{&WriteError{Path: path, Bytes: 5 << 10, Err: syscall.EDQUOT}, "it takes 5.0 KiB; remove something"},
		{&WriteError{Path: path, Err: &os.PathError{Op: "open", Path: "temp", Err: syscall.EROFS}}, path + " cannot be written: its file system is read-only; mount it"},
		{&WriteError{Path: path, Err: syscall.EACCES}, fmt.Sprintf("permission denied; let user %d, who runs this, write in %s/checkpoints (chmod", os.Geteuid(), dir)},
		{&os.PathError{Op: "remove", Path: path, Err: syscall.EPERM}, path + " cannot be removed: permission denied"},
		{&WriteError{Path: path, Err: errors.Join(os.NewSyscallError("fsync", syscall.EIO), nil)}, "the disk fails (input/output error)"},
		{gone, "checkpoints is not there any more (no such file or directory); put it back, or mount it again; then resume the run"},
	} {
		why, is := StorageCause(tc.err)
		if is != (tc.want != "") || !strings.Contains(why, tc.want) || strings.Contains(why, "\n") {
			t.Errorf("%v: %q, %v; want %q", tc.err, why, is, tc.want)
		}
	}
}
