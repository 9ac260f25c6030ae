package engine

import (
	"errors"
	"fmt"

	"detnas/core/config"
	"detnas/core/dataset"
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
			err, e.resuming())
	case errors.Is(err, tensor.ErrOutOfMemory):
		return fmt.Errorf("%w; %s", err, e.lessMemory(step))
	case errors.Is(err, train.ErrNotFinite):
		return steadier(name, e.cfg.Step(step), err)
	case errors.Is(err, nn.ErrNotFinite) && step == config.StepSearch:
		return fmt.Errorf("%w: the training of step 2 has diverged; start a run with a lower %s.lr", err, config.StepName(config.StepSupernetFinetune))
	case errors.Is(err, nn.ErrNotFinite):
		anew := e.resuming("--from", name, "--set", fmt.Sprintf("%s.lr=%.3g", name, e.cfg.Step(step).LR/2))
		return fmt.Errorf("%w: its training has diverged; do it anew with a lower rate: %s", err, anew)
	}
	return err
}

// curable is an error after which a run goes on once its config has changed.
type curable struct {
	error
	set []string // key=value
}

func (c *curable) Unwrap() error { return c.error }

// cureOf is what the config of a run that failed is to be changed by, where that
// is known.
func cureOf(err error) []string {
	var c *curable
	if errors.As(err, &c) {
		return c.set
	}
	return nil
}

// steadier says what keeps a step from diverging that its policy has not tried.
func steadier(name string, t *config.Train, err error) error {
	set := fmt.Sprintf("%s.lr=%.3g", name, t.LR/2)
	clip := "set"
	if t.ClipGrad > 0 {
		clip = "lower"
	}
	policy := map[string]string{
		config.OnNaNStop: fmt.Sprintf(", or have %s.on_nan skip or go back", name),
		config.OnNaNSkip: fmt.Sprintf(", or have %s.on_nan go back", name),
	}[t.OnNaN]
	return &curable{fmt.Errorf("%w; lower %s.lr (--set %s), %s %s.clip_grad%s, and resume the run; where its checkpoint is spoilt already, do the step anew (--from %s)",
		err, name, set, clip, name, policy, name), []string{set}}
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
