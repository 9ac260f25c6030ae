// Package box holds the geometry of a detector: boxes and their overlaps,
// anchors, the delta coder, the assignment of boxes to ground truth, sampling,
// and non-maximum suppression. It works on plain float32 slices and knows no
// tensors.
//
// The defaults follow mmdet 2.x, on which MMRazor's DetNAS is built; where
// torchvision differs, a field says so.
package box

// Box is x1, y1, x2, y2 in pixels, with x2 and y2 exclusive: a COCO box
// (x, y, w, h) is (x, y, x+w, y+h).
type Box = [4]float32

// eps is the least denominator of an overlap, as in mmdet's bbox_overlaps. It
// turns the 0/0 of two empty boxes into 0.
const eps = 1e-6

// Area is the area of b in square pixels. A box that is inside out has the area
// that the formula gives, which may be negative.
func Area(b Box) float32 {
	return float32((b[2] - b[0]) * (b[3] - b[1]))
}

// IoU is the area that a and b share over the area that they cover together, in
// [0, 1]. Boxes that only touch, and empty ones, have 0.
func IoU(a, b Box) float32 {
	inter := intersection(a, b)
	if inter <= 0 {
		return 0
	}
	return overUnion(inter, Area(a), Area(b))
}

// IoA is the share of a's area that lies in b, in [0, 1]: mmdet's iof, which it
// uses for crowds.
func IoA(a, b Box) float32 {
	inter := intersection(a, b)
	if inter <= 0 {
		return 0
	}
	return inter / max(Area(a), eps)
}

// Clip moves the corners of b that lie outside an image of w by h pixels onto
// its border.
func Clip(b Box, w, h float32) Box {
	return Box{
		min(max(b[0], 0), w),
		min(max(b[1], 0), h),
		min(max(b[2], 0), w),
		min(max(b[3], 0), h),
	}
}

// intersection is the area shared by a and b, 0 where they do not overlap.
func intersection(a, b Box) float32 {
	w := min(a[2], b[2]) - max(a[0], b[0])
	if !(w > 0) {
		return 0
	}
	h := min(a[3], b[3]) - max(a[1], b[1])
	if !(h > 0) {
		return 0
	}
	return float32(w * h)
}

// overUnion divides a shared area by the union of two areas. Here and above, the
// conversions to float32 keep compilers from fusing a product with a sum, so
// that every machine rounds alike.
func overUnion(inter, areaA, areaB float32) float32 {
	return inter / max(float32(areaA+areaB)-inter, eps)
}
