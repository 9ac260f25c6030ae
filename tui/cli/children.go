package cli

import (
	"context"
	"fmt"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
)

// child does one run of a greater undertaking in the foreground, or goes on with it
// where it stands, and returns what it came to. whole is the command that goes on
// with the undertaking.
func (a *App) child(ctx context.Context, r runArgs, whole string) (run.Result, error) {
	r.orResume, r.runsBy = true, true
	outliveReaders()
	j, err := prepare(r)
	if err != nil {
		return run.Result{}, err
	}
	if j.nothingLeft() {
		if result, err := j.folder.ReadResult(); err == nil { // else the engine makes it again from the journal
			return result, j.folder.Unlock()
		}
	}
	result, err := a.do(ctx, j, r.headless)
	if err == nil {
		return result, nil
	}
	if s, serr := j.folder.Status(); serr == nil && s.State == run.StateStopped {
		return result, fmt.Errorf("stopped in run %s; go on with: %s", j.folder.Name(), whole)
	}
	return result, fmt.Errorf("run %s: %w; then go on with: %s", j.folder.Name(), err, whole)
}

// undertaking is what a command line says of runs that are done one after another.
type undertaking struct {
	headless bool
	words    []string // that go on with it
}

// again is the command that goes on with it.
func (u undertaking) again() string { return input.CommandLine(u.words...) }

// lastStep is the last step, as runArgs take it.
func lastStep() string { return config.StepName(config.StepSubnetFinetune) }
