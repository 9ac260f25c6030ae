package run

import (
	"fmt"
	"math"
	"strings"

	"detnas/core/config"
	"detnas/tui/charts"
	"detnas/tui/history"
	"detnas/tui/series"
)

// smooths are the weights of the moving average to step through.
var smooths = []float64{0, 0.6, 0.9, 0.98}

// chart is how the losses are looked at.
type chart struct {
	raw        bool
	smooth     int // place in smooths
	logX, logY bool
	x0, x1     float64 // window; both 0 is all there is
	crosshair  bool
	cursor     float64
	only       int // 0 is every curve, n the n-th alone
}

func newChart() chart { return chart{raw: true, smooth: 1} }

// all looks at the whole step.
func (c *chart) all() { c.x0, c.x1, c.crosshair = 0, 0, false }

func (c *chart) zoomed() bool { return c.x0 != 0 || c.x1 != 0 }

// about says how the chart is set.
func (c *chart) about(p *Page) string {
	var out []string
	if w := smooths[c.smooth]; w > 0 && p.number() != config.StepSearch {
		out = append(out, fmt.Sprintf("smooth %g", w))
	}
	if c.logX {
		out = append(out, "log x")
	}
	if c.logY {
		out = append(out, "log y")
	}
	if p.overlay && len(p.others) > 0 {
		out = append(out, fmt.Sprintf("over %d", len(p.others)))
	}
	return strings.Join(out, ", ")
}

// unit is what a step's x counts.
func unit(step int) string {
	if step == config.StepSearch {
		return "candidate"
	}
	return "iteration"
}

// curves is the chart of the losses of the step that is looked at; of the
// search, that of the scores.
func (p *Page) curves() charts.Curves {
	c := p.base()
	c.Lines, c.Legend, c.LogY = p.lines(), true, p.chart.logY
	if p.number() != config.StepSearch { // scores are shown as they are
		c.Raw, c.Smooth = p.chart.raw, smooths[p.chart.smooth]
	}
	return c
}

// base is a chart over the x of the step that is looked at.
func (p *Page) base() charts.Curves {
	return charts.Curves{
		Look: p.charts(), LogX: p.chart.logX, X0: p.chart.x0, X1: p.chart.x1, XMax: float64(p.step().Iterations),
		Cursor: p.chart.cursor, Crosshair: p.chart.crosshair, Unit: unit(p.number()),
	}
}

// accuracy is among the losses that detectors report, and is none: it is drawn
// alone.
const accuracy = "acc"

// stand is what curves are of: a step, as of so many events.
type stand struct {
	step   int
	events int64
}

// curve is a curve with its name.
type curve struct {
	name   string
	series *series.Series
}

// own are the curves of the step of this run that is looked at. They are put
// together once for what the journal has.
func (p *Page) own() []curve {
	at := stand{p.number(), p.history().Events}
	if p.curvesAt != at {
		p.curvesAt, p.curvesOwn = at, curvesOf(p.history(), p.number())
	}
	return p.curvesOwn
}

// curvesOf are the losses of a step, the sum first; of the search, the scores of
// its candidates.
func curvesOf(h *history.History, step int) []curve {
	if step == config.StepSearch {
		return scores(h)
	}
	s := &h.Steps[step]
	var out []curve
	for _, name := range s.LossNames() {
		out = append(out, curve{name, s.Losses[name]})
	}
	return out
}

// scores are the best score so far, and that of each candidate.
func scores(h *history.History) []curve {
	var best, each series.Series
	top := math.Inf(-1)
	for i, c := range h.State.Candidates {
		if math.IsNaN(c.Score) {
			continue
		}
		top = max(top, c.Score)
		best.Append(float64(i+1), top)
		each.Append(float64(i+1), c.Score)
	}
	return []curve{{"best so far", &best}, {"score", &each}}
}

// lines are the curves that were chosen, and those of the runs laid over.
func (p *Page) lines() []charts.Line {
	var out []charts.Line
	own := p.own()
	for i, c := range own {
		if p.chart.only == i+1 || p.chart.only == 0 && c.name != accuracy {
			out = append(out, charts.Line{Name: c.name, Series: c.series, Style: i})
		}
	}
	if !p.overlay || len(own) == 0 {
		return out
	}
	of := own[max(p.chart.only-1, 0)].name // of all, the sum
	for k, o := range p.others {
		for _, c := range curvesOf(o.history, p.number()) {
			if c.name == of {
				out = append(out, charts.Line{Name: o.name, Series: c.series, Style: len(own) + k})
			}
		}
	}
	return out
}

// nextCurve shows all curves, then each alone.
func (p *Page) nextCurve() {
	p.chart.only = (p.chart.only + 1) % (len(p.own()) + 1)
}

// span is the first and the last x that there can be.
func (p *Page) span() (lo, hi float64) {
	lo, hi = math.Inf(1), float64(p.step().Iterations)
	for _, l := range p.lines() {
		if x0, x1, ok := l.Series.Bounds(); ok {
			lo, hi = min(lo, x0), max(hi, x1)
		}
	}
	if math.IsInf(lo, 1) {
		lo = 0
	}
	if hi > 0 && lo <= hi/20 {
		lo = 0 // as the chart's axis begins
	}
	return lo, hi
}

// zoom makes the window so many times as wide, around an x that stays in place.
func (p *Page) zoom(times, around float64) {
	lo, hi := p.span()
	x0, x1 := p.window()
	width := (x1 - x0) * times
	if width < (hi-lo)/500 || hi <= lo {
		return
	}
	if width >= hi-lo {
		p.chart.x0, p.chart.x1 = 0, 0
		return
	}
	around = min(max(around, x0), x1)
	x0 = around - (around-x0)*times
	x0 = min(max(x0, lo), hi-width)
	p.chart.x0, p.chart.x1 = x0, x0+width
}

// window is the part of the x that is in sight.
func (p *Page) window() (x0, x1 float64) {
	if p.chart.zoomed() {
		return p.chart.x0, p.chart.x1
	}
	return p.span()
}

// anchor is where a key zooms: at the crosshair, else at the newest values.
func (p *Page) anchor() float64 {
	if p.chart.crosshair {
		return p.chart.cursor
	}
	return p.newest()
}

// newest is the x of the newest values in sight.
func (p *Page) newest() float64 {
	x0, x1 := p.window()
	return min(max(float64(p.step().Iteration), x0), x1)
}

// sideways moves the crosshair by columns, or the window where there is none.
func (p *Page) sideways(columns int) {
	switch {
	case p.chart.crosshair:
		p.chart.cursor = p.curves().Step(columns, p.plan().middle.width)
	case p.chart.zoomed():
		lo, hi := p.span()
		width := p.chart.x1 - p.chart.x0
		x0 := min(max(p.chart.x0+width*float64(columns)/20, lo), hi-width)
		p.chart.x0, p.chart.x1 = x0, x0+width
	default:
		p.cross()
	}
}

// cross puts the crosshair on, at the newest values in sight, or takes it off.
func (p *Page) cross() {
	if p.chart.crosshair {
		p.chart.crosshair = false
		return
	}
	p.chart.crosshair = true
	p.chart.cursor = p.newest()
}
