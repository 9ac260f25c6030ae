package engine

import (
	"errors"
	"fmt"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/train"
)

// cured adds to the error of a step what helps against it, where that is known.
func cured(step int, err error) error {
	name := config.StepName(step)
	switch {
	case errors.Is(err, train.ErrNotFinite):
		return fmt.Errorf("%w; lower %[2]s.lr, set %[2]s.clip_grad, or have %[2]s.on_nan skip or go back, and resume the run (detnas run --resume RUN --set KEY=VALUE)", err, name)
	case errors.Is(err, nn.ErrNotFinite):
		if step == config.StepSearch {
			name = config.StepName(config.StepSupernetFinetune)
		}
		return fmt.Errorf("%w: its training has diverged; start a run with a lower %s.lr", err, name)
	}
	return err
}
