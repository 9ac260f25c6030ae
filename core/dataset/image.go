// Package dataset reads images and their labels, changes them as the published
// recipes do, and hands them to a trainer in batches. Class folders and COCO
// detection JSON are read; every batch is a function of a seed and a position,
// so a run that was stopped and resumed sees what an undisturbed one would.
package dataset

// Image is an 8-bit RGB picture: Pix holds H rows of W pixels of 3 bytes each,
// without padding between rows.
type Image struct {
	W, H int
	Pix  []uint8
}

// NewImage returns a black image of w by h pixels.
func NewImage(w, h int) Image {
	return Image{W: w, H: h, Pix: make([]uint8, w*h*3)}
}

// Rect is a part of an image in pixels: columns X to X+W, rows Y to Y+H.
type Rect struct {
	X, Y, W, H int
}

// bounds returns the rectangle that covers the whole image.
func (m Image) bounds() Rect { return Rect{W: m.W, H: m.H} }

// row returns the bytes of row y.
func (m Image) row(y int) []uint8 { return m.Pix[y*m.W*3 : (y+1)*m.W*3] }

// clone returns a copy that shares no memory with m.
func (m Image) clone() Image {
	out := Image{W: m.W, H: m.H, Pix: make([]uint8, len(m.Pix))}
	copy(out.Pix, m.Pix)
	return out
}

// crop returns a copy of the part r, black where r reaches over the edge.
func (m Image) crop(r Rect) Image {
	out := NewImage(r.W, r.H)
	x0, x1 := max(r.X, 0), min(r.X+r.W, m.W)
	if x0 >= x1 {
		return out
	}
	for y := max(r.Y, 0); y < min(r.Y+r.H, m.H); y++ {
		copy(out.row(y - r.Y)[(x0-r.X)*3:], m.row(y)[x0*3:x1*3])
	}
	return out
}
