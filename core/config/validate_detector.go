package config

import "fmt"

func (v *validator) detector(d *Detector, stages int) {
	v.oneOf("detector.kind", d.Kind, KindFasterRCNN, KindRetinaNet)
	v.neck(&d.Neck, stages)
	v.rpn(&d.RPN)
	v.roi(&d.RoI)
	v.retina(&d.Retina)
	within(v, "detector.test.score_thr", d.Test.ScoreThr, 0, 1)
	within(v, "detector.test.nms_iou", d.Test.NMSIoU, 0, 1)
	within(v, "detector.test.max_per_image", d.Test.MaxPerImage, 1, 1<<16)
}

// Stage is the index of a level's stage among the backbone's, 0 for "C2", or
// -1.
func Stage(level string) int {
	for i := range 5 {
		if level == fmt.Sprintf("C%d", i+2) {
			return i
		}
	}
	return -1
}

func (v *validator) neck(n *Neck, stages int) {
	within(v, "detector.neck.channels", n.Channels, 1, maxChannels)
	v.oneOf("detector.neck.norm", n.Norm, NormBN, NormNone)
	if len(n.Levels) == 0 {
		v.add("detector.neck.levels", `is empty; write stages such as ["C2", "C3", "C4", "C5"]`)
	}
	for i, level := range n.Levels {
		stage := Stage(level)
		switch {
		case stage < 0 || stage >= stages:
			v.add("detector.neck.levels", "the backbone has no %q; its stages are C2 to C%d", clip(level), stages+1)
			return
		case i > 0 && stage != Stage(n.Levels[i-1])+1:
			v.add("detector.neck.levels", "%s follows %s; write neighbours, the finest first", level, n.Levels[i-1])
			return
		}
	}
	within(v, "detector.neck.num_outs", n.NumOuts, len(n.Levels), len(n.Levels)+3)
}

func (v *validator) rpn(r *RPN) {
	within(v, "detector.rpn.channels", r.Channels, 1, maxChannels)
	each(v, "detector.rpn.scales", r.Scales, 0, 0.1, 1024)
	each(v, "detector.rpn.ratios", r.Ratios, 0, 0.01, 100)
	within(v, "detector.rpn.pos_iou", r.PosIoU, 0, 1)
	within(v, "detector.rpn.neg_iou", r.NegIoU, 0, r.PosIoU)
	within(v, "detector.rpn.min_pos_iou", r.MinPosIoU, 0, 1)
	v.sampling("detector.rpn", r.Samples, r.PosFraction)
	within(v, "detector.rpn.nms_pre_train", r.NMSPreTrain, 1, maxCount)
	within(v, "detector.rpn.max_train", r.MaxTrain, 1, maxCount)
	within(v, "detector.rpn.nms_pre_test", r.NMSPreTest, 1, maxCount)
	within(v, "detector.rpn.max_test", r.MaxTest, 1, maxCount)
	within(v, "detector.rpn.nms_iou", r.NMSIoU, 0, 1)
	v.boxLoss("detector.rpn", &r.BoxLoss)
}

func (v *validator) roi(r *RoI) {
	within(v, "detector.roi.pool", r.Pool, 1, 64)
	within(v, "detector.roi.sampling_ratio", r.SamplingRatio, 0, 16)
	within(v, "detector.roi.convs", r.Convs, 0, 16)
	within(v, "detector.roi.conv_channels", r.ConvChannels, 1, maxChannels)
	if len(r.FC) > 0 || r.Convs == 0 {
		each(v, "detector.roi.fc", r.FC, 0, 1, maxChannels)
	}
	v.oneOf("detector.roi.norm", r.Norm, NormBN, NormNone)
	within(v, "detector.roi.pos_iou", r.PosIoU, 0, 1)
	within(v, "detector.roi.neg_iou", r.NegIoU, 0, r.PosIoU)
	v.sampling("detector.roi", r.Samples, r.PosFraction)
	each(v, "detector.roi.stds", r.Stds, 4, 1e-4, 1e4)
	v.boxLoss("detector.roi", &r.BoxLoss)
}

func (v *validator) retina(r *Retina) {
	v.oneOf("detector.retina.extra", r.Extra, ExtraInput, ExtraOutput)
	within(v, "detector.retina.convs", r.Convs, 0, 16)
	within(v, "detector.retina.channels", r.Channels, 1, maxChannels)
	within(v, "detector.retina.octave_base", r.OctaveBase, 0.1, 1024)
	within(v, "detector.retina.scales_per_octave", r.ScalesPerOctave, 1, 16)
	each(v, "detector.retina.ratios", r.Ratios, 0, 0.01, 100)
	within(v, "detector.retina.pos_iou", r.PosIoU, 0, 1)
	within(v, "detector.retina.neg_iou", r.NegIoU, 0, r.PosIoU)
	within(v, "detector.retina.min_pos_iou", r.MinPosIoU, 0, 1)
	within(v, "detector.retina.prior", r.Prior, 1e-6, 0.5)
	within(v, "detector.retina.alpha", r.Alpha, 0, 1)
	within(v, "detector.retina.gamma", r.Gamma, 0, 10)
	each(v, "detector.retina.stds", r.Stds, 4, 1e-4, 1e4)
	within(v, "detector.retina.nms_pre", r.NMSPre, 1, maxCount)
	v.boxLoss("detector.retina", &r.BoxLoss)
}

func (v *validator) sampling(table string, samples int, fraction float64) {
	within(v, table+".samples", samples, 1, 1<<20)
	within(v, table+".pos_fraction", fraction, 0, 1)
}

func (v *validator) boxLoss(table string, l *BoxLoss) {
	within(v, table+".cls_weight", l.ClsWeight, 0, 1e6)
	within(v, table+".box_weight", l.BoxWeight, 0, 1e6)
	v.oneOf(table+".loss", l.Loss, LossL1, LossSmoothL1)
	v.above(table+".beta", l.Beta, 1e6)
}
