package detector

import (
	"fmt"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// The reference values are made by bench/reference/retinanet.py.

// referenceRetinaNet is the RetinaNet of the script, with torchvision's ways where
// they differ from mmdet's.
func referenceRetinaNet(t *testing.T, extra string) (*RetinaNet, *nn.Store) {
	t.Helper()
	c := DefaultRetinaNet(3)
	c.PadTo = 128 // no anchor is beyond an image: torchvision has all take part
	c.Neck = NeckConfig{Channels: 20, Levels: []int{0, 1, 2}, NumOuts: 5, Extra: extraOf(extra)}
	c.Head.Channels, c.Head.PerLevel = 20, 20
	c.Head.Loss.ClassWeight, c.Head.Loss.BoxWeight = 1.5, 3
	c.Test = TestConfig{ScoreThr: 0.3, NMSIoU: 0.5, MaxPerImage: 40}
	st := nn.NewStore(device, 1)
	t.Cleanup(st.Free)
	d, err := NewRetinaNet(st.Root(), newToyBackbone(st.Root().At("backbone"), 2, 12, 16, 24, 32, 48), c)
	if err != nil {
		t.Fatal(err)
	}
	setWeights(t, st)
	d.head.anchors, err = newAnchorCache(box.AnchorConfig{
		Strides: d.trunk.strides, Scales: box.OctaveScales(4, 3), Ratios: []float32{0.5, 1, 2}, Round: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.head.matcher.LowQuality = box.LowQualityOwnBest
	return d, st
}

func extraOf(name string) Extra {
	if name == "output" {
		return ExtraOnOutput
	}
	return ExtraOnInput
}

type retinaReference struct {
	Images []referenceImage
	Cases  []struct {
		Extra string
		Step  struct {
			Class, Box float64
			Positives  []int
			Grads      []referenceTensor
		}
		Found []referenceFound
	}
}

// A whole training step: losses within 1e-4 of torchvision's, gradients of all
// parameters within 1e-3.
func TestRetinaNetStepAgainstTorchvision(t *testing.T) {
	var ref retinaReference
	readReference(t, "retinanet", &ref)
	for _, c := range ref.Cases {
		t.Run(c.Extra, func(t *testing.T) {
			d, st := referenceRetinaNet(t, c.Extra)
			run(t, func(s *tensor.Scope) error {
				batch := Batch{X: filled(s, "retina.images", 2, 3, 3, 128, 256), Images: images(ref.Images)}
				l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, batch, nil, nil)
				if err != nil {
					return err
				}
				same(t, "class loss", lossOf(t, l, "loss_cls"), c.Step.Class, 1e-4)
				same(t, "box loss", lossOf(t, l, "loss_bbox"), c.Step.Box, 1e-4)
				s.Backward(l.Total)
				sameGrads(t, s, st, c.Step.Grads)
				return nil
			})
		})
	}
}

// The same boxes as torchvision's to 1e-3 px, the scores to 1e-4.
func TestRetinaNetDetectionsAgainstTorchvision(t *testing.T) {
	var ref retinaReference
	readReference(t, "retinanet", &ref)
	for _, c := range ref.Cases {
		t.Run(c.Extra, func(t *testing.T) {
			d, _ := referenceRetinaNet(t, c.Extra)
			run(t, func(s *tensor.Scope) error {
				batch := Batch{X: filled(s, "retina.images", 2, 3, 3, 128, 256), Images: images(ref.Images)}
				found, err := d.Detect(&nn.Pass{Scope: s}, batch, nil)
				if err == nil {
					sameDetections(t, found, c.Found)
				}
				return err
			})
		})
	}
}

// Targets and losses of given logits in mmdet's form.
func TestRetinaLossAgainstReference(t *testing.T) {
	var ref struct {
		Images []referenceImage
		Cases  []struct {
			Beta, Alpha, Gamma, Class, Box float64
			Stds                           [4]float64
			Normaliser                     int
			LogitsGrad                     float64   `json:"logits_grad"`
			DeltasGrad                     float64   `json:"deltas_grad"`
			SomeLogitsGrad                 []float32 `json:"some_logits_grad"`
		}
	}
	readReference(t, "retina", &ref)
	st := nn.NewStore(device, 1)
	defer st.Free()
	sizes := []box.Size{{H: 8, W: 12}, {H: 4, W: 6}, {H: 2, W: 3}}
	for i, c := range ref.Cases {
		cfg := DefaultRetinaNet(3).Head
		cfg.Loss.Beta, cfg.Alpha, cfg.Gamma, cfg.Stds = c.Beta, c.Alpha, c.Gamma, c.Stds
		h, err := newRetinaHead(st.Root().At("case%d", i), cfg, 3, 4, []int{8, 16, 32}, 32)
		if err != nil {
			t.Fatal(err)
		}
		anchors, err := h.anchors.at(sizes)
		if err != nil {
			t.Fatal(err)
		}
		run(t, func(s *tensor.Scope) error {
			p := &nn.Pass{Scope: s, Mode: nn.Train}
			n := int64(len(ref.Images) * len(anchors.Boxes))
			out := anchorOutput{logits: filled(s, "retina.logits", 4, n, 3), deltas: filled(s, "retina.deltas", 0.8, n, 4), sizes: sizes, anchors: anchors}
			trained(t, out.logits, out.deltas)
			targets, err := h.targets(out, images(ref.Images))
			if err != nil {
				return err
			}
			if targets.normaliser != float64(c.Normaliser) {
				t.Errorf("case %d: normaliser %v, want %d", i, targets.normaliser, c.Normaliser)
			}
			class, boxes := h.loss(p, out, targets)
			same(t, "class loss", item(t, class), c.Class, 1e-4)
			same(t, "box loss", item(t, boxes), c.Box, 1e-4)
			p.Backward(p.Add(class, boxes))
			same(t, "gradient of the logits", norm(t, p.Grad(out.logits)), c.LogitsGrad, 1e-3)
			same(t, "gradient of the deltas", norm(t, p.Grad(out.deltas)), c.DeltasGrad, 1e-3)
			var some []float32
			for k, v := range floats(t, p.Grad(out.logits)) {
				if k%157 == 0 {
					some = append(some, v)
				}
			}
			sameFloats(t, "gradient of some logits", some, c.SomeLogitsGrad, 1e-4)
			return nil
		})
	}
}

// The levels above the backbone's, with and without batch normalisation.
func TestHigherLevelsAgainstTorch(t *testing.T) {
	var cases []struct {
		Extra       string
		Norm, Train bool
		Out         [][]float32
	}
	readReference(t, "retinapyramid", &cases)
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s,norm=%v,train=%v", c.Extra, c.Norm, c.Train), func(t *testing.T) {
			st := nn.NewStore(device, 1)
			defer st.Free()
			n := newNeck(st.Root().At("neck"), NeckConfig{
				Channels: 5, Levels: []int{0, 1, 2}, NumOuts: 5, Extra: extraOf(c.Extra), Norm: c.Norm,
			}, []int{4, 6, 8}, 0.1)
			setWeights(t, st)
			run(t, func(s *tensor.Scope) error {
				p := &nn.Pass{Scope: s, Mode: mode(c.Train)}
				outs := n.forward(p, []*tensor.Tensor{
					filled(s, "pyramid.0", 1, 2, 4, 11, 15), filled(s, "pyramid.1", 1, 2, 6, 6, 8), filled(s, "pyramid.2", 1, 2, 8, 3, 4),
				})
				for i, want := range c.Out {
					sameFloats(t, fmt.Sprintf("level %d", 3+i), floats(t, p.Detach(outs[3+i])), want, 1e-5)
				}
				return nil
			})
		})
	}
}
