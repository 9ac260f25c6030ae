package main

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/seed"
)

// What the kill test takes from the environment: the kills that have to land in
// each step, and the seed of their moments, to repeat those of an earlier test.
const (
	killsKey    = "DETNAS_KILLS"
	killSeedKey = "DETNAS_KILL_SEED"
)

// killRun is the name of every run of the kill test.
const killRun = "killed"

// Rows of the test's table, beside those of the steps.
const (
	beforeRow = "before the first step"
	wholeRow  = "one run, all steps"
)

// killSettings make every step of the preset tiny last about a second, with
// checkpoints and evaluations within it. One thread for each run, since several
// of them run at once.
var killSettings = []string{
	"threads=1",
	"supernet-pretrain.iterations=60", "supernet-pretrain.checkpoint_every=3", "supernet-pretrain.eval_every=7",
	"supernet-finetune.iterations=40", "supernet-finetune.checkpoint_every=3", "supernet-finetune.eval_every=7",
	"search.reuse=false", "search.population=12", "search.parents=4", "search.mutations=5", "search.crossovers=4", "search.generations=3",
	"subnet-retrain.iterations=100", "subnet-retrain.checkpoint_every=3", "subnet-retrain.eval_every=7",
	"subnet-finetune.iterations=45", "subnet-finetune.checkpoint_every=2", "subnet-finetune.eval_every=7",
}

// TestKill kills processes of detnas at random moments of each of the five steps,
// resumes the run after each, and compares what it ends with, bit for bit, with a
// run that was left alone.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes that train, for minutes")
	}
	k := &killing{
		kills: number(t, killsKey, 20), seed: number(t, killSeedKey, uint64(time.Now().UnixNano())), //nolint:gosec // any bits
		tally: newTally(append(append([]string{beforeRow}, config.StepNames()...), wholeRow)...),
	}
	t.Logf("%d kills a step, at moments by the seed %d; %s=%[2]d repeats them", k.kills, k.seed, killSeedKey)
	k.leaveAlone(t)
	if t.Failed() {
		return
	}
	t.Run("in", func(t *testing.T) { // waits for those that run at once
		for step := config.StepSupernetPretrain; step <= config.StepSubnetFinetune; step++ {
			t.Run(config.StepName(step), func(t *testing.T) {
				t.Parallel()
				k.step(t, step)
			})
		}
		t.Run("the beginning", func(t *testing.T) {
			t.Parallel()
			k.beginning(t)
		})
		t.Run("all of it", func(t *testing.T) {
			t.Parallel()
			k.whole(t)
		})
	})
	t.Log("\n" + k.tally.String())
}

// number reads a number above 0 from the environment.
func number(t *testing.T, key string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		t.Fatalf("%s=%q is no number above 0", key, text)
	}
	return n
}

// killing is what the kills of one test share.
type killing struct {
	kills uint64 // that have to land in each step
	seed  uint64
	tally *tally

	after    [config.StepSubnetFinetune + 1]string        // by step, folder of a run left alone that ended with it; none for 0
	starting [config.StepSubnetFinetune + 1]time.Duration // by step, from a process's start to the step's
	lasting  [config.StepSubnetFinetune + 1]time.Duration // by step
	alone    string                                       // folder of a run left alone from start to end
}

// leaveAlone makes the runs that nobody kills: one that one process does from
// start to end, and one that a process for each step does, of which the folder
// after each step is kept. They have to agree.
func (k *killing) leaveAlone(t *testing.T) {
	a := newAttempt(t, killSettings...)
	a.start(config.StepSubnetFinetune).succeed()
	k.alone = a.folder
	steps := newAttempt(t, killSettings...)
	for step := config.StepSupernetPretrain; step <= config.StepSubnetFinetune; step++ {
		p := steps.start(step)
		p.succeed()
		k.after[step] = copyOf(t, steps.folder).folder
		var start time.Time
		start, k.lasting[step] = stepTimes(t, steps.folder, step)
		k.starting[step] = start.Sub(p.began)
		t.Logf("%s lasts %s and begins %s after its process", config.StepName(step),
			k.lasting[step].Round(time.Millisecond), k.starting[step].Round(time.Millisecond))
	}
	sameRun(t, k.alone, steps.folder)
}

// stepTimes are when a step was begun or taken up last, by the journal, and how
// long all of it lasts by the time from there to its end; 0 where it was taken up
// too near to that to tell.
func stepTimes(t *testing.T, folder string, step int) (start time.Time, lasting time.Duration) {
	t.Helper()
	left := 0.0 // share of the step
	err := run.ReadJournal(filepath.Join(folder, "events.jsonl"), func(e run.Entry) error {
		switch ev := e.Event.(type) {
		case run.StepStarted:
			if ev.Step == step {
				start, left = e.Time, share(ev)
			}
		case run.StepFinished:
			if ev.Step == step && left > 0.3 {
				lasting = time.Duration(float64(e.Time.Sub(start)) / left)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return start, lasting
}

// share is the share of a step that is left when it is begun or taken up.
func share(s run.StepStarted) float64 { return 1 - float64(s.Iteration)/float64(max(s.Iterations, 1)) }

// step kills processes until enough kills have landed in a step. A run that came
// to the step's end is compared, and the step begun anew.
func (k *killing) step(t *testing.T, step int) {
	row, lasting := config.StepName(step), k.lasting[step]
	for landed, shots := uint64(0), 0; landed < k.kills; {
		a := newAttempt(t, killSettings...)
		if step > config.StepSupernetPretrain {
			a = copyOf(t, k.after[step-1])
		}
		for killed := true; landed < k.kills && killed; shots++ {
			k.getsOn(t, landed, shots)
			m := drawMoment(seed.Rand(k.seed, "kill", step, shots), k.starting[step], lasting)
			if killed = k.kill(t, a, step, m, row); !killed {
				if _, now := stepTimes(t, a.folder, step); now > 0 { // the machine's other work changes
					lasting = (lasting + now) / 2
				}
				continue
			}
			if in, under := a.underWay(t); under && in == step {
				landed++
				k.tally.add(row, string(m.aim))
			} else {
				k.tally.add(row, beside)
			}
		}
		if landed < k.kills {
			k.check(t, a, k.after[step], row)
			continue
		}
		k.leave(t, a, config.StepSubnetFinetune, row) // the last one goes on to the run's end
		k.check(t, a, k.alone, row)
	}
}

// beginning kills processes that make a run's folder and draw its images. After
// every few the run is left alone, and compared when it has done the first step.
func (k *killing) beginning(t *testing.T) {
	const few = 3
	first := config.StepSupernetPretrain
	starting := k.starting[first]
	a := newAttempt(t, killSettings...)
	for landed, shots := uint64(0), 0; landed < k.kills; shots++ {
		k.getsOn(t, landed, shots)
		m := drawStart(seed.Rand(k.seed, "kill", "beginning", shots), starting)
		if !k.kill(t, a, first, m, beforeRow) {
			k.check(t, a, k.after[first], beforeRow)
			a = newAttempt(t, killSettings...)
			continue
		}
		if in, _ := a.underWay(t); in != 0 {
			k.tally.add(beforeRow, beside)
			starting -= starting / 4 // the machine has less to do than when that was measured
			a.remove(t)
			a = newAttempt(t, killSettings...)
			continue
		}
		k.tally.add(beforeRow, string(m.aim))
		if landed++; landed%few == 0 || landed == k.kills {
			k.leave(t, a, first, beforeRow)
			k.check(t, a, k.after[first], beforeRow)
			a = newAttempt(t, killSettings...)
		}
	}
}

// getsOn gives up when kills do not land where they should.
func (k *killing) getsOn(t *testing.T, landed uint64, shots int) {
	t.Helper()
	if uint64(shots) > 50*k.kills { //nolint:gosec // a count
		t.Fatalf("%d of %d kills landed in the step", landed, shots)
	}
}

// whole kills one run again and again, from before its first step to its end.
func (k *killing) whole(t *testing.T) {
	var total time.Duration
	for _, d := range k.lasting {
		total += d
	}
	a := newAttempt(t, killSettings...)
	for shots := 0; ; shots++ {
		// A tenth of it: every process gets on by some checkpoints.
		m := drawMoment(seed.Rand(k.seed, "kill", "whole", shots), k.starting[config.StepSubnetFinetune], total/10)
		if !k.kill(t, a, config.StepSubnetFinetune, m, wholeRow) {
			break
		}
		if _, under := a.underWay(t); under {
			k.tally.add(wholeRow, string(m.aim))
		} else {
			k.tally.add(wholeRow, beside)
		}
	}
	k.check(t, a, k.alone, wholeRow)
}

// leave lets a run go on to the end of a step.
func (k *killing) leave(t *testing.T, a *attempt, to int, row string) {
	t.Helper()
	k.tally.add(row, resumes)
	p := a.start(to)
	if p.wait() != 0 {
		k.lose(t, p, row, "left alone")
	}
}

// lose ends the test of a run that cannot be resumed.
func (k *killing) lose(t *testing.T, p *process, row, how string) {
	t.Helper()
	k.tally.add(row, lostRuns)
	t.Fatalf("the run is lost: %s, a process ended with %d and printed:\n%s", how, p.wait(), p.text())
}

// kill starts a process that goes on with a run up to a step and kills it at the
// moment m. It reports false when the process came to its end before.
func (k *killing) kill(t *testing.T, a *attempt, to int, m moment, row string) bool {
	t.Helper()
	if a.begun() {
		k.tally.add(row, resumes)
	}
	s := a.watch(t)
	defer s.close()
	p := a.start(to)
	m.wait(t, a, p, s)
	p.kill()
	switch code := p.wait(); {
	case code == 0:
		return false
	case !byKill(p):
		k.lose(t, p, row, "before "+m.String())
	}
	if m.aim == tears && a.tear(t, m.share) {
		k.tally.add(row, cutLines)
	}
	return true
}

// byKill reports whether a process was ended by SIGKILL.
func byKill(p *process) bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// check compares a run that has come to its end with one left alone, counts what
// was healed on its way, and frees the room that it takes.
func (k *killing) check(t *testing.T, a *attempt, want, row string) {
	t.Helper()
	k.tally.add(row, ended)
	sameRun(t, want, a.folder)
	saved := map[int]int{} // by step, iterations in checkpoints or candidates
	for i, ev := range journal(t, a.folder) {
		switch e := ev.(type) {
		case run.RunResumed:
			if e.Healed > 0 {
				k.tally.add(row, healed)
			}
		case run.StepStarted: // a kill neither damages nor loses what is on disk
			if e.Iteration < saved[e.Step] {
				k.tally.add(row, passed)
				t.Errorf("event %d: step %d goes on at %d, and %d were on disk", i+1, e.Step, e.Iteration, saved[e.Step])
			}
		case run.CheckpointWritten:
			saved[e.Step] = e.Iteration
		case run.Candidate:
			saved[config.StepSearch] = e.Index + 1
		case run.Warning:
			t.Errorf("a kill leaves nothing to warn of: %s", e.What)
		}
	}
	a.remove(t)
}
