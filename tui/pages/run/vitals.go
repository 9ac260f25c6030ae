package run

import (
	"fmt"
	"math"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/charts"
	"detnas/tui/components/text"
	"detnas/tui/components/track"
	"detnas/tui/series"
)

// vitals are the run's figures in one line, each with its course: as many as
// there is room for.
func (p *Page) vitals(width int) string {
	spark := 6
	if width >= 120 {
		spark = 12
	}
	line := ""
	add := func(words string, s *series.Series) {
		if words == "" {
			return
		}
		if s != nil {
			words += " " + charts.Spark(p.charts(), s, min(spark, s.Len()))
		}
		if text.Width(line)+text.Width(words)+3 <= width {
			line += "  " + words
		}
	}
	if p.number() == config.StepSearch {
		p.searchVitals(add)
	} else {
		p.trainVitals(add)
	}
	p.machineVitals(add)
	add(p.rankVitals(), nil)
	return text.Fit(strings.TrimPrefix(line, " "), width, p.common.Glyphs.Ellipsis)
}

// figure is a name, a value and its unit.
func (p *Page) figure(name, value, unit string) string {
	s := p.common.Styles
	out := s.Bold.Render(value)
	if name != "" {
		out = s.Faint.Render(name+" ") + out
	}
	if unit != "" {
		out += s.Faint.Render(" " + unit)
	}
	return out
}

func (p *Page) trainVitals(add func(string, *series.Series)) {
	s := p.step()
	number := func(name string, c *series.Series, unit string) string {
		if c == nil || math.IsNaN(c.Last()) {
			return ""
		}
		return p.figure(name, charts.Number(c.Last()), unit)
	}
	add(number("loss", s.Losses["loss"], ""), s.Losses["loss"])
	add(number("", &s.Images, "img/s"), &s.Images)
	add(number("lr", &s.LR, ""), nil)
	if share := s.Data.Last(); !math.IsNaN(share) {
		add(p.figure("data", fmt.Sprintf("%.0f%%", 100*share), "of the time"), nil)
	}
}

func (p *Page) searchVitals(add func(string, *series.Series)) {
	s := p.step()
	if scores := p.own(); len(p.history().State.Candidates) > 0 {
		add(p.figure("best", charts.Number(scores[0].series.Last()), ""), scores[0].series)
		add(p.figure("score", charts.Number(scores[1].series.Last()), ""), scores[1].series)
	}
	if s.Rate > 0 {
		add(p.figure("", track.Rate(s.Rate, config.StepSearch), ""), nil)
	}
}

func (p *Page) machineVitals(add func(string, *series.Series)) {
	h := p.history()
	u := h.Usage
	if u == nil {
		return
	}
	add(p.figure("cpu", fmt.Sprintf("%.1f", u.CPU), "cores"), &h.CPU)
	add(p.figure("mem", text.Bytes(u.Memory), ""), &h.Memory)
	if u.GPUBytes > 0 || u.GPU > 0 {
		add(p.figure("gpu", fmt.Sprintf("%.0f%%", 100*u.GPU), text.Bytes(u.GPUBytes)), &h.GPU)
	}
}

// mostNote is how many lines a note may take where there is room for them.
const mostNote = 3

// note is the note in as many lines of a width as it takes and there is room for.
func (p *Page) note(width int) []string {
	words, style := p.noteWords()
	if words == "" {
		return nil
	}
	most := 1
	if p.height >= stripHeight {
		most = mostNote
	}
	lines := strings.Split(ansi.Wrap(words, max(width-2, 1), "/"), "\n")
	if len(lines) > most {
		lines = append(lines[:most-1], strings.Join(lines[most-1:], " "))
	}
	for i, l := range lines {
		lines[i] = text.Fit(" "+style.Render(l), width, p.common.Glyphs.Ellipsis)
	}
	return lines
}

// noteWords are what was asked of the run and not done yet, or why it does not
// go on; empty where there is nothing to say. They say no more than the journal
// and the run's lock.
func (p *Page) noteWords() (string, lipgloss.Style) {
	st, s := &p.history().State, p.common.Styles
	var parts []string
	for _, r := range st.Steering.Requests {
		parts = append(parts, p.request(r))
	}
	if len(parts) > 0 {
		return strings.Join(parts, "; "), s.Warn
	}
	switch state := p.state(); {
	case state == run.StateFailed:
		return "failed: " + text.Clean(st.Error), s.Bad
	case state == run.StateInterrupted:
		return p.common.Glyphs.State(state) + " interrupted: its process is gone" + p.hint("; r goes on from the last checkpoint"), s.Warn
	case state == run.StatePaused && st.Cause != "":
		return p.common.Glyphs.State(state) + " paused: " + text.Clean(st.Cause) + p.hint(" (p)"), s.Bad
	case state == run.StatePaused:
		return p.common.Glyphs.State(state) + " paused at " + place(st.Step, st.Iteration) + p.hint("; p goes on"), s.Warn
	case state == run.StateStopped:
		return p.common.Glyphs.State(state) + " stopped" + p.hint("; r goes on from the last checkpoint"), s.Warn
	case p.run.Err != nil:
		return text.Clean(p.run.Err.Error()), s.Bad
	case state == run.StateRunning && len(p.told().Silent()) > 0:
		return silentWords(p.told()), s.Warn
	case p.history().Preparing != nil:
		w := p.history().Preparing
		return fmt.Sprintf("%s: %d of %d", text.Clean(w.What), w.Done, w.Total), s.Text
	}
	return "", s.Text
}

// request is a request in words.
func (p *Page) request(r run.Control) string {
	if r.Phase == run.PhaseBegun {
		switch r.What {
		case run.ActPause:
			return "pausing for " + text.Clean(r.Who)
		case run.ActStop:
			return "stopping for " + text.Clean(r.Who)
		}
		return r.What + " under way for " + text.Clean(r.Who)
	}
	what := r.What
	switch {
	case r.Subnet != "":
		what += " " + text.Clean(r.Subnet)
	case r.Block > 0:
		what += fmt.Sprintf(" of block %d", r.Block)
	}
	return fmt.Sprintf("%s requested by %s at %s%s", what, text.Clean(r.Who), place(r.Step, r.Iteration), p.hint("; w withdraws it"))
}

// hint names a key to those who may use it.
func (p *Page) hint(words string) string {
	if p.common.Watching != "" {
		return ""
	}
	return words
}

// place is where in a run something is.
func place(step, iteration int) string {
	if step == 0 {
		return "the start"
	}
	return fmt.Sprintf("step %d, %s %d", step, unit(step), iteration)
}

// withdrawable is the command that takes back the newest request that can be, or
// why there is none.
func (p *Page) withdrawable() (c steer.Command, off string) {
	requests := p.history().State.Steering.Requests
	off = "nothing is requested"
	for i := len(requests) - 1; i >= 0; i-- {
		r := requests[i]
		if r.Phase == run.PhaseRequested {
			return steer.Command{Act: steer.ActWithdraw, Who: p.common.Who, Of: r.What, Subnet: r.Subnet, Block: r.Block}, ""
		}
		off = "the " + r.What + " has begun"
	}
	return c, off
}
