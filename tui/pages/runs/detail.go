package runs

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/components/text"
	"detnas/tui/components/track"
)

// about is what a run's folder says beside its journal.
type about struct {
	config string // the first sentence of its config
	subnet string // short form; empty before there is one
	seq    int64  // of the journal, as it was read
}

// abouts are those of the runs that were selected, by folder.
type abouts map[string]about

// told brings what a run's folder says.
type told struct {
	page  *Page
	dir   string
	about about
}

// tell reads about the selected run, where that is shown and not known.
func (p *Page) tell() tea.Cmd {
	l, ok := p.selected()
	if !ok || p.width < wide {
		return nil
	}
	if a, known := p.about[l.Folder.Dir()]; known && a.seq == l.State.Seq {
		return nil
	}
	folder, seq := l.Folder, l.State.Seq
	return func() tea.Msg {
		a := about{seq: seq}
		if toml, err := config.ReadFile(folder.Config()); err == nil {
			a.config = sentence(heading(string(toml)))
		}
		if result, err := folder.ReadResult(); err == nil {
			a.subnet = result.Subnet
		}
		return told{page: p, dir: folder.Dir(), about: a}
	}
}

// detail tells of the selected run.
func (p *Page) detail(width, height int) string {
	s, g := p.common.Styles, p.common.Glyphs
	var lines []string
	if l, ok := p.selected(); ok {
		lines = p.detailLines(l, width-4)
	}
	for i := range lines {
		lines[i] = s.Border.Render(g.Vertical) + " " + lines[i]
	}
	for len(lines) < height {
		lines = append(lines, s.Border.Render(g.Vertical))
	}
	return text.Block(lines, width, height, g.Ellipsis)
}

func (p *Page) detailLines(l run.Listed, width int) []string {
	s := p.common.Styles
	a := p.about[l.Folder.Dir()]
	lines := []string{s.Title.Render(text.Clean(l.Folder.Name())), p.state(l)}
	for _, words := range []string{failure(l), text.Clean(a.config)} {
		style := s.Faint
		if words == failure(l) {
			style = s.Bad
		}
		for _, w := range wrapped(words, width) {
			lines = append(lines, style.Render(w))
		}
	}
	lines = append(lines, "")
	for n := 1; n <= config.StepSubnetFinetune; n++ {
		lines = append(lines, p.stepLine(l, n))
	}
	lines = append(lines, "", p.fact("score", scoreText(l)))
	if a.subnet != "" {
		lines = append(lines, p.fact("subnet", text.Clean(a.subnet)))
	}
	if st := l.State.Started; st != nil {
		lines = append(lines, p.fact("device", fmt.Sprintf("%s, %d threads", text.Clean(st.Device), st.Threads)),
			p.fact("seed", fmt.Sprint(st.Seed)), p.fact("config", text.Clean(st.ConfigHash)))
	}
	if at := l.State.Updated; !at.IsZero() {
		lines = append(lines, p.fact("last news", at.In(p.common.Now().Location()).Format("2006-01-02 15:04")))
	}
	lines = append(lines, "")
	for _, w := range wrapped(text.Clean(l.Folder.Dir()), width) {
		lines = append(lines, s.Faint.Render(w))
	}
	if len(l.Loss) > 0 {
		lines = append(lines, "", s.Faint.Render("loss of this step"), p.spark(l, width))
	}
	return lines
}

func (p *Page) fact(name, value string) string {
	return p.common.Styles.Faint.Render(text.Fit(name, 10, "")) + p.common.Styles.Text.Render(value)
}

// failure is why a run failed, has paused, or cannot be read.
func failure(l run.Listed) string {
	if l.Err != nil {
		return text.Clean(l.Err.Error())
	}
	return text.Clean(cmp.Or(l.State.Error, l.State.Cause))
}

func wrapped(words string, width int) []string {
	if words == "" {
		return nil
	}
	return strings.Split(ansi.Wrap(words, max(width, 1), " /"), "\n")
}

// stepLine is one step of a run: its state, its time and what it came to.
func (p *Page) stepLine(l run.Listed, n int) string {
	s, g := p.common.Styles, p.common.Glyphs
	glyph, style, words := g.Bullet, s.Faint, "waiting"
	switch done, ok := l.State.Finished[n]; {
	case ok:
		glyph, style = g.State(run.StateFinished), s.Good
		words = text.Span(time.Duration(done.Seconds * float64(time.Second)))
		if h := track.Headline(done.Metrics); h != "" {
			words += ", " + h
		}
	case n == l.State.Step && l.State.Iterations > 0:
		glyph, style = g.State(l.State.State), s.StateStyle(l.State.State)
		words = fmt.Sprintf("%d/%d", l.State.Iteration, l.State.Iterations)
	}
	return style.Render(text.Fit(fmt.Sprintf("%s %d %s", glyph, n, config.StepName(n)), 22, "")) + " " + s.Text.Render(words)
}
