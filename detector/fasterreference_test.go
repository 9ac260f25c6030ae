package detector

import (
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// The reference values are made by bench/reference/fasterrcnn.py.

// referenceFasterRCNN is the Faster R-CNN of the script, with torchvision's ways
// where they differ from mmdet's.
func referenceFasterRCNN(t *testing.T) (*FasterRCNN, *nn.Store) {
	t.Helper()
	all := SampleConfig{Num: 1 << 20, PosFraction: 1}
	c := DefaultFasterRCNN(3)
	c.PadTo = 128 // no anchor is beyond an image: torchvision has all take part
	c.Neck = NeckConfig{Channels: 20, Levels: []int{0, 1, 2}, NumOuts: 4, Norm: true}
	c.RPN.Channels, c.RPN.Scales, c.RPN.Sample = 20, []float64{4}, all
	c.RPN.Assign.MinPosIoU = 0
	c.RPN.Train = ProposalConfig{PerLevel: 100, Max: 40, NMSIoU: 0.7, MinSize: 1e-3}
	c.RPN.Test = ProposalConfig{PerLevel: 60, Max: 30, NMSIoU: 0.7, MinSize: 1e-3}
	c.RPN.Loss.Beta, c.RoI.Loss.Beta = 1.0/9, 1.0/9
	c.RoI.Pool, c.RoI.SamplingRatio, c.RoI.Aligned, c.RoI.FinestScale = 5, 2, false, 15
	c.RoI.Convs, c.RoI.ConvChannels, c.RoI.FC, c.RoI.Sample = 2, 12, []int{24}, all
	c.Test = TestConfig{ScoreThr: 0.265, NMSIoU: 0.5, MaxPerImage: 22}
	st := nn.NewStore(tensor.CPU, 1)
	t.Cleanup(st.Free)
	d, err := NewFasterRCNN(st.Root(), newToyBackbone(st.Root().At("backbone"), 2, 12, 16, 24, 32, 48), c)
	if err != nil {
		t.Fatal(err)
	}
	setWeights(t, st)
	d.rpn.anchors, err = newAnchorCache(box.AnchorConfig{
		Strides: d.trunk.strides, Scales: []float32{4}, Ratios: []float32{0.5, 1, 2}, Round: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.rpn.matcher.LowQuality = box.LowQualityOwnBest
	return d, st
}

type fasterReference struct {
	Images []referenceImage
	Step   struct {
		RPNClass float64 `json:"loss_rpn_cls"`
		RPNBox   float64 `json:"loss_rpn_bbox"`
		Class    float64 `json:"loss_cls"`
		Box      float64 `json:"loss_bbox"`
		Grads    []referenceGrad
	}
	Found []referenceFound
}

// A whole training step: losses within 1e-4 of torchvision's, gradients of all
// parameters within 1e-3.
func TestFasterRCNNStepAgainstTorchvision(t *testing.T) {
	var ref fasterReference
	readReference(t, "fasterrcnn", &ref)
	d, st := referenceFasterRCNN(t)
	run(t, func(s *tensor.Scope) error {
		batch := Batch{X: filled(s, "retina.images", 2, 3, 3, 128, 256), Images: images(ref.Images)}
		l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, batch, nil, testRNG(1))
		if err != nil {
			return err
		}
		same(t, "rpn's class loss", lossOf(t, l, "loss_rpn_cls"), ref.Step.RPNClass, 1e-4)
		same(t, "rpn's box loss", lossOf(t, l, "loss_rpn_bbox"), ref.Step.RPNBox, 1e-4)
		same(t, "class loss", lossOf(t, l, "loss_cls"), ref.Step.Class, 1e-4)
		same(t, "box loss", lossOf(t, l, "loss_bbox"), ref.Step.Box, 1e-4)
		s.Backward(l.Total)
		sameGrads(t, s, st, ref.Step.Grads)
		return nil
	})
}

// The same boxes as torchvision's to 1e-3 px, the scores to 1e-4.
func TestFasterRCNNDetectionsAgainstTorchvision(t *testing.T) {
	var ref fasterReference
	readReference(t, "fasterrcnn", &ref)
	d, _ := referenceFasterRCNN(t)
	run(t, func(s *tensor.Scope) error {
		batch := Batch{X: filled(s, "retina.images", 2, 3, 3, 128, 256), Images: images(ref.Images)}
		found, err := d.Detect(&nn.Pass{Scope: s}, batch, nil)
		if err == nil {
			sameDetections(t, found, ref.Found)
		}
		return err
	})
}
