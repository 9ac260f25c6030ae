package detector

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// toyConfig is a small detector on a toy backbone's levels at strides 4, 8, 16.
func toyConfig() FasterRCNNConfig {
	c := DefaultFasterRCNN(2)
	c.Neck = NeckConfig{Channels: 24, Levels: []int{0, 1, 2}, NumOuts: 4, Norm: true}
	c.RPN.Channels = 24
	c.RPN.Sample.Num = 64
	c.RPN.Train = ProposalConfig{PerLevel: 200, Max: 100, NMSIoU: 0.7}
	c.RPN.Test = c.RPN.Train
	c.RoI.Convs, c.RoI.ConvChannels, c.RoI.FC = 1, 24, []int{64}
	c.RoI.Sample.Num = 32
	return c
}

func newToy(t testing.TB, c FasterRCNNConfig) (*FasterRCNN, *nn.Store) {
	t.Helper()
	st := nn.NewStore(tensor.CPU, 7)
	t.Cleanup(st.Free)
	d, err := NewFasterRCNN(st.Root(), newToyBackbone(st.Root().At("backbone"), 1, 12, 24, 32, 48), c)
	if err == nil {
		err = st.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, st
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

// Each image draws once for each stage, from the generator of its own index: what
// it draws does not depend on the images before it.
func TestEachImageDrawsByItself(t *testing.T) {
	type draw struct {
		image int
		stage string
	}
	d, _ := newToy(t, toyConfig())
	// sampled returns the anchors and the regions that are drawn of the last image.
	sampled := func(images []Image, asked *[]draw) (anchors []int64, regions []float32) {
		rng := func(image int, stage string) *rand.Rand {
			*asked = append(*asked, draw{image, stage})
			return testRNG(1)(image, stage)
		}
		run(t, func(s *tensor.Scope) error {
			_, out, proposals, err := d.propose(&nn.Pass{Scope: s}, toyBatch(s, images), nil, d.cfg.RPN.Train)
			if err != nil {
				return err
			}
			targets, err := d.rpn.targets(out, images, rng)
			if err != nil {
				return err
			}
			last := len(images) - 1
			for _, at := range targets.index {
				if n := len(out.anchors.Boxes); int(at)/n == last {
					anchors = append(anchors, at%int64(n))
				}
			}
			rois := d.head.sample(proposals, images, rng).rois
			for i := range rois.len() {
				if b := rois.box(i); int(rois.flat[5*i]) == last {
					regions = append(regions, b[:]...)
				}
			}
			return nil
		})
		return anchors, regions
	}
	images := toyImages()
	var asked []draw
	anchors, regions := sampled([]Image{images[0], images[1]}, &asked)
	if want := []draw{{0, "rpn"}, {1, "rpn"}, {0, "roi"}, {1, "roi"}}; !slices.Equal(asked, want) {
		t.Errorf("generators of %v were asked for, want %v", asked, want)
	}
	if len(anchors) != d.cfg.RPN.Sample.Num || len(regions) != 4*d.cfg.RoI.Sample.Num {
		t.Fatalf("%d anchors and %d numbers of regions were drawn", len(anchors), len(regions))
	}
	if a, r := sampled([]Image{{W: 64, H: 64}, images[1]}, &asked); !slices.Equal(a, anchors) || !slices.Equal(r, regions) {
		t.Error("an image draws otherwise behind another one")
	}
	if a, r := sampled([]Image{images[1]}, &asked); slices.Equal(a, anchors) || slices.Equal(r, regions) {
		t.Error("an image draws alike at another place")
	}
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
		if total, want := item(t, l.Total), lossOf(t, l, "loss_rpn_cls"); total != want {
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

// An image counts as one positive and one negative sample at least, also where all
// of its anchors are ignored.
func TestIgnoredImageCounts(t *testing.T) {
	c := toyConfig()
	c.RPN.Assign.IgnoreIoF = 0.5
	d, _ := newToy(t, c)
	ignored := []Image{{W: 128, H: 96, Ignore: []box.Box{{-500, -500, 628, 596}}}}
	run(t, func(s *tensor.Scope) error {
		_, out, _, err := d.propose(&nn.Pass{Scope: s}, toyBatch(s, ignored), nil, c.RPN.Train)
		if err != nil {
			return err
		}
		targets, err := d.rpn.targets(out, ignored, testRNG(1))
		if len(targets.index) != 0 || targets.normaliser != 2 {
			t.Errorf("%d anchors sampled and a normaliser of %v, want 0 and 2", len(targets.index), targets.normaliser)
		}
		return err
	})
}

func TestConfigErrors(t *testing.T) {
	if err := DefaultFasterRCNN(80).Check(4); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(c *FasterRCNNConfig)
		want   string
	}{
		{"classes", func(c *FasterRCNNConfig) { c.Classes = 0 }, "classes is 0"},
		{"level", func(c *FasterRCNNConfig) { c.Neck.Levels = []int{3, 4} }, "neck level 4 is not among the backbone's 4"},
		{"order", func(c *FasterRCNNConfig) { c.Neck.Levels = []int{0, 2} }, "not neighbours"},
		{"outs", func(c *FasterRCNNConfig) { c.Neck.NumOuts = 3 }, "3 neck outputs for 4 levels"},
		{"overlap", func(c *FasterRCNNConfig) { c.RPN.Assign.NegIoU = 0.8 }, "rpn neg iou 0.8 is above"},
		{"stds", func(c *FasterRCNNConfig) { c.RoI.Stds[2] = 0 }, "stds"},
		{"nan", func(c *FasterRCNNConfig) { c.Test.ScoreThr = math.NaN() }, "score threshold"},
		{"weights", func(c *FasterRCNNConfig) { c.RoI.Loss.BoxWeight = -1 }, "roi loss weights"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultFasterRCNN(80)
			c.change(&cfg)
			if err := cfg.Check(4); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %q in it", err, c.want)
			}
		})
	}
}
