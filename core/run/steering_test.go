package run

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// doneAt is an act that was taken in a step after so many iterations or
// candidates.
func doneAt(step, iteration int, c Control) Control {
	c.Phase, c.Step, c.Iteration = PhaseDone, step, iteration
	return c
}

func TestActsOfASearch(t *testing.T) {
	change := []Change{{Key: "search.generations", Old: "2", New: "3", Effect: "now"}}
	events := []Event{
		RunStarted{Run: "r", ConfigHash: "a"},
		StepStarted{Step: 1, Iterations: 10},
		doneAt(1, 4, Control{What: ActPin, Subnet: "0-1"}),
		doneAt(1, 5, Control{What: ActPin, Subnet: "1-1"}),
		doneAt(1, 5, Control{What: ActUnpin, Subnet: "0-1"}),
		doneAt(1, 6, Control{What: ActLock, Block: 2, Choice: "3"}),
		ConfigChanged{Step: 1, Iteration: 6, Changes: change, ConfigHash: "b"},
		StepFinished{Step: 1},
		StepStarted{Step: 3, Iterations: 8},
		Candidate{Index: 0, Planned: 9},
		doneAt(3, 1, Control{What: ActUnlock, Block: 2}),
		ConfigChanged{Step: 3, Iteration: 1, Changes: change, ConfigHash: "c", Planned: 13},
		Candidate{Index: 1, Planned: 13},
		Generation{Generation: 0, Evaluated: 2},
		RunStopped{},
		RunResumed{ConfigHash: "c"},
		StepStarted{Step: 3, Iteration: 2, Iterations: 13},
		doneAt(3, 2, Control{What: ActPin, Subnet: "2-2", Planned: 14}),
	}
	s := fold(events...)
	want := []Act{
		{Control: Control{What: ActPin, Phase: PhaseDone, Subnet: "1-1"}},
		{Control: Control{What: ActLock, Phase: PhaseDone, Block: 2, Choice: "3"}},
		{At: 1, Control: doneAt(3, 1, Control{What: ActUnlock, Block: 2})},
		{At: 1, Changes: change},
		{At: 2, Control: doneAt(3, 2, Control{What: ActPin, Subnet: "2-2", Planned: 14})},
	}
	if d := cmp.Diff(want, s.Steering.Acts); d != "" {
		t.Error(d)
	}
	if s.Iterations != 14 || s.Generation == nil || s.Generation.Evaluated != 2 {
		t.Errorf("%d candidates are planned and the last generation is %v; want 14, and 2 evaluated", s.Iterations, s.Generation)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, s.Steering.Hashes); d != "" {
		t.Error(d)
	}
	s = fold(append(events, RunStopped{}, RunResumed{}, StepStarted{Step: 2, Iterations: 10})...) // done again
	want = []Act{
		{Control: Control{What: ActPin, Phase: PhaseDone, Subnet: "1-1"}},
		{Control: Control{What: ActPin, Phase: PhaseDone, Subnet: "2-2"}},
	}
	if d := cmp.Diff(want, s.Steering.Acts); d != "" || s.Generation != nil {
		t.Errorf("the acts of a search that begins anew: %s", d)
	}
}

func TestEdit(t *testing.T) {
	f, err := Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the test ends here
	broken := func() *Edit {
		t.Helper()
		e, err := f.BrokenEdit()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if err := WriteFile(f.Config(), []byte("old")); err != nil {
		t.Fatal(err)
	}
	if e := broken(); e != nil {
		t.Errorf("an edit before any: %+v", e)
	}
	edit := Edit{Text: "new", Changed: ConfigChanged{Who: "ann", Step: 1, Changes: []Change{{Key: "seed"}}, ConfigHash: "x"}}
	if err := f.BeginEdit(edit); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&edit, broken()); d != "" {
		t.Error(d)
	}
	if text, err := os.ReadFile(f.Config()); string(text) != "new" || err != nil {
		t.Errorf("config %q, %v", text, err)
	}
	if err := WriteFile(f.Config(), []byte("old")); err != nil { // as if it had died before
		t.Fatal(err)
	}
	if e := broken(); e != nil {
		t.Errorf("an edit that came to nothing: %+v", e)
	}
	if err := errors.Join(f.EndEdit(), f.EndEdit()); err != nil {
		t.Error(err)
	}
}

func TestPreviewsAreWholeAndLeaveNothingElse(t *testing.T) {
	f, err := Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the test ends here
	if _, err := f.ReadPreview(3, "0-1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a preview that is not there: %v", err)
	}
	p := Preview{Subnet: "0-1", Step: 3, Found: map[int64][]PreviewBox{7: {{Label: 1, Box: [4]float64{1, 2, 3, 4}, Score: 0.5}}, 9: {}}}
	images := PreviewImages{Classes: []string{"a"}, Images: []PreviewImage{{ID: 7, Path: "/x.png", Width: 9, Height: 8, Boxes: []PreviewBox{{Box: [4]float64{1, 1, 2, 2}}}}}}
	if err := errors.Join(f.WritePreviewImages(images), f.WritePreview(p), f.WritePreview(p)); err != nil {
		t.Fatal(err)
	}
	got, err := f.ReadPreview(3, "0-1")
	if d := cmp.Diff(p, got); d != "" || err != nil {
		t.Error(d, err)
	}
	gotImages, err := f.ReadPreviewImages()
	if d := cmp.Diff(images, gotImages); d != "" || err != nil {
		t.Error(d, err)
	}
	files, err := filepath.Glob(filepath.Join(f.Dir(), "previews", "*"))
	hidden, err2 := filepath.Glob(filepath.Join(f.Dir(), "previews", ".*"))
	if len(files) != 2 || len(hidden) != 0 || err != nil || err2 != nil {
		t.Errorf("files %v and %v", files, hidden)
	}
}
