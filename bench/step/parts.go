package main

import (
	"fmt"
	"math"

	"detnas/core/native"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// The parts of a detector that are timed by themselves, of a full-size detector.
const (
	alignImages, alignChannels, alignH, alignW, alignBoxes = 2, 256, 100, 168, 1000 // stride 8 of 800 x 1344 px
	nmsBoxes                                               = 2000
	matchAnchors, matchTruths                              = 200_000, 50
)

// partState is what both sides of a part start from.
func partState(name string) (run.Checkpoint, error) {
	var c run.Checkpoint
	rng := seed.Rand(rootSeed, "bench", name)
	boxes := func(n int, least, most float64) []float32 { // in 1333 x 800 px
		const w, h = 1333, 800
		out := make([]float32, 0, 4*n)
		for range n {
			bw, bh := least+(most-least)*rng.Float64(), least+(most-least)*rng.Float64()
			x, y := rng.Float64()*(w-bw), rng.Float64()*(h-bh)
			out = append(out, float32(x), float32(y), float32(x+bw), float32(y+bh))
		}
		return out
	}
	switch name {
	case "roialign":
		var rois []float32
		for i, b := range boxes(alignBoxes, 32, 300) {
			if i%4 == 0 {
				rois = append(rois, float32(i/4%alignImages))
			}
			rois = append(rois, b)
		}
		c.Tensors = []run.NamedArray{
			floats("input.feature", noise(name, alignImages*alignChannels*alignH*alignW, 1), alignImages, alignChannels, alignH, alignW),
			floats("input.rois", rois, alignBoxes, 5),
		}
	case "nms":
		scores := make([]float32, nmsBoxes)
		for i := range scores {
			scores[i] = rng.Float32()
		}
		c.Tensors = []run.NamedArray{
			floats("input.boxes", boxes(nmsBoxes, 16, 300), nmsBoxes, 4), floats("input.scores", scores, nmsBoxes),
		}
	case "match":
		c.Tensors = []run.NamedArray{
			floats("input.anchors", boxes(matchAnchors, 16, 400), matchAnchors, 4),
			floats("input.truths", boxes(matchTruths, 16, 400), matchTruths, 4),
		}
	default:
		return c, fmt.Errorf("there is no part called %q", name)
	}
	return c, nil
}

// newPart makes the work of a part from what partState has written.
func newPart(name, path string) (work, error) {
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		return nil, err
	}
	in := map[string][]float32{}
	for _, t := range c.Tensors {
		values := make([]float32, len(t.Data)/4)
		for i := range values {
			values[i] = math.Float32frombits(uint32(t.Data[4*i]) | uint32(t.Data[4*i+1])<<8 | uint32(t.Data[4*i+2])<<16 | uint32(t.Data[4*i+3])<<24)
		}
		in[t.Name] = values
	}
	switch name {
	case "roialign":
		s := tensor.NewScope()
		x := s.FromFloats(in["input.feature"], device, alignImages, alignChannels, alignH, alignW)
		return alignWork{scope: s, x: x, rois: in["input.rois"]}, s.Err()
	case "nms":
		return nmsWork{boxesOf(in["input.boxes"]), in["input.scores"]}, nil
	case "match":
		return &matchWork{anchors: boxesOf(in["input.anchors"]), truths: boxesOf(in["input.truths"])}, nil
	}
	return nil, fmt.Errorf("there is no part called %q", name)
}

func boxesOf(values []float32) []box.Box {
	out := make([]box.Box, len(values)/4)
	for i := range out {
		out[i] = box.Box(values[4*i : 4*i+4])
	}
	return out
}

// alignWork pools the boxes, forward and backward.
type alignWork struct {
	scope *tensor.Scope
	x     *tensor.Tensor
	rois  []float32
}

func (w alignWork) step() (float64, error) {
	var sum float64
	err := tensor.Run("align", func(s *tensor.Scope) error {
		x := s.Detach(w.x) // with a gradient of its own
		if err := x.RequireGrad(true); err != nil {
			return fmt.Errorf("prepare the features: %w", err)
		}
		y := s.RoIAlign([]*tensor.Tensor{x}, []float64{1.0 / 8}, w.rois, make([]int32, len(w.rois)/5),
			native.Align{Pooled: 7, Sampling: 2, Aligned: true})
		total := s.Sum(y)
		s.Backward(total)
		if s.Err() != nil {
			return s.Err()
		}
		var err error
		sum, err = total.Item()
		return err
	})
	return sum, err
}

// nmsWork suppresses boxes at an overlap of 0.7 and counts those kept.
type nmsWork struct {
	boxes  []box.Box
	scores []float32
}

func (w nmsWork) step() (float64, error) {
	kept, err := box.NMS(w.boxes, w.scores, 0.7, 0)
	return float64(len(kept)), err
}

// matchWork assigns anchors to ground truth as the RPN does and counts the positive.
type matchWork struct {
	anchors, truths []box.Box
	buffers         box.Workspace
}

func (w *matchWork) step() (float64, error) {
	m := box.Matcher{PosIoU: 0.7, NegIoU: 0.3, LowQuality: box.LowQualityOwnBest}
	n := 0
	for _, at := range m.Match(&w.buffers, w.anchors, w.truths, nil, nil) {
		if at >= 0 {
			n++
		}
	}
	return float64(n), nil
}
