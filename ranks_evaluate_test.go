package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	if want[first+1]["AP"] == 0 {
		t.Errorf("%s: the detector finds nothing", name)
	}
	t.Logf("%s, %d ranks: %v", name, n, want)
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

// TestARankThatDiesInAnEvaluation kills a rank of three while they evaluate, goes on with two,
// stops these by a signal while they do, and at last lets them.
func TestARankThatDiesInAnEvaluation(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir := t.TempDir()
	folder := filepath.Join(dir, "runs", "r")
	p := launched(t, dir, 3, []string{ // many large images, one at a time
		"data.shapes.dir=" + filepath.Join(dir, "images"), "threads=1", "loader_workers=1", "supernet-pretrain.iterations=1",
		"supernet-finetune.iterations=1", "supernet-finetune.batch=3", "data.shapes.train=120", "data.detection.hold_out=0.9",
		"data.detection.short=[640]", "data.detection.max=640", "search.batch=1", "search.bn_images=2", "search.bn_batch=1",
	}, "tiny", "--name", "r", "--to", "2")
	until(t, "step 2 is trained", func() bool {
		_, err := os.Stat(filepath.Join(folder, "checkpoints", "step-2-last.safetensors"))
		return err == nil
	})
	pid := processOf(t, folder, 2)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.fail(fmt.Sprintf("rank 2 (process %d) has died: signal: killed", pid), "--resume")

	p = launched(t, dir, 2, nil, "--resume", "r")
	log := filepath.Join(folder, "ranks", "1.txt")
	until(t, "rank 1 evaluates", func() bool { return bytes.Contains(read(t, log), []byte("of which 1 are done")) })
	signal(t, p, syscall.SIGINT)
	p.fail("the run was stopped", "detnas launch --workers 2 --resume")
	oneLineOf(t, p)
	if text := string(read(t, log)); !strings.Contains(text, "stopped by rank 0") || strings.Contains(text, "batches 54") {
		t.Errorf("rank 1 has not heard of the stop:\n%s", text)
	}
	launched(t, dir, 2, nil, "--resume", "r").succeed()
	if got := figures(t, folder); got[config.StepSupernetFinetune] == nil {
		t.Errorf("the steps have ended with %v", got)
	}
}

// TestOtherKernelsAreTold has a rank compute by other kernels than rank 0. In so few iterations
// its weights stay the same, and what it recalibrates BN to does not.
func TestOtherKernelsAreTold(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir, port := t.TempDir(), strconv.Itoa(20000+freeJob(t))
	var both []*process
	for rank, kernels := range []string{"", "default"} {
		cmd := command(t, dir, with([]string{"run", "--headless", "tiny", "--name", "r", "--to", "1"}, "threads=1", "loader_workers=1", "supernet-pretrain.iterations=2")...)
		cmd.Env = append(cmd.Env, "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT="+port, "RANK="+strconv.Itoa(rank), "ATEN_CPU_CAPABILITY="+kernels)
		both = append(both, start(t, cmd))
	}
	for _, p := range both {
		p.succeed()
	}
	if text := string(read(t, filepath.Join(dir, "runs", "r", "events.jsonl"))); !strings.Contains(text, "the network of rank 1 (process ") {
		t.Errorf("no word of rank 1:\n%s", text)
	}
}
