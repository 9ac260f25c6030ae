package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
)

// save writes a checkpoint: within a step with the optimiser's state, at its end
// without. Weights that are not finite are refused: nothing good comes of them.
func (e *engine) save(t training, p progress, last bool) error {
	step := t.step
	if err := e.folder.Ours(); err != nil {
		return err
	}
	bad, err := t.store.NotFinite()
	if err != nil {
		return err
	}
	if bad != "" {
		return fmt.Errorf("iteration %d: %w: %s holds NaN or infinity", p.Iteration, train.ErrNotFinite, bad)
	}
	arrays, err := t.export(last)
	if err != nil {
		return err
	}
	path := e.folder.LastPath(step)
	if !last {
		path = e.folder.CheckpointPath(step, int(p.Iteration))
	}
	p.Seconds = e.clock.seconds()
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode the step's progress: %w", err)
	}
	c := &run.Checkpoint{Meta: map[string]string{
		"step":        strconv.Itoa(step),
		"step_name":   config.StepName(step),
		"iteration":   strconv.FormatInt(p.Iteration, 10),
		"progress":    string(text),
		"config_hash": e.cfg.Hash(),
		"space":       e.cfg.Space.Preset,
		"layout":      e.cfg.Space.Layout,
	}}
	if err := e.portable(c.Meta, step); err != nil {
		return err
	}
	p.describe(c.Meta)
	for _, a := range arrays {
		dtype, ok := dtypes[a.DType]
		if !ok {
			return fmt.Errorf("checkpoint: %s has the element type %d, which is not written", a.Name, a.DType)
		}
		c.Tensors = append(c.Tensors, run.NamedArray{Name: a.Name, DType: dtype, Shape: a.Shape, Data: a.Data})
	}
	if err := c.Write(path); err != nil {
		return err
	}
	written := run.CheckpointWritten{Step: step, Iteration: int(p.Iteration), Path: e.relative(path)}
	if p.atBest {
		if err := e.folder.KeepBest(step, path); err != nil {
			return err
		}
		written.Best = e.relative(e.folder.BestPath(step))
	}
	keep := e.cfg.Step(step).KeepCheckpoints
	if last {
		keep = 0
	}
	if err := e.folder.Prune(step, int(p.Iteration), keep); err != nil {
		return err
	}
	return e.emit(written)
}

// relative is a path from the run's folder on.
func (e *engine) relative(path string) string {
	if short, err := filepath.Rel(e.folder.Dir(), path); err == nil {
		return short
	}
	return path
}

// dtypes are the element types of checkpoints.
var dtypes = map[tensor.DType]run.DType{tensor.Float: run.F32, tensor.Int64: run.I64, tensor.Uint8: run.U8}

// readWeights reads the arrays of a checkpoint that a network starts from, and their
// past. The layout has to be the config's: shapes may agree where the shuffle does not.
func (e *engine) readWeights(path string) ([]nn.Array, past, error) {
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		return nil, past{}, err
	}
	if layout := c.Meta["layout"]; layout != "" && layout != e.cfg.Space.Layout {
		return nil, past{}, fmt.Errorf("checkpoint %s has the %s layout, and space.layout is %s", path, layout, e.cfg.Space.Layout)
	}
	arrays, err := arraysOf(c)
	var had past
	if err == nil {
		had, err = pastOf(c.Meta, namesOf(c.Tensors), path)
	}
	if err != nil {
		return nil, had, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return arrays, had, nil
}

func arraysOf(c *run.Checkpoint) ([]nn.Array, error) {
	arrays := make([]nn.Array, 0, len(c.Tensors))
	for _, t := range c.Tensors {
		found := false
		for ours, theirs := range dtypes {
			if theirs == t.DType {
				arrays = append(arrays, nn.Array{Name: t.Name, DType: ours, Shape: t.Shape, Data: t.Data})
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s has the element type %s, which is not read", t.Name, t.DType)
		}
	}
	return arrays, nil
}

// errNoStep is wrapped by the error of a checkpoint that its step has yet to
// write.
var errNoStep = errors.New("run that step first")

// lastWeights reads the arrays that a step ended with, and their past.
func (e *engine) lastWeights(step int) ([]nn.Array, past, error) {
	path, name := e.folder.LastPath(step), config.StepName(step)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !e.standing().finished[step] {
		return nil, past{}, fmt.Errorf("the checkpoint of step %d (%s) is not there (%s): %w", step, name, path, errNoStep)
	}
	arrays, had, err := e.readWeights(path)
	if err != nil && !errors.Is(err, os.ErrPermission) {
		return nil, had, fmt.Errorf("the weights of step %d (%s) are lost: %w; do it again with: %s",
			step, name, err, e.resuming("--from", name))
	}
	return arrays, had, err
}

// resume puts a step's newest checkpoint into the network and the optimiser and
// reports whether there was one.
func (e *engine) resume(ctx context.Context, t training, length int) (progress, bool, error) {
	var p progress
	c, at, damaged, err := e.folder.Newest(t.step)
	if err != nil {
		return p, false, err
	}
	if c == nil {
		e.missed(t.step, nil, nothing)
		e.passedOver(damaged, nothing)
		return p, false, nil
	}
	e.missed(t.step, &at, at.Path)
	e.passedOver(damaged, at.Path)
	if err := e.sameData(t.step, t.step); err != nil {
		return p, false, err
	}
	p, err = e.load(c, at, t, length)
	if err != nil {
		return p, false, err
	}
	if e.past, err = pastOf(c.Meta, namesOf(c.Tensors), at.Path); err != nil {
		return p, false, fmt.Errorf("checkpoint %s: %w", at.Path, err)
	}
	e.clock.carried = p.Seconds
	if p.atBest { // the process before may have died before it was kept
		err = e.keep(ctx, e.here(), func() error { return e.folder.KeepBest(t.step, at.Path) })
	}
	return p, true, err
}

// nothing is what is used in place of checkpoints where there is none.
const nothing = "nothing, so that the step begins anew,"

// missed warns of a checkpoint that the journal tells of last in a step, and that
// is not there, unless used is as new.
func (e *engine) missed(step int, used *run.Saved, instead string) {
	last, ok := e.before.Saved[step]
	if !ok || used != nil && (used.Last || used.Iteration >= last.Iteration) {
		return
	}
	path := filepath.Join(e.folder.Dir(), last.Path)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		e.note(run.Warning{What: fmt.Sprintf("the checkpoint of step %d (%s) at iteration %d is not there any more (%s), and %s is used instead",
			step, config.StepName(step), last.Iteration, path, instead)})
	}
}

// passedOver warns of damaged checkpoints, and says what is used instead.
func (e *engine) passedOver(damaged []error, instead string) {
	for _, d := range damaged {
		e.note(run.Warning{What: fmt.Sprintf("a damaged checkpoint is passed over, and %s is used instead: %v", instead, d)})
	}
}

// load puts a checkpoint into the network and the optimiser of a step of so many
// iterations. One that is refused leaves both as they were.
func (e *engine) load(c *run.Checkpoint, at run.Saved, t training, length int) (progress, error) {
	if have := c.Meta["config_hash"]; !slices.Contains(e.standing().steering.Hashes, have) {
		return progress{}, fmt.Errorf("%s was written with other settings (config %s, now %s); resume with the run's own config, or start a new run",
			at.Path, input.Line(have), e.cfg.Hash())
	}
	p, err := readProgress(c, at, length)
	if err != nil {
		return p, fmt.Errorf("checkpoint %s: %w; remove it, and the one before it is used", at.Path, err)
	}
	arrays, err := arraysOf(c)
	if err != nil {
		return p, fmt.Errorf("checkpoint %s: %w", at.Path, err)
	}
	if err := t.take(arrays, at.Last); err != nil {
		return p, fmt.Errorf("checkpoint %s: %w", at.Path, err)
	}
	return p, nil
}

// take copies a checkpoint's arrays into the network, its average and, but at the
// end of a step, the optimiser. They have to be all that is there and no more.
func (t training) take(arrays []nn.Array, last bool) error {
	matches, err := t.match(arrays)
	if err != nil {
		return err
	}
	if !last {
		momenta, err := t.opt.Match(arrays)
		if err != nil {
			return err
		}
		matches = append(matches, momenta)
	}
	for _, name := range matches[0].Unused {
		if !slices.ContainsFunc(matches, func(m nn.Match) bool { return !slices.Contains(m.Unused, name) }) {
			return fmt.Errorf("the network has no %s", input.Line(name))
		}
	}
	for _, m := range matches {
		if err := m.Copy(); err != nil {
			return err
		}
	}
	return nil
}

// match matches a checkpoint's arrays with the network, and with its average.
func (t training) match(arrays []nn.Array) ([]nn.Match, error) {
	if t.average != nil {
		average, trained, err := t.average.Match(arrays)
		return []nn.Match{average, trained}, err
	}
	weights, err := t.store.Match(arrays, nil)
	if err == nil && len(weights.Missing) > 0 {
		err = fmt.Errorf("%s is missing", weights.Missing[0])
	}
	return []nn.Match{weights}, err
}
