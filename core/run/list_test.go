package run

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// listed lists a folder of one run.
func listed(t *testing.T, l *Lister) Listed {
	t.Helper()
	all, err := l.List()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d runs, %v", len(all), err)
	}
	return all[0]
}

func TestListFollowsTheJournal(t *testing.T) {
	f := create(t)
	l := NewLister(filepath.Dir(f.Dir()))
	if err := os.MkdirAll(filepath.Join(filepath.Dir(f.Dir()), "no-run"), 0o750); err != nil {
		t.Fatal(err)
	}
	if x := listed(t, l); x.State.State != StateRunning || !math.IsNaN(x.Score) || x.Progress != 0 {
		t.Errorf("an empty run: %+v", x)
	}
	j, _ := open(t, f)
	write(t, j, RunStarted{Run: "r", From: 1, To: 5}, StepStarted{Step: 1, Iterations: 100})
	for i := range 300 {
		write(t, j, Train{Step: 1, Iteration: i / 6, Losses: Values{"loss": float64(i)}})
	}
	x := listed(t, l)
	if x.State.Step != 1 || x.Progress < 0.09 || x.Progress > 0.1 || len(x.Loss) != recentLosses || x.Loss[recentLosses-1] != 299 {
		t.Errorf("%+v", x)
	}
	write(t, j, StepFinished{Step: 1}, StepFinished{Step: 2}, StepStarted{Step: 3, Iterations: 4}, Candidate{Score: 0.25}, Candidate{Index: 1, Score: 0.125})
	if x = listed(t, l); x.Score != 0.25 || x.ScoreName != "best" || x.Progress != 0.5 || len(x.Loss) != 0 {
		t.Errorf("searching: %+v", x)
	}
	write(t, j, StepFinished{Step: 3}, StepFinished{Step: 4}, StepFinished{Step: 5, Metrics: Values{"AP": 0.5}}, RunFinished{})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	if x = listed(t, l); x.State.State != StateFinished || x.Score != 0.5 || x.ScoreName != "AP" || x.Progress != 1 {
		t.Errorf("finished: %+v", x)
	}
	all, err := NewLister(filepath.Dir(f.Dir())).List()
	if err != nil || len(all) != 1 || all[0].Score != x.Score || all[0].State.Seq != x.State.Seq {
		t.Errorf("read at once it is another: %+v, %v", all, err)
	}
}

func TestListOfAnotherOrDamagedJournal(t *testing.T) {
	f := create(t)
	l := NewLister(filepath.Dir(f.Dir()))
	j, _ := open(t, f)
	write(t, j, RunStarted{From: 1, To: 5}, Warning{What: "a"}, Warning{What: "b"})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if x := listed(t, l); x.State.Seq != 3 {
		t.Errorf("%+v", x)
	}
	whole, err := os.ReadFile(f.JournalPath())
	if err != nil {
		t.Fatal(err)
	}
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(f.JournalPath(), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(append([]byte("junk\n"), whole[:len(whole)-20]...))
	if x := listed(t, l); x.Err == nil {
		t.Error("a damaged journal has no error")
	}
	put(whole[:len(whole)/2])
	if x := listed(t, l); x.Err != nil || x.State.Seq == 3 {
		t.Errorf("a journal that has shrunk: %+v", x)
	}
	put(whole)
	if x := listed(t, l); x.Err != nil || x.State.Seq != 3 {
		t.Errorf("whole again: %+v", x)
	}
	if err := os.RemoveAll(f.Dir()); err != nil {
		t.Fatal(err)
	}
	if all, err := l.List(); err != nil || len(all) != 0 || len(l.runs) != 0 {
		t.Errorf("a run that is gone: %v, %v", all, err)
	}
	if all, err := NewLister(filepath.Join(t.TempDir(), "none")).List(); err != nil || len(all) != 0 {
		t.Errorf("no folder: %v, %v", all, err)
	}
}
