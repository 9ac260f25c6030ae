package detector

import (
	"errors"
	"math"
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// forEach runs a test on a toy detector of each kind.
func forEach(t *testing.T, f func(t *testing.T, d Detector, st *nn.Store)) {
	t.Helper()
	t.Run("faster-rcnn", func(t *testing.T) {
		d, st := newToy(t, toyConfig())
		f(t, d, st)
	})
	t.Run("retinanet", func(t *testing.T) {
		d, st := newRetinaToy(t, retinaToyConfig())
		f(t, d, st)
	})
}

// toyImages are two images with bright boxes of class 0 and dark ones of class 1.
// The second is smaller than the batch.
func toyImages() []Image {
	return []Image{
		{W: 128, H: 96, Boxes: []box.Box{{10, 12, 50, 60}, {70, 40, 120, 88}}, Labels: []int{0, 1}},
		{W: 96, H: 64, Boxes: []box.Box{{30, 8, 78, 56}}, Labels: []int{1}},
	}
}

func toyPixels(images []Image, w, h int) []float32 {
	x := make([]float32, len(images)*3*h*w)
	for i, im := range images {
		for k, b := range im.Boxes {
			for c := range 3 {
				for y := int(b[1]); y < int(b[3]); y++ {
					for px := int(b[0]); px < int(b[2]); px++ {
						x[((i*3+c)*h+y)*w+px] = float32(2 - 4*im.Labels[k])
					}
				}
			}
		}
	}
	return x
}

func toyBatch(s *tensor.Scope, images []Image) Batch {
	return Batch{X: s.FromFloats(toyPixels(images, 128, 96), tensor.CPU, int64(len(images)), 3, 96, 128), Images: images}
}

// trainer holds what SGD needs of a store.
type trainer struct {
	params, momenta []*tensor.Tensor
	decay           []float64
}

func newTrainer(t testing.TB, st *nn.Store) *trainer {
	tr := &trainer{decay: make([]float64, len(st.Params))}
	run(t, func(s *tensor.Scope) error {
		for _, p := range st.Params {
			tr.params = append(tr.params, p.T)
			tr.momenta = append(tr.momenta, s.Keep(s.Full(0, tensor.CPU, p.T.Shape()...)))
		}
		return nil
	})
	t.Cleanup(func() {
		for _, m := range tr.momenta {
			m.Free()
		}
	})
	return tr
}

func (tr *trainer) step(s *tensor.Scope, loss *tensor.Tensor, lr float64) error {
	tensor.DropGrads(tr.params)
	s.Backward(loss)
	if _, err := tensor.ClipGrads(tr.params, 10); err != nil {
		return err
	}
	err := tensor.SGD(tr.params, tr.momenta, tr.decay, lr, 0.9, make([]bool, len(tr.params)))
	return err
}

func TestOverfitsTwoImages(t *testing.T) {
	forEach(t, func(t *testing.T, d Detector, st *nn.Store) {
		tr := newTrainer(t, st)
		var first, last float64
		const iterations = 60
		for iter := range iterations {
			run(t, func(s *tensor.Scope) error {
				l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, toyImages()), nil, testRNG(uint64(iter)))
				if err != nil {
					return err
				}
				last = item(t, l.Total)
				if iter == 0 {
					first = last
				}
				return tr.step(s, l.Total, 0.02*min(1, float64(iter+1)/10))
			})
		}
		if !(last < first/2) {
			t.Errorf("the loss went from %.3f to %.3f in %d iterations", first, last, iterations)
		}
		run(t, func(s *tensor.Scope) error {
			found, err := d.Detect(&nn.Pass{Scope: s}, toyBatch(s, toyImages()), nil)
			if err != nil {
				return err
			}
			for i, im := range toyImages() {
				for k, want := range im.Boxes {
					if best := bestMatch(found[i], im.Labels[k], want); best < 0.6 {
						t.Errorf("image %d: box %v of class %d is found with an overlap of %.2f among %v", i, want, im.Labels[k], best, found[i])
					}
				}
			}
			return nil
		})
	})
}

// bestMatch is the largest overlap of a detection of the class that scores at
// least 0.5.
func bestMatch(found []Detection, label int, want box.Box) float32 {
	var best float32
	for _, d := range found {
		if d.Label == label && d.Score >= 0.5 {
			best = max(best, box.IoU(d.Box, want))
		}
	}
	return best
}

func TestImagesWithoutBoxes(t *testing.T) {
	forEach(t, func(t *testing.T, d Detector, st *nn.Store) {
		tr := newTrainer(t, st)
		run(t, func(s *tensor.Scope) error {
			images := []Image{{W: 128, H: 96}, {W: 100, H: 50}}
			l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, images), nil, testRNG(1))
			if err != nil {
				return err
			}
			for _, part := range l.Parts {
				boxes := strings.HasSuffix(part.Name, "_bbox")
				if v := item(t, part.T); boxes && v != 0 || !boxes && !(v > 0) {
					t.Errorf("%s of %v without boxes", part.Name, v)
				}
			}
			return tr.step(s, l.Total, 0.01)
		})
	})
}

func TestNotFinite(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ kind, param, want, wantDetect string }{
		{"", "backbone.conv1.weight", "pyramid level", "pyramid level"},
		{"", "neck.fpn_convs.1.conv.weight", "pyramid level 1", "pyramid level 1"},
		{"", "rpn_head.rpn_cls.weight", "rpn objectness: image 0, level 0", "rpn objectness: image 0, level 0"},
		{"", "rpn_head.rpn_reg.bias", "rpn deltas: image 0, level 0", "rpn deltas: image 0, level 0"},
		{"", "roi_head.bbox_head.fc_cls.bias", "loss_cls", "class logits of box 0"},
		{"", "roi_head.bbox_head.fc_reg.bias", "loss_bbox", "deltas of box 0"},
		{"retinanet", "backbone.conv1.weight", "pyramid level", "pyramid level"},
		{"retinanet", "neck.fpn_convs.4.conv.weight", "pyramid level 4", "pyramid level 4"},
		{"retinanet", "bbox_head.retina_cls.bias", "loss_cls", "retina head: class logits"},
		{"retinanet", "bbox_head.retina_reg.bias", "loss_bbox", "retina head: box deltas: image 0, level 0"},
	} {
		t.Run(c.kind+c.param, func(t *testing.T) {
			var d Detector
			var st *nn.Store
			if c.kind == "" {
				d, st = newToy(t, toyConfig())
			} else {
				cfg := retinaToyConfig()
				cfg.Test.ScoreThr = 0 // an untrained head finds nothing else
				d, st = newRetinaToy(t, cfg)
			}
			if err := st.Get(c.param).Fill(nan); err != nil {
				t.Fatal(err)
			}
			check := func(err error, want string) {
				t.Helper()
				if !errors.Is(err, nn.ErrNotFinite) || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v; want one about the %s", err, want)
				}
			}
			check(attempt(func(s *tensor.Scope) error {
				_, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, toyImages()), nil, testRNG(1))
				return err
			}), c.want)
			check(attempt(func(s *tensor.Scope) error {
				_, err := d.Detect(&nn.Pass{Scope: s}, toyBatch(s, toyImages()), nil)
				return err
			}), c.wantDetect)
		})
	}
}

// The statistics of the neck, which begin with a mean of 0, move by the config's
// share of a batch's.
func TestBNMomentumIsTheConfigs(t *testing.T) {
	for name, fresh := range map[string]func(momentum float64) (Detector, *nn.Store){
		"faster-rcnn": func(momentum float64) (Detector, *nn.Store) {
			c := toyConfig()
			c.BNMomentum = momentum
			return newToy(t, c)
		},
		"retinanet": func(momentum float64) (Detector, *nn.Store) {
			c := retinaToyConfig()
			c.BNMomentum = momentum
			return newRetinaToy(t, c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			mean := func(momentum float64) []float32 {
				d, st := fresh(momentum)
				run(t, func(s *tensor.Scope) error {
					_, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, toyImages()), nil, testRNG(1))
					return err
				})
				return floats(t, st.Get("neck.fpn_convs.0.bn.running_mean"))
			}
			want := mean(0.125)
			for i := range want {
				want[i] *= 3
			}
			sameFloats(t, "the mean at three times the momentum", mean(0.375), want, 1e-5)
		})
	}
}

func TestCalibrateLeavesTheLayersAlone(t *testing.T) {
	forEach(t, func(t *testing.T, d Detector, st *nn.Store) {
		run(t, func(s *tensor.Scope) error {
			stats := nn.NewStats(0)
			defer stats.Free()
			before := floats(t, st.Get("neck.fpn_convs.0.bn.running_var"))
			err := tensor.NoGrad(func() error {
				return d.Calibrate(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, toyBatch(s, toyImages()), nil, testRNG(1))
			})
			layers := 4 + 3 + 3 + 1 // backbone, laterals, outputs, box head
			if _, retina := d.(*RetinaNet); retina {
				layers = 4 + 3 + 5 // no head, and two more outputs
			}
			if stats.Layers() != layers {
				t.Errorf("statistics of %d layers, want %d", stats.Layers(), layers)
			}
			sameFloats(t, "the layer's variance", floats(t, st.Get("neck.fpn_convs.0.bn.running_var")), before, 0)
			return err
		})
	})
}

// What Calibrate leaves out has no BN: the statistics are those of a whole training
// pass, to the bit.
func TestCalibrateGathersWhatLossDoes(t *testing.T) {
	forEach(t, func(t *testing.T, d Detector, _ *nn.Store) {
		run(t, func(s *tensor.Scope) error {
			batch := toyBatch(s, toyImages())
			gathered := func(gather func(p *nn.Pass) error) (layers int, loss float64) {
				stats := nn.NewStats(0)
				defer stats.Free()
				err := tensor.NoGrad(func() error {
					if err := gather(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}); err != nil {
						return err
					}
					l, err := d.Loss(&nn.Pass{Scope: s, Stats: stats}, batch, nil, testRNG(1))
					if err == nil {
						loss, err = l.Total.Item()
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
				return stats.Layers(), loss
			}
			wantLayers, wantLoss := gathered(func(p *nn.Pass) error {
				_, err := d.Loss(p, batch, nil, testRNG(1))
				return err
			})
			layers, loss := gathered(func(p *nn.Pass) error { return d.Calibrate(p, batch, nil, testRNG(1)) })
			if layers != wantLayers || loss != wantLoss {
				t.Errorf("statistics of %d layers give the loss %v, and those of a training pass, of %d, %v", layers, loss, wantLayers, wantLoss)
			}
			return nil
		})
	})
}

func TestDetectFreesWhatItMakes(t *testing.T) {
	forEach(t, func(t *testing.T, d Detector, _ *nn.Store) {
		run(t, func(s *tensor.Scope) error {
			b := toyBatch(s, toyImages())
			before := s.Len()
			_, err := d.Detect(&nn.Pass{Scope: s}, b, nil)
			if s.Len() != before {
				t.Errorf("%d tensors in the scope after Detect, %d before", s.Len(), before)
			}
			return err
		})
	})
}

func TestBatchErrors(t *testing.T) {
	forEach(t, func(t *testing.T, d Detector, _ *nn.Store) {
		for _, c := range []struct {
			name   string
			change func(images []Image) []Image
			want   string
		}{
			{"images", func(im []Image) []Image { return append(im, im[0]) }, "3 images described"},
			{"size", func(im []Image) []Image { im[1].H = 97; return im }, "image 1 of 96x97 px"},
			{"labels", func(im []Image) []Image { im[0].Labels = im[0].Labels[:1]; return im }, "2 boxes and 1 labels"},
			{"class", func(im []Image) []Image { im[1].Labels[0] = 2; return im }, "image 1: box 0 has the label 2"},
			{"area", func(im []Image) []Image { im[0].Boxes[1][2] = 70; return im }, "image 0: box 1"},
			{"nan", func(im []Image) []Image { im[0].Boxes[0][0] = float32(math.NaN()); return im }, "image 0: box 0"},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := attempt(func(s *tensor.Scope) error {
					b := toyBatch(s, toyImages())
					b.Images = c.change(b.Images)
					_, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, b, nil, testRNG(1))
					return err
				})
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v; want %q in it", err, c.want)
				}
			})
		}
	})
}

// lossOf is a part of the losses.
func lossOf(t *testing.T, l Losses, name string) float64 {
	t.Helper()
	for _, part := range l.Parts {
		if part.Name == name {
			return item(t, part.T)
		}
	}
	t.Fatalf("no loss is called %s", name)
	return 0
}

// attempt runs f in a scope on a thread of its own and returns its error.
func attempt(f func(s *tensor.Scope) error) error {
	return tensor.OnThread(1, func() error { return tensor.Run("test", f) })
}
