package charts

import (
	"math"

	"detnas/tui/styles"
)

// plane is a grid of dots, several in each cell: 2x4 of braille, 1x2 of half
// blocks, 1x3 of ASCII. Each dot is of a line, by number.
type plane struct {
	mode          styles.Mode
	width, height int // cells
	dx, dy        int // dots a cell
	cells         []dots
}

// dots are the dots of one cell.
type dots struct {
	bits  uint8
	owner [2]uint8 // of the halves, in block mode
	lines uint32   // that have a dot here, one bit each
}

// mostLines is the number of lines that a plane tells apart.
const mostLines = 32

// brailleBits are the bits of a braille cell's dots, by row and column.
var brailleBits = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func newPlane(m styles.Mode, width, height int) *plane {
	p := &plane{mode: m, width: width, height: height, dx: 1, dy: 3, cells: make([]dots, width*height)}
	switch m {
	case styles.Braille:
		p.dx, p.dy = 2, 4
	case styles.Block:
		p.dy = 2
	}
	return p
}

// dot sets one; outside of the plane it does nothing.
func (p *plane) dot(x, y, line int) {
	if x < 0 || y < 0 || x >= p.width*p.dx || y >= p.height*p.dy {
		return
	}
	d := &p.cells[y/p.dy*p.width+x/p.dx]
	d.lines |= 1 << (line % mostLines)
	switch p.mode {
	case styles.Braille:
		d.bits |= brailleBits[y%4][x%2]
	case styles.Block:
		d.bits |= 1 << (y % 2)
		d.owner[y%2] = uint8(line % mostLines)
	default:
		d.bits |= 1 << (y % 3)
	}
}

// stroke joins two places, in dots from the left top. It is clipped to the plane.
func (p *plane) stroke(x0, y0, x1, y1 float64, line int) {
	x0, y0, x1, y1, ok := clip(x0, y0, x1, y1, float64(p.width*p.dx-1), float64(p.height*p.dy-1))
	if !ok {
		return
	}
	if x0 == x1 { // most strokes are upright
		p.upright(int(x0+0.5), int(min(y0, y1)+0.5), int(max(y0, y1)+0.5), line)
		return
	}
	n := int(math.Ceil(max(math.Abs(x1-x0), math.Abs(y1-y0))))
	for i := range n + 1 {
		t := float64(i) / float64(max(n, 1))
		p.dot(int(x0+t*(x1-x0)+0.5), int(y0+t*(y1-y0)+0.5), line)
	}
}

// upright sets the dots of a column from y0 to y1: whole cells at once where it
// can.
func (p *plane) upright(x, y0, y1, line int) {
	full := p.columnBits(x)
	for y := y0; y <= y1; {
		if y%p.dy != 0 || y+p.dy-1 > y1 {
			p.dot(x, y, line)
			y++
			continue
		}
		d := &p.cells[y/p.dy*p.width+x/p.dx]
		d.lines |= 1 << (line % mostLines)
		d.bits |= full
		d.owner = [2]uint8{uint8(line % mostLines), uint8(line % mostLines)}
		y += p.dy
	}
}

// columnBits are all dots of a cell in a column of dots.
func (p *plane) columnBits(x int) uint8 {
	switch p.mode {
	case styles.Braille:
		return [2]uint8{0x47, 0xb8}[x%2]
	case styles.Block:
		return 3
	}
	return 7
}

// clip cuts a segment to 0..w, 0..h, after Liang and Barsky (1984); ok is false
// when nothing of it is inside.
func clip(x0, y0, x1, y1, w, h float64) (ax, ay, bx, by float64, ok bool) {
	t0, t1 := 0.0, 1.0
	dx, dy := x1-x0, y1-y0
	for _, e := range [4][2]float64{{-dx, x0}, {dx, w - x0}, {-dy, y0}, {dy, h - y0}} {
		switch p, q := e[0], e[1]; {
		case p == 0 && q < 0, math.IsNaN(p), math.IsNaN(q):
			return 0, 0, 0, 0, false
		case p < 0:
			t0 = max(t0, q/p)
		case p > 0:
			t1 = min(t1, q/p)
		}
	}
	if t0 > t1 {
		return 0, 0, 0, 0, false
	}
	return x0 + t0*dx, y0 + t0*dy, x0 + t1*dx, y0 + t1*dy, true
}

// asciiDots are the signs for dots in ASCII: low, middle, high, and what joins
// them.
var asciiDots = [8]rune{' ', '\'', '-', '\'', '.', '|', '.', '|'}

// rune is the sign of a cell.
func (p *plane) rune(d dots) rune {
	switch p.mode {
	case styles.Braille:
		return 0x2800 + rune(d.bits)
	case styles.Block:
		return [4]rune{' ', '▀', '▄', '█'}[d.bits&3]
	}
	return asciiDots[d.bits&7]
}

// winner is the line whose colour a cell gets. Where lines cross it is the last
// one; where they run together they take turns, so that none hides another.
func (p *plane) winner(x, y int) int {
	d := p.cells[y*p.width+x]
	n, last := 0, 0
	for i := range mostLines {
		if d.lines&(1<<i) != 0 {
			n, last = n+1, i
		}
	}
	if n < 2 || !p.together(x, y, d.lines) {
		return last
	}
	turn := x / 2 % n
	for i := range mostLines {
		if d.lines&(1<<i) == 0 {
			continue
		}
		if turn == 0 {
			return i
		}
		turn--
	}
	return last
}

// together reports whether the lines of a cell share a neighbour too.
func (p *plane) together(x, y int, lines uint32) bool {
	for _, nx := range [2]int{x - 1, x + 1} {
		for ny := max(y-1, 0); ny <= min(y+1, p.height-1); ny++ {
			if nx >= 0 && nx < p.width && p.cells[ny*p.width+nx].lines&lines == lines {
				return true
			}
		}
	}
	return false
}
