package charts

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func example(l Look) Curves {
	return Curves{Look: l, Title: "losses", Lines: losses(900), Smooth: 0.95, Raw: true, Legend: true, Unit: "iteration", XMax: 1200}
}

func TestCurvesAreExactEverywhere(t *testing.T) {
	lines := losses(300)
	everywhere(t, func(l Look, w, h int) string {
		c := example(l)
		c.Lines, c.Crosshair, c.Cursor, c.X0, c.X1 = lines, true, 100, 50, 250
		return c.Draw(w, h)
	})
}

func TestCurvesOfOddValues(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		pick := func() float64 { return odd[r.IntN(len(odd))] }
		e := looks[r.IntN(len(looks))]
		c := Curves{
			Look: look(e.colour, e.mode), Lines: oddLines(seed), LogX: r.IntN(2) == 0, LogY: r.IntN(2) == 0, Raw: r.IntN(2) == 0,
			Smooth: pick(), Legend: true, Title: "t", Unit: "iteration",
		}
		if r.IntN(2) == 0 {
			c.Crosshair, c.Cursor = true, pick()
		}
		if r.IntN(3) == 0 {
			c.X0, c.X1 = pick(), pick()
		}
		if r.IntN(3) == 0 {
			c.XMax = pick()
		}
		w, h := 1+r.IntN(100), 1+r.IntN(30)
		uitest.Exact(t, c.Draw(w, h), w, h)
		c.At(pick())
		c.XAt(r.IntN(120)-10, w)
		c.Step(r.IntN(9)-4, w)
	}
}

func TestCurvesGolden(t *testing.T) {
	for _, e := range looks {
		c := example(look(e.colour, e.mode))
		uitest.Golden(t, "curves-"+e.name, c.Draw(80, 20), 80, 20)
	}
	c := example(look(true, styles.Braille))
	c.Crosshair, c.Cursor = true, 400
	uitest.Golden(t, "curves-crosshair", c.Draw(100, 16), 100, 16)
	c.Crosshair, c.LogX, c.LogY, c.XMax = false, true, true, 0
	uitest.Golden(t, "curves-log", c.Draw(100, 16), 100, 16)
	c.LogX, c.LogY, c.X0, c.X1 = false, false, 300, 500
	uitest.Golden(t, "curves-zoom", c.Draw(100, 16), 100, 16)
	uitest.Golden(t, "curves-empty", Curves{Look: c.Look, Title: "AP", XMax: 400, Unit: "candidate"}.Draw(60, 10), 60, 10)
}

// A point more, with the axis drawn to its end, changes only what it adds to.
func TestCurvesStayWhereTheyAre(t *testing.T) {
	c := Curves{Look: look(false, styles.Braille), Unit: "iteration", XMax: 400}
	wave := func(x float64) float64 { return math.Cos(x / 20) }
	c.Lines = []Line{{Name: "loss", Series: curve(200, wave)}}
	before := strings.Split(c.Draw(80, 20), "\n")
	c.Lines[0].Series.Append(201, wave(201))
	changed := 0
	for i, line := range strings.Split(c.Draw(80, 20), "\n") {
		if line != before[i] {
			changed++
		}
	}
	if changed > 2 {
		t.Fatalf("a point more changed %d lines", changed)
	}
}

func TestXAtAndStep(t *testing.T) {
	for _, c := range []Curves{
		{XMax: 1200}, {XMax: 20}, {LogX: true, XMax: 90000}, {X0: 17, X1: 21}, {X0: 100, X1: 900}, {},
	} {
		c.Lines = losses(900)
		for _, width := range []int{10, 24, 80, 160} {
			if _, ok := c.XAt(gutter(width)-1, width); ok {
				t.Errorf("an x left of the plot, at %d", width)
			}
			if _, ok := c.XAt(width, width); ok {
				t.Errorf("an x right of the plot, at %d", width)
			}
			for column := gutter(width); column < width-1; column++ {
				x, ok := c.XAt(column, width)
				if !ok {
					t.Fatalf("no x at column %d of %d", column, width)
				}
				c.Cursor = x
				next, _ := c.XAt(column+1, width)
				if got := c.Step(1, width); got != next {
					t.Fatalf("%+v: a step from column %d of %d comes to %v, not %v", c.X0, column, width, got, next)
				}
				c.Cursor = next
				if got := c.Step(-1, width); got != x {
					t.Fatalf("a step back to column %d of %d comes to %v, not %v", column, width, got, x)
				}
			}
		}
	}
}

func TestAt(t *testing.T) {
	c := Curves{Smooth: 0.5, Lines: []Line{
		{Series: curve(10, func(x float64) float64 { return x })},
		{Series: curve(3, func(x float64) float64 { return x })},
		{},
	}}
	got := c.At(6)
	if !got[0].Ok || got[0].Bin.Last != 6 || !(got[0].Mean > 4.5 && got[0].Mean < 6) {
		t.Errorf("the first line at 6 has %+v", got[0])
	}
	if got[1].Ok || got[2].Ok {
		t.Errorf("lines that ended before 6, or have nothing, have values: %+v", got[1:])
	}
	if got := c.At(0.5); got[0].Ok {
		t.Errorf("before its beginning a line has %+v", got[0])
	}
}

func TestGapsAreMarked(t *testing.T) {
	s := curve(100, func(x float64) float64 {
		if x >= 40 && x < 60 {
			return math.NaN()
		}
		return x
	})
	c := Curves{Look: look(false, styles.ASCII), Lines: []Line{{Name: "loss", Series: s}}, XMax: 100}
	lines := strings.Split(ansi.Strip(c.Draw(57, 12)), "\n")
	if n := strings.Count(lines[10], "x"); n != 10 {
		t.Errorf("%d marks on the axis for a gap of a fifth of 50 columns:\n%s", n, lines[10])
	}
	for _, line := range lines[:10] {
		if strings.TrimSpace(line[7+20:7+29]) != "" {
			t.Errorf("something is drawn in the gap: %q", line)
		}
	}
	// On a log axis what is not above zero is a gap too, without a mark.
	c.LogY, c.Lines[0].Series = true, curve(100, func(x float64) float64 { return x - 50 })
	for _, line := range strings.Split(ansi.Strip(c.Draw(57, 12)), "\n")[:10] {
		if strings.TrimSpace(line[7:7+24]) != "" {
			t.Errorf("something is drawn at values below zero: %q", line)
		}
	}
}

// Lines over each other must both show.
func TestNoLineHidesAnother(t *testing.T) {
	same := curve(300, math.Sqrt)
	for _, mode := range []styles.Mode{styles.Braille, styles.ASCII} {
		l := look(true, mode)
		c := Curves{Look: l, Lines: []Line{{Name: "a", Series: same}, {Name: "b", Series: same, Style: 1}}}
		view := c.Draw(80, 20)
		for i := range c.Lines {
			code, _, _ := strings.Cut(l.series(i).Render("x"), "x")
			if n := strings.Count(view, code); n < 10 {
				t.Errorf("%s: line %d shows at %d places", mode, i, n)
			}
		}
	}
	l := look(false, styles.Braille)
	view := Curves{Look: l, Lines: []Line{{Series: same}, {Series: same, Style: 1}}}.Draw(80, 20)
	for i := range 2 {
		if strings.Count(view, l.mark(i)) < 3 {
			t.Errorf("without colour line %d has hardly a mark", i)
		}
	}
}

func TestLegend(t *testing.T) {
	lines := losses(50)
	for _, width := range []int{30, 50, 80, 160} {
		c := Curves{Look: look(false, styles.Braille), Title: "losses", Lines: lines, Legend: true}
		view := ansi.Strip(c.Draw(width, 24))
		head, _, _ := strings.Cut(view, "┤")
		for i, l := range lines {
			if !strings.Contains(head, c.mark(i)+" "+l.Name[:2]) {
				t.Errorf("%s is not named at %d:\n%s", l.Name, width, head)
			}
			if width >= 50 && !strings.Contains(head, l.Name) {
				t.Errorf("%s is cut at %d:\n%s", l.Name, width, head)
			}
		}
	}
}

func BenchmarkCurves(b *testing.B) {
	c := example(look(true, styles.Braille))
	c.Lines, c.XMax = losses(8192), 0
	for b.Loop() {
		c.Draw(160, 50)
	}
}

func FuzzCurves(f *testing.F) {
	f.Add(uint64(1), 80, 20, 0.9, 0.0, 0.0)
	f.Add(uint64(2), 1, 1, math.NaN(), math.Inf(1), -1.0)
	f.Fuzz(func(t *testing.T, seed uint64, width, height int, smooth, x0, x1 float64) {
		width, height = wrap(width, 200)+1, wrap(height, 60)+1
		e := looks[seed%uint64(len(looks))]
		c := Curves{
			Look: look(e.colour, e.mode), Lines: oddLines(seed), Smooth: smooth, X0: x0, X1: x1, Raw: seed%2 == 0,
			LogX: seed%3 == 0, LogY: seed%5 == 0, Crosshair: seed%7 < 3, Cursor: x0, Legend: true, Title: "losses",
		}
		uitest.Exact(t, c.Draw(width, height), width, height)
	})
}
