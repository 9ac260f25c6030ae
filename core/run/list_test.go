package run

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
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
	write(t, j, StepFinished{Step: 1}, StepFinished{Step: 2}, StepStarted{Step: 3, Iterations: 6},
		Candidate{Score: math.NaN()}, Candidate{Index: 1, Score: 0.25}, Candidate{Index: 2, Score: 0.125})
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

// TestListIsWhatStatusSays lists a run after each event of a journal with all
// that bears on its state, read on and read at once.
func TestListIsWhatStatusSays(t *testing.T) {
	f := create(t)
	j, _ := open(t, f)
	l := NewLister(filepath.Dir(f.Dir()))
	events := []Event{
		RunStarted{From: 1, To: 5, ConfigHash: "a"},
		StepStarted{Step: 1, Iterations: 10},
		Train{Step: 1, Iteration: 5, Losses: Values{"loss": 2}},
		Control{What: ActPause, Phase: PhaseRequested},
		Control{What: ActPause, Phase: PhaseDone},
		Control{What: ActResume, Phase: PhaseDone},
		StepFinished{Step: 1},
		StepStarted{Step: 3, Iterations: 4},
		Candidate{Score: 0.5},
		Candidate{Index: 1, Score: 0.75, Planned: 6},
		Candidate{Index: 2, Score: 0.25},
		Generation{Evaluated: 3},
		RunStopped{},
		RunResumed{From: 3, To: 4},
		StepStarted{Step: 3, Iteration: 2, Iterations: 6},
		Usage{},
		Candidate{Index: 2, Score: 0.25},
		Candidate{Index: 2, Score: 0.125},
		Warning{What: "w"},
		ConfigChanged{Step: 3, Planned: 8, ConfigHash: "b"},
		StepFinished{Step: 3},
		StepStarted{Step: 4, Iterations: 7},
		RunFailed{Error: "boom"},
		RunResumed{From: 1, To: 5},
		StepStarted{Step: 2, Iterations: 9},
		RunFinished{},
	}
	for i, e := range events {
		write(t, j, e)
		want, err := f.Status()
		if err != nil {
			t.Fatal(err)
		}
		want.Candidates, want.Generation, want.Warnings, want.Steering.Acts, want.Data, want.Saved = nil, nil, nil, nil, nil, nil
		on, once := listed(t, l), listed(t, NewLister(filepath.Dir(f.Dir())))
		equal(t, on.State, want)
		equal(t, once.State, want)
		if on.Progress != once.Progress || fmt.Sprint(on.Score) != fmt.Sprint(once.Score) || on.Err != nil {
			t.Errorf("read on %+v, at once %+v", on, once)
		}
		if t.Failed() {
			t.Fatalf("after event %d: %+v", i+1, e)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestListTakesItsTime lists runs with more in their journals than there is time
// for.
func TestListTakesItsTime(t *testing.T) {
	runs := t.TempDir()
	var journal []byte
	for i := range 3*readPart + 1 {
		journal = append(journal, line(t, int64(i+1), Train{Step: 1, Iteration: i, Losses: Values{"loss": 1}})...)
	}
	for _, name := range []string{"a", "b", "c"} {
		if err := os.Mkdir(filepath.Join(runs, name), 0o750); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(runs, name, "events.jsonl"), string(journal))
	}
	newest := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(runs, "b", "events.jsonl"), newest, newest); err != nil {
		t.Fatal(err)
	}
	l := NewLister(runs)
	at := time.Now()
	l.now = func() time.Time { at = at.Add(readFor / 2); return at }
	first, calls := "", 0
	for ; ; calls++ {
		all, err := l.List()
		if err != nil || len(all) != 3 || calls > 20 {
			t.Fatalf("%d runs after %d calls, %v", len(all), calls, err)
		}
		reading := 0
		for _, x := range all {
			switch x.State.State {
			case StateReading:
				reading++
			case StateInterrupted:
				if first == "" {
					first = x.Folder.Name()
				}
				if x.State.Seq != 3*readPart+1 {
					t.Errorf("%s is read to event %d", x.Folder.Name(), x.State.Seq)
				}
			default:
				t.Errorf("%s is %s", x.Folder.Name(), x.State.State)
			}
		}
		if reading == 0 {
			break
		}
	}
	if calls < 3 || first != "b" {
		t.Errorf("all read after %d calls, first %s", calls, first)
	}
}

// TestListKeepsLittle lists many runs.
func TestListKeepsLittle(t *testing.T) {
	const n = 200
	runs := t.TempDir()
	journal := string(million(t, 1000))
	for i := range n {
		dir := filepath.Join(runs, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "events.jsonl"), journal)
	}
	l := NewLister(runs)
	before := heap()
	for range 2 {
		if all, err := l.List(); err != nil || len(all) != n {
			t.Fatalf("%d runs, %v", len(all), err)
		}
	}
	if each := (heap() - before) / n; each > 16<<10 {
		t.Errorf("%d bytes a run", each)
	}
	runtime.KeepAlive(l)
}

// BenchmarkListThousand lists a thousand runs in which nothing changes.
func BenchmarkListThousand(b *testing.B) {
	runs := b.TempDir()
	journal := string(million(b, 1000))
	for i := range 1000 {
		dir := filepath.Join(runs, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o750); err != nil {
			b.Fatal(err)
		}
		put(b, filepath.Join(dir, "events.jsonl"), journal)
	}
	l := NewLister(runs)
	began := time.Now()
	for reading := true; reading; {
		all, err := l.List()
		if err != nil || len(all) != 1000 {
			b.Fatalf("%d runs, %v", len(all), err)
		}
		reading = slices.ContainsFunc(all, func(x Listed) bool { return x.State.State == StateReading })
	}
	first := time.Since(began)
	for b.Loop() {
		if _, err := l.List(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(first.Seconds(), "s-at-first")
}
