// Package track shows the five steps of a run side by side: how far each is, how
// fast, and how long it still takes.
package track

import (
	"fmt"
	"strings"
	"time"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/common"
	"detnas/tui/components/text"
	"detnas/tui/history"
)

const steps = 5

// Track is the five steps. It keeps no state.
type Track struct {
	Common   *common.Common
	Steps    [6]history.Step
	State    string // of the run
	Step     int    // that the run is in; 0 before the first
	Selected int    // the step that is looked at; 0 marks none
}

// Lines is how many lines it is best drawn in at a size of the page: two, or
// four where there is room.
func Lines(width, height int) int {
	switch {
	case height < 9:
		return 1
	case width >= 100 && height >= 28:
		return 4
	}
	return 2
}

// short are the steps' names where there is little room.
var short = [6]string{"", "pretrain", "finetune", "search", "retrain", "finetune"}

// StepAt is the step under a column, or 0.
func StepAt(x, width int) int {
	for n := 1; n <= steps; n++ {
		if from, to := span(n, width); x >= from && x < to {
			return n
		}
	}
	return 0
}

// span is where a step's cell begins, and where the next one does.
func span(n, width int) (from, to int) { return (n - 1) * width / steps, n * width / steps }

// Draw draws one, two, three or four lines of exactly width columns.
func (t Track) Draw(width, height int) string {
	lines := make([]string, max(height, 0))
	for i := range lines {
		var b strings.Builder
		for n := 1; n <= steps; n++ {
			from, to := span(n, width)
			b.WriteString(t.cell(n, i, to-from))
		}
		lines[i] = b.String()
	}
	return text.Block(lines, width, height, "")
}

// cell is one line of a step's cell.
func (t Track) cell(n, line, width int) string {
	room := width - 2
	if n == t.Selected && line == 0 {
		name := text.Fit(t.name(n, room), room, t.Common.Glyphs.Ellipsis)
		return t.Common.Glyphs.Pointer + t.Common.Styles.Selected.Render(name) + text.Spaces(width-room-1)
	}
	words := ""
	switch line {
	case 0:
		words = t.style(n)(t.name(n, room))
	case 1:
		words = t.progress(n, room)
	case 2:
		words = t.pace(n)
	case 3:
		words = t.figures(n)
	}
	return text.Fit(" "+text.Fit(words, max(room, 0), t.Common.Glyphs.Ellipsis), width, "")
}

// state is a step's state, one of the run's, or "" for one that has not begun.
func (t Track) state(n int) string {
	s := t.Steps[n]
	switch {
	case s.Done:
		return run.StateFinished
	case n == t.Step && s.Started:
		return t.State
	case s.Started:
		return run.StateStopped
	}
	return ""
}

func (t Track) style(n int) func(...string) string {
	s := t.Common.Styles
	if state := t.state(n); state != "" {
		return s.StateStyle(state).Render
	}
	return s.Faint.Render
}

func (t Track) name(n, room int) string {
	glyph := t.Common.Glyphs.Bullet
	if state := t.state(n); state != "" {
		glyph = t.Common.Glyphs.State(state)
	}
	name := config.StepName(n)
	if len(name)+4 > room {
		name = short[n]
	}
	return fmt.Sprintf("%s %d %s", glyph, n, name)
}

// word is a step's state in a word.
func (t Track) word(n int) string {
	switch state := t.state(n); state {
	case "":
		return "waiting"
	case run.StateFinished:
		return "done"
	default:
		return state
	}
}

// share is how much of a step is done, from 0 to 1.
func (t Track) share(n int) float64 {
	s := t.Steps[n]
	switch {
	case s.Done:
		return 1
	case s.Iterations > 0:
		return float64(s.Iteration) / float64(s.Iterations)
	}
	return 0
}

// progress is a bar with a percentage while a step is under way, else its state
// in a word with the time that it took.
func (t Track) progress(n, room int) string {
	st, s := t.Common.Styles, t.Steps[n]
	percent := fmt.Sprintf("%d%%", int(100*t.share(n)))
	switch state := t.state(n); state {
	case "":
		return st.Faint.Render("waiting")
	case run.StateFinished:
		return st.Good.Render("done") + st.Faint.Render(" in "+text.Span(time.Duration(s.Seconds*float64(time.Second))))
	case run.StateRunning:
		return t.bar(n, room-len(percent)-1) + " " + percent
	default:
		words := t.word(n) + " at " + percent
		if len(words) > room {
			words = t.word(n) + " " + percent
		}
		return t.style(n)(words)
	}
}

func (t Track) bar(n, width int) string {
	st, g := t.Common.Styles, t.Common.Glyphs
	width = max(width, 0)
	full := min(int(t.share(n)*float64(width)+0.5), width)
	return st.Accent.Render(strings.Repeat(g.Full, full)) + st.Faint.Render(strings.Repeat(g.Empty, width-full))
}

// pace is how far a step is in its iterations, and how fast.
func (t Track) pace(n int) string {
	st, s := t.Common.Styles, t.Steps[n]
	if !s.Started || s.Iterations == 0 {
		return ""
	}
	words := fmt.Sprintf("%d/%d", s.Iteration, s.Iterations)
	if t.state(n) != run.StateRunning || s.Rate <= 0 {
		return st.Faint.Render(words)
	}
	return words + st.Faint.Render(", "+Rate(s.Rate, n))
}

// Rate writes a step's speed: 12.3 it/s, 4.1 s/it, 2.2 s/cand.
func Rate(rate float64, step int) string {
	unit := "it"
	if step == config.StepSearch {
		unit = "cand"
	}
	if rate < 1 {
		return fmt.Sprintf("%.3g s/%s", 1/rate, unit)
	}
	return fmt.Sprintf("%.3g %s/s", rate, unit)
}

// figures are the time left, or what a step has come to.
func (t Track) figures(n int) string {
	st, s := t.Common.Styles, t.Steps[n]
	if t.state(n) == run.StateRunning && s.Left > 0 {
		return text.Span(s.Left) + st.Faint.Render(" left")
	}
	return Headline(s.Result)
}

// heads are the metrics that say how good a step came out, the first that there
// is.
var heads = []struct{ key, words string }{{"AP", "AP"}, {"top1", "top-1"}, {"best", "best"}, {"loss", "loss"}}

// Headline is the metric that says how good a step came out, or "".
func Headline(metrics run.Values) string {
	for _, h := range heads {
		if v, ok := metrics[h.key]; ok {
			return fmt.Sprintf("%s %.3g", h.words, v)
		}
	}
	return ""
}
