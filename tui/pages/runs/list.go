package runs

import (
	"fmt"
	"math"
	"time"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/charts"
	"detnas/tui/components/table"
	"detnas/tui/components/text"
	"detnas/tui/series"
)

const (
	ageColumn = 5
	sparkWide = 8 // columns of a loss's sparkline
)

// columns are those of the list; 80 columns hold them all.
func columns() []table.Column {
	by := func(less func(a, b run.Listed) bool) func(a, b table.Row) bool {
		return func(a, b table.Row) bool {
			x, _ := a.Value.(run.Listed)
			y, _ := b.Value.(run.Listed)
			return less(x, y)
		}
	}
	return []table.Column{
		{Title: "run", Grow: true, Min: 12, Less: by(func(a, b run.Listed) bool { return a.Folder.Name() < b.Folder.Name() })},
		{Title: "state", Width: 13, Less: by(func(a, b run.Listed) bool { return a.State.State < b.State.State })},
		{Title: "step", Width: 10, Less: by(func(a, b run.Listed) bool { return a.State.Step < b.State.Step }), Falling: true},
		{Title: "%", Width: 4, Right: true, Less: by(func(a, b run.Listed) bool { return a.Progress < b.Progress }), Falling: true},
		{Title: "score", Width: 10, Right: true, Less: by(lessScore), Falling: true},
		{Title: "age", Width: 4, Right: true, Less: by(younger)},
		{Title: "loss", Width: sparkWide},
	}
}

// lessScore puts runs without a score below all others, and the score of a
// candidate, which is another measure, below a final one.
func lessScore(a, b run.Listed) bool {
	rank := func(l run.Listed) int {
		switch {
		case math.IsNaN(l.Score):
			return 0
		case l.ScoreName == "AP":
			return 2
		}
		return 1
	}
	if x, y := rank(a), rank(b); x != y || x == 0 {
		return x < y
	}
	return a.Score < b.Score
}

// younger goes by minutes, so that two runs that are under way do not change
// places all the time.
func younger(a, b run.Listed) bool {
	return a.State.Updated.Truncate(time.Minute).After(b.State.Updated.Truncate(time.Minute))
}

// stepNames are the steps' names where there is little room.
var stepNames = [6]string{"-", "1 pretrain", "2 finetune", "3 search", "4 retrain", "5 finetune"}

// fill puts what is known into the table.
func (p *Page) fill() {
	rows := make([]table.Row, len(p.listed))
	for i, l := range p.listed {
		rows[i] = p.row(l)
	}
	p.table.SetRows(rows)
}

func (p *Page) row(l run.Listed) table.Row {
	name, step := text.Clean(l.Folder.Name()), "-"
	if n := l.State.Step; n > 0 && n < len(stepNames) {
		step = stepNames[n]
	}
	score := scoreText(l)
	return table.Row{
		Key: l.Folder.Dir(), Value: l,
		Cells: []string{
			name, p.state(l), step, fmt.Sprintf("%d%%", int(100*l.Progress)), score, p.age(l.State.Updated), p.spark(l, sparkWide),
		},
		Filter: fmt.Sprintf("%s %s %s %s %s", name, stateWord(l), step, stepName(l.State.Step), score),
	}
}

func stepName(n int) string {
	if n < 1 || n > config.StepSubnetFinetune {
		return ""
	}
	return config.StepName(n)
}

// stateWord is a run's state in a word; what was asked of it and has begun
// counts.
func stateWord(l run.Listed) string {
	if l.Err != nil {
		return "unreadable"
	}
	for _, r := range l.State.Steering.Requests {
		if r.Phase != run.PhaseBegun {
			continue
		}
		switch r.What {
		case run.ActPause:
			return "pausing"
		case run.ActStop:
			return "stopping"
		}
	}
	return l.State.State
}

// state is a run's state by its glyph and a word.
func (p *Page) state(l run.Listed) string {
	glyph, style := p.common.Glyphs.State(l.State.State), p.common.Styles.StateStyle(l.State.State)
	if reading(l) {
		glyph = p.common.Glyphs.Bullet
	}
	if l.Err != nil {
		glyph, style = p.common.Glyphs.State(run.StateFailed), p.common.Styles.Bad
	}
	return style.Render(glyph + " " + stateWord(l))
}

func scoreText(l run.Listed) string {
	if math.IsNaN(l.Score) {
		return "-"
	}
	return fmt.Sprintf("%s %.3f", l.ScoreName, l.Score)
}

// age is how long ago a run told something, "now" within a minute.
func (p *Page) age(at time.Time) string {
	switch d := p.common.Now().Sub(at); {
	case at.IsZero():
		return "-"
	case d < time.Minute:
		return "now"
	default:
		return text.Age(d)
	}
}

func (p *Page) spark(l run.Listed, width int) string {
	if len(l.Loss) == 0 {
		return ""
	}
	var s series.Series
	for i, v := range l.Loss {
		s.Append(float64(i), v)
	}
	return charts.Spark(charts.Look{Styles: p.common.Styles, Glyphs: p.common.Glyphs}, &s, width)
}
