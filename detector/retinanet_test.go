package detector

import (
	"math"
	"slices"
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// retinaToyConfig is a small detector on a toy backbone's levels at strides 4, 8,
// 16, with two more above.
func retinaToyConfig() RetinaNetConfig {
	c := DefaultRetinaNet(2)
	c.Neck = NeckConfig{Channels: 24, Levels: []int{0, 1, 2}, NumOuts: 5, Extra: ExtraOnInput, Norm: true}
	c.Head.Convs, c.Head.Channels, c.Head.PerLevel = 1, 24, 200
	return c
}

func newRetinaToy(t testing.TB, c RetinaNetConfig) (*RetinaNet, *nn.Store) {
	t.Helper()
	st := nn.NewStore(tensor.CPU, 7)
	t.Cleanup(st.Free)
	d, err := NewRetinaNet(st.Root(), newToyBackbone(st.Root().At("backbone"), 1, 12, 24, 32, 48), c)
	if err == nil {
		err = st.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, st
}

// The anchors of a level that the two pyramids' extra convolutions give are as many
// as their places times nine.
func TestRetinaAnchors(t *testing.T) {
	for _, extra := range []Extra{ExtraOnInput, ExtraOnOutput, ExtraPool} {
		c := retinaToyConfig()
		c.Neck.Extra = extra
		d, _ := newRetinaToy(t, c)
		run(t, func(s *tensor.Scope) error {
			_, out, err := d.forward(&nn.Pass{Scope: s}, toyBatch(s, toyImages()), nil)
			if err != nil {
				return err
			}
			want := []int{0, 9 * 32 * 24, 9 * (32*24 + 16*12), 9 * (32*24 + 16*12 + 8*6), 9 * (32*24 + 16*12 + 8*6 + 4*3), 9 * (32*24 + 16*12 + 8*6 + 4*3 + 2*2)}
			if !slices.Equal(out.anchors.Start, want) {
				t.Errorf("levels start at %v, want %v", out.anchors.Start, want)
			}
			n := int64(2 * want[5])
			if l, d := out.logits.Shape(), out.deltas.Shape(); !slices.Equal(l, []int64{n, 2}) || !slices.Equal(d, []int64{n, 4}) {
				t.Errorf("logits of shape %v and deltas of %v for %d anchors", l, d, n)
			}
			return nil
		})
	}
}

// Without training every class of every anchor has the prior, so that the loss of
// an image without objects is that of the prior.
func TestRetinaStartsFromThePrior(t *testing.T) {
	c := retinaToyConfig()
	c.Head.Prior, c.Neck.Norm = 0.2, false
	d, st := newRetinaToy(t, c)
	if err := st.Get("bbox_head.retina_cls.weight").Fill(0); err != nil {
		t.Fatal(err)
	}
	run(t, func(s *tensor.Scope) error {
		l, err := d.Loss(&nn.Pass{Scope: s, Mode: nn.Train}, toyBatch(s, []Image{{W: 128, H: 96}, {W: 128, H: 96}}), nil, nil)
		if err != nil {
			return err
		}
		count := 9 * (32*24 + 16*12 + 8*6 + 4*3 + 2*2)
		// Two images without positives count as one positive each, which cancels
		// their number.
		want := float64(count*2) * -0.75 * 0.2 * 0.2 * math.Log(0.8)
		same(t, "class loss", lossOf(t, l, "loss_cls"), want, 1e-5)
		return nil
	})
}

// An anchor beyond an image's own padding is neither object nor background, and
// one in a crowd neither.
func TestRetinaTargets(t *testing.T) {
	c := retinaToyConfig()
	c.Head.Assign.IgnoreIoF = 0.5
	d, _ := newRetinaToy(t, c)
	im := []Image{
		{W: 128, H: 96, Boxes: []box.Box{{8, 8, 24, 24}}, Labels: []int{1}},
		{W: 64, H: 64},
		{W: 128, H: 96, Ignore: []box.Box{{-100, -100, 228, 196}}},
	}
	run(t, func(s *tensor.Scope) error {
		out, err := anchorOutput{}.over([]*tensor.Tensor{
			s.Full(0, tensor.CPU, 1, 1, 24, 32), s.Full(0, tensor.CPU, 1, 1, 12, 16), s.Full(0, tensor.CPU, 1, 1, 6, 8),
			s.Full(0, tensor.CPU, 1, 1, 3, 4), s.Full(0, tensor.CPU, 1, 1, 2, 2),
		}, d.head.anchors)
		if err != nil {
			return err
		}
		targets, err := d.head.targets(out, im)
		if err != nil {
			return err
		}
		n := len(out.anchors.Boxes)
		count := func(i int, label int64) (c int) {
			for _, l := range targets.labels[i*n : (i+1)*n] {
				if l == label {
					c++
				}
			}
			return c
		}
		pos := count(0, 1)
		if pos == 0 || len(targets.posIdx) != pos || len(targets.deltas) != 4*pos || targets.normaliser != float64(pos+2) {
			t.Errorf("%d positive anchors, %d indices, %d deltas, normaliser %v; want the last 2 more than the first", pos, len(targets.posIdx), len(targets.deltas), targets.normaliser)
		}
		if got, want := count(1, int64(box.Negative)), 9*(16*16+8*8+4*4+2*2+1); got != want || count(1, int64(box.Ignored)) != n-want {
			t.Errorf("%d negative anchors of %d in the smaller image, want %d and the others ignored", got, n, want)
		}
		if got := count(2, int64(box.Ignored)); got < n/2 {
			t.Errorf("%d of %d anchors are ignored in a crowd that covers the image", got, n)
		}
		return nil
	})
}

// Of a level, the best pairs of anchor and class come first, and those at the
// threshold not at all.
func TestRetinaCandidates(t *testing.T) {
	c := candidates{}
	scores := []float32{.1, .9, .5, .3, .7, .31} // three anchors, two classes
	if err := c.level(scores, 2, .3, 5, 100, 4); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.index, []int64{100, 102, 101, 102}) || !slices.Equal(c.labels, []int32{1, 0, 0, 1}) ||
		!slices.Equal(c.scores, []float32{.9, .7, .5, .31}) || !slices.Equal(c.levels, []int32{4, 4, 4, 4}) {
		t.Errorf("%+v", c)
	}
	if err := c.level(scores, 2, .3, 1, 0, 5); err != nil || len(c.index) != 5 || c.index[4] != 0 {
		t.Errorf("candidates %v (%v), want one more, the best", c.index, err)
	}
	if err := c.level(scores, 2, .95, 3, 0, 0); err != nil || len(c.index) != 5 {
		t.Errorf("%d candidates (%v) after a level that has none", len(c.index), err)
	}
}

func TestRetinaConfigErrors(t *testing.T) {
	if err := DefaultRetinaNet(80).Check(4); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(c *RetinaNetConfig)
		want   string
	}{
		{"classes", func(c *RetinaNetConfig) { c.Classes = 0 }, "classes is 0"},
		{"level", func(c *RetinaNetConfig) { c.Neck.Levels = []int{3, 4} }, "neck level 4 is not among the backbone's 4"},
		{"convs", func(c *RetinaNetConfig) { c.Head.Convs = -1 }, "-1 retina convs"},
		{"channels", func(c *RetinaNetConfig) { c.Head.Channels = 0 }, "retina channels is 0"},
		{"scales", func(c *RetinaNetConfig) { c.Head.ScalesPerOctave = 0 }, "scales per octave is 0"},
		{"overlap", func(c *RetinaNetConfig) { c.Head.Assign.NegIoU = 0.8 }, "retina neg iou 0.8 is above"},
		{"prior", func(c *RetinaNetConfig) { c.Head.Prior = 1 }, "retina prior is 1"},
		{"alpha", func(c *RetinaNetConfig) { c.Head.Alpha = 2 }, "retina alpha is 2"},
		{"gamma", func(c *RetinaNetConfig) { c.Head.Gamma = math.NaN() }, "gamma NaN"},
		{"stds", func(c *RetinaNetConfig) { c.Head.Stds[1] = 0 }, "retina stds"},
		{"candidates", func(c *RetinaNetConfig) { c.Head.PerLevel = 0 }, "retina candidates a level is 0"},
		{"weights", func(c *RetinaNetConfig) { c.Head.Loss.BoxWeight = -1 }, "retina loss weights"},
		{"threshold", func(c *RetinaNetConfig) { c.Test.ScoreThr = 2 }, "score threshold is 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultRetinaNet(80)
			c.change(&cfg)
			if err := cfg.Check(4); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %q in it", err, c.want)
			}
		})
	}
	c := retinaToyConfig()
	c.Head.Ratios = nil
	st := nn.NewStore(tensor.CPU, 7)
	defer st.Free()
	if _, err := NewRetinaNet(st.Root(), newToyBackbone(st.Root().At("backbone"), 1, 12, 24, 32, 48), c); err == nil || !strings.Contains(err.Error(), "0 ratios") {
		t.Errorf("without ratios: %v", err)
	}
}
