package detector

import (
	"slices"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// seen is what a detector makes of a batch.
type seen struct {
	loss  float64
	found [][]Detection
}

// look runs both passes over images in a batch of w by h px. Batch statistics stay
// as they are.
func look(t *testing.T, d Detector, images []Image, w, h int) seen {
	t.Helper()
	var out seen
	run(t, func(s *tensor.Scope) error {
		batch := Batch{X: s.FromFloats(toyPixels(images, w, h), tensor.CPU, int64(len(images)), 3, int64(h), int64(w)), Images: images}
		l, err := d.Loss(&nn.Pass{Scope: s}, batch, nil, testRNG(1))
		if err != nil {
			return err
		}
		out.loss = item(t, l.Total)
		out.found, err = d.Detect(&nn.Pass{Scope: s}, batch, nil)
		return err
	})
	return out
}

// One detector sees batches of other shapes in turn as a fresh one sees each. Wide
// and high have as many anchors, at other places.
func TestShapesInTurn(t *testing.T) {
	shapes := []struct {
		w, h   int
		images []Image
	}{
		{128, 96, toyImages()},
		{96, 128, []Image{{W: 96, H: 128, Boxes: []box.Box{{10, 12, 50, 60}, {40, 70, 90, 120}}, Labels: []int{0, 1}}}},
		{64, 64, []Image{{W: 60, H: 50, Boxes: []box.Box{{8, 8, 40, 44}}, Labels: []int{1}}, {W: 64, H: 64}}},
		{128, 96, toyImages()},
	}
	for name, fresh := range map[string]func() Detector{
		"faster-rcnn": func() Detector {
			d, _ := newToy(t, toyConfig())
			return d
		},
		"retinanet": func() Detector {
			c := retinaToyConfig()
			c.Test.ScoreThr = 0 // an untrained head finds nothing else
			d, _ := newRetinaToy(t, c)
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := fresh()
			for _, s := range shapes {
				got, want := look(t, d, s.images, s.w, s.h), look(t, fresh(), s.images, s.w, s.h)
				if got.loss != want.loss {
					t.Errorf("%dx%d: a loss of %v, a fresh detector's is %v", s.w, s.h, got.loss, want.loss)
				}
				for i := range want.found {
					if len(want.found[i]) == 0 || !slices.Equal(got.found[i], want.found[i]) {
						t.Errorf("%dx%d: image %d: %d detections that are not a fresh detector's %d", s.w, s.h, i, len(got.found[i]), len(want.found[i]))
					}
				}
			}
		})
	}
}

// More shapes than are kept do no harm to one another either.
func TestAnchorCacheKeepsTheLast(t *testing.T) {
	c, err := newAnchorCache(box.AnchorConfig{Strides: []int{8}, Scales: []float32{4}, Ratios: []float32{1}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * keptShapes {
		size := box.Size{H: 1 + i%(keptShapes+1), W: 2 + i%(keptShapes+1)}
		for range 2 {
			a, err := c.at([]box.Size{size})
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Boxes) != size.H*size.W || a.Boxes[len(a.Boxes)-1][0] != float32(8*size.W-8-16) {
				t.Errorf("%d anchors of a level of %v, the last %v", len(a.Boxes), size, a.Boxes[len(a.Boxes)-1])
			}
		}
		if len(c.recent) > keptShapes {
			t.Fatalf("%d shapes are kept, want %d", len(c.recent), keptShapes)
		}
	}
}

// Anchors beyond an image's own padding are not valid, whichever side the batch is
// longer on.
func TestValidAnchors(t *testing.T) {
	c, err := newAnchorCache(box.AnchorConfig{Strides: []int{4, 32}, Scales: []float32{8}, Ratios: []float32{1}})
	if err != nil {
		t.Fatal(err)
	}
	sizes := []box.Size{{H: 24, W: 32}, {H: 3, W: 4}} // of 128x96 px
	for _, test := range []struct {
		name       string
		w, h, want int
	}{
		{"whole", 128, 96, 24*32 + 3*4},
		{"by its padding", 97, 65, 24*32 + 3*4},
		{"less wide", 96, 96, 24*24 + 3*3},
		{"less high", 128, 64, 16*32 + 2*4},
		{"both", 40, 30, 8*16 + 1*2},
	} {
		t.Run(test.name, func(t *testing.T) {
			valid, err := c.valid(sizes, Image{W: test.w, H: test.h}, 32)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, v := range valid {
				if v {
					got++
				}
			}
			if valid == nil {
				got = 24*32 + 3*4
			}
			if got != test.want {
				t.Errorf("%d anchors are valid, want %d", got, test.want)
			}
		})
	}
}

// In a batch that is higher than one of its images, and no wider, the anchors below
// that image enter neither detector's loss.
func TestHigherBatch(t *testing.T) {
	images := []Image{{W: 128, H: 96}, {W: 128, H: 40}}
	places := 32*24 + 16*12 + 8*6 + 4*3 + 32*16 + 16*8 + 8*4 + 4*2
	c := toyConfig()
	c.RPN.Sample.Num = 1 << 20
	faster, _ := newToy(t, c)
	retina, _ := newRetinaToy(t, retinaToyConfig())
	run(t, func(s *tensor.Scope) error {
		p := &nn.Pass{Scope: s}
		_, out, _, err := faster.propose(p, toyBatch(s, images), nil, c.RPN.Train)
		if err != nil {
			return err
		}
		drawn, err := faster.rpn.targets(out, images, testRNG(1))
		if err != nil {
			return err
		}
		if len(drawn.index) != 3*places {
			t.Errorf("rpn: %d anchors count, want %d", len(drawn.index), 3*places)
		}
		_, out, err = retina.forward(p, toyBatch(s, images), nil)
		if err != nil {
			return err
		}
		targets, err := retina.head.targets(out, images)
		if err != nil {
			return err
		}
		count := 0
		for _, l := range targets.labels {
			if l != int64(box.Ignored) {
				count++
			}
		}
		if want := 9 * (places + 2*2 + 2*1); count != want {
			t.Errorf("retina head: %d anchors count, want %d", count, want)
		}
		return nil
	})
}
