package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/run"
)

// child does one run of a greater undertaking in the foreground, or goes on with it
// where it stands, and returns what it came to. whole is the command that goes on
// with the undertaking.
func (a *App) child(ctx context.Context, r runArgs, whole string) (run.Result, error) {
	if place, err := ranks.FromEnv(os.Getenv); err != nil || !place.Alone() {
		return run.Result{}, errors.New("RANK and WORLD_SIZE are set, and of detnas's commands only run trains by several processes; unset them, or start this one without torchrun or srun")
	}
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

// lastStep is the last step, as runArgs take it.
func lastStep() string { return config.StepName(config.StepSubnetFinetune) }
