package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/run"
)

// TestFill wants tables between their marks, twice alike, and an error where a mark or a
// table is missing.
func TestFill(t *testing.T) {
	page := []byte("a\n<!-- table one -->\nold\n<!-- end -->\nb\n<!-- table two -->\n<!-- end -->\n")
	tables := map[string]string{"one": "| 1 |\n", "two": "| 2 |\n"}
	want := "a\n<!-- table one -->\n\n| 1 |\n\n<!-- end -->\nb\n<!-- table two -->\n\n| 2 |\n\n<!-- end -->\n"
	for range 2 {
		var err error
		if page, err = fill(page, tables); err != nil || string(page) != want {
			t.Fatalf("the page is %q, %v; want %q", page, err, want)
		}
	}
	for name, tc := range map[string]struct {
		tables map[string]string
		want   string
	}{
		"a mark without a table": {map[string]string{"one": ""}, "no table two"},
		"a table without a mark": {map[string]string{"one": "", "two": "", "three": ""}, "table three has no place"},
	} {
		if _, err := fill(page, tc.tables); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: the error is %v; want %q in it", name, err, tc.want)
		}
	}
}

// TestPageIsOfThisCode wants docs/scaling.md to have what this code comes to: all of
// training's tables, and the first row of the search's.
func TestPageIsOfThisCode(t *testing.T) {
	page, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := published(all)
	if err != nil {
		t.Fatal(err)
	}
	c, err := scenarios[0].over(counts)
	if err != nil {
		t.Fatal(err)
	}
	pub, own, err := trainings()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{
		searchTable([]curve{c}), trainingTable(pub, []network{ethernet, fabric, nvlink}), trainingTable(own, []network{fabric}),
		latencyTable(pub[0]), daysTable(pub, c), modelTable(append(pub, own...)),
	} {
		for _, row := range strings.Split(strings.TrimSpace(table), "\n") {
			if !strings.Contains(string(page), row) {
				t.Errorf("docs/scaling.md has not the row\n%s\nmake scaling writes it", row)
			}
		}
	}
}

// journal writes the journal of a run by so many ranks.
func journal(t *testing.T, dir string, ranks int, events ...run.Event) {
	t.Helper()
	f, err := run.Create(filepath.Dir(dir), filepath.Base(dir))
	if err != nil {
		t.Fatal(err)
	}
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append([]run.Event{run.RunStarted{Run: "r", Device: "cpu", Threads: 1, Ranks: ranks}}, events...) {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPoints wants the speed-ups of runs to come from their journals, and a run by one
// rank to be asked for.
func TestPoints(t *testing.T) {
	dir := t.TempDir()
	step := func(its int, perS, seconds float64) []run.Event {
		return []run.Event{
			run.StepStarted{Step: 2, Name: "supernet-finetune", Iterations: its},
			run.Train{Step: 2, Iteration: 1, ImagesPerS: perS},
			run.Train{Step: 2, Iteration: 2, ImagesPerS: perS / 2},
			run.Train{Step: 2, Iteration: 3, ImagesPerS: 3 * perS},
			run.StepFinished{Step: 2, Seconds: seconds},
			run.StepStarted{Step: 3, Name: "search", Iterations: 10},
			run.Candidate{Subnet: "0-00-00-0", Score: 0.5, Seconds: 2, Status: run.CandidateNew},
			run.Candidate{Subnet: "1-00-00-0", Score: 0.5, Seconds: 1e-6, Status: run.CandidateNew},
			run.StepFinished{Step: 3, Seconds: seconds},
		}
	}
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	journal(t, one, 0, step(10, 8, 20)...)
	journal(t, two, 2, step(10, 14, 11)...)
	if got, err := readPoints(dir); err != nil || got != nil {
		t.Errorf("before anything was measured there are %v, %v", got, err)
	}
	if err := timed(dir, []string{"two=" + two, "one=" + one}); err != nil {
		t.Fatal(err)
	}
	got, err := readPoints(dir)
	if err != nil || len(got) != 2 {
		t.Fatalf("measured are %v, %v", got, err)
	}
	near(t, "step 2 by two", got[0].times, 14.0/8)
	near(t, "the search by two", got[1].times, 20.0/11)
	if a, b := measuredAt(got, 2, 2), measuredAt(got, 2, 4); a != "1.75" || b != "not measured yet" {
		t.Errorf("the table has %q and %q", a, b)
	}
	if err := timed(dir, []string{"two=" + two}); err != nil {
		t.Fatal(err)
	}
	if _, err := readPoints(dir); err == nil || !strings.Contains(err.Error(), "a run by one rank") {
		t.Errorf("without a run by one rank the error is %v", err)
	}
	if err := record(dir, []string{"a=" + one}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "candidates.csv"))
	if err != nil || !strings.HasPrefix(string(text), "run,subnet,score,seconds,gap\na,0-00-00-0,0.5,2.0000,0.000000\na,1-00-00-0,0.5,0.0000,0.0") {
		t.Errorf("recorded is %q, %v", text, err)
	}
	if err := timed(dir, []string{"one"}); err == nil || !strings.Contains(err.Error(), "name=folder") {
		t.Errorf("without a name the error is %v", err)
	}
}
