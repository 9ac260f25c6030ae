package config

import "detnas/nas"

func (v *validator) train(t trainingStep, stages int) {
	key := func(name string) string { return t.key + "." + name }
	switch {
	case t.Iterations > 0 && t.Epochs > 0:
		v.add(key("epochs"), "%s is given too; write one of them", key("iterations"))
	case t.Iterations == 0 && t.Epochs == 0:
		v.add(t.key, "has no length; write iterations or epochs")
	}
	within(v, key("iterations"), t.Iterations, 0, maxCount)
	within(v, key("epochs"), t.Epochs, 0, 1<<20)
	within(v, key("batch"), t.Batch, 1, 1<<20)
	within(v, key("accumulate"), t.Accumulate, 1, 1<<20)
	if t.Accumulate > 0 && t.Batch%t.Accumulate != 0 {
		v.add(key("accumulate"), "%d parts of a batch of %d would differ in size; make %s a multiple of it", t.Accumulate, t.Batch, key("batch"))
	}
	within(v, key("frozen_stages"), t.FrozenStages, 0, stages)
	if !detects(t.step) && t.FrozenStages != 0 {
		v.add(key("frozen_stages"), "is for the detection steps; leave it out here")
	}
	v.paths(t, key)
	v.above(key("lr"), t.LR, 1e3)
	within(v, key("momentum"), t.Momentum, 0, 0.9999)
	within(v, key("weight_decay"), t.WeightDecay, 0, 1)
	v.schedule(t, key)
	v.oneOf(key("precision"), t.Precision, PrecisionFP32, PrecisionBF16)
	within(v, key("label_smoothing"), t.LabelSmoothing, 0, 0.9)
	if detects(t.step) && t.LabelSmoothing != 0 {
		v.add(key("label_smoothing"), "is for the classification steps; leave it out here")
	}
	within(v, key("clip_grad"), t.ClipGrad, 0, 1e6)
	v.oneOf(key("on_nan"), t.OnNaN, OnNaNStop, OnNaNSkip, OnNaNBack)
	within(v, key("nan_lr_factor"), t.NaNLRFactor, 1e-3, 0.99) // with 1 the same would happen again
	within(v, key("ema"), t.EMA, 0, 0.999999)
	within(v, key("ema_warmup"), t.EMAWarmup, 0, maxCount)
	within(v, key("bn_momentum"), t.BNMomentum, 1e-6, 1) // 0 would never leave the initial statistics
	within(v, key("log_every"), t.LogEvery, 0, maxCount)
	within(v, key("checkpoint_every"), t.CheckpointEvery, 0, maxCount)
	within(v, key("eval_every"), t.EvalEvery, 0, maxCount)
	within(v, key("keep_checkpoints"), t.KeepCheckpoints, 1, maxCount)
	v.oneOf(key("init"), t.Init, InitScratch, InitPredecessor)
	if !detects(t.step) && t.Init == InitPredecessor {
		v.add(key("init"), `has no predecessor; write "scratch", or name a checkpoint in %s`, key("load_from"))
	}
}

// norms checks what a step does with BN: it has to be there.
func (v *validator) norms(t trainingStep, d *Detector) {
	head := "detector.roi.norm is"
	if d.Kind == KindRetinaNet {
		head = "RetinaNet's head has"
	}
	for _, part := range []struct{ name, mode, without string }{
		{"bn_backbone", t.BNBackbone, ""},
		{"bn_neck", t.BNNeck, without(d.Neck.Norm == NormNone, "detector.neck.norm is")},
		{"bn_head", t.BNHead, without(d.Kind == KindRetinaNet || d.RoI.Norm == NormNone, head)},
	} {
		key := t.key + "." + part.name
		v.oneOf(key, part.mode, BNTrain, BNEval, BNFrozen)
		switch {
		case part.mode == BNTrain:
		case !detects(t.step):
			v.add(key, "is for the detection steps; leave it out here")
		case part.without != "":
			v.add(key, "there is no BN: %s none; leave it out", part.without)
		}
	}
}

// without is why a part has no BN, where it has none.
func without(none bool, why string) string {
	if none {
		return why
	}
	return ""
}

func (v *validator) paths(t trainingStep, key func(string) string) {
	v.oneOf(key("sampling"), t.Sampling, SamplingUniform, SamplingFair, SamplingBinned)
	if t.step > StepSearch && t.Sampling != SamplingUniform {
		v.add(key("sampling"), "is for the steps of the supernet; leave it out here")
	}
	if b := t.SamplingBounds; each(v, key("sampling_bounds"), b, 2, 0, 1<<50) && b[1] > 0 && b[1] <= b[0] {
		v.add(key("sampling_bounds"), "%d is not above %d; write the smaller first", b[1], b[0])
	}
	within(v, key("sampling_bins"), t.SamplingBins, 1, 1000)
}

// detects reports whether a step trains a detector.
func detects(step int) bool { return step == StepSupernetFinetune || step == StepSubnetFinetune }

func (v *validator) schedule(t trainingStep, key func(string) string) {
	v.oneOf(key("schedule"), t.Schedule,
		ScheduleConstant, ScheduleLinear, SchedulePoly, ScheduleStep, ScheduleCosine)
	v.above(key("power"), t.Power, 100)
	v.above(key("gamma"), t.Gamma, 1)
	if t.Schedule == ScheduleStep {
		each(v, key("milestones"), t.Milestones, 0, 1e-6, maxCount)
	}
	if t.Iterations > 0 {
		at := t.MilestonesAt(t.Iterations)
		for i := 1; i < len(at); i++ {
			if at[i] < at[i-1] {
				v.add(key("milestones"), "%v comes after %v; write them in rising order", t.Milestones[i], t.Milestones[i-1])
				break
			}
		}
	}
	within(v, key("warmup_iterations"), t.WarmupIterations, 0, maxCount)
	v.oneOf(key("warmup"), t.Warmup, WarmupLinear, WarmupConstant, WarmupExp)
	within(v, key("warmup_ratio"), t.WarmupRatio, 0, 1)
	if t.Warmup == WarmupExp && t.WarmupRatio == 0 {
		v.add(key("warmup_ratio"), `has to be above 0 for %s = "exp", which multiplies; write 0.001`, key("warmup"))
	}
}

// subnet checks a short form against the space; a file is read when it is
// needed.
func (v *validator) subnet(text string, s *Space) {
	if text == "" || !nas.IsShort(text) {
		return
	}
	space, err := s.NAS(1)
	if err != nil {
		return // reported at its own place
	}
	if _, err := nas.ParseSubnet(text, space); err != nil {
		v.add("search.subnet", "%v", err)
	}
}
