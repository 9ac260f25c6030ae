package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/nas"
	"detnas/nas/supernet"
)

// training is a training step about to run: what differs between the four.
type training struct {
	step  int
	store *nn.Store
	// evaluate measures the network as it is: this rank's part of that. Rank 0 has the
	// figures, the others what shareOf says.
	evaluate func(context.Context) (run.Values, error)

	opt     *train.SGD
	average *train.Average // nil where the step has none
}

// measure evaluates what the step is to give: the averaged weights, where there are
// any.
func (t training) measure(ctx context.Context) (metrics run.Values, err error) {
	err = t.average.Within(func() error {
		metrics, err = t.evaluate(ctx)
		return err
	})
	return metrics, err
}

// export copies out the network, and what its training goes on with besides.
func (t training) export(last bool) ([]nn.Array, error) {
	var (
		arrays []nn.Array
		err    error
	)
	if t.average != nil {
		arrays, err = t.average.Export()
	} else {
		arrays, err = t.store.Export()
	}
	if err != nil || last {
		return arrays, err
	}
	momenta, err := t.opt.Export()
	return append(arrays, momenta...), err
}

// classify is step 1, the supernet's, or step 4, the subnet's classifier.
func (e *engine) classify(ctx context.Context, step int) (run.Values, error) {
	trainSet, valSet, err := e.data.classification(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := e.alone(ctx, step)
	if err != nil {
		return nil, err
	}
	c, err := e.newClassifier(step, len(trainSet.Classes), sub)
	if err != nil {
		return nil, err
	}
	defer c.store.Free()
	if sub != nil && e.byClasses() && !e.given() && e.before.Data[step] == nil {
		e.note(run.Warning{What: fmt.Sprintf("the top-1 accuracy of step %d is measured on images that guided the search (search.guide = \"classification\"), and so is too good", step)})
	}
	settings, pixels := e.cfg.Step(step), e.cfg.Data.Classification
	options := dataset.ClassTrainOptions{
		SourceOptions: e.data.source(), Sampling: e.sampling(step),
		Size: pixels.Size, Crop: dataset.CropMode(pixels.Crop), Padding: pixels.PadPixels(), MinShare: pixels.CropScale,
		Flip:   0.5,
		Jitter: dataset.Jitter{Brightness: pixels.Jitter[0], Contrast: pixels.Jitter[1], Saturation: pixels.Jitter[2]},
	}
	source, err := dataset.NewClassTrain(trainSet, options)
	if err != nil {
		return nil, err
	}
	options.Rank, options.World = 0, 1
	whole, err := dataset.NewClassTrain(trainSet, options) // of all ranks, to calibrate on
	if err != nil {
		return nil, err
	}
	path, err := e.paths(step, c.space, sub)
	if err != nil {
		return nil, err
	}
	task := &train.Classify{
		Net: c.net, Data: source, Path: path, Smoothing: settings.LabelSmoothing, Device: e.device,
	}
	t := training{step: step, store: c.store, evaluate: func(ctx context.Context) (run.Values, error) {
		measured, stats := sub, (*nn.Stats)(nil)
		if sub == nil {
			measured = e.measuredPath(step, c.space)
			if stats, err = e.calibrateClassifier(ctx, c.net, measured, whole); err != nil {
				return nil, err
			}
			defer stats.Free()
		}
		eval, err := dataset.NewClassEval(valSet, dataset.ClassEvalOptions{
			SourceOptions: e.data.source(), Batch: settings.Batch, Size: pixels.Size, Short: pixels.EvalResize(),
		})
		if err != nil {
			return nil, err
		}
		return e.classifyTogether(ctx, c, stats, eval.Iterations(), func(places []int64) (train.Tally, error) {
			return train.CountRight(ctx, c.net, measured, nn.Pass{Stats: stats}, eval, places, e.device, e.workers)
		})
	}}
	return trainStep(ctx, e, t, task, settings.Length(trainSet.Len()))
}

// detect is step 2, the detector on the supernet, or step 5, on the subnet.
func (e *engine) detect(ctx context.Context, step int) (run.Values, error) {
	if err := e.data.detection(ctx); err != nil {
		return nil, err
	}
	sub, err := e.alone(ctx, step)
	if err != nil {
		return nil, err
	}
	set := e.data.supernetPart
	if sub != nil {
		set = e.data.detTrain
	}
	d, err := e.newDetector(step, len(set.Categories), sub)
	if err != nil {
		return nil, err
	}
	defer d.store.Free()
	settings := e.cfg.Step(step)
	source, err := dataset.NewDetTrain(set, dataset.DetTrainOptions{
		SourceOptions: e.data.source(), Sampling: e.sampling(step), Scales: e.data.scales(),
		Flip: 0.5, PadTo: e.cfg.Data.Detection.PadTo, GroupByAspect: true,
	})
	if err != nil {
		return nil, err
	}
	path, err := e.paths(step, d.space, sub)
	if err != nil {
		return nil, err
	}
	task := &train.Detect{
		Net: d.net, Data: source, Path: path, Seed: e.cfg.Seed,
		Step: config.StepName(step), Device: e.device,
	}
	t := training{step: step, store: d.store, evaluate: func(ctx context.Context) (run.Values, error) {
		measured, by, on := sub, normalising{}, e.data.final
		if sub == nil {
			measured, on = e.measuredPath(step, d.space), e.guide()
			var calibration batches
			if calibration, err = e.calibrationBatches(); err != nil {
				return nil, err
			}
			if by, err = e.normalise(ctx, d, measured, calibration); err != nil {
				return nil, err
			}
			defer by.free()
		}
		return e.evaluateDetector(ctx, d, measured, by, on, e.cfg.Search.Batch)
	}}
	metrics, err := trainStep(ctx, e, t, task, settings.Length(set.Len()))
	if err == nil && sub != nil && !e.crew.follows() {
		e.showFinal(ctx, d, sub)
	}
	return metrics, err
}

// alone is the subnet that a step trains by itself, or nil for a supernet.
func (e *engine) alone(ctx context.Context, step int) (nas.Subnet, error) {
	if step < config.StepSearch {
		return nil, nil
	}
	return e.chosen(ctx)
}

// measuredPath is the path by which a supernet is measured: the same one
// throughout a step, with BN statistics of its own.
func (e *engine) measuredPath(step int, space nas.Space) nas.Subnet {
	return supernet.SamplePath(space, e.cfg.Seed, config.StepName(step)+" measured", 0)
}

func (e *engine) sampling(step int) dataset.Sampling {
	return dataset.Sampling{
		Seed: seed.Derive(e.cfg.Seed, "data"), Step: config.StepName(step),
		Batch: e.cfg.Step(step).Batch, Parts: e.cfg.Step(step).Accumulate, Rank: e.place.Rank, World: e.place.World,
	}
}

// trainStep trains from the step's newest checkpoint, or from what it starts
// from, to its end, and returns the averages of its losses and its evaluation.
func trainStep[B any](ctx context.Context, e *engine, t training, task train.Task[B], length int) (run.Values, error) {
	settings := e.cfg.Step(t.step)
	if err := e.precise(t.step); err != nil {
		return nil, err
	}
	var err error
	if t.opt, err = train.NewSGD(t.store, settings); err != nil {
		return nil, err
	}
	defer t.opt.Free()
	if t.average, err = train.NewAverage(t.store, settings); err != nil {
		return nil, err
	}
	defer t.average.Free()
	if e.crew.follows() {
		return nil, followStep(e, t, task)
	}
	p, err := e.start(ctx, t, length)
	if err != nil {
		return nil, err
	}
	here := func() place { return place{step: t.step, iteration: int(p.Iteration)} }
	if err := e.record(ctx, here(), e.begun(t.step, int(p.Iteration), length)); err != nil {
		return nil, err
	}
	if err := e.anchor(ctx, t, p); err != nil {
		return nil, err
	}
	if err := e.share(ctx, t, e.orderOf(t, p, length)); err != nil {
		return nil, err
	}
	schedule, saved := train.NewSchedule(settings, length), p.Iteration
	save := func() error {
		if p.Iteration == saved {
			return nil // its checkpoint is there, or nothing was trained yet
		}
		err := e.save(t, p, false)
		if err == nil {
			saved = p.Iteration
		}
		return err
	}
	crown := func(metrics run.Values) error { // what is the best so far is saved with that
		if !p.judge(t.step, metrics) {
			return nil
		}
		saved = -1
		return e.keep(ctx, here(), save)
	}
	measure := func() error {
		metrics, err := e.evaluated(ctx, t, p)
		if err != nil {
			return err
		}
		return crown(metrics)
	}
	boundary := func() error { // between two iterations people are heard
		if !e.asked() {
			return nil
		}
		at := here()
		at.save, at.retune = save, func() error {
			settings = e.cfg.Step(t.step)
			schedule = train.NewSchedule(settings, length) // by the edited rate, whatever the checkpoint was trained with
			t.opt.Set(t.store, settings)
			return e.retuned()
		}
		if err := e.crew.call(); err != nil { // whoever pauses takes their time
			return err
		}
		if err := e.attend(ctx, at); err != nil {
			return err
		}
		return e.anchor(ctx, t, p)
	}
	switch last := e.before.Eval; {
	case e.owesEval(t.step, p.Iteration, length):
		err = measure()
	case last != nil && last.Step == t.step && int64(last.Iteration) == p.Iteration:
		err = crown(last.Metrics) // the process before may have died between the two
	}
	if err != nil {
		return nil, err
	}
	if err := boundary(); err != nil {
		return nil, err
	}
	log := &window{}
	loop := train.Loop{
		Store: t.store, Optimizer: t.opt, Average: t.average, BF16: settings.Precision == config.PrecisionBF16, LR: func(i int64) float64 { return p.scaled(schedule.At(i)) },
		From: p.Iteration, To: int64(length), Workers: e.workers, Accumulate: settings.Accumulate,
		Skip: func() bool { return settings.OnNaN == config.OnNaNSkip },
		After: func(it train.Iteration) error {
			log.add(it)
			e.crew.made(it)
			switch n := it.Index + 1; {
			case n == int64(length):
				e.crew.left(nil)
			case it.Skipped != nil || due(n, settings.LogEvery) || due(n, settings.CheckpointEvery) || due(n, settings.EvalEvery):
				if err := e.crew.call(); err != nil { // what is measured or written takes its time
					return err
				}
			}
			if it.Skipped == nil {
				p.add(it)
			} else if err := e.leaveOut(ctx, t.step, &p, it); err != nil {
				return err
			}
			last := p.Iteration == int64(length)
			if last || due(p.Iteration, settings.LogEvery) {
				if err := e.record(ctx, here(), log.event(t.step)); err != nil {
					return err
				}
				log = &window{}
			}
			if !last && due(p.Iteration, settings.CheckpointEvery) { // the end of the step has its own
				if err := e.keep(ctx, here(), save); err != nil {
					return err
				}
			}
			if !last && due(p.Iteration, settings.EvalEvery) {
				if err := measure(); err != nil {
					return err
				}
			}
			return boundary()
		},
	}
	if !e.crew.alone() {
		loop.Group, loop.Meet = e.crew.group, e.crew.meet
	}
	end := func() error {
		err := e.keep(ctx, here(), func() error { return e.save(t, p, true) })
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errNotSaved, err)
		}
		return err
	}
	for {
		e.crew.begins(t.step, p.Iteration, e.device)
		err := train.Train(ctx, loop, task)
		e.crew.left(err)
		whole := err != nil && worthKeeping(err)
		if err == nil {
			err = end()
		}
		if err == nil {
			break
		}
		if errors.Is(err, train.ErrNotFinite) && settings.OnNaN == config.OnNaNBack {
			if p, err = e.goBack(ctx, t, p, length, err); err != nil {
				return nil, err
			}
			if err := e.share(ctx, t, order{Do: doBack, Iteration: p.Iteration, LRScale: p.LRScale}); err != nil {
				return nil, err
			}
			loop.From, saved, log = p.Iteration, p.Iteration, &window{}
			continue
		}
		if whole {
			if serr := save(); serr != nil {
				return nil, errors.Join(err, fmt.Errorf("%w: %w", errNotSaved, serr))
			}
		}
		return nil, err
	}
	metrics, err := e.evaluation(ctx, t, p.Iteration)
	if err == nil && !e.crew.alone() {
		err = e.crew.tell(order{Do: doRest})
	}
	if err != nil {
		return nil, err
	}
	if p.judge(t.step, metrics) {
		if err := end(); err != nil {
			return nil, err
		}
	}
	if t.average != nil { // what comes after the step takes them
		if err := t.average.Swap(); err != nil {
			return nil, err
		}
	}
	if t.step == config.StepSupernetFinetune { // one path tells no more than this
		metrics = only(metrics, "AP", "AP50", "mAP07", "mAP")
	}
	if t.step != config.StepSubnetFinetune { // whose metrics are those of the evaluation and no more
		for name, v := range p.Averages {
			metrics[name] = v
		}
	}
	return metrics, nil
}

// precise refuses a precision that the device does not have, and warns of one that
// it is slow in.
func (e *engine) precise(step int) error {
	if e.cfg.Step(step).Precision != config.PrecisionBF16 {
		return nil
	}
	key := config.StepName(step) + ".precision"
	if err := tensor.TryBF16(e.device); err != nil {
		return fmt.Errorf("%s = %q: %w; write %q", key, config.PrecisionBF16, err, config.PrecisionFP32)
	}
	if e.device == tensor.CPU && !tensor.FastBF16() {
		e.note(run.Warning{What: fmt.Sprintf("%s = %q: this processor has no instructions for bfloat16, so that training is slower than with %q",
			key, config.PrecisionBF16, config.PrecisionFP32)})
	}
	return nil
}

// worthKeeping reports whether a training that has ended with err left the network
// of a whole iteration, and one that has not diverged.
func worthKeeping(err error) bool {
	var torn *train.TornError
	return !errors.As(err, &torn) && !errors.Is(err, train.ErrNotFinite)
}

// only are the values of some names, as far as they are there.
func only(values run.Values, names ...string) run.Values {
	out := run.Values{}
	for _, name := range names {
		if v, ok := values[name]; ok {
			out[name] = v
		}
	}
	return out
}

// start makes the network ready for its first iteration.
func (e *engine) start(ctx context.Context, t training, length int) (progress, error) {
	forget := func() error {
		return e.keep(ctx, e.here(), func() error { return e.forget(t.step) })
	}
	if e.redo(t.step) {
		if err := forget(); err != nil {
			return progress{}, err
		}
	}
	p, resumed, err := e.resume(ctx, t, length)
	if err != nil || resumed {
		return p, err
	}
	if err := forget(); err != nil {
		return p, err
	}
	if err := e.initialise(t.store, t.step); err != nil {
		return p, err
	}
	if t.step == e.supernetStep() && e.opts.To < config.StepSearch { // one that goes on to it has looked
		if l := e.leakOf(e.past); l != nil {
			e.warnOnce(fmt.Sprintf("what step %d (%s) starts from may have been trained on images that guide a search: %s; a search on its supernet is refused without data.detection.allow_shared_split = true",
				t.step, config.StepName(t.step), l.what))
		}
	}
	if t.average == nil {
		return p, nil
	}
	return p, t.average.Begin()
}

// redo reports whether a step is done anew: one that was finished, or the one that
// was named to begin with, finished or not.
func (e *engine) redo(step int) bool {
	_, finished := e.before.Finished[step]
	return e.opts.Redo && (finished || step == e.opts.From)
}

// evaluated evaluates within a step.
func (e *engine) evaluated(ctx context.Context, t training, p progress) (run.Values, error) {
	metrics, err := e.evaluation(ctx, t, p.Iteration)
	if errors.Is(err, nn.ErrNotFinite) {
		return nil, fmt.Errorf("iteration %d: %w: %w", p.Iteration, train.ErrNotFinite, err)
	}
	if err != nil {
		return nil, err
	}
	at := place{step: t.step, iteration: int(p.Iteration)}
	return metrics, e.record(ctx, at, run.Eval{Step: at.step, Iteration: at.iteration, Metrics: metrics})
}

// owesEval reports whether a step that is taken up was to be evaluated where it
// stands, and the process before ended between the checkpoint and that.
func (e *engine) owesEval(step int, iteration int64, length int) bool {
	evaluated := e.before.Step == step && int64(e.before.Evaluated) >= iteration
	return !evaluated && 0 < iteration && iteration < int64(length) && due(iteration, e.cfg.Step(step).EvalEvery)
}

// due reports whether something that happens every n iterations does now.
func due(iteration int64, n int) bool { return n > 0 && iteration%int64(n) == 0 }

// window gathers the iterations between two lines of the journal.
type window struct {
	made       int
	iterations []run.Values // losses, of those that were not left out
	last       train.Iteration
	images     int
	data, step time.Duration
}

func (w *window) add(it train.Iteration) {
	w.made++
	if it.Skipped == nil {
		w.iterations = append(w.iterations, it.Losses)
	}
	w.last = it
	w.images += it.Images
	w.data += it.Data
	w.step += it.Data + it.Step
}

func (w *window) event(step int) run.Train {
	n := float64(max(w.made, 1))
	return run.Train{
		Step: step, Iteration: int(w.last.Index + 1), LR: w.last.LR, Losses: mean(w.iterations),
		ImagesPerS: float64(w.images) / max(w.step.Seconds(), 1e-9),
		DataS:      w.data.Seconds() / n, StepS: w.step.Seconds() / n,
	}
}
