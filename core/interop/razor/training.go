package razor

import (
	"fmt"
	"math"

	"detnas/core/pyconf"
)

// training maps the optimiser, the schedule and the length of a training step.
func (m *mapper) training(o Options) {
	m.optimiser()
	epochs := m.length()
	m.batch(o)
	if v := m.root.Get("lr_config"); v != nil && v.Kind == pyconf.Dict {
		m.schedule(v, epochs)
	}
	if v := m.root.Get("param_scheduler"); v != nil {
		m.schedulers(v, epochs)
	}
	if v := m.at("log_config.interval"); v != nil {
		m.set(m.step+".log_every", literal(v), v)
	}
	if epochs == 0 {
		for from, to := range map[string]string{"checkpoint_config.interval": "checkpoint_every", "evaluation.interval": "eval_every"} {
			if v := m.at(from); v != nil {
				m.set(m.step+"."+to, literal(v), v)
			}
		}
	}
}

func (m *mapper) optimiser() {
	for _, at := range []string{"optimizer", "optim_wrapper.optimizer"} {
		v := m.at(at)
		if v == nil {
			continue
		}
		if kind := v.Get("type"); kind != nil && kind.Text != "SGD" {
			m.leftAs(at, v, "detnas trains with SGD")
			return
		} else if kind != nil {
			m.used[kind] = true
		}
		for from, to := range map[string]string{"lr": "lr", "momentum": "momentum", "weight_decay": "weight_decay"} {
			if x := v.Get(from); x != nil {
				m.set(m.step+"."+to, literal(x), x)
			}
		}
	}
	if v := m.first("optimizer.paramwise_cfg", "optim_wrapper.paramwise_cfg"); v != nil {
		if norm, bias := v.Get("norm_decay_mult"), v.Get("bias_decay_mult"); norm != nil && norm.Num == 0 && bias != nil && bias.Num == 0 {
			m.used[bias] = true
			m.set(m.step+".no_decay_norm_bias", "true", norm)
		}
	}
	for _, at := range []string{"optimizer_config.grad_clip", "optim_wrapper.clip_grad"} {
		if v := m.at(at + ".max_norm"); v != nil {
			m.set(m.step+".clip_grad", literal(v), v)
		} else if v := m.at(at); v != nil && v.Kind == pyconf.None {
			m.set(m.step+".clip_grad", "0", v)
		}
	}
}

// length maps how long the step is, and returns its epochs, or 0 where it counts
// iterations or does not say.
func (m *mapper) length() float64 {
	for _, at := range []string{"runner", "train_cfg"} {
		if at == "train_cfg" && m.at("train_cfg.num_candidates") != nil {
			return 0 // of a search
		}
		epochs, iterations := m.at(at+".max_epochs"), m.at(at+".max_iters")
		switch {
		case epochs != nil:
			m.set(m.step+".epochs", literal(epochs), epochs)
			m.set(m.step+".iterations", "0", epochs)
			return epochs.Num
		case iterations != nil:
			m.set(m.step+".iterations", literal(iterations), iterations)
			m.set(m.step+".epochs", "0", iterations)
			return 0
		}
	}
	return 0
}

// batch maps the images of an iteration, of all GPUs together. That of a search is
// how many are evaluated at once.
func (m *mapper) batch(o Options) {
	v := m.first("data.samples_per_gpu", "train_dataloader.batch_size")
	whole := m.first("auto_scale_lr_config.default_batch_size", "auto_scale_lr.base_batch_size")
	switch {
	case v == nil:
	case m.at("searcher") != nil:
		m.leftAs("data.samples_per_gpu", v, "of a search it is images evaluated at once on one GPU, which bear on the memory alone: search.batch")
	case v.Kind == pyconf.Number && o.GPUs > 0:
		m.set(m.step+".batch", literal(&pyconf.Value{Kind: pyconf.Number, Num: v.Num * float64(o.GPUs)}), v)
	case whole != nil && whole.Kind == pyconf.Number:
		m.used[v] = true
		m.set(m.step+".batch", literal(whole), whole)
	default:
		m.leftAs("data.samples_per_gpu", v, "it is of one GPU; say --gpus N")
	}
}

// schedule maps a lr_config of mmcv.
func (m *mapper) schedule(v *pyconf.Value, epochs float64) {
	policy := v.Get("policy")
	if policy == nil {
		return
	}
	name := map[string]string{"step": "step", "poly": "poly", "CosineAnnealing": "cosine", "fixed": "constant"}[policy.Text]
	least := v.Get("min_lr")
	if name == "" || least != nil && least.Num != 0 {
		m.leftAs("lr_config", v, "detnas has no such schedule")
		return
	}
	if least != nil {
		m.used[least] = true
	}
	if by := v.Get("by_epoch"); by != nil {
		m.used[by] = true
	}
	m.set(m.step+".schedule", name, policy)
	if x := v.Get("power"); x != nil && name == "poly" {
		m.set(m.step+".power", literal(x), x)
	}
	m.milestones(v.Get("step"), epochs)
	if x := v.Get("gamma"); x != nil {
		m.set(m.step+".gamma", literal(x), x)
	}
	warm := v.Get("warmup")
	if warm == nil || warm.Kind == pyconf.None {
		m.set(m.step+".warmup_iterations", "0", policy)
		return
	}
	if by := v.Get("warmup_by_epoch"); by != nil && by.Num == 1 {
		m.leftAs("lr_config.warmup", warm, "it counts epochs")
		return
	}
	m.set(m.step+".warmup", warm.Text, warm)
	for from, to := range map[string]string{"warmup_iters": "warmup_iterations", "warmup_ratio": "warmup_ratio"} {
		if x := v.Get(from); x != nil {
			m.set(m.step+"."+to, literal(x), x)
		}
	}
}

// milestones are shares of the length where they are epochs.
func (m *mapper) milestones(v *pyconf.Value, epochs float64) {
	if v == nil {
		return
	}
	out := &pyconf.Value{Kind: pyconf.List}
	items := v.Items
	if v.Kind == pyconf.Number {
		items = []*pyconf.Value{v}
	}
	for _, x := range items {
		share := *x
		if epochs > 0 {
			share.Num, share.Int = math.Round(x.Num/epochs*1e4)/1e4, false
		}
		out.Items = append(out.Items, &share)
	}
	m.set(m.step+".milestones", literal(out), v)
}

// schedulers maps a param_scheduler of mmengine: a linear warm-up by iterations, and
// one schedule over the whole step.
func (m *mapper) schedulers(v *pyconf.Value, epochs float64) {
	items := v.Items
	if v.Kind == pyconf.Dict {
		items = []*pyconf.Value{v}
	}
	warm := false
	for i, s := range items {
		at, kind := fmt.Sprintf("param_scheduler.%d", i), s.Get("type")
		if kind == nil {
			continue
		}
		byEpoch := s.Get("by_epoch") == nil || s.Get("by_epoch").Num == 1
		least := s.Get("eta_min")
		switch {
		case kind.Text == "LinearLR" && !byEpoch && s.Get("end") != nil && s.Get("start_factor") != nil && !warm:
			warm = true
			m.set(m.step+".warmup", "linear", kind)
			m.set(m.step+".warmup_iterations", literal(s.Get("end")), s.Get("end"))
			m.set(m.step+".warmup_ratio", literal(s.Get("start_factor")), s.Get("start_factor"))
		case kind.Text == "MultiStepLR" && s.Get("milestones") != nil && byEpoch == (epochs > 0):
			m.set(m.step+".schedule", "step", kind)
			m.milestones(s.Get("milestones"), epochs)
			if x := s.Get("gamma"); x != nil {
				m.set(m.step+".gamma", literal(x), x)
			}
		case kind.Text == "PolyLR" && (least == nil || least.Num == 0):
			m.set(m.step+".schedule", "poly", kind)
			if x := s.Get("power"); x != nil {
				m.set(m.step+".power", literal(x), x)
			}
		case kind.Text == "CosineAnnealingLR" && (least == nil || least.Num == 0):
			m.set(m.step+".schedule", "cosine", kind)
		default:
			m.leftAs(at, s, "detnas has no such schedule, or not there")
			continue
		}
		for _, x := range []*pyconf.Value{s.Get("by_epoch"), s.Get("begin"), s.Get("end"), least} {
			if x != nil {
				m.used[x] = true
			}
		}
	}
	if !warm && len(items) > 0 {
		m.set(m.step+".warmup_iterations", "0", items[0])
	}
}
