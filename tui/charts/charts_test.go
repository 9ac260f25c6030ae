package charts

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"detnas/tui/series"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// looks are the ways in which charts are drawn in tests.
var looks = []struct {
	name   string
	colour bool
	mode   styles.Mode
}{
	{"braille-colour", true, styles.Braille},
	{"braille", false, styles.Braille},
	{"block-colour", true, styles.Block},
	{"block", false, styles.Block},
	{"ascii-colour", true, styles.ASCII},
	{"ascii", false, styles.ASCII},
}

func look(colour bool, mode styles.Mode) Look {
	return Look{Styles: styles.New(styles.Themes()[0], colour), Glyphs: styles.GlyphsOf(mode)}
}

// sizes are from what holds nothing to a large terminal.
func sizes() [][2]int {
	out := [][2]int{{0, 0}, {0, 3}, {3, 0}, {160, 50}, {200, 4}, {1, 40}}
	for _, w := range []int{1, 2, 3, 5, 7, 8, 12, 15, 16, 17, 24, 39, 40, 41, 60, 80} {
		for _, h := range []int{1, 2, 3, 4, 5, 6, 9, 20} {
			out = append(out, [2]int{w, h})
		}
	}
	return out
}

// everywhere draws at all sizes in all looks.
func everywhere(t *testing.T, draw func(l Look, width, height int) string) {
	t.Helper()
	for _, e := range looks {
		l := look(e.colour, e.mode)
		for _, size := range sizes() {
			view := draw(l, size[0], size[1])
			if size[1] > 0 {
				uitest.Exact(t, view, size[0], size[1])
			}
			if e.mode == styles.ASCII {
				uitest.ASCII(t, view)
			}
			if !e.colour {
				uitest.Colourless(t, view)
			}
		}
	}
	draw(Look{}, 20, 5) // what is not set has a default
}

// curve is a series of a function at 1, 2, ... n.
func curve(n int, f func(x float64) float64) *series.Series {
	s := &series.Series{}
	for k := 1; k <= n; k++ {
		s.Append(float64(k), f(float64(k)))
	}
	return s
}

// losses are lines like those of a run: falling, noisy, with some NaN.
func losses(n int) []Line {
	r := rand.New(rand.NewPCG(1, 2))
	var out []Line
	for i, name := range []string{"loss", "loss_rpn_cls", "loss_rpn_box", "loss_cls", "loss_box", "other run"} {
		out = append(out, Line{Name: name, Style: i, Series: curve(n, func(x float64) float64 {
			if i == 0 && x > float64(n)/2 && x < float64(n)*0.52 || i == 3 && x == math.Floor(float64(n)/5) {
				return math.NaN()
			}
			return (0.2 + 1.5*math.Exp(-3*x/float64(n))) * (1 - float64(i)*0.15) * math.Exp(0.15*r.NormFloat64())
		})})
	}
	return out
}

// odd are values that break careless arithmetic.
var odd = []float64{
	0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64,
	1e-310, 1e300, 1e16, 1e16 + 2, 3.3e-5, 0.1, 0.3,
}

// oddLines are curves of odd values, in odd orders.
func oddLines(seed uint64) []Line {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []Line
	for i := range r.IntN(5) {
		l := Line{Name: []string{"", "a", "猫の損失 loss", "a\tb\x1b[31m\u0301", strings.Repeat("long", 30)}[r.IntN(5)], Style: i - 2}
		if r.IntN(6) > 0 {
			l.Series = &series.Series{}
			for range []int{0, 1, 2, 40}[r.IntN(4)] {
				x := r.Float64() * 100
				if r.IntN(4) == 0 {
					x = odd[r.IntN(len(odd))]
				}
				l.Series.Append(x, odd[r.IntN(len(odd))])
			}
		}
		out = append(out, l)
	}
	return out
}

func number(i int) string { return strconv.Itoa(i + 1) }
