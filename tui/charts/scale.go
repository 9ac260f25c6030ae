package charts

import (
	"image"
	"image/draw"
	"math"
)

// scaled is an image at another size, as red, green and blue of each px: the
// mean over the area that each px covers.
func scaled(img image.Image, width, height int) []uint8 {
	b := img.Bounds()
	src, ok := img.(*image.RGBA)
	if !ok {
		src = image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
		draw.Draw(src, src.Bounds(), img, b.Min, draw.Src)
		b = src.Bounds()
	}
	// First along x, line by line, then along y: each px of the source is read once.
	xs, ys := shares(b.Dx(), width), shares(b.Dy(), height)
	line := make([]float32, 3*width)
	sums := make([]float32, 3*width)
	out := make([]uint8, 0, 3*width*height)
	read := -1
	for _, part := range ys {
		clear(sums)
		for i, share := range part.share {
			if y := part.first + i; y != read {
				read = y
				squeeze(line, src.Pix[src.PixOffset(b.Min.X, b.Min.Y+y):], xs)
			}
			for k, v := range line {
				sums[k] += share * v
			}
		}
		for _, v := range sums {
			out = append(out, uint8(min(v+0.5, 255)))
		}
	}
	return out
}

// squeeze scales one line of px.
func squeeze(line []float32, pix []uint8, xs []area) {
	for x, part := range xs {
		var r, g, b float32
		at := pix[4*part.first:]
		for i, share := range part.share {
			r += share * float32(at[4*i])
			g += share * float32(at[4*i+1])
			b += share * float32(at[4*i+2])
		}
		line[3*x], line[3*x+1], line[3*x+2] = r, g, b
	}
}

// area is what a px of the result covers of the source's: from the first on,
// with the share of each.
type area struct {
	first int
	share []float32
}

// shares are the areas of n px over so many of the source.
func shares(from, n int) []area {
	out := make([]area, n)
	scale := float64(from) / float64(n)
	for i := range out {
		lo, hi := float64(i)*scale, float64(i+1)*scale
		first := min(int(lo), from-1)
		last := min(max(int(math.Ceil(hi-1e-9)), first+1), from)
		out[i].first = first
		for k := first; k < last; k++ {
			covered := min(hi, float64(k+1)) - max(lo, float64(k))
			out[i].share = append(out[i].share, float32(max(covered, 0)/scale))
		}
	}
	return out
}
