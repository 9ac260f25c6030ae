package box

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rpn = Matcher{PosIoU: 0.7, NegIoU: 0.3, MinPosIoU: 0.3, LowQuality: LowQualityTake, IgnoreIoF: 0.5}

func TestMatchByHand(t *testing.T) {
	gts := []Box{{0, 0, 10, 10}, {100, 100, 110, 110}}
	boxes := []Box{
		{0, 0, 10, 10},       // IoU 1 with gt 0
		{0, 0, 10, 8},        // 0.8 with gt 0
		{0, 0, 10, 5},        // 0.5: between the thresholds
		{0, 0, 10, 2},        // 0.2
		{100, 100, 110, 104}, // 0.4: the best of gt 1
		{100, 106, 110, 110}, // 0.4 as well
		{50, 50, 60, 60},     // nothing
	}
	off, strict := rpn, rpn
	off.LowQuality = LowQualityOff
	strict.MinPosIoU = 0.45
	crowd := []Box{{50, 50, 56, 60}} // holds 60 % of the last box
	tests := []struct {
		name   string
		m      Matcher
		gts    []Box
		ignore []Box
		valid  []bool
		want   []int32
	}{
		{"low quality", rpn, gts, nil, nil, []int32{0, 0, Ignored, Negative, 1, 1, Negative}},
		{"no low quality", off, gts, nil, nil, []int32{0, 0, Ignored, Negative, Ignored, Ignored, Negative}},
		{"best below the least", strict, gts, nil, nil, []int32{0, 0, Ignored, Negative, Ignored, Ignored, Negative}},
		{"crowd", rpn, gts, crowd, nil, []int32{0, 0, Ignored, Negative, 1, 1, Ignored}},
		{"padding", rpn, gts, nil, []bool{false, true, true, true, true, false, true}, []int32{Ignored, 0, Ignored, Negative, 1, Ignored, Negative}},
		{"no ground truth", rpn, nil, crowd, nil, []int32{Negative, Negative, Negative, Negative, Negative, Negative, Ignored}},
		{
			"empty ground truth",
			Matcher{PosIoU: 0.5, NegIoU: 0.4, LowQuality: LowQualityTake},
			[]Box{{5, 5, 5, 5}},
			nil, nil,
			[]int32{Negative, Negative, Negative, Negative, Negative, Negative, Negative},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.m.Match(nil, boxes, tt.gts, tt.ignore, tt.valid)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A box that two ground truths hold as their best goes to the later one in
// mmdet and to its own best in torchvision.
func TestLowQualityRules(t *testing.T) {
	boxes := []Box{{0, 0, 10, 10}}
	gts := []Box{{0, 0, 10, 6}, {0, 0, 10, 5}}
	m := Matcher{PosIoU: 0.7, NegIoU: 0.3}
	for rule, want := range map[LowQuality]int32{LowQualityOff: Ignored, LowQualityTake: 1, LowQualityOwnBest: 0} {
		m.LowQuality = rule
		if got := m.Match(nil, boxes, gts, nil, nil)[0]; got != want {
			t.Errorf("rule %d: %d, want %d", rule, got, want)
		}
	}
}

// naiveMatch is MaxIoUAssigner by its definition, over the whole matrix.
func naiveMatch(m Matcher, boxes, gts, ignore []Box, valid []bool) []int32 {
	out := make([]int32, len(boxes))
	iou := make([][]float32, len(gts))
	for g := range gts {
		iou[g] = make([]float32, len(boxes))
		for i, b := range boxes {
			iou[g][i] = IoU(gts[g], b)
			for _, c := range ignore {
				if m.IgnoreIoF > 0 && IoA(b, c) > m.IgnoreIoF {
					iou[g][i] = -1
				}
			}
			if valid != nil && !valid[i] {
				iou[g][i] = -1
			}
		}
	}
	own := make([]int32, len(boxes))
	for i := range boxes {
		best := float32(-2)
		for g := range gts {
			if iou[g][i] > best {
				best, own[i] = iou[g][i], int32(g)
			}
		}
		switch {
		case best >= m.PosIoU:
			out[i] = own[i]
		case best >= 0 && best < m.NegIoU:
			out[i] = Negative
		default:
			out[i] = Ignored
		}
	}
	for g := range gts {
		best := float32(0)
		for _, v := range iou[g] {
			best = max(best, v)
		}
		for i, v := range iou[g] {
			if m.LowQuality != LowQualityOff && best > 0 && best >= m.MinPosIoU && v == best {
				out[i] = int32(g)
				if m.LowQuality == LowQualityOwnBest {
					out[i] = own[i]
				}
			}
		}
	}
	return out
}

func TestMatchEqualsTheNaiveOne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	ws := &Workspace{}
	for trial := range 300 {
		m := Matcher{
			PosIoU: 0.4 + r.Float32()*0.4, MinPosIoU: r.Float32() * 0.3,
			LowQuality: LowQuality(trial % 3), IgnoreIoF: float32(trial%2) * 0.5,
		}
		m.NegIoU = m.PosIoU * (0.5 + 0.5*r.Float32())
		boxes := randomBoxes(r, 1+r.IntN(400), trial%2 == 0)
		gts := randomBoxes(r, 1+r.IntN(12), trial%2 == 0)
		ignore := randomBoxes(r, r.IntN(3), false)
		var valid []bool
		if trial%5 == 0 {
			for range boxes {
				valid = append(valid, r.IntN(4) > 0)
			}
		}
		want := naiveMatch(m, boxes, gts, ignore, valid)
		if diff := cmp.Diff(want, m.Match(ws, boxes, gts, ignore, valid)); diff != "" {
			t.Fatalf("trial %d, %+v (-naive +got):\n%s", trial, m, diff)
		}
	}
}

// randomBoxes are n boxes; on whole multiples of 8 px they often tie.
func randomBoxes(r *rand.Rand, n int, whole bool) []Box {
	boxes := make([]Box, n)
	for i := range boxes {
		boxes[i] = randomBox(r, 100)
		if whole {
			for j := range boxes[i] {
				boxes[i][j] = float32(8 * int(boxes[i][j]/8))
			}
		}
	}
	return boxes
}

func BenchmarkMatch(b *testing.B) {
	anchors := pyramid(b, 1072, 736)
	r := rand.New(rand.NewPCG(5, 6))
	for _, size := range []float32{60, 250, 600} {
		gts := make([]Box, 50)
		for i := range gts {
			x, y := r.Float32()*1000, r.Float32()*700
			gts[i] = Clip(Box{x, y, x + size*(0.5+r.Float32()), y + size*(0.5+r.Float32())}, 1072, 736)
		}
		b.Run(fmt.Sprintf("anchors=%d/boxes=50/px=%v", len(anchors), size), func(b *testing.B) {
			ws := &Workspace{}
			for b.Loop() {
				rpn.Match(ws, anchors, gts, nil, nil)
			}
		})
	}
}
