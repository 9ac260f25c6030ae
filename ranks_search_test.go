package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/run"
)

// spreadSettings are the preset tiny with a search that takes some seconds, so that other
// ranks come while it goes on.
var spreadSettings = []string{
	"threads=1", "loader_workers=1", "supernet-pretrain.iterations=2", "supernet-finetune.iterations=2", "data.shapes.train=150",
	"data.detection.hold_out=0.3", "data.shapes.image_size=[192,192]", "data.detection.short=[192]", "data.detection.max=192",
	"data.shapes.per_class_val=20", "detector.test.score_thr=0", "search.bn_images=8", "search.images=0", "search.batch=4", "search.reuse=false",
	"search.population=12", "search.generations=2", "search.parents=6", "search.mutations=6", "search.crossovers=6",
}

// spread are the searches that are compared: two guides, and a race.
var spread = map[string][]string{
	"whole":   {"search.racing=false"},
	"racing":  {"search.racing=true", "search.racing_confidence=0.6"},
	"classes": {"search.racing=false", "search.guide=classification", "search.score=top1", "search.generations=4"},
}

// longRanks has tests of ranks do all of what is shortened in CI.
var longRanks = os.Getenv("DETNAS_RANKS_LONG") != ""

// searchedOf is what a search's journal has of its candidates, and by whom they were
// measured.
func searchedOf(t *testing.T, folder string) (found []run.Event, by map[int]int, told []run.Event) {
	t.Helper()
	by = map[int]int{}
	err := run.ReadJournal(filepath.Join(folder, "events.jsonl"), func(e run.Entry) error {
		switch ev := e.Event.(type) {
		case run.Candidate:
			by[ev.Rank]++
			ev.Seconds, ev.Rank = 0, 0
			found = append(found, ev)
		case run.Generation:
			found = append(found, ev)
		case run.Warning, run.RankJoined:
			told = append(told, ev)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, by, told
}

// TestSearchOverRanks searches one supernet by one, two and three processes, with racing
// and without, by both guides: each candidate, its score and the result have the same bits.
// Then a process is killed in a search by three, started again, and comes late.
func TestSearchOverRanks(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir := t.TempDir()
	sets := append([]string{"data.shapes.dir=" + filepath.Join(dir, "images")}, spreadSettings...)
	alone := func(args []string, sets []string) {
		detnas(t, dir, with(append([]string{"run", "--headless", "tiny"}, args...), sets...)...).succeed()
	}
	alone([]string{"--name", "supernet", "--to", "2"}, sets)
	for name, more := range spread {
		began := time.Now()
		step := "2"
		if name == "classes" {
			step = "1"
		}
		sets := append(append(sets[:len(sets):len(sets)], more...), "search.load_from="+filepath.Join(dir, "runs", "supernet", "checkpoints", "step-"+step+"-last.safetensors"))
		only := []string{"--from", "3", "--to", "3", "--name"}
		alone(append(only, name), sets)
		want, _, _ := searchedOf(t, filepath.Join(dir, "runs", name))
		checkStopped(t, name, want)
		sameFound := func(what string) (by map[int]int) {
			t.Helper()
			got, by, _ := searchedOf(t, filepath.Join(dir, "runs", what))
			if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
				t.Errorf("%s (-by one process +by several):\n%s", what, d)
			}
			return by
		}
		same := func(what string) {
			t.Helper()
			by := sameFound(what)
			if len(by) < 2 {
				t.Errorf("%s: all candidates were measured by one rank: %v", what, by)
			}
			t.Logf("%s: candidates by rank: %v", what, by)
			if d := cmp.Diff(string(read(t, filepath.Join(dir, "runs", name, "subnet.yaml"))), string(read(t, filepath.Join(dir, "runs", what, "subnet.yaml")))); d != "" {
				t.Errorf("%s: another subnet:\n%s", what, d)
			}
		}
		args := append([]string{"tiny"}, only...)
		if longRanks || name != "whole" {
			launched(t, dir, 2, sets, append(args, name+"-2")...).succeed()
			same(name + "-2")
		}
		if longRanks {
			launched(t, dir, 3, sets, append(args, name+"-3")...).succeed()
			same(name + "-3")
		}
		if longRanks || name == "whole" {
			killedInSearch(t, launched(t, dir, 3, sets, append(args, name+"-killed")...), filepath.Join(dir, "runs", name+"-killed"))
			same(name + "-killed")
		}
		if name == "whole" {
			resumedByOthers(t, dir, launched(t, dir, 3, sets, append(args, name+"-resumed")...), name+"-resumed")
			same(name + "-resumed")
			stoodThrough(t, dir, launched(t, dir, 2, sets, append(args, name+"-slow")...), name+"-slow")
			same(name + "-slow")
			refusedRanks(t, dir, filepath.Join(dir, "images"), with([]string{"tiny", "--from", "3", "--to", "3"}, sets...)...)
			sameFound("refused")
		}
		if longRanks && name == "whole" {
			sets := append(sets[:len(sets):len(sets)], "search.generations=8")
			alone(append(only, "stands"), sets)
			want, _, _ = searchedOf(t, filepath.Join(dir, "runs", "stands"))
			stoodStill(t, launched(t, dir, 2, sets, append(args, name+"-stood")...), filepath.Join(dir, "runs", name+"-stood"))
			name = "stands"
			same("whole-stood")
		}
		t.Log(name, time.Since(began))
	}
}

// checkStopped wants a race to stop candidates, and nothing else to.
func checkStopped(t *testing.T, name string, found []run.Event) {
	t.Helper()
	stopped := 0
	for _, e := range found {
		if c, ok := e.(run.Candidate); ok && c.Status == run.CandidateStopped {
			stopped++
		}
	}
	if (name == "racing") != (stopped > 0) {
		t.Errorf("%s: %d candidates are stopped", name, stopped)
	}
}

// killedInSearch kills a rank that measures candidates, and wants the search to end well,
// and the journal to have it.
func killedInSearch(t *testing.T, p *process, folder string) {
	t.Helper()
	if err := syscall.Kill(measures(t, folder), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.succeed()
	if !lost(t, folder) {
		t.Errorf("the journal of %s does not say that a rank was lost", folder)
	}
}

// stoodStill stops a rank that measures candidates for so long that rank 0 takes it for
// dead, and has it go on: it comes again.
func stoodStill(t *testing.T, p *process, folder string) {
	t.Helper()
	pid := measures(t, folder)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "it is lost", func() bool { return lost(t, folder) })
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.succeed()
	joined := 0
	_, _, told := searchedOf(t, folder)
	for _, e := range told {
		if _, ok := e.(run.RankJoined); ok {
			joined++
		}
	}
	if joined != 2 {
		t.Errorf("it joined %d times", joined)
	}
}

// measures waits until another rank than 0 has measured a candidate, and returns its
// process.
func measures(t *testing.T, folder string) int {
	t.Helper()
	pid := 0
	until(t, "another rank measures candidates", func() bool {
		if _, err := os.Stat(filepath.Join(folder, "events.jsonl")); err != nil {
			return false
		}
		_, by, told := searchedOf(t, folder)
		for _, e := range told {
			if j, ok := e.(run.RankJoined); ok && by[j.Rank] > 0 {
				pid = j.PID
			}
		}
		return pid > 0
	})
	return pid
}

// lost reports whether the journal says that a rank was lost.
func lost(t *testing.T, folder string) bool {
	t.Helper()
	_, _, told := searchedOf(t, folder)
	for _, e := range told {
		if w, ok := e.(run.Warning); ok && strings.Contains(w.What, "was lost") {
			return true
		}
	}
	return false
}
