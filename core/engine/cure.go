package engine

import (
	"errors"
	"fmt"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/core/train"
)

// cured adds to the error of a step what helps against it, where that is known.
func (e *engine) cured(step int, err error) error {
	name := config.StepName(step)
	var image *dataset.ImageError
	switch {
	case errors.As(err, &image):
		return fmt.Errorf("%w; put back what was there and resume the run (%s); only a new run, with data.on_bad = \"skip\", does without the image",
			err, input.CommandLine("run", "--resume", e.folder.Handle()))
	case errors.Is(err, tensor.ErrOutOfMemory):
		return fmt.Errorf("%w; %s", err, e.lessMemory(step))
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

// lessMemory says how a step that ran out of memory goes on, and what makes it
// take less.
func (e *engine) lessMemory(step int) string {
	keys := config.StepName(step) + ".batch"
	switch step {
	case config.StepSearch:
		keys = "search.batch, search.bn_batch, data.detection.short or max"
	case config.StepSupernetPretrain, config.StepSubnetRetrain:
		keys += " or data.classification.size"
	default:
		keys += ", search.batch, data.detection.short or max"
	}
	if e.device >= 0 {
		return fmt.Sprintf("free memory of %s and resume the run, or start one with a lower %s", e.device, keys)
	}
	return fmt.Sprintf("free memory and resume the run, with a lower data.cache_mb or loader_workers if that helps, or start one with a lower %s", keys)
}
