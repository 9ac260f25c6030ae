package run

import (
	"fmt"
	"strings"
	"time"

	"detnas/core/config"
	"detnas/tui/charts"
	"detnas/tui/components/text"
	"detnas/tui/series"
)

// small is one of several charts one below the other.
type small struct {
	title  string
	series *series.Series
	style  int
	format func(float64) string
	time   bool // over the run's time, not the step's iterations
}

// draw draws charts one below the other in equal parts.
func (p *Page) stack(r rect, parts []small) string {
	if len(parts) == 0 {
		return text.Block(nil, r.width, r.height, "")
	}
	n := max(min(len(parts), r.height/4), 1)
	var blocks []string
	y := 0
	for i := range n {
		end := r.height * (i + 1) / n
		blocks = append(blocks, p.small(parts[i]).Draw(r.width, end-y))
		y = end
	}
	return strings.Join(blocks, "\n")
}

func (p *Page) small(s small) charts.Curves {
	c := p.base()
	if s.time {
		c = charts.Curves{Look: p.charts(), Unit: "time", FormatX: func(v float64) string { return text.Span(time.Duration(v * float64(time.Second))) }}
	}
	c.Lines, c.Legend, c.FormatY = []charts.Line{{Name: s.title, Series: s.series, Style: s.style}}, true, s.format
	return c
}

// speed is the learning rate and how fast the step goes.
func (p *Page) speed(r rect) string { return p.stack(r, p.speeds()) }

func (p *Page) speeds() []small {
	s := p.step()
	if p.number() == config.StepSearch {
		var seconds series.Series
		for i, c := range p.history().State.Candidates {
			seconds.Append(float64(i+1), c.Seconds)
		}
		return []small{{title: "seconds a candidate", series: &seconds, style: 2}}
	}
	return []small{
		{title: "images/s", series: &s.Images, style: 2},
		{title: "learning rate", series: &s.LR, style: 1},
		{title: "time waiting for data", series: &s.Data, style: 3, format: percent},
	}
}

// machine is what the run takes of the machine.
func (p *Page) machine(r rect) string {
	if p.history().Usage == nil {
		return text.Block([]string{"", "  " + p.common.Styles.Faint.Render("the journal does not tell of CPU and memory")}, r.width, r.height, "")
	}
	return p.stack(r, p.machines())
}

func (p *Page) machines() []small {
	h := p.history()
	parts := []small{
		{title: "cores busy", series: &h.CPU, style: 4, time: true},
		memory("memory", &h.Memory, 5),
	}
	if h.GPU.Len() > 0 {
		parts = append(
			parts,
			small{title: "GPU busy", series: &h.GPU, style: 6, time: true, format: percent},
			memory("GPU memory", &h.GPUMem, 7),
		)
	}
	return parts
}

func percent(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) }

// memory is a curve of bytes in MiB or GiB, so that its ticks are round.
func memory(title string, s *series.Series, style int) small {
	x0, x1, _ := s.Bounds()
	bins := s.Bins(x0, x1, fine)
	most := 0.0
	for _, b := range bins {
		most = max(most, b.Max)
	}
	unit, scale := "MiB", float64(1<<20)
	if most >= 1<<32 {
		unit, scale = "GiB", 1<<30
	}
	var scaled series.Series
	for _, b := range bins {
		scaled.Append(b.X1, b.Max/scale)
	}
	return small{title: title + " " + unit, series: &scaled, style: style, time: true}
}

// fine is more points than a chart of this page has columns of dots.
const fine = 512

// side are small charts beside the losses.
func (p *Page) side(r rect) string {
	parts := p.speeds()
	if len(parts) > 2 {
		parts = parts[:2]
	}
	if p.history().Usage != nil {
		if machines := p.machines(); r.height >= 4*(len(parts)+len(machines)) {
			parts = append(parts, machines...)
		} else {
			parts = append(parts, machines[0])
		}
	}
	return p.stack(r, parts)
}
