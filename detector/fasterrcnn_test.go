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

// toyConfig is a small detector on a toy backbone's levels at strides 4, 8, 16.
func toyConfig() Config {
	c := DefaultConfig(2)
	c.Neck = NeckConfig{Channels: 24, Levels: []int{0, 1, 2}, NumOuts: 4, Norm: true}
	c.RPN.Channels = 24
	c.RPN.Sample.Num = 64
	c.RPN.Train = ProposalConfig{PerLevel: 200, Max: 100, NMSIoU: 0.7}
	c.RPN.Test = c.RPN.Train
	c.RoI.Convs, c.RoI.ConvChannels, c.RoI.FC = 1, 24, []int{64}
	c.RoI.Sample.Num = 32
	return c
}

func newToy(t testing.TB, c Config) (*FasterRCNN, *nn.Store) {
	t.Helper()
	st := nn.NewStore(tensor.CPU, 7)
	t.Cleanup(st.Free)
	d, err := New(st.Root(), newToyBackbone(st.Root().At("backbone"), 1, 12, 24, 32, 48), c)
	if err == nil {
		err = st.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, st
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
	_, err := tensor.SGD(tr.params, tr.momenta, tr.decay, lr, 0.9)
	return err
}

func TestOverfitsTwoImages(t *testing.T) {
	d, st := newToy(t, toyConfig())
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

func TestSameSeedSameLoss(t *testing.T) {
	once := func(seed uint64) (total float64) {
		d, _ := newToy(t, toyConfig())
		run(t, func(s *tensor.Scope) error {
			l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, toyImages()), nil, testRNG(seed))
			if err == nil {
				total = item(t, l.Total)
			}
			return err
		})
		return total
	}
	if a, b := once(1), once(1); a != b {
		t.Errorf("equal seeds gave losses of %v and %v", a, b)
	}
	if a, b := once(1), once(2); a == b {
		t.Errorf("different seeds gave the same loss of %v", a)
	}
}

func TestImagesWithoutBoxes(t *testing.T) {
	d, st := newToy(t, toyConfig())
	tr := newTrainer(t, st)
	run(t, func(s *tensor.Scope) error {
		images := []Image{{W: 128, H: 96}, {W: 100, H: 50}}
		l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, images), nil, testRNG(1))
		if err != nil {
			return err
		}
		if r, b := item(t, l.RPNBox), item(t, l.Box); r != 0 || b != 0 {
			t.Errorf("box losses of %v and %v without boxes", r, b)
		}
		if c := item(t, l.Class); !(c > 0) {
			t.Errorf("class loss of %v, and all samples are background", c)
		}
		return tr.step(s, l.Total, 0.01)
	})
}

func TestNoProposals(t *testing.T) {
	c := toyConfig()
	c.RPN.Train.MinSize, c.RPN.Test.MinSize = 1e4, 1e4 // no box is that large
	d, st := newToy(t, c)
	tr := newTrainer(t, st)
	run(t, func(s *tensor.Scope) error {
		l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, []Image{{W: 128, H: 96}, {W: 9, H: 9}}), nil, testRNG(1))
		if err != nil {
			return err
		}
		if total, want := item(t, l.Total), item(t, l.RPNClass); total != want {
			t.Errorf("a total of %v with an rpn class loss of %v alone", total, want)
		}
		if err := tr.step(s, l.Total, 0.01); err != nil {
			return err
		}
		found, err := d.Detect(&nn.Pass{Scope: s}, toyBatch(s, toyImages()), nil)
		if err == nil && (len(found) != 2 || len(found[0])+len(found[1]) > 0) {
			t.Errorf("%v found without proposals", found)
		}
		return err
	})
}

func TestNotFinite(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ param, want, wantDetect string }{
		{"backbone.conv1.weight", "pyramid level", "pyramid level"},
		{"neck.fpn_convs.1.conv.weight", "pyramid level 1", "pyramid level 1"},
		{"rpn_head.rpn_cls.weight", "rpn objectness: image 0, level 0", "rpn objectness: image 0, level 0"},
		{"rpn_head.rpn_reg.bias", "rpn deltas: image 0, level 0", "rpn deltas: image 0, level 0"},
		{"roi_head.bbox_head.fc_cls.bias", "class loss", "class logits of box 0"},
		{"roi_head.bbox_head.fc_reg.bias", "box loss", "deltas of box 0"},
	} {
		t.Run(c.param, func(t *testing.T) {
			d, st := newToy(t, toyConfig())
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

func TestCalibrateLeavesTheLayersAlone(t *testing.T) {
	d, st := newToy(t, toyConfig())
	run(t, func(s *tensor.Scope) error {
		stats := nn.NewStats(0)
		defer stats.Free()
		before := floats(t, st.Get("neck.fpn_convs.0.bn.running_var"))
		err := tensor.NoGrad(func() error {
			_, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, toyBatch(s, toyImages()), nil, testRNG(1))
			return err
		})
		const layers = 4 + 3 + 3 + 1 // backbone, laterals, outputs, box head
		if stats.Layers() != layers {
			t.Errorf("statistics of %d layers, want %d", stats.Layers(), layers)
		}
		sameFloats(t, "the layer's variance", floats(t, st.Get("neck.fpn_convs.0.bn.running_var")), before, 0)
		return err
	})
}

func TestDetectFreesWhatItMakes(t *testing.T) {
	d, _ := newToy(t, toyConfig())
	run(t, func(s *tensor.Scope) error {
		b := toyBatch(s, toyImages())
		before := s.Len()
		_, err := d.Detect(&nn.Pass{Scope: s}, b, nil)
		if s.Len() != before {
			t.Errorf("%d tensors in the scope after Detect, %d before", s.Len(), before)
		}
		return err
	})
}

func TestCrowdsAreIgnored(t *testing.T) {
	crowd := []Image{{W: 128, H: 96, Ignore: []box.Box{{0, 0, 128, 96}}}}
	sampled := func(ignoreIoF float64) int {
		c := toyConfig()
		c.RPN.Sample.Num = 1 << 20
		c.RPN.Assign.IgnoreIoF = ignoreIoF
		d, _ := newToy(t, c)
		var n int
		run(t, func(s *tensor.Scope) error {
			p := &nn.Pass{Scope: s, Mode: nn.Train}
			_, out, _, err := d.propose(p, toyBatch(s, crowd), nil, c.RPN.Train)
			if err != nil {
				return err
			}
			targets, err := d.rpn.targets(out, crowd, testRNG(1))
			n = len(targets.index)
			return err
		})
		return n
	}
	all, some := sampled(-1), sampled(0.5)
	if all != 3*(32*24+16*12+8*6+4*3) {
		t.Errorf("%d anchors sampled; want all of them", all)
	}
	if some >= all/2 {
		t.Errorf("%d of %d anchors sampled in a crowd that covers the image", some, all)
	}
}

func TestBatchErrors(t *testing.T) {
	d, _ := newToy(t, toyConfig())
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
}

func TestConfigErrors(t *testing.T) {
	if err := DefaultConfig(80).Check(4); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(c *Config)
		want   string
	}{
		{"classes", func(c *Config) { c.Classes = 0 }, "classes is 0"},
		{"level", func(c *Config) { c.Neck.Levels = []int{3, 4} }, "neck level 4 is not among the backbone's 4"},
		{"order", func(c *Config) { c.Neck.Levels = []int{0, 2} }, "not neighbours"},
		{"outs", func(c *Config) { c.Neck.NumOuts = 3 }, "3 neck outputs for 4 levels"},
		{"overlap", func(c *Config) { c.RPN.Assign.NegIoU = 0.8 }, "rpn neg iou 0.8 is above"},
		{"stds", func(c *Config) { c.RoI.Stds[2] = 0 }, "stds"},
		{"nan", func(c *Config) { c.Test.ScoreThr = math.NaN() }, "score threshold"},
		{"weights", func(c *Config) { c.RoI.Loss.BoxWeight = -1 }, "roi loss weights"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig(80)
			c.change(&cfg)
			if err := cfg.Check(4); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %q in it", err, c.want)
			}
		})
	}
}

// attempt runs f in a scope on a thread of its own and returns its error.
func attempt(f func(s *tensor.Scope) error) error {
	return tensor.OnThread(1, func() error { return tensor.Run("test", f) })
}
