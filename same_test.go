package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/run"
)

// sameRun compares the folders of two runs that have come to an end and should
// have come to the same: the files there are, the tensors of checkpoints, losses,
// candidates and figures, bit for bit. Times may differ, and how often the work
// was begun.
func sameRun(t *testing.T, want, got string) {
	t.Helper()
	files := filesOf(t, want)
	if diff := cmp.Diff(files, filesOf(t, got)); diff != "" {
		t.Errorf("the run's folder holds other files (-left alone +killed):\n%s", diff)
		return
	}
	for _, name := range files {
		a, b := filepath.Join(want, name), filepath.Join(got, name)
		switch {
		case name == "lock" || name == "log.txt" || strings.HasSuffix(name, "/"):
		case name == "events.jsonl":
			if diff := cmp.Diff(tell(t, want), tell(t, got)); diff != "" {
				t.Errorf("the journal tells otherwise (-left alone +killed):\n%s", diff)
			}
		case name == "result.json":
			sameResult(t, a, b)
		case strings.HasSuffix(name, ".safetensors"):
			sameCheckpoint(t, a, b)
		case slices.Contains(namingPlace, name):
			if diff := cmp.Diff(string(bytes.ReplaceAll(read(t, a), place(want), place(got))), string(read(t, b))); diff != "" {
				t.Errorf("%s differs (-left alone +killed):\n%s", name, diff)
			}
		case !bytes.Equal(read(t, a), read(t, b)):
			t.Errorf("%s differs from that of the run left alone", name)
		}
	}
}

// namingPlace are the files of a run that name the place where its folder is.
var namingPlace = []string{"config.toml", "previews/images.json"}

// place is the folder in which a run's folder of runs is.
func place(folder string) []byte { return []byte(filepath.Dir(filepath.Dir(folder))) }

// filesOf lists all that is in a folder, by name; folders end with a slash.
func filesOf(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// told is what a journal says of a run's work, without times.
type told struct {
	Train      map[[2]int]run.Values // losses by step and iteration
	Eval       map[[2]int]run.Values
	Candidates []run.Candidate
	Finished   map[int]run.StepFinished
	Last       string // kind of the last event
}

// tell reads the journal of a run. Reading fails where a line is broken or a
// number of the sequence is missing. Work that was done twice has to have come to
// the same both times.
func tell(t *testing.T, folder string) told {
	t.Helper()
	out := told{Train: map[[2]int]run.Values{}, Eval: map[[2]int]run.Values{}, Finished: map[int]run.StepFinished{}}
	once := func(all map[[2]int]run.Values, step, iteration int, v run.Values) {
		at := [2]int{step, iteration}
		if before, ok := all[at]; ok && !cmp.Equal(before, v) {
			t.Errorf("iteration %d of step %d was done twice and came to %v and then %v", iteration, step, before, v)
		}
		all[at] = v
	}
	candidates := map[int]bool{}
	for _, ev := range journal(t, folder) {
		out.Last = ev.Kind()
		switch e := ev.(type) {
		case run.Train:
			once(out.Train, e.Step, e.Iteration, e.Losses)
		case run.Eval:
			once(out.Eval, e.Step, e.Iteration, e.Metrics)
		case run.Candidate:
			if candidates[e.Index] {
				t.Errorf("candidate %d stands in the journal twice", e.Index)
			}
			candidates[e.Index] = true
			e.Seconds = 0
			out.Candidates = append(out.Candidates, e)
		case run.StepFinished:
			e.Seconds = 0
			out.Finished[e.Step] = e
		}
	}
	if text := read(t, filepath.Join(folder, "events.jsonl")); !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("the journal ends with a torn line: %q", text[bytes.LastIndexByte(text, '\n')+1:])
	}
	return out
}

// sameResult compares two results but for the seconds.
func sameResult(t *testing.T, want, got string) {
	t.Helper()
	var results [2]run.Result
	for i, path := range []string{want, got} {
		if err := json.Unmarshal(read(t, path), &results[i]); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if diff := cmp.Diff(results[0], results[1], cmpopts.IgnoreFields(run.StepResult{}, "Seconds")); diff != "" {
		t.Errorf("result.json differs (-left alone +killed):\n%s", diff)
	}
}

// sameCheckpoint compares every tensor of two checkpoints, and what they say of
// themselves but for the seconds, and for where the run was.
func sameCheckpoint(t *testing.T, want, got string) {
	t.Helper()
	a, b := checkpoint(t, want), checkpoint(t, got)
	if diff := cmp.Diff(a.Meta, b.Meta); diff != "" {
		t.Errorf("%s says otherwise (-left alone +killed):\n%s", filepath.Base(got), diff)
	}
	if len(a.Tensors) != len(b.Tensors) {
		t.Errorf("%s has %d tensors, and %d in the run left alone", filepath.Base(got), len(b.Tensors), len(a.Tensors))
		return
	}
	for i, x := range a.Tensors {
		if y := b.Tensors[i]; !cmp.Equal(x, y) {
			t.Errorf("%s: %s differs from the tensor of the run left alone (%s)", filepath.Base(got), y.Name, x.Name)
			return
		}
	}
}

// folderOfRuns is the line of a config that names the folder of runs.
var folderOfRuns = regexp.MustCompile(`(?m)^runs = .*$`)

// checkpoint reads a checkpoint and leaves out what it says of times and of the
// folder that the run was in when it was written.
func checkpoint(t *testing.T, path string) *run.Checkpoint {
	t.Helper()
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	var progress map[string]any
	if err := json.Unmarshal([]byte(c.Meta["progress"]), &progress); err != nil {
		t.Fatalf("%s: its progress: %v", path, err)
	}
	delete(progress, "seconds")
	text, err := json.Marshal(progress)
	if err != nil {
		t.Fatal(err)
	}
	c.Meta["progress"] = string(text)
	c.Meta["config"] = folderOfRuns.ReplaceAllString(c.Meta["config"], "")
	for key := range c.Meta {
		if strings.HasPrefix(key, "detnas.") { // the checksum, of the seconds too
			delete(c.Meta, key)
		}
	}
	return c
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
