package razor

import (
	"strings"

	"detnas/core/config"
	"detnas/core/pyconf"
)

// sameKeys are the values of the network, and of how it is trained and tested, that
// have the same meaning in detnas, by their names in mmdet.
func sameKeys(retina bool) map[string]string {
	keys := map[string]string{
		"neck.out_channels": "detector.neck.channels", "neck.num_outs": "detector.neck.num_outs",
	}
	if retina {
		for from, to := range map[string]string{
			"stacked_convs": "convs", "feat_channels": "channels",
			"anchor_generator.octave_base_scale": "octave_base", "anchor_generator.scales_per_octave": "scales_per_octave",
			"anchor_generator.ratios": "ratios", "bbox_coder.target_stds": "stds",
			"loss_cls.gamma": "gamma", "loss_cls.alpha": "alpha", "loss_cls.loss_weight": "cls_weight",
			"loss_bbox.loss_weight": "box_weight", "loss_bbox.beta": "beta",
		} {
			keys["bbox_head."+from] = "detector.retina." + to
		}
		assigner(keys, "train_cfg.assigner.", "detector.retina.", true)
		keys["test_cfg.nms_pre"] = "detector.retina.nms_pre"
		tests(keys, "test_cfg.")
		return keys
	}
	for from, to := range map[string]string{
		"rpn_head.feat_channels": "rpn.channels", "rpn_head.anchor_generator.scales": "rpn.scales", "rpn_head.anchor_generator.ratios": "rpn.ratios",
		"rpn_head.loss_cls.loss_weight": "rpn.cls_weight", "rpn_head.loss_bbox.loss_weight": "rpn.box_weight", "rpn_head.loss_bbox.beta": "rpn.beta",
		"roi_head.bbox_roi_extractor.roi_layer.output_size": "roi.pool", "roi_head.bbox_roi_extractor.roi_layer.sampling_ratio": "roi.sampling_ratio",
		"roi_head.bbox_head.conv_out_channels": "roi.conv_channels", "roi_head.bbox_head.bbox_coder.target_stds": "roi.stds",
		"roi_head.bbox_head.loss_cls.loss_weight": "roi.cls_weight", "roi_head.bbox_head.loss_bbox.loss_weight": "roi.box_weight",
		"roi_head.bbox_head.loss_bbox.beta": "roi.beta",
		"train_cfg.rpn.sampler.num":         "rpn.samples", "train_cfg.rpn.sampler.pos_fraction": "rpn.pos_fraction",
		"train_cfg.rpn_proposal.nms_pre": "rpn.nms_pre_train", "train_cfg.rpn_proposal.max_per_img": "rpn.max_train",
		"train_cfg.rpn_proposal.nms.iou_threshold": "rpn.nms_iou",
		"train_cfg.rcnn.sampler.num":               "roi.samples", "train_cfg.rcnn.sampler.pos_fraction": "roi.pos_fraction",
		"test_cfg.rpn.nms_pre": "rpn.nms_pre_test", "test_cfg.rpn.max_per_img": "rpn.max_test",
	} {
		keys[from] = "detector." + to
	}
	assigner(keys, "train_cfg.rpn.assigner.", "detector.rpn.", true)
	assigner(keys, "train_cfg.rcnn.assigner.", "detector.roi.", false)
	tests(keys, "test_cfg.rcnn.")
	return keys
}

func assigner(keys map[string]string, from, to string, low bool) {
	keys[from+"pos_iou_thr"], keys[from+"neg_iou_thr"] = to+"pos_iou", to+"neg_iou"
	if low {
		keys[from+"min_pos_iou"] = to + "min_pos_iou"
	}
}

func tests(keys map[string]string, from string) {
	keys[from+"score_thr"], keys[from+"nms.iou_threshold"], keys[from+"max_per_img"] = "detector.test.score_thr", "detector.test.nms_iou", "detector.test.max_per_image"
}

// parts maps what a name of a class, or its lack, says of the network.
func (m *mapper) parts() {
	m.norm("neck.norm_cfg", "detector.neck.norm")
	head := "detector.roi"
	if m.retina {
		head = "detector.retina"
		m.word("neck.add_extra_convs", "detector.retina.extra", map[string]string{"on_input": "input", "on_output": "output"})
		m.word("bbox_head.loss_bbox.type", head+".loss", losses)
	} else {
		m.norm("roi_head.bbox_head.norm_cfg", "detector.roi.norm")
		m.word("rpn_head.loss_bbox.type", "detector.rpn.loss", losses)
		m.word("roi_head.bbox_head.loss_bbox.type", head+".loss", losses)
		m.boxHead()
	}
	if v := m.model("backbone.widen_factor"); v != nil {
		if v.Num == 1 {
			m.set("space.preset", `"300m"`, v)
		} else {
			m.leftAs("backbone.widen_factor", v, "write space.widths of a space of your own")
		}
	}
	if v := m.model("head.loss.label_smooth_val"); v != nil && m.classifies() {
		m.set(m.step+".label_smoothing", literal(v), v)
	}
}

// classifies reports whether the config trains a classifier.
func (m *mapper) classifies() bool {
	return m.out.Step == config.StepSupernetPretrain || m.out.Step == config.StepSubnetRetrain
}

var losses = map[string]string{"L1Loss": "l1", "SmoothL1Loss": "smooth-l1"} //nolint:gochecknoglobals // a constant table

// word maps a text to one of detnas's.
func (m *mapper) word(from, to string, words map[string]string) {
	v := m.model(from)
	if v == nil {
		return
	}
	if word := words[strings.TrimPrefix(v.Text, "mmdet.")]; word != "" {
		m.set(to, word, v)
		return
	}
	m.leftAs(from, v, "detnas has no such one")
}

// norm maps a norm_cfg: SyncBN is BN in one process.
func (m *mapper) norm(from, to string) {
	v := m.model(from)
	if v == nil {
		return
	}
	kind := v.Get("type")
	switch {
	case kind != nil && (kind.Text == "BN" || kind.Text == "SyncBN") && v.Kind == pyconf.Dict:
		m.set(to, config.NormBN, v)
	default:
		m.leftAs(from, v, "detnas has no such one")
	}
}

// boxHead maps the two heads of mmdet that detnas has.
func (m *mapper) boxHead() {
	kind, width := m.model("roi_head.bbox_head.type"), m.model("roi_head.bbox_head.fc_out_channels")
	if kind == nil || width == nil || width.Kind != pyconf.Number {
		return
	}
	w := literal(width)
	switch strings.TrimPrefix(kind.Text, "mmdet.") {
	case "Shared4Conv1FCBBoxHead":
		m.set("detector.roi.convs", "4", kind)
		m.set("detector.roi.fc", "["+w+"]", width)
	case "Shared2FCBBoxHead":
		m.set("detector.roi.convs", "0", kind)
		m.set("detector.roi.fc", "["+w+", "+w+"]", width)
	default:
		m.leftAs("roi_head.bbox_head.type", kind, "detnas has no such one; write detector.roi.convs and fc")
	}
}
