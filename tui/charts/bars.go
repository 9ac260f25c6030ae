package charts

import (
	"math"

	"charm.land/lipgloss/v2"

	"detnas/tui/series"
)

// Spark is a curve in one line: means, from the lowest to the highest. Values
// that are no number are marked.
func Spark(l Look, s *series.Series, width int) string {
	if width <= 0 {
		return ""
	}
	l = l.sane()
	c := newCanvas(l, width, 1)
	if s == nil || len(l.Glyphs.Spark) == 0 {
		return c.String()
	}
	x0, x1, ok := s.Bounds()
	if !ok {
		return c.String()
	}
	bins := s.Bins(x0, x1, width)
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, b := range bins {
		if b.N > 0 {
			lo, hi = min(lo, tame(b.Mean)), max(hi, tame(b.Mean))
		}
	}
	line, bad, n := c.pen(l.series(0)), c.pen(l.Styles.Bad), len(l.Glyphs.Spark)
	for i, b := range bins {
		if b.N == 0 {
			c.sign(i, 0, l.Glyphs.Times, bad)
			continue
		}
		k := 0
		if hi > lo {
			k = min(int((tame(b.Mean)-lo)/(hi-lo)*float64(n)), n-1)
		}
		c.sign(i, 0, l.Glyphs.Spark[k], line)
	}
	return c.String()
}

// eighths are cells filled from the left.
var eighths = []rune{' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'}

// Meter is a bar of a share from 0 to 1 in one line.
func Meter(l Look, share float64, width int) string {
	if width <= 0 {
		return ""
	}
	l = l.sane()
	c := newCanvas(l, width, 1)
	c.meter(l, 0, 0, width, share, l.Styles.Accent)
	return c.String()
}

// meter draws a bar. In ASCII, and without colour, the rest of it has a sign too.
func (c *canvas) meter(l Look, x, y, width int, share float64, style lipgloss.Style) {
	if math.IsNaN(share) {
		share = 0
	}
	share = min(max(share, 0), 1)
	if l.ascii() {
		full := int(math.Round(share * float64(width)))
		for i := range width {
			if i < full {
				c.sign(x+i, y, l.Glyphs.Full, c.pen(style))
			} else {
				c.sign(x+i, y, l.Glyphs.Empty, c.pen(l.Styles.Faint))
			}
		}
		return
	}
	rest, sign := lipgloss.NewStyle(), '░'
	if l.Styles.Colour {
		back := entry(l.Styles.Theme.Ramp[0])
		rest, sign = rest.Background(back), ' '
		style = style.Background(back)
	}
	n := int(math.Round(share * float64(8*width)))
	for i := range width {
		if k := min(max(n-8*i, 0), 8); k > 0 {
			c.set(x+i, y, eighths[k], c.pen(style))
		} else {
			c.set(x+i, y, sign, c.pen(rest))
		}
	}
}

// Bar is one value of Bars.
type Bar struct {
	Label string
	Value float64
	Text  string // behind the bar: the value with its unit
	Style int    // number of the series style
}

// Bars are values side by side, as shares of a cost: one line each, with a
// label before the bar and a text behind it.
type Bars struct {
	Look
	Bars []Bar
	Max  float64 // of a full bar; 0 is the largest value
}

// Draw draws the bars; what has no room is counted in the last line.
func (b Bars) Draw(width, height int) string {
	if width <= 0 || height <= 0 {
		return blank(width, height)
	}
	b.Look = b.sane()
	c := newCanvas(b.Look, width, height)
	full, labels, texts := b.Max, 0, 0
	for _, bar := range b.Bars {
		if b.Max <= 0 && !math.IsInf(bar.Value, 0) {
			full = max(full, bar.Value)
		}
		labels, texts = max(labels, c.columns(bar.Label)), max(texts, c.columns(bar.Text))
	}
	labels = min(labels, width/3)
	if width-labels-texts < 8 {
		texts = 0
	}
	for y, bar := range b.Bars {
		if y == height-1 && len(b.Bars) > height {
			c.text(0, y, c.clip("+"+whole(float64(len(b.Bars)-y))+" more", width, b.Glyphs.Ellipsis), c.pen(b.Styles.Faint))
			break
		}
		b.bar(c, y, bar, full, labels, texts)
	}
	return c.String()
}

func (b Bars) bar(c *canvas, y int, bar Bar, full float64, labels, texts int) {
	c.text(0, y, c.clip(bar.Label, labels, b.Glyphs.Ellipsis), c.pen(b.Styles.Text))
	from, to := labels, c.width
	if labels > 0 {
		from++
	}
	if texts > 0 {
		to -= texts + 1
		c.text(c.width-c.columns(bar.Text), y, bar.Text, c.pen(b.Styles.Text))
	}
	share := 0.0
	if full > 0 {
		share = bar.Value / full
	}
	c.meter(b.Look, from, y, max(to-from, 0), share, b.series(bar.Style))
}
