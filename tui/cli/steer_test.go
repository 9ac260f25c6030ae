package cli

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
)

// TestSteerFromAnotherProcess has an engine that does nothing but take commands
// until it is stopped, and gives them by the commands.
func TestSteerFromAnotherProcess(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	ready := make(chan struct{})
	engine := func(ctx context.Context, _ *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
		j, err := f.OpenJournal(func(run.Entry) error { return nil })
		if err != nil {
			return run.Result{}, err
		}
		defer j.Close()
		ctx, stop := context.WithCancelCause(ctx)
		o.Desk.Open(steer.Engine{
			Check: func(*steer.Command) error { return nil }, Journal: j.Append, Stop: stop,
			Position: func() (int, int) { return 1, 2 },
		})
		if err := j.Append(run.RunStarted{Run: f.Name(), From: 1, To: 5}); err != nil {
			return run.Result{}, err
		}
		close(ready)
		<-ctx.Done()
		return run.Result{}, errors.Join(context.Cause(ctx), j.Append(run.RunStopped{Why: "test"}))
	}
	var out, errs bytes.Buffer
	a := &App{Version: "1", Out: &out, Err: &errs, Run: engine, Describe: func() Compute { return Compute{} }}
	done := make(chan int)
	go func() {
		done <- a.Execute(t.Context(), []string{"run", "tiny", "--runs", runs, "--name", "r", "--headless"})
	}()
	<-ready
	detnas(t, nil, "pause", "r", "--runs", runs).succeeds(t, "requested", "pause, by ")
	detnas(t, nil, "pause", "r", "--runs", runs).fails(t, exitFailed, "requested already")
	detnas(t, nil, "pin", "r", "2-0-02-2", "--runs", runs, "--json").succeeds(t, `"state": "running"`)
	detnas(t, nil, "pin", "r", "--runs", runs).fails(t, exitUsage, "subnet")
	detnas(t, nil, "stop", "r", "--runs", runs).succeeds(t, "r")
	if code := <-done; code != exitFailed || !strings.Contains(errs.String(), "stopped by") {
		t.Errorf("the run ended with %d: %s", code, errs.String())
	}
	detnas(t, nil, "resume", "r", "--runs", runs).fails(t, exitFailed, "nothing runs it")
}

// TestScreenThatDoesNotOpenLeavesNoRun wants a wrong flag of the screen to leave
// the run's name free.
func TestScreenThatDoesNotOpenLeavesNoRun(t *testing.T) {
	runs := t.TempDir()
	j, err := create(runArgs{config: "tiny", runs: runs, runsBy: true, name: "r"})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{Out: &bytes.Buffer{}, theme: "pink"}
	if err := a.screenOfJob(t.Context(), j); err == nil || !strings.Contains(err.Error(), "--theme pink") {
		t.Errorf("the screen opens in pink: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(runs, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
