package cli

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"detnas/core/run"
)

// mostPerSession bounds what a session keeps, its client in this process included,
// with a terminal of 160x50 and a run open whose curves are full. Some 5 MB are
// measured.
const mostPerSession = 10 << 20 // bytes

// seen notes when a text has come by.
type seen struct {
	text  string
	last  []byte
	found atomic.Bool
}

func (s *seen) Write(p []byte) (int, error) {
	s.last = append(s.last, p...)
	if bytes.Contains(s.last, []byte(s.text)) {
		s.found.Store(true)
	}
	s.last = append([]byte(nil), s.last[max(0, len(s.last)-len(s.text)):]...)
	return len(p), nil
}

// alive is the bytes that are in use.
func alive() uint64 {
	runtime.GC()
	runtime.GC() // what had a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// longRun writes a run whose step has many lines.
func longRun(t *testing.T, runs string, lines int) {
	t.Helper()
	f, err := run.Create(runs, "long")
	if err != nil {
		t.Fatal(err)
	}
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.Dir(), "config.toml"), "")
	err = j.Append(run.RunStarted{Run: "long", From: 1, To: 5})
	err = errors.Join(err, j.Append(run.StepStarted{Step: 2, Name: "supernet-finetune", Iterations: 20 * lines}))
	for i := range lines {
		err = errors.Join(err, j.Append(run.Train{Step: 2, Iteration: 20 * i, LR: 0.02, ImagesPerS: 30, DataS: 0.1, StepS: 1, Losses: run.Values{
			"loss": 1, "loss_cls": 0.5, "loss_bbox": 0.2, "loss_rpn_cls": 0.1, "loss_rpn_bbox": 0.1, "acc": 0.9,
		}}))
	}
	if err := errors.Join(err, j.Close(), f.Unlock()); err != nil {
		t.Fatal(err)
	}
}

// TestFiftyScreensStayWithinTheirMemory opens a long run on fifty screens.
func TestFiftyScreensStayWithinTheirMemory(t *testing.T) {
	s := serveRuns(t, nil)
	longRun(t, s.runs, 5000)
	const sessions = 50
	var keys [sessions]io.Writer
	var outs [sessions]seen
	var clients [sessions]*gossh.Client
	before := alive()
	for i := range sessions {
		clients[i] = s.in(s.ann)
		sess, err := clients[i].NewSession()
		if err != nil {
			t.Fatal(err)
		}
		outs[i].text = "detnas long" // the window's title, which is written whole
		sess.Stdout = &outs[i]
		if keys[i], err = sess.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sess.RequestPty("xterm-256color", 50, 160, gossh.TerminalModes{}), sess.Shell()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range sessions {
		until(t, "a screen opens the run", func() bool {
			if !outs[i].found.Load() {
				_, _ = io.WriteString(keys[i], "\r") // once the list is there
			}
			return outs[i].found.Load()
		})
	}
	each := (alive() - before) / sessions
	t.Logf("%.1f MB a session", float64(each)/(1<<20))
	if each > mostPerSession {
		t.Errorf("a session keeps %d bytes; %d are allowed", each, mostPerSession)
	}
	for _, c := range clients {
		_ = c.Close()
	}
	until(t, "it is given back", func() bool { return int64(alive())-int64(before) < mostPerSession })
}
