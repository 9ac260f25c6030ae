package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"detnas/core/run"
)

// attempt is one run that is killed, in a folder of runs of its own.
type attempt struct {
	t      *testing.T
	dir    string   // where its processes work
	folder string   // of the run
	sets   []string // that it begins with
}

// newAttempt makes room for a new run of the preset tiny with other settings.
func newAttempt(t *testing.T, sets ...string) *attempt {
	t.Helper()
	dir := t.TempDir()
	return &attempt{t: t, dir: dir, folder: filepath.Join(dir, "runs", killRun), sets: sets}
}

// copyOf copies the folder of a run that has ended.
func copyOf(t *testing.T, template string) *attempt {
	t.Helper()
	a := newAttempt(t)
	if err := os.CopyFS(a.folder, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	for _, name := range namingPlace {
		path := filepath.Join(a.folder, name)
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // the step that writes it is still to come
		}
		if err == nil {
			err = os.WriteFile(path, bytes.ReplaceAll(text, place(template), place(a.folder)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// begun reports whether there is a run that can be resumed.
func (a *attempt) begun() bool {
	_, err := os.Stat(filepath.Join(a.folder, "config.toml"))
	return err == nil
}

// start starts a process that goes on with the run up to a step, or begins it.
func (a *attempt) start(to int) *process {
	a.t.Helper()
	args := []string{"run", "--headless", "--to", strconv.Itoa(to)}
	if a.begun() {
		return detnas(a.t, a.dir, append(args, "--resume", killRun)...)
	}
	args = append(args, "tiny", "--name", killRun)
	for _, set := range a.sets {
		args = append(args, "--set", set)
	}
	return detnas(a.t, a.dir, args...)
}

// underWay is the step that the run is in by its journal; false where it is in
// none.
func (a *attempt) underWay(t *testing.T) (step int, under bool) {
	t.Helper()
	s := a.state(t)
	_, finished := s.Finished[s.Step]
	return s.Step, s.Step > 0 && !finished
}

// state is where the run stands by its journal.
func (a *attempt) state(t *testing.T) run.State {
	t.Helper()
	var s run.State
	for i, ev := range journal(t, a.folder) {
		s.Apply(run.Entry{Header: run.Header{Seq: int64(i + 1)}, Event: ev})
	}
	return s
}

// tear cuts the last line of the journal so that a share of it stays, as a kill in
// the middle of its writing would have. It reports false where there is no whole
// line, and where a checkpoint came after it: a kill does not tear what was whole
// before that.
func (a *attempt) tear(t *testing.T, share float64) bool {
	t.Helper()
	path := filepath.Join(a.folder, "events.jsonl")
	text, err := os.ReadFile(path)
	if err != nil || !bytes.HasSuffix(text, []byte("\n")) || a.untold(t) {
		return false
	}
	start := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	keep := start + 1 + int(share*float64(len(text)-start-1))
	if err := os.Truncate(path, int64(keep)); err != nil {
		t.Fatal(err)
	}
	return true
}

// untold reports whether a checkpoint is on disk that the journal does not tell
// of yet.
func (a *attempt) untold(t *testing.T) bool {
	t.Helper()
	told := map[string]bool{}
	for _, ev := range journal(t, a.folder) {
		if c, ok := ev.(run.CheckpointWritten); ok {
			told[filepath.Base(c.Path)] = true
		}
	}
	saved, err := filepath.Glob(filepath.Join(a.folder, "checkpoints", "step-*.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(saved, func(path string) bool {
		return !told[filepath.Base(path)] && !strings.HasSuffix(path, "-best.safetensors")
	})
}

// remove frees the room that the attempt takes.
func (a *attempt) remove(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(a.dir); err != nil {
		t.Error(err)
	}
}
