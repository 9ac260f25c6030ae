package detector

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"detnas/core/native"
	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// The reference values are made by bench/reference/detector.py.

func TestRoIAlignAgainstTorchvision(t *testing.T) {
	var cases []struct {
		Aligned   bool
		Sampling  int
		Rois      [][5]float32
		Out, Grad []float32
	}
	readReference(t, "roialign", &cases)
	for _, c := range cases {
		for _, gather := range []bool{false, true} {
			t.Run(fmt.Sprintf("aligned=%v,sampling=%d,gather=%v", c.Aligned, c.Sampling, gather), func(t *testing.T) {
				run(t, func(s *tensor.Scope) error {
					x := filled(s, "align.feature", 1, 2, 3, 10, 14)
					if err := x.RequireGrad(true); err != nil {
						return err
					}
					y := s.RoIAlign([]*tensor.Tensor{x}, []float64{1.0 / 8}, slices.Concat(flat(c.Rois)...), make([]int32, len(c.Rois)),
						native.Align{Pooled: 3, Sampling: c.Sampling, Aligned: c.Aligned, Gather: gather})
					s.Backward(s.Sum(s.Mul(y, filled(s, "align.grad", 1, y.Shape()...))))
					sameFloats(t, "output", floats(t, s.Detach(y)), c.Out, 1e-5)
					sameFloats(t, "gradient", floats(t, s.Grad(x)), c.Grad, 1e-5)
					return nil
				})
			})
		}
	}
}

func TestNeckAgainstTorchvision(t *testing.T) {
	var cases []struct {
		Norm, Train bool
		Out         [][]float32
	}
	readReference(t, "pyramid", &cases)
	for _, c := range cases {
		t.Run(fmt.Sprintf("norm=%v,train=%v", c.Norm, c.Train), func(t *testing.T) {
			st := nn.NewStore(device, 1)
			defer st.Free()
			n := newNeck(st.Root().At("neck"), NeckConfig{Channels: 5, Levels: []int{0, 1, 2}, NumOuts: 4, Norm: c.Norm}, []int{4, 6, 8}, 0.1)
			setWeights(t, st)
			run(t, func(s *tensor.Scope) error {
				p := &nn.Pass{Scope: s, Mode: mode(c.Train)}
				outs := n.forward(p, []*tensor.Tensor{
					filled(s, "pyramid.0", 1, 2, 4, 11, 15), filled(s, "pyramid.1", 1, 2, 6, 6, 8), filled(s, "pyramid.2", 1, 2, 8, 3, 4),
				})
				for i, want := range c.Out {
					sameFloats(t, fmt.Sprintf("level %d", i), floats(t, p.Detach(outs[i])), want, 1e-5)
				}
				return nil
			})
		})
	}
}

func TestRPNAgainstReference(t *testing.T) {
	var ref struct {
		Images []referenceImage
		Cases  []struct {
			Beta, Class, Box      float64
			Normaliser, Positives int
			LogitsGrad            float64 `json:"logits_grad"`
			DeltasGrad            float64 `json:"deltas_grad"`
			Proposals             [][]box.Box
		}
	}
	readReference(t, "rpn", &ref)
	st := nn.NewStore(device, 1)
	defer st.Free()
	sizes := []box.Size{{H: 8, W: 12}, {H: 4, W: 6}, {H: 2, W: 3}}
	for _, c := range ref.Cases {
		cfg := DefaultFasterRCNN(3).RPN
		cfg.Scales = []float64{4}
		cfg.Loss.Beta = c.Beta
		cfg.Sample = SampleConfig{Num: 1 << 20, PosFraction: 1} // all of them
		r, err := newRPN(st.Root().At("beta%v", c.Beta), cfg, 4, []int{8, 16, 32}, 32)
		if err != nil {
			t.Fatal(err)
		}
		anchors, err := r.anchors.at(sizes)
		if err != nil {
			t.Fatal(err)
		}
		run(t, func(s *tensor.Scope) error {
			p := &nn.Pass{Scope: s, Mode: nn.Train}
			n := int64(len(ref.Images) * len(anchors.Boxes))
			out := anchorOutput{logits: filled(s, "rpn.logits", 4, n), deltas: filled(s, "rpn.deltas", 0.8, n, 4), sizes: sizes, anchors: anchors}
			trained(t, out.logits, out.deltas)
			targets, err := r.targets(out, images(ref.Images), testRNG(1))
			if err != nil {
				return err
			}
			if targets.normaliser != float64(c.Normaliser) || len(targets.posIdx) != c.Positives {
				t.Errorf("beta %v: normaliser %v of %d positives, want %d of %d", c.Beta, targets.normaliser, len(targets.posIdx), c.Normaliser, c.Positives)
			}
			class, boxes := r.loss(p, out, targets)
			same(t, "class loss", item(t, class), c.Class, 1e-4)
			same(t, "box loss", item(t, boxes), c.Box, 1e-4)
			p.Backward(p.Add(class, boxes))
			same(t, "gradient of the logits", norm(t, p.Grad(out.logits)), c.LogitsGrad, 1e-3)
			same(t, "gradient of the deltas", norm(t, p.Grad(out.deltas)), c.DeltasGrad, 1e-3)
			proposals, err := r.proposals(p, out, images(ref.Images), ProposalConfig{PerLevel: 100, Max: 30, NMSIoU: 0.7, MinSize: 2})
			if err != nil {
				return err
			}
			for i, want := range c.Proposals {
				sameBoxes(t, fmt.Sprintf("proposals of image %d", i), proposals[i], want)
			}
			return nil
		})
	}
}

func TestRoILossAgainstReference(t *testing.T) {
	var ref struct {
		Images []referenceImage
		Cases  []struct {
			Beta, Class, Box, Accuracy float64
			Proposals                  [][]box.Box
			Rois                       [][5]float32
			Levels                     []int32
			Labels                     []int64
			LogitsGrad                 float64 `json:"logits_grad"`
			DeltasGrad                 float64 `json:"deltas_grad"`
		}
	}
	readReference(t, "roi", &ref)
	st := nn.NewStore(device, 1)
	defer st.Free()
	for _, c := range ref.Cases {
		cfg := DefaultFasterRCNN(3).RoI
		cfg.Loss.Beta, cfg.FinestScale, cfg.FC, cfg.Convs = c.Beta, 15, []int{4}, 0
		cfg.Sample = SampleConfig{Num: 1 << 20, PosFraction: 1} // all of them
		h := newRoIHead(st.Root().At("beta%v", c.Beta), cfg, 3, 4, []int{8, 16, 32}, 0)
		run(t, func(s *tensor.Scope) error {
			p := &nn.Pass{Scope: s, Mode: nn.Train}
			samples := h.sample(c.Proposals, images(ref.Images), testRNG(1))
			if !slices.Equal(samples.labels, c.Labels) {
				t.Fatalf("labels %v, want %v", samples.labels, c.Labels)
			}
			if !slices.Equal(samples.rois.level, c.Levels) {
				t.Errorf("levels %v, want %v", samples.rois.level, c.Levels)
			}
			sameFloats(t, "rois", samples.rois.flat, slices.Concat(flat(c.Rois)...), 1e-6)
			n := int64(len(samples.labels))
			logits, deltas := filled(s, "roi.logits", 2, n, 4), filled(s, "roi.deltas", 1, n, 12)
			trained(t, logits, deltas)
			class, boxes := h.loss(p, logits, deltas, samples)
			same(t, "class loss", item(t, class), c.Class, 1e-4)
			same(t, "box loss", item(t, boxes), c.Box, 1e-4)
			right, err := accuracy(p, logits, samples.labels, float64(len(samples.labels)))
			same(t, "accuracy", right, c.Accuracy, 1e-6)
			p.Backward(p.Add(class, boxes))
			same(t, "gradient of the logits", norm(t, p.Grad(logits)), c.LogitsGrad, 1e-3)
			same(t, "gradient of the deltas", norm(t, p.Grad(deltas)), c.DeltasGrad, 1e-3)
			return err
		})
	}
}

func TestBoxHeadAgainstTorchvision(t *testing.T) {
	var cases []struct {
		Norm, Train    bool
		Rois           [][5]float32
		Levels         []int32
		Logits, Deltas []float32
	}
	readReference(t, "head", &cases)
	for _, c := range cases {
		t.Run(fmt.Sprintf("norm=%v,train=%v", c.Norm, c.Train), func(t *testing.T) {
			st := nn.NewStore(device, 1)
			defer st.Free()
			cfg := RoIConfig{Pool: 3, Aligned: true, Convs: 2, ConvChannels: 6, FC: []int{8, 7}, Norm: c.Norm, Stds: [4]float64{0.1, 0.1, 0.2, 0.2}}
			h := newRoIHead(st.Root().At("roi_head.bbox_head"), cfg, 3, 4, []int{8, 16, 32}, 0.1)
			setWeights(t, st)
			run(t, func(s *tensor.Scope) error {
				levels := []*tensor.Tensor{
					filled(s, "head.feature.0", 1, 2, 4, 8, 12), filled(s, "head.feature.1", 1, 2, 4, 4, 6), filled(s, "head.feature.2", 1, 2, 4, 2, 3),
				}
				p := &nn.Pass{Scope: s, Mode: mode(c.Train)}
				logits, deltas := h.forward(p, levels, &rois{flat: slices.Concat(flat(c.Rois)...), level: c.Levels})
				sameFloats(t, "logits", floats(t, p.Detach(logits)), c.Logits, 1e-4)
				sameFloats(t, "deltas", floats(t, p.Detach(deltas)), c.Deltas, 1e-4)
				return nil
			})
		})
	}
}

func TestDetectionsAgainstReference(t *testing.T) {
	var ref struct {
		Images []referenceImage
		Cases  []struct {
			Name      string
			Rois      []box.Box
			Threshold float64
			Max       int
			Boxes     []box.Box
			Labels    []int
			Scores    []float32
		}
	}
	readReference(t, "detections", &ref)
	st := nn.NewStore(device, 1)
	defer st.Free()
	cfg := DefaultFasterRCNN(3).RoI
	cfg.Convs, cfg.FC = 0, []int{4}
	for _, c := range ref.Cases {
		t.Run(c.Name, func(t *testing.T) {
			h := newRoIHead(st.Root().At("%s", c.Name), cfg, 3, 4, []int{8, 16, 32}, 0)
			run(t, func(s *tensor.Scope) error {
				n := int64(len(c.Rois))
				var all rois
				for _, b := range c.Rois {
					h.add(&all, 0, b)
				}
				p := &nn.Pass{Scope: s}
				out, err := h.read(p, filled(s, "detect."+c.Name+".logits", 3, n, 4), filled(s, "detect."+c.Name+".deltas", 1.5, n, 12))
				if err != nil {
					return err
				}
				found, err := h.detections(out, &all, 0, int(n), images(ref.Images)[0],
					TestConfig{ScoreThr: c.Threshold, NMSIoU: 0.5, MaxPerImage: c.Max})
				if err != nil {
					return err
				}
				var boxes []box.Box
				var labels []int
				var scores []float32
				for _, d := range found {
					boxes, labels, scores = append(boxes, d.Box), append(labels, d.Label), append(scores, d.Score)
				}
				sameBoxes(t, "detections", boxes, c.Boxes)
				if !slices.Equal(labels, c.Labels) {
					t.Errorf("labels %v, want %v", labels, c.Labels)
				}
				sameFloats(t, "scores", scores, c.Scores, 1e-5)
				return nil
			})
		})
	}
}

func flat(in [][5]float32) [][]float32 {
	out := make([][]float32, len(in))
	for i := range in {
		out[i] = in[i][:]
	}
	return out
}

func mode(train bool) nn.Mode {
	if train {
		return nn.Train
	}
	return nn.Eval
}

func trained(t *testing.T, ts ...*tensor.Tensor) {
	t.Helper()
	for _, x := range ts {
		if err := x.RequireGrad(true); err != nil {
			t.Fatal(err)
		}
	}
}

func floats(t *testing.T, x *tensor.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func item(t *testing.T, x *tensor.Tensor) float64 {
	t.Helper()
	v, err := x.Item()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func norm(t *testing.T, x *tensor.Tensor) float64 {
	t.Helper()
	var sum float64
	for _, v := range floats(t, x) {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
