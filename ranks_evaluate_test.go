package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/run"
)

// evaluateAgain has a run that one process has made evaluate its two steps again, by so many
// processes and without training anything, and compares the figures to the digit. It is as if
// the process had been killed each time between its last checkpoint and the evaluation.
func evaluateAgain(t *testing.T, dir, name string, n int) {
	t.Helper()
	runs := fmt.Sprintf("evaluated-by-%d", n)
	folder := filepath.Join(dir, runs, name)
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(dir, "alone", name))); err != nil {
		t.Fatal(err)
	}
	want, first := figures(t, folder), config.StepSupernetPretrain
	if _, searched := want[config.StepSearch]; searched {
		first = config.StepSubnetRetrain
	}
	journal := filepath.Join(folder, "events.jsonl")
	head, rest, _ := bytes.Cut(read(t, journal), fmt.Appendf(nil, `"type":"step_finished","step":%d`, first))
	if !bytes.Contains(rest, fmt.Appendf(nil, `"type":"step_finished","step":%d`, first+1)) {
		t.Fatalf("the journal has the ends of steps %d and %d not in turn: %v", first, first+1, want)
	}
	if err := os.WriteFile(journal, head[:bytes.LastIndexByte(head, '\n')+1], 0o600); err != nil {
		t.Fatal(err)
	}
	launched(t, dir, n, nil, "--resume", filepath.Join(runs, name)).succeed()
	if d := cmp.Diff(want, figures(t, folder)); d != "" {
		t.Errorf("%s: evaluated by one process and by %d (+):\n%s", name, n, d)
	}
	for rank := 1; rank < n; rank++ {
		if log := string(read(t, filepath.Join(folder, "ranks", strconv.Itoa(rank)+".txt"))); strings.Count(log, "batches ") != 2 || strings.Contains(log, "batches 0") {
			t.Errorf("%s: rank %d of %d had no part in the evaluations:\n%s", name, rank, n, log)
		}
	}
	if text := string(read(t, journal)); strings.Contains(text, "other bits") {
		t.Errorf("%s: the networks of %d ranks differ:\n%s", name, n, text)
	}
}

// figures are those that the steps of a run have ended with.
func figures(t *testing.T, folder string) map[int]run.Values {
	t.Helper()
	out := map[int]run.Values{}
	err := run.ReadJournal(filepath.Join(folder, "events.jsonl"), func(e run.Entry) error {
		if ev, ok := e.Event.(run.StepFinished); ok {
			out[ev.Step] = ev.Metrics
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
