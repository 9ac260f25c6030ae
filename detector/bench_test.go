package detector

import (
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// lightConfig is the light model that docs/benchmarks.md times: FPN of 128
// channels on three levels, 64 rois, fc 256, 500 proposals a level and 300 an
// image.
func lightConfig() FasterRCNNConfig {
	c := DefaultFasterRCNN(3)
	c.Neck = NeckConfig{Channels: 128, Levels: []int{1, 2, 3}, NumOuts: 3}
	c.RPN.Channels = 128
	c.RPN.Train = ProposalConfig{PerLevel: 500, Max: 300, NMSIoU: 0.7}
	c.RPN.Test = c.RPN.Train
	c.RoI.Convs, c.RoI.FC, c.RoI.Norm, c.RoI.SamplingRatio = 0, []int{256, 256}, false, 2
	c.RoI.Sample.Num = 64
	return c
}

func lightBatch(s *tensor.Scope, pixels []float32) Batch {
	im := Image{W: 320, H: 320}
	for k := range 12 { // as many boxes as an image of blood cells has
		x, y := float32(20+70*(k%4)), float32(20+90*(k/4))
		im.Boxes, im.Labels = append(im.Boxes, box.Box{x, y, x + 40 + float32(2*k), y + 50}), append(im.Labels, k%3)
	}
	return Batch{X: s.FromFloats(pixels, tensor.CPU, 2, 3, 320, 320), Images: []Image{im, im}}
}

// lightRetina is a RetinaNet of about that cost.
func lightRetina() RetinaNetConfig {
	c := DefaultRetinaNet(3)
	c.Neck = NeckConfig{Channels: 128, Levels: []int{1, 2, 3}, NumOuts: 4, Extra: ExtraOnInput}
	c.Head.Convs, c.Head.Channels, c.Head.PerLevel = 2, 128, 500
	return c
}

// eachLight runs a benchmark on two threads with a light detector of each kind.
func eachLight(b *testing.B, f func(b *testing.B, d Detector, st *nn.Store) error) {
	b.Helper()
	for _, kind := range []string{"faster-rcnn", "retinanet"} {
		b.Run(kind, func(b *testing.B) {
			st := nn.NewStore(tensor.CPU, 7)
			defer st.Free()
			backbone := newToyBackbone(st.Root().At("backbone"), 1, 16, 64, 160, 320, 640)
			var d Detector
			var err error
			if kind == "retinanet" {
				d, err = NewRetinaNet(st.Root(), backbone, lightRetina())
			} else {
				d, err = NewFasterRCNN(st.Root(), backbone, lightConfig())
			}
			if err == nil {
				err = tensor.OnThread(2, func() error { return f(b, d, st) })
			}
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkTrainingStep(b *testing.B) {
	pixels := fill("light", 2*3*320*320, 2)
	eachLight(b, func(b *testing.B, d Detector, st *nn.Store) error {
		tr, rng := newTrainer(b, st), testRNG(1)
		for b.Loop() {
			err := tensor.Run("step", func(s *tensor.Scope) error {
				l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, lightBatch(s, pixels), nil, rng)
				if err != nil {
					return err
				}
				return tr.step(s, l.Total, 1e-4)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func BenchmarkDetect(b *testing.B) {
	pixels := fill("light", 2*3*320*320, 2)
	eachLight(b, func(b *testing.B, d Detector, _ *nn.Store) error {
		for b.Loop() {
			err := tensor.Run("detect", func(s *tensor.Scope) error {
				_, err := d.Detect(&nn.Pass{Scope: s}, lightBatch(s, pixels), nil)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
