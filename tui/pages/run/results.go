package run

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/components/text"
	"detnas/tui/components/track"
	"detnas/tui/history"
)

const (
	shownCheckpoints = 5
	shownActs        = 200
)

// results are the final figures, what each step came to, evaluations,
// checkpoints, warnings and what befell the run.
func (p *Page) results(r rect) string {
	lines := p.resultLines(r.width)
	p.scroll = max(0, min(p.scroll, len(lines)-r.height))
	return text.Block(lines[p.scroll:], r.width, r.height, p.common.Glyphs.Ellipsis)
}

func (p *Page) resultLines(width int) []string {
	h := p.history()
	var lines []string
	section := func(title string, body []string) {
		if len(body) == 0 {
			return
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(append(lines, " "+p.common.Styles.Bold.Render(title)), body...)
	}
	section("Final result", p.final(h.Steps[config.StepSubnetFinetune].Result))
	section("Steps", p.stepTable())
	section("Evaluated within "+p.step().Name, p.evaluations())
	section("Checkpoints", p.checkpoints())
	section("Warnings", p.warnings(width))
	section("What happened", p.acts(width))
	return lines
}

// final are COCO's twelve figures, and VOC's two where there are any; one that is
// not defined is a dash.
func (p *Page) final(v run.Values) []string {
	if _, ok := v["AP"]; !ok {
		return nil
	}
	s := p.common.Styles
	var out []string
	coco := run.FinalFigures()
	rows := [][]string{coco[:6], coco[6:]}
	if _, ok := v["mAP"]; ok {
		rows = append(rows, []string{"mAP07", "mAP"})
	}
	for _, names := range rows {
		head, values := "", ""
		for _, name := range names {
			value := "-"
			if x, ok := v[name]; ok && x >= 0 && !math.IsNaN(x) {
				value = fmt.Sprintf("%.3f", x)
			}
			head += text.FitRight(name, 8, "")
			values += text.FitRight(value, 8, "")
		}
		out = append(out, s.Faint.Render(head), s.Good.Render(values))
	}
	return out
}

// stepTable is one line a step: its state, its time and its figures.
func (p *Page) stepTable() []string {
	s, g := p.common.Styles, p.common.Glyphs
	var out []string
	for n := 1; n < len(p.history().Steps); n++ {
		st := &p.history().Steps[n]
		if !st.Started {
			continue
		}
		state := run.StateFinished
		if !st.Done {
			state = p.state()
		}
		line := "  " + s.StateStyle(state).Render(g.State(state)) + " " + text.Fit(fmt.Sprintf("%d %s", n, config.StepName(n)), 20, "") +
			s.Faint.Render(text.FitRight(text.Span(time.Duration(st.Seconds*float64(time.Second))), 7, "")) + "  "
		if st.Done {
			line += figures(st.Result)
		} else {
			line += fmt.Sprintf("%d/%d %ss", st.Iteration, st.Iterations, unit(n))
		}
		out = append(out, line)
	}
	return out
}

// figures are the metrics of a step, the headline first.
func figures(v run.Values) string {
	head := track.Headline(v)
	parts := []string{head}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		shown := strings.HasPrefix(head, name+" ") || name == "top1" && strings.HasPrefix(head, "top-1")
		if undefined := strings.HasPrefix(strings.TrimPrefix(name, "m"), "A") && v[name] < 0; !shown && !undefined {
			parts = append(parts, fmt.Sprintf("%s %.3g", text.Clean(name), v[name]))
		}
	}
	return strings.TrimPrefix(strings.Join(parts, ", "), ", ")
}

// evaluations are the last figures that were measured within the step.
func (p *Page) evaluations() []string {
	s := p.step()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.Metrics)) {
		c := s.Metrics[name]
		_, x, _ := c.Bounds()
		out = append(out, fmt.Sprintf("  %s %.4g", text.Fit(text.Clean(name), 12, ""), c.Last())+
			p.common.Styles.Faint.Render(fmt.Sprintf("  at %s %.0f, %d so far", unit(s.Number), x, c.Len())))
	}
	return out
}

// checkpoints are the newest ones, and the best of each step.
func (p *Page) checkpoints() []string {
	all := p.history().Checkpoints
	var out []string
	add := func(path string, c run.CheckpointWritten) {
		out = append(out, "  "+text.Clean(path)+p.common.Styles.Faint.Render("  "+place(c.Step, c.Iteration)))
	}
	for _, c := range slices.Backward(all[max(0, len(all)-shownCheckpoints):]) {
		add(c.Path, c)
	}
	for n := range p.history().Steps {
		if best := p.history().Steps[n].Best; best != nil {
			add(best.Best, *best)
		}
	}
	return out
}

func (p *Page) warnings(width int) []string {
	s := p.common.Styles
	var out []string
	if n := p.history().Problems; n > 0 {
		out = append(out, "  "+s.Warn.Render(fmt.Sprintf("! %d images or boxes of the data were left out; the log names them", n)))
	}
	for _, w := range p.history().State.Warnings {
		out = append(out, indented("! "+text.Clean(w), width, s.Warn.Render)...)
	}
	return out
}

// acts are what people did and what befell the run, the newest first.
func (p *Page) acts(width int) []string {
	s, here := p.common.Styles, p.common.Now().Location()
	all := p.history().Acts
	var out []string
	for _, a := range slices.Backward(all[max(0, len(all)-shownActs):]) {
		out = append(out, indented(said(a, here), width, choose(a.Bad, s.Bad.Render, s.Text.Render))...)
	}
	return out
}

func said(a history.Act, here *time.Location) string {
	return a.Time.In(here).Format("15:04:05 ") + text.Clean(a.Text)
}

func choose[T any](which bool, a, b T) T {
	if which {
		return a
	}
	return b
}

// indented breaks a text into lines that begin with two spaces, those after the
// first with four.
func indented(words string, width int, style func(...string) string) []string {
	var out []string
	for i, l := range strings.Split(ansi.Wrap(words, max(width-5, 8), ""), "\n") {
		out = append(out, text.Spaces(choose(i == 0, 2, 4))+style(l))
	}
	return out
}
