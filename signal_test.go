package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"detnas/core/config"
	"detnas/core/run"
)

// stopSettings give the runs of these tests some checkpoints in every step.
var stopSettings = []string{
	"threads=1", "supernet-pretrain.checkpoint_every=4", "supernet-finetune.checkpoint_every=4", "supernet-finetune.iterations=20",
}

// TestRunsThatAreStopped ends processes of a run in the ways that people and
// machines do, and compares what each run comes to with one left alone.
func TestRunsThatAreStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	to := config.StepSearch
	alone := newAttempt(t, stopSettings...)
	alone.start(to).succeed()
	for _, tt := range []struct {
		name string
		end  func(*testing.T, *attempt, *process)
	}{
		{"by SIGTERM", func(t *testing.T, a *attempt, p *process) { stops(t, a, p, syscall.SIGTERM) }},
		{"by SIGINT", func(t *testing.T, a *attempt, p *process) { stops(t, a, p, syscall.SIGINT) }},
		{"by two signals at once", stopsOnce},
		{"by two signals", exits},
		{"by SIGKILL in a pause", diesPaused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAttempt(t, stopSettings...)
			p := a.start(to)
			until(t, "step 2 trains", func() bool {
				at, _ := a.underWay(t)
				return at == config.StepSupernetFinetune && a.state(t).Iteration >= 5
			})
			tt.end(t, a, p)
			a.start(to).succeed()
			sameRun(t, alone.folder, a.folder)
		})
	}
}

// stops sends a signal, which is a word to stop: no iteration is lost.
func stops(t *testing.T, a *attempt, p *process, s syscall.Signal) {
	t.Helper()
	signal(t, p, s)
	stopped(t, a, p, "the run was stopped ("+s.String()+")")
}

// stopsOnce sends two signals that arrive together, as timeout does: they are one
// word to stop.
func stopsOnce(t *testing.T, a *attempt, p *process) {
	t.Helper()
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCONT} {
		signal(t, p, s)
	}
	stopped(t, a, p, "the run was stopped (")
}

// stopped makes sure that a run has ended in order, with a checkpoint.
func stopped(t *testing.T, a *attempt, p *process, why string) {
	t.Helper()
	p.fail(why, "detnas run --resume")
	at := a.state(t)
	if at.State != run.StateStopped {
		t.Errorf("the run is %s", at.State)
	}
	saved := 0
	for _, ev := range journal(t, a.folder) {
		if c, ok := ev.(run.CheckpointWritten); ok {
			saved = c.Iteration
		}
	}
	if at.Iteration < 5 || saved != at.Iteration {
		t.Errorf("stopped at iteration %d with a checkpoint at %d", at.Iteration, saved)
	}
}

// exits sends a second signal before the first is done with: the process ends at
// once, and says so. Where it was done with by then, it is tried again.
func exits(t *testing.T, a *attempt, p *process) {
	t.Helper()
	for range 5 {
		signal(t, p, syscall.SIGINT)
		time.Sleep(25 * time.Millisecond)
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if p.wait() != 1 {
			break
		}
		stopped := a.state(t).Seq
		p = a.start(config.StepSearch)
		until(t, "the run goes on", func() bool { return a.state(t).Seq > stopped+1 })
	}
	if code := p.wait(); code != 130 {
		t.Errorf("ended with %d, want 130:\n%s", code, p.text())
	}
	if want := "ends at once: what was done since the last checkpoint is lost"; !strings.Contains(p.text(), want) {
		t.Errorf("no %q in:\n%s", want, p.text())
	}
	interrupted(t, a)
}

// lateLibrary has the loading of Debian's libtorch take 3 s: it is a library that libtorch
// names as needed and takes nothing from, and is late.
func lateLibrary(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	text, late := filepath.Join(dir, "late.c"), filepath.Join(dir, "libsnappy.so.1")
	if err := os.WriteFile(text, []byte("#include <unistd.h>\n__attribute__((constructor)) static void late(void) { sleep(3); }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-Wl,-soname,libsnappy.so.1", "-o", late, text).CombinedOutput(); err != nil { //nolint:gosec // a test
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("LD_LIBRARY_PATH", dir)
}

// TestTwoSignalsInARow sends the same signal twice, 300 ms apart, while libtorch is
// being loaded and no thread can be made: the second one ends the process at once
// all the same.
func TestTwoSignalsInARow(t *testing.T) {
	if testing.Short() {
		t.Skip("loads libtorch")
	}
	lateLibrary(t)
	const runs = 4
	asked, heard := 0, 0
	for i := range runs {
		dir := t.TempDir()
		p := detnas(t, dir, "run", "tiny", "--headless", "--name", "r")
		until(t, "the run can be steered", func() bool {
			_, err := os.Stat(filepath.Join(dir, "runs", "r", "control.sock"))
			return err == nil
		})
		time.Sleep(time.Duration(i) * 50 * time.Millisecond)
		signal(t, p, syscall.SIGINT)
		time.Sleep(300 * time.Millisecond)
		loading := len(journal(t, filepath.Join(dir, "runs", "r"))) == 0
		if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
			loading = false // it has ended
		}
		code := p.wait()
		if !loading {
			continue
		}
		asked++
		if code == 130 {
			heard++
		}
	}
	t.Logf("%d of %d second signals ended the process", heard, asked)
	if asked < runs-1 || heard < asked-1 {
		t.Errorf("%d of %d second signals ended the process at once, of %d", heard, asked, runs)
	}
}

// diesPaused kills the process of a run that is paused.
func diesPaused(t *testing.T, a *attempt, p *process) {
	t.Helper()
	detnas(t, a.dir, "pause", killRun).succeed()
	until(t, "the run is paused", func() bool { return a.state(t).State == run.StatePaused })
	p.kill()
	interrupted(t, a)
}

// interrupted makes sure that status tells of a process that died.
func interrupted(t *testing.T, a *attempt) {
	t.Helper()
	if said := detnas(t, a.dir, "status", killRun, "--json").succeed(); !strings.Contains(said, `"interrupted"`) {
		t.Errorf("the run is %s", said)
	}
}

func signal(t *testing.T, p *process, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestKillWhileStepsAreDoneAgain kills a process that was to do a finished step
// again: while it begins, and as it removes what the step had come to.
func TestKillWhileStepsAreDoneAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	to := config.StepSupernetFinetune
	alone := newAttempt(t, stopSettings...)
	alone.start(to).succeed()
	for _, at := range []aim{removes, notes, begins} {
		a := copyOf(t, alone.folder)
		s := a.watch(t)
		p := detnas(t, a.dir, "run", "--headless", "--resume", killRun, "--from", strconv.Itoa(to), "--to", strconv.Itoa(to))
		if !s.await(p, at, 1) {
			t.Errorf("%s: the step was not begun again; the process printed:\n%s", at, p.text())
		}
		p.kill()
		s.close()
		a.start(to).succeed()
		sameRun(t, alone.folder, a.folder)
	}
}
