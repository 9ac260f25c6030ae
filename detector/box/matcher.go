package box

// What Matcher.Match says of a box that has no ground truth.
const (
	// Negative marks background.
	Negative int32 = -1
	// Ignored marks a box that is neither object nor background.
	Ignored int32 = -2
)

// LowQuality says what becomes of the boxes that overlap a ground truth best
// when that best is below the positive threshold.
type LowQuality int

const (
	// LowQualityOff leaves them as the thresholds have them.
	LowQualityOff LowQuality = iota
	// LowQualityTake gives all of them to that ground truth, and a later ground
	// truth takes from an earlier one: mmdet's match_low_quality with
	// gt_max_assign_all.
	LowQualityTake
	// LowQualityOwnBest gives each to whichever ground truth it overlaps most
	// itself: torchvision's allow_low_quality_matches. The two agree wherever a
	// ground truth's best boxes have that ground truth as their own best.
	LowQualityOwnBest
)

// Matcher assigns boxes (anchors or proposals) to ground truth by overlap, as
// mmdet's MaxIoUAssigner does.
type Matcher struct {
	// PosIoU is the overlap from which a box is positive; below NegIoU it is
	// negative; between the two it is ignored.
	PosIoU, NegIoU float32
	// MinPosIoU is the least overlap for LowQuality to act on. An overlap of 0
	// never counts, also with a MinPosIoU of 0: in mmdet and torchvision a
	// ground truth that no anchor touches makes every anchor a positive.
	MinPosIoU  float32
	LowQuality LowQuality
	// IgnoreIoF ignores a box of which more than this share lies in one of the
	// regions to ignore (crowds); negative or 0 is off, as mmdet's -1.
	IgnoreIoF float32
}

// Workspace keeps the buffers of Matcher.Match from one call to the next. The
// zero value is ready. It serves one goroutine at a time.
type Workspace struct {
	assigned []int32
	own      []int32
	best     []float32
	skip     []bool
	ties     [][]int32
}

// Match returns, for each box, the index of its ground truth in gts, Negative
// or Ignored. Of ground truths that overlap a box equally the first is taken.
// A box with valid[i] false (nil: all are valid) is Ignored and takes no part;
// so is one in the regions to ignore. The result belongs to ws and holds until
// its next use; a nil ws makes a new one.
//
// Without ground truth every box outside the ignored regions is Negative.
func (m Matcher) Match(ws *Workspace, boxes, gts, ignore []Box, valid []bool) []int32 {
	if ws == nil {
		ws = &Workspace{}
	}
	ws.reset(len(boxes), len(gts))
	m.markSkipped(ws, boxes, ignore, valid)
	gtBest := make([]float32, len(gts))
	for lo := 0; lo < len(boxes); lo += blockLen {
		hi := min(lo+blockLen, len(boxes))
		around := hull(boxes[lo:hi])
		for g, gt := range gts {
			if intersection(around, gt) > 0 {
				gtBest[g] = ws.overlap(boxes[lo:hi], int32(lo), gt, int32(g), gtBest[g])
			}
		}
	}
	m.applyLowQuality(ws, gtBest, m.applyThresholds(ws))
	return ws.assigned
}

// blockLen is how many neighbouring boxes are tested against a ground truth at
// once before each is. Anchors come in rows, so a block is a strip of the image
// that most ground truths lie outside of.
const blockLen = 96

// reset sizes the buffers for n boxes and k ground truths.
func (ws *Workspace) reset(n, k int) {
	if cap(ws.assigned) < n {
		ws.assigned = make([]int32, n)
		ws.best = make([]float32, n)
		ws.skip = make([]bool, n)
	}
	ws.assigned, ws.best, ws.skip = ws.assigned[:n], ws.best[:n], ws.skip[:n]
	clear(ws.assigned)
	clear(ws.best)
	clear(ws.skip)
	for len(ws.ties) < k {
		ws.ties = append(ws.ties, nil)
	}
	for i := range ws.ties {
		ws.ties[i] = ws.ties[i][:0]
	}
}

// markSkipped sets skip for the boxes that take no part.
func (m Matcher) markSkipped(ws *Workspace, boxes, ignore []Box, valid []bool) {
	if valid != nil {
		for i := range ws.skip {
			ws.skip[i] = i >= len(valid) || !valid[i]
		}
	}
	if m.IgnoreIoF <= 0 {
		return
	}
	for _, region := range ignore {
		for i, b := range boxes {
			if IoA(b, region) > m.IgnoreIoF {
				ws.skip[i] = true
			}
		}
	}
}

// overlap compares the boxes from index first on with ground truth g and keeps
// each box's best ground truth and g's best boxes. It takes g's best overlap so
// far and returns the new one.
func (ws *Workspace) overlap(boxes []Box, first int32, gt Box, g int32, gtBest float32) float32 {
	area, ties := Area(gt), ws.ties[g]
	best := ws.best[first:][:len(boxes)]
	assigned := ws.assigned[first:][:len(boxes)]
	skip := ws.skip[first:][:len(boxes)]
	for i := range boxes {
		b := &boxes[i]
		w := min(b[2], gt[2]) - max(b[0], gt[0])
		h := min(b[3], gt[3]) - max(b[1], gt[1])
		if !(w > 0) || !(h > 0) || skip[i] {
			continue
		}
		iou := overUnion(float32(w*h), Area(*b), area)
		if iou > best[i] {
			best[i], assigned[i] = iou, g
		}
		if iou < gtBest {
			continue
		}
		if iou > gtBest {
			gtBest, ties = iou, ties[:0]
		}
		ties = append(ties, first+int32(i))
	}
	ws.ties[g] = ties
	return gtBest
}

// applyThresholds turns each box's best ground truth into the assignment. For
// LowQualityOwnBest it returns the best ground truths as they were.
func (m Matcher) applyThresholds(ws *Workspace) []int32 {
	var own []int32
	if m.LowQuality == LowQualityOwnBest {
		ws.own = append(ws.own[:0], ws.assigned...)
		own = ws.own
	}
	for i, iou := range ws.best {
		switch {
		case ws.skip[i]:
			ws.assigned[i] = Ignored
		case iou >= m.PosIoU && iou > 0:
		case iou < m.NegIoU:
			ws.assigned[i] = Negative
		default:
			ws.assigned[i] = Ignored
		}
	}
	return own
}

// applyLowQuality gives each ground truth the boxes that overlap it best.
func (m Matcher) applyLowQuality(ws *Workspace, gtBest []float32, own []int32) {
	if m.LowQuality == LowQualityOff {
		return
	}
	for g, iou := range gtBest {
		if !(iou > 0) || iou < m.MinPosIoU {
			continue
		}
		for _, i := range ws.ties[g] {
			ws.assigned[i] = int32(g)
			if own != nil {
				ws.assigned[i] = own[i]
			}
		}
	}
}

// hull is the smallest box around boxes.
func hull(boxes []Box) Box {
	h := boxes[0]
	for _, b := range boxes[1:] {
		h = Box{min(h[0], b[0]), min(h[1], b[1]), max(h[2], b[2]), max(h[3], b[3])}
	}
	return h
}
