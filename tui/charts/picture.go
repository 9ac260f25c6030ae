package charts

import (
	"image"
	"math"

	"charm.land/lipgloss/v2"
)

// Frame is a box to draw on a picture, in px of the image.
type Frame struct {
	X, Y, Width, Height float64
	Style               int
	Label               string
	Dashed              bool
}

// lightness are the signs of a picture without colour, from dark to light.
const lightness = " .:-=+*#%@"

// Picture draws an image with boxes on it, two px a cell as half blocks on the
// 256 colours, its shape kept; without colour, or in ascii, by lightness.
func Picture(l Look, img image.Image, frames []Frame, width, height int) string {
	if width <= 0 || height <= 0 {
		return blank(width, height)
	}
	l = l.sane()
	c := newCanvas(l, width, height)
	if img == nil || img.Bounds().Empty() {
		text := c.clip("no picture", width, l.Glyphs.Ellipsis)
		c.text((width-c.columns(text))/2, (height-1)/2, text, c.pen(l.Styles.Faint))
		return c.String()
	}
	p := newPicture(l, c, img)
	if l.Styles.Colour && !l.ascii() {
		p.colours(frames)
	} else {
		p.signs(frames)
	}
	p.labels(frames)
	return c.String()
}

// picture is an image scaled to half cells, in the middle of a canvas.
type picture struct {
	Look
	canvas        *canvas
	from          image.Rectangle // of the image
	x, y          int             // first half cell
	width, height int             // half cells
	px            []uint8         // red, green, blue of each
}

func newPicture(l Look, c *canvas, img image.Image) *picture {
	b := img.Bounds()
	scale := min(float64(c.width)/float64(b.Dx()), float64(2*c.height)/float64(b.Dy()))
	p := &picture{Look: l, canvas: c, from: b}
	p.width = min(max(int(math.Round(scale*float64(b.Dx()))), 1), c.width)
	p.height = min(max(int(math.Round(scale*float64(b.Dy()))), 1), 2*c.height)
	p.x = (c.width - p.width) / 2
	p.y = (2*c.height - p.height) / 4 * 2
	p.px = scaled(img, p.width, p.height)
	return p
}

// colours draws half blocks. Each distinct pair of colours is one pen.
func (p *picture) colours(frames []Frame) {
	grid := make([]int, p.width*2*((p.height+1)/2)) // entry, or -1 for none
	for i := range grid {
		grid[i] = -1
		if i < p.width*p.height {
			grid[i] = int(nearest(p.px[3*i], p.px[3*i+1], p.px[3*i+2]))
		}
	}
	for _, f := range frames {
		colour := p.Styles.Theme.Series[wrap(f.Style, len(p.Styles.Theme.Series))]
		p.outline(f, p.width, p.height, func(x, y int, _ side) { grid[y*p.width+x] = colour })
	}
	pens := map[[2]int]pen{}
	for y := 0; y < p.height; y += 2 {
		for x := range p.width {
			pair := [2]int{grid[y*p.width+x], grid[(y+1)*p.width+x]}
			ink, ok := pens[pair]
			if !ok {
				ink = p.canvas.pair(pair[0], pair[1])
				pens[pair] = ink
			}
			sign := '▀'
			if pair[0] == pair[1] {
				sign = ' ' // of one colour; fonts leave a hair line between halves
			}
			p.canvas.set(p.x+x, (p.y+y)/2, sign, ink)
		}
	}
}

// pair adds the pen of a half block of two entries; a lower one of -1 is the
// terminal's background.
func (c *canvas) pair(top, bottom int) pen {
	open := "\x1b[38;5;" + whole(float64(top))
	if bottom >= 0 {
		open += ";48;5;" + whole(float64(bottom))
	}
	c.open, c.close = append(c.open, open+"m"), append(c.close, "\x1b[m")
	return pen(len(c.open) - 1)
}

// signs draws by lightness, with frames of strokes.
func (p *picture) signs(frames []Frame) {
	rows := (p.height + 1) / 2
	for y := range rows {
		for x := range p.width {
			sum, n := 0, 0
			for half := 2 * y; half < min(2*y+2, p.height); half++ {
				i := 3 * (half*p.width + x)
				// Rec. 601's weights of lightness.
				sum += (299*int(p.px[i]) + 587*int(p.px[i+1]) + 114*int(p.px[i+2])) / 1000
				n++
			}
			p.canvas.set(p.x+x, p.y/2+y, rune(lightness[sum/n*len(lightness)/256]), 0)
		}
	}
	strokes := map[side]string{
		across: p.Glyphs.Horizontal, down: p.Glyphs.Vertical, topLeft: p.Glyphs.TopLeft, topRight: p.Glyphs.TopRight,
		bottomLeft: p.Glyphs.BottomLeft, bottomRight: p.Glyphs.BotRight,
	}
	for _, f := range frames {
		ink := p.canvas.pen(p.series(f.Style).Bold(true))
		p.outline(f, p.width, rows, func(x, y int, s side) { p.canvas.sign(p.x+x, p.y/2+y, strokes[s], ink) })
	}
}

// side is a part of a frame.
type side int

const (
	across side = iota
	down
	topLeft
	topRight
	bottomLeft
	bottomRight
)

// outline visits the places of a frame on a picture of so many.
func (p *picture) outline(f Frame, width, height int, visit func(x, y int, s side)) {
	x0, y0, x1, y1, ok := p.box(f, width, height)
	if !ok {
		return
	}
	put := func(x, y, along int, s side) {
		if x < 0 || y < 0 || x >= width || y >= height || f.Dashed && along/2%2 == 1 {
			return
		}
		visit(x, y, s)
	}
	for x := max(x0+1, 0); x < min(x1, width); x++ {
		put(x, y0, x-x0, across)
		put(x, y1, x-x0, across)
	}
	for y := max(y0+1, 0); y < min(y1, height); y++ {
		put(x0, y, y-y0, down)
		put(x1, y, y-y0, down)
	}
	put(x0, y0, 0, topLeft)
	put(x1, y0, 0, topRight)
	put(x0, y1, 0, bottomLeft)
	put(x1, y1, 0, bottomRight)
}

// box is a frame in places, both ends included; ok is false for one that has no
// finite size or lies off the picture. Ends off the picture stay off it.
func (p *picture) box(f Frame, width, height int) (x0, y0, x1, y1 int, ok bool) {
	sx, sy := float64(width)/float64(p.from.Dx()), float64(height)/float64(p.from.Dy())
	end := func(v, scale float64, most int) int {
		return int(min(max(math.Floor(v*scale+1e-9), -1), float64(most)))
	}
	for _, v := range []float64{f.X, f.Y, f.Width, f.Height} {
		if math.IsNaN(v) {
			return 0, 0, 0, 0, false
		}
	}
	x0, y0 = end(f.X, sx, width), end(f.Y, sy, height)
	// The last px inside, so that a box of the whole picture shows whole.
	x1, y1 = end(f.X+f.Width-1e-6/sx, sx, width), end(f.Y+f.Height-1e-6/sy, sy, height)
	if x1 < 0 || y1 < 0 || x0 >= width || y0 >= height {
		return 0, 0, 0, 0, false
	}
	return x0, y0, max(x1, x0), max(y1, y0), true
}

// labels writes each frame's label on its upper edge, or on its lower one where
// that is taken.
func (p *picture) labels(frames []Frame) {
	taken := make([]bool, p.canvas.width*p.canvas.height)
	rows := (p.height + 1) / 2
	for _, f := range frames {
		x0, y0, _, y1, ok := p.box(f, p.width, 2*rows)
		if !ok || f.Label == "" {
			continue
		}
		ink := p.canvas.pen(p.label(f.Style))
		for _, y := range []int{max(y0, 0) / 2, min(y1/2, rows-1), max(y0, 0)/2 + 1} {
			if p.write(taken, f.Label, p.x+max(x0, 0), p.y/2+y, ink) {
				break
			}
		}
	}
}

// write puts a label where no other is, on the picture as a whole if it can be.
func (p *picture) write(taken []bool, label string, from, y int, ink pen) bool {
	c := p.canvas
	label = c.clip(label, p.width, p.Glyphs.Ellipsis)
	n := c.columns(label)
	from = min(from, p.x+p.width-n)
	if y < 0 || y >= c.height || n == 0 {
		return false
	}
	for x := from; x < from+n; x++ {
		if taken[y*c.width+x] {
			return false
		}
	}
	for x := from; x < from+n; x++ {
		taken[y*c.width+x] = true
	}
	c.text(from, y, label, ink)
	return true
}

// label is the style of a frame's label: black or white on the frame's colour.
func (p *picture) label(n int) lipgloss.Style {
	if !p.Styles.Colour {
		return lipgloss.NewStyle().Reverse(true)
	}
	back := p.Styles.Theme.Series[wrap(n, len(p.Styles.Theme.Series))]
	r, g, b := rgb(back)
	front := 231
	if 299*r+587*g+114*b > 128_000 {
		front = 16
	}
	return lipgloss.NewStyle().Background(entry(back)).Foreground(entry(front))
}
