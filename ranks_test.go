package main

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
)

// rankSettings are the preset tiny with batches that neither two nor three ranks share
// evenly, every iteration in the journal, and all that has a part in it: parts of a
// batch, clipping, an average, BN in neck and head. Detectors begin afresh, so that a
// step is compared by itself. The rates are low: training makes much of the last bit
// of a sum, by one process with another number of threads as well.
var rankSettings = append([]string{
	"threads=1", "loader_workers=1", "data.shapes.class_size=64", "data.classification.size=64", "data.shapes.per_class_val=15", "search.batch=2", "detector.test.score_thr=0",
	"supernet-pretrain.batch=20", "supernet-pretrain.accumulate=2", "supernet-pretrain.log_every=1",
	"supernet-finetune.batch=5", "supernet-finetune.log_every=1",
	"supernet-finetune.clip_grad=1", "supernet-finetune.init=scratch",
	"subnet-retrain.batch=10", "subnet-retrain.log_every=1", "subnet-retrain.ema=0.9",
	"subnet-finetune.batch=5", "subnet-finetune.log_every=1", "subnet-finetune.init=scratch",
}, rankIterations()...)

// rankLength is how many iterations a step has: 6, or as make ranks has it.
func rankLength() string { return cmp.Or(os.Getenv("DETNAS_RANK_ITERATIONS"), "6") }

// rankIterations are the lengths of the steps, and their rates. In 50
// iterations at 1e-5 one process with two threads comes to other losses than with one by
// as much as ranks do (docs/ranks.md), so that the rate is then lower.
func rankIterations() []string {
	n, rate := rankLength(), "1e-5"
	if n != "6" {
		rate = "1e-6"
	}
	var sets []string
	for _, step := range []int{config.StepSupernetPretrain, config.StepSupernetFinetune, config.StepSubnetRetrain, config.StepSubnetFinetune} {
		sets = append(sets, config.StepName(step)+".iterations="+n, config.StepName(step)+".lr="+rate)
	}
	return sets
}

// losses are the losses of every iteration in a run's journal, by step.
func losses(t *testing.T, folder string) map[int]map[int]run.Values {
	t.Helper()
	out := map[int]map[int]run.Values{}
	err := run.ReadJournal(filepath.Join(folder, "events.jsonl"), func(e run.Entry) error {
		if ev, ok := e.Event.(run.Train); ok {
			if out[ev.Step] == nil {
				out[ev.Step] = map[int]run.Values{}
			}
			out[ev.Step][ev.Iteration] = ev.Losses
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameLosses compares the losses of all iterations.
func sameLosses(t *testing.T, name string, got, want map[int]map[int]run.Values, within float64) {
	t.Helper()
	for step, iterations := range want {
		worst, at := 0.0, ""
		for i, values := range iterations {
			for part, v := range values {
				have, ok := got[step][i][part]
				if !ok {
					t.Fatalf("%s: step %d, iteration %d has no %s", name, step, i, part)
				}
				if d := math.Abs(have-v) / math.Max(1, math.Abs(v)); d > worst {
					worst, at = d, fmt.Sprintf("%s at iteration %d: %v, alone %v", part, i, have, v)
				}
			}
		}
		t.Logf("%s: step %d (%s): the losses of %d iterations differ by %.2g at most", name, step, config.StepName(step), len(iterations), worst)
		if worst > within {
			t.Errorf("%s: step %d: %s", name, step, at)
		}
	}
}

// launched starts workers of a run.
func launched(t *testing.T, dir string, n int, sets []string, args ...string) *process {
	t.Helper()
	return detnas(t, dir, with(append([]string{"launch", "--workers", strconv.Itoa(n), "--headless"}, args...), sets...)...)
}

// with are arguments that have keys of the config besides.
func with(args []string, sets ...string) []string {
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	return args
}

// rankHalves are the two runs that together have the four training steps: step 2 with
// Faster R-CNN, step 5 with RetinaNet.
var rankHalves = map[string]struct {
	to   string
	sets []string
}{
	"supernet": {"2", []string{"detector.roi.convs=1"}},
	"subnet":   {"5", []string{"search.subnet=0-1-23-0", "detector.kind=" + config.KindRetinaNet}},
}

// TestRanksTrainAsOneProcess trains the four training steps by one process and by two
// and three, and compares the losses of every iteration.
func TestRanksTrainAsOneProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir := t.TempDir()
	sets := append([]string{"data.shapes.dir=" + filepath.Join(dir, "images")}, rankSettings...)
	for name, half := range rankHalves {
		sets := append(sets[:len(sets):len(sets)], half.sets...)
		args := []string{"tiny", "--name", name, "--to", half.to}
		detnas(t, dir, with(append([]string{"run", "--headless", "--runs", "alone"}, args...), sets...)...).succeed()
		want := losses(t, filepath.Join(dir, "alone", name))
		for n := 2; n <= 3; n++ {
			runs := fmt.Sprintf("by-%d", n)
			launched(t, dir, n, sets, append(args, "--runs", runs)...).succeed()
			sameLosses(t, fmt.Sprintf("%s, %d ranks", name, n), losses(t, filepath.Join(dir, runs, name)), want, 1e-5)
			ranksTold(t, filepath.Join(dir, runs, name), n)
			evaluateAgain(t, dir, name, n)
			for rank := 1; rank < n; rank++ {
				if text := string(read(t, filepath.Join(dir, runs, name, "ranks", strconv.Itoa(rank)+".txt"))); !strings.Contains(text, "loss") {
					t.Errorf("the log of rank %d has no losses:\n%s", rank, text)
				}
			}
		}
	}
}

// ranksTold makes sure that the journal of a run has what each of its ranks did, in figures that
// can be.
func ranksTold(t *testing.T, folder string, world int) {
	t.Helper()
	length, err := strconv.Atoi(rankLength())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	err = run.ReadJournal(filepath.Join(folder, "events.jsonl"), func(e run.Entry) error {
		ev, ok := e.Event.(run.Ranks)
		if !ok {
			return nil
		}
		if len(ev.Ranks) != world {
			t.Errorf("%s: an event tells of %d ranks, of %d", folder, len(ev.Ranks), world)
		}
		for _, r := range ev.Ranks {
			if r.Seconds() <= 0 {
				continue
			}
			seen[r.Rank] = true
			if r.Waits() <= 0 || r.Waits() >= 1 || r.WaitsForData() >= 1 || r.ComputeS <= 0 || r.ImagesPerS <= 0 || r.Iteration < 1 || r.Iteration > length || r.Made > length || r.PID == 0 || r.Memory < 1<<20 || r.Host == "" {
				t.Errorf("%s: of step %d: %+v", folder, ev.Step, r)
			}
		}
		return nil
	})
	if err != nil || len(seen) != world {
		t.Errorf("%s: the journal has the times of %d ranks, of %d (%v)", folder, len(seen), world, err)
	}
}

// TestARankThatDies kills a rank of three, and goes on with two.
func TestARankThatDies(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir := t.TempDir()
	sets := append([]string{"data.shapes.dir=" + filepath.Join(dir, "images"), "supernet-pretrain.checkpoint_every=4"}, rankSettings...)
	sets = append(sets, "supernet-pretrain.iterations=40", "supernet-pretrain.batch=12", "supernet-pretrain.lr=1e-6")
	detnas(t, dir, with([]string{"run", "--headless", "--runs", "alone", "tiny", "--name", "r", "--to", "1"}, sets...)...).succeed()

	p := launched(t, dir, 3, sets, "tiny", "--name", "r", "--to", "1")
	folder := filepath.Join(dir, "runs", "r")
	log := filepath.Join(folder, "ranks", "2.txt")
	until(t, "there are some checkpoints", func() bool {
		saved, _ := filepath.Glob(filepath.Join(folder, "checkpoints", "step-1-*"))
		_, err := os.Stat(log)
		return len(saved) > 1 && err == nil
	})
	pid := processOf(t, folder, 2)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.fail(fmt.Sprintf("rank 2 (process %d) has died: signal: killed", pid), "--resume")
	oneLineOf(t, p)

	launched(t, dir, 2, nil, "--resume", "r").succeed()
	// Some of its many paths make more of the last bit than others.
	sameLosses(t, "3 ranks, then 2", losses(t, folder), losses(t, filepath.Join(dir, "alone", "r")), 1e-4)
}

// processOf is the process of a rank by its log.
func processOf(t *testing.T, folder string, rank int) int {
	t.Helper()
	_, after, _ := strings.Cut(string(read(t, filepath.Join(folder, "ranks", strconv.Itoa(rank)+".txt"))), "process ")
	word, _, _ := strings.Cut(after, " ")
	pid, err := strconv.Atoi(word)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// oneLineOf makes sure that of all processes one has said what was wrong.
func oneLineOf(t *testing.T, p *process) {
	t.Helper()
	if n := strings.Count(p.text(), "detnas: "); n != 1 {
		t.Errorf("%d lines say what was wrong:\n%s", n, p.text())
	}
}

// TestRanksAreSteeredTogether pauses ranks that train, resumes them and stops them by
// one signal, of which they all hear; then one process goes on.
func TestRanksAreSteeredTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir := t.TempDir()
	sets := append([]string{"data.shapes.dir=" + filepath.Join(dir, "images")}, rankSettings...)
	sets = append(sets, "supernet-pretrain.iterations=200", "supernet-pretrain.batch=8", "supernet-pretrain.log_every=5")
	p := launched(t, dir, 2, sets, "tiny", "--name", "r", "--to", "1")
	folder := filepath.Join(dir, "runs", "r")
	until(t, "it trains", func() bool {
		_, err := os.Stat(filepath.Join(folder, "events.jsonl"))
		return err == nil && status(t, folder).Iteration >= 5
	})
	if open := listening(t, p.cmd.Process.Pid); len(open) != 0 {
		t.Errorf("ranks of one machine listen at %v", open)
	}
	detnas(t, dir, "pause", "runs/r").succeed()
	until(t, "it stands", func() bool { return status(t, folder).State == run.StatePaused })
	detnas(t, dir, "resume", "runs/r").succeed()
	at := status(t, folder).Iteration
	until(t, "it goes on", func() bool { return status(t, folder).Iteration > at })
	signal(t, p, syscall.SIGINT)
	p.fail("the run was stopped", "detnas launch --workers 2 --resume")
	oneLineOf(t, p)
	if s := status(t, folder); s.State != run.StateStopped {
		t.Errorf("the run is %s", s.State)
	}
	if text := string(read(t, filepath.Join(folder, "ranks", "1.txt"))); !strings.Contains(text, "stopped by rank 0") {
		t.Errorf("rank 1 has not heard of the stop:\n%s", text)
	}
	detnas(t, dir, "run", "--headless", "--resume", "r").succeed()
	if s := status(t, folder); s.State != run.StateFinished {
		t.Errorf("after one process went on, the run is %s", s.State)
	}
}

// TestTorchrun starts ranks by PyTorch's own torchrun.
func TestTorchrun(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	torchrun, err := exec.LookPath("torchrun")
	if err != nil {
		t.Skip("torchrun is not installed (apt install python3-torch)")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
	_ = l.Close()
	args := []string{ // of its 1.13 neither redirects nor tee is nothing under Python 3.11
		"--nproc_per_node", "2", "--redirects", "1", "--tee", "1", "--log_dir", dir, "--master_addr", "127.0.0.1", "--master_port", strconv.Itoa(port), "--no_python",
		self, "run", "tiny", "--name", "r", "--to", "1", "--headless",
	}
	for _, s := range rankSettings {
		args = append(args, "--set", s)
	}
	cmd := command(t, dir, args...)
	cmd.Path, cmd.Args[0] = torchrun, torchrun
	start(t, cmd).succeed()
	folder := filepath.Join(dir, "runs", "r")
	if s := status(t, folder); s.State != run.StateFinished {
		t.Errorf("the run is %s", s.State)
	}
	if _, err := os.Stat(filepath.Join(folder, "ranks", "1.txt")); err != nil {
		t.Error(err)
	}
}

// ownNode is an address of this machine by which others may reach it, or the loopback.
func ownNode() string {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// freeJob is a number of Slurm's jobs of which the port is free.
func freeJob(t *testing.T) int {
	t.Helper()
	for job := range 10000 {
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", 20000+job)); err == nil {
			_ = l.Close()
			return job
		}
	}
	t.Fatal("no port is free")
	return 0
}

// TestSlurm starts two ranks as srun does, by Slurm's variables alone, at an address of
// this machine at which a port is open to others.
func TestSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir, node, job := t.TempDir(), ownNode(), freeJob(t)
	var started []*process
	for rank := range 2 {
		cmd := command(t, dir, "run", "tiny", "--name", "r", "--to", "1", "--headless", "--set", "threads=1")
		cmd.Env = append(cmd.Env, "SLURM_JOB_ID="+strconv.Itoa(job), "SLURM_STEP_ID=0", "SLURM_STEP_NODELIST="+node, "SLURM_STEP_NUM_TASKS=2",
			"SLURM_STEP_TASKS_PER_NODE=2", "SLURM_PROCID="+strconv.Itoa(rank), "SLURM_LOCALID="+strconv.Itoa(rank))
		started = append(started, start(t, cmd))
	}
	for _, p := range started {
		p.succeed()
	}
	if s := status(t, filepath.Join(dir, "runs", "r")); s.State != run.StateFinished || s.Started.Ranks != 2 {
		t.Errorf("the run is %s, by %d ranks", s.State, s.Started.Ranks)
	}
	warns := strings.Contains(started[0].text(), fmt.Sprintf("port %d is open on all addresses", 20000+job))
	if want := node != "127.0.0.1"; warns != want {
		t.Errorf("rank 0 at %s warns of an open port: %v\n%s", node, warns, started[0].text())
	}
}
