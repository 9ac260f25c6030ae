package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"detnas/core/run"
)

// far is a rank's log, a store, and rank 0's end of both.
type far struct {
	farLog
	logs   farLogs
	values map[string][]byte
	pid    int
	warned []string
}

func newFar(t *testing.T) *far {
	t.Helper()
	folder, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Unlock() })
	f := &far{values: map[string][]byte{}, pid: 7}
	f.logs = farLogs{folder: folder, taken: map[int]taken{}, warn: func(what string) { f.warned = append(f.warned, what) }}
	return f
}

func (f *far) send() report {
	return report{PID: f.pid, Pieces: f.farLog.send(3, func(key string, value []byte) error { f.values[key] = value; return nil })}
}

func (f *far) take(told report) {
	f.logs.take(3, told, func(key string) ([]byte, bool, error) { v, ok := f.values[key]; return v, ok, nil })
}

func (f *far) text(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(run.RankLog(f.logs.folder.Dir(), 3))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFarLogComesWhole(t *testing.T) {
	f, want := newFar(t), ""
	for i := range 400 {
		line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", 200))
		want += line
		if _, err := f.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			f.take(f.send())
			f.take(f.send()) // nothing new
		}
	}
	if got := f.text(t); got != want {
		t.Errorf("%d bytes were written, and %d came", len(want), len(got))
	}
	f.farLog, f.pid = farLog{}, 8 // another process of that rank
	_, _ = f.Write([]byte("again\n"))
	f.take(f.send())
	if got := f.text(t); got != want+"again\n" {
		t.Errorf("the log of a rank that was started again ends with %q", got[max(0, len(got)-40):])
	}
}

func TestFarLogIsBounded(t *testing.T) {
	f := newFar(t)
	for range 3 {
		for range mostUnsent/pieceBytes + 2 {
			_, _ = f.Write([]byte(strings.Repeat("y", pieceBytes-1) + "\n"))
		}
		f.send()
	}
	if len(f.values) > logPieces {
		t.Errorf("the store has %d pieces", len(f.values))
	}
	_, _ = f.Write([]byte("the end\n"))
	f.take(f.send())
	got := f.text(t)
	for _, want := range []string{"came too fast and are left out)", "bytes are left out)\nthe end\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if len(got) > (logPieces+1)*pieceBytes {
		t.Errorf("the log has %d bytes", len(got))
	}
}

func TestFarLogOfAFolderThatIsGone(t *testing.T) {
	f := newFar(t)
	if err := os.RemoveAll(f.logs.folder.Dir()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, _ = f.Write([]byte("line\n"))
		f.take(f.send())
	}
	if _, err := os.Stat(f.logs.folder.Dir()); !errors.Is(err, os.ErrNotExist) || len(f.warned) != 1 {
		t.Errorf("the folder is there again (%v), or the warnings are %q", err, f.warned)
	}
}
