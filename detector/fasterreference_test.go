package detector

import (
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// The reference values are made by bench/reference/fasterrcnn.py.

// referenceFasterRCNN is the Faster R-CNN of the script, with torchvision's ways
// where they differ from mmdet's. The case "mmdet's pooling" has the regions pooled
// as the default config does.
func referenceFasterRCNN(t *testing.T, name string) (*FasterRCNN, *nn.Store) {
	t.Helper()
	all := SampleConfig{Num: 1 << 20, PosFraction: 1}
	c := DefaultFasterRCNN(3)
	c.PadTo = 128 // no anchor is beyond an image: torchvision has all take part
	c.BNMomentum = 0.3
	c.Neck = NeckConfig{Channels: 20, Levels: []int{0, 1, 2}, NumOuts: 4, Norm: true}
	c.RPN.Channels, c.RPN.Scales, c.RPN.Sample = 20, []float64{4}, all
	c.RPN.Assign.MinPosIoU = 0
	c.RPN.Train = ProposalConfig{PerLevel: 15, Max: 40, NMSIoU: 0.7, MinSize: 1e-3}
	c.RPN.Test = ProposalConfig{PerLevel: 10, Max: 30, NMSIoU: 0.7, MinSize: 1e-3}
	c.RPN.Loss = LossConfig{ClassWeight: 0.75, BoxWeight: 2, Beta: 1.0 / 9}
	c.RoI.Loss = LossConfig{ClassWeight: 1.5, BoxWeight: 3, Beta: 1.0 / 9}
	c.RoI.Convs, c.RoI.ConvChannels, c.RoI.FC, c.RoI.Sample = 2, 12, []int{24}, all
	c.Test = TestConfig{ScoreThr: 0.25, NMSIoU: 0.5, MaxPerImage: 18}
	skip, channels := 1, []int{12, 16, 24, 32}
	if name == "torchvision's pooling" {
		skip, channels = 2, append(channels, 48)
		c.RoI.Pool, c.RoI.SamplingRatio, c.RoI.Aligned, c.RoI.FinestScale = 5, 2, false, 15
	}
	st := nn.NewStore(device, 1)
	t.Cleanup(st.Free)
	d, err := NewFasterRCNN(st.Root(), newToyBackbone(st.Root().At("backbone"), skip, channels...), c)
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
	Name   string
	Images []referenceImage
	Step   struct {
		RPNClass float64 `json:"loss_rpn_cls"`
		RPNBox   float64 `json:"loss_rpn_bbox"`
		Class    float64 `json:"loss_cls"`
		Box      float64 `json:"loss_bbox"`
		Grads    []referenceTensor
		Stats    []referenceTensor
	}
	Found []referenceFound
}

func fasterReferences(t *testing.T) []fasterReference {
	t.Helper()
	var file struct{ Cases []fasterReference }
	readReference(t, "fasterrcnn", &file)
	return file.Cases
}

// A whole training step: losses within 1e-4 of torchvision's, gradients of all
// parameters within 1e-3, the statistics that batch normalisation keeps within 1e-5.
func TestFasterRCNNStepAgainstTorchvision(t *testing.T) {
	for _, ref := range fasterReferences(t) {
		t.Run(ref.Name, func(t *testing.T) {
			d, st := referenceFasterRCNN(t, ref.Name)
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
				sameStats(t, st, ref.Step.Stats)
				return nil
			})
		})
	}
}

// The same boxes as torchvision's to 1e-3 px, the scores to 1e-4.
func TestFasterRCNNDetectionsAgainstTorchvision(t *testing.T) {
	for _, ref := range fasterReferences(t) {
		t.Run(ref.Name, func(t *testing.T) {
			d, _ := referenceFasterRCNN(t, ref.Name)
			run(t, func(s *tensor.Scope) error {
				batch := Batch{X: filled(s, "retina.images", 2, 3, 3, 128, 256), Images: images(ref.Images)}
				found, err := d.Detect(&nn.Pass{Scope: s}, batch, nil)
				if err == nil {
					sameDetections(t, found, ref.Found)
				}
				return err
			})
		})
	}
}
