package razor

import (
	"path"

	"detnas/core/pyconf"
)

// searching maps the search: a searcher of 0.x, or the loop of 1.x.
func (m *mapper) searching() {
	at, names := "searcher.", map[string]string{
		"candidate_pool_size": "population", "candidate_top_k": "parents", "max_epoch": "generations",
	}
	if m.at("train_cfg.num_candidates") != nil {
		at, names = "train_cfg.", map[string]string{"num_candidates": "population", "top_k": "parents", "max_epochs": "generations"}
	}
	for from, to := range map[string]string{"num_mutation": "mutations", "num_crossover": "crossovers", "mutate_prob": "mutate_prob"} {
		names[from] = to
	}
	for from, to := range names {
		if v := m.at(at + from); v != nil {
			m.set("search."+to, literal(v), v)
		}
	}
	if v := m.at(at + "score_key"); v != nil {
		score := map[string]string{"bbox_mAP": "AP", "bbox_mAP_50": "AP50", "mAP": "AP"}[path.Base(v.Text)]
		if score == "" {
			m.leftAs(at+"score_key", v, "detnas has no such score")
		} else {
			m.set("search.score", score, v)
		}
	}
	m.bounds(m.at("searcher.constraints.flops"), 1)
	m.bounds(m.first("train_cfg.flops_range", "train_cfg.constraints_range.flops"), 1e6)
	m.subnet()
}

// bounds maps those of the cost, which are in a unit: one number is the greatest.
func (m *mapper) bounds(v *pyconf.Value, unit float64) {
	if v == nil {
		return
	}
	n := func(x *pyconf.Value) string {
		return literal(&pyconf.Value{Kind: pyconf.Number, Num: x.Num * unit})
	}
	switch {
	case v.Kind == pyconf.Number:
		m.set("search.constraint.max", n(v), v)
	case v.Kind == pyconf.List && len(v.Items) == 2 && v.Items[0].Kind == pyconf.Number && v.Items[1].Kind == pyconf.Number:
		m.set("search.constraint.min", n(v.Items[0]), v)
		m.set("search.constraint.max", n(v.Items[1]), v)
	default:
		m.leftAs("constraints.flops", v, "it is neither a number nor two")
	}
}

// subnet tells of the file of a subnet that is trained, which is not taken: it is
// given with a run.
func (m *mapper) subnet() {
	for _, at := range []string{"algorithm.mutable_cfg", "model.fix_subnet"} {
		if v := m.at(at); v != nil && v.Kind == pyconf.Text {
			m.leftAs(at, v, "give the file to a run with --subnet")
		}
	}
	for _, at := range []string{"load_from", "resume_from"} {
		if v := m.at(at); v != nil && v.Kind == pyconf.Text {
			m.leftAs(at, v, "detnas import makes a checkpoint for load_from of it")
		}
	}
}

// data maps the files of a detector's images, their size and their normalisation.
// MMRazor's data.val is its data.test: the search here is guided by what is held out
// of train.
func (m *mapper) data() {
	detects := !m.classifies()
	for split, to := range map[string]string{"train": "train", "test": "test"} {
		if kind := m.at("data." + split + ".type"); !detects || kind == nil || kind.Text != "CocoDataset" {
			continue
		}
		if v := m.at("data." + split + ".ann_file"); v != nil && v.Kind == pyconf.Text {
			m.set("data.detection."+to, literal(v), v)
		}
		if v := m.at("data." + split + ".img_prefix"); v != nil && v.Kind == pyconf.Text {
			m.set("data.detection."+to+"_images", literal(v), v)
		}
	}
	if v := m.at("data.val"); v != nil && detects {
		m.leftAs("data.val", v, "the search is guided by what is held out of train")
	}
	pipeline := m.at("data.train.pipeline")
	if pipeline == nil {
		return
	}
	for _, step := range pipeline.Items {
		kind := step.Get("type")
		if kind == nil {
			continue
		}
		switch kind.Text {
		case "Normalize":
			m.normalise(step)
		case "Resize":
			m.size(step.Get("img_scale"), detects)
		case "RandomResizedCrop":
			if v := step.Get("size"); v != nil && v.Kind == pyconf.Number {
				m.set("data.classification.size", literal(v), v)
			}
		}
	}
}

func (m *mapper) normalise(step *pyconf.Value) {
	if rgb := step.Get("to_rgb"); rgb == nil || rgb.Num != 1 {
		m.leftAs("data.train.pipeline.Normalize", step, "its figures are for BGR")
		return
	}
	m.used[step.Get("to_rgb")] = true
	for _, name := range []string{"mean", "std"} {
		if v := step.Get(name); v != nil {
			m.set("data."+name, literal(v), v)
		}
	}
}

// size maps one scale, (long, short).
func (m *mapper) size(v *pyconf.Value, detects bool) {
	if v == nil || !detects || len(v.Items) != 2 || v.Items[0].Kind != pyconf.Number || v.Items[1].Kind != pyconf.Number {
		return
	}
	a, b := v.Items[0], v.Items[1]
	if a.Num < b.Num {
		a, b = b, a
	}
	m.set("data.detection.short", "["+literal(b)+"]", v)
	m.set("data.detection.max", literal(a), v)
}
