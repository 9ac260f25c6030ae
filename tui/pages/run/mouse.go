package run

import (
	tea "charm.land/bubbletea/v2"

	"detnas/tui/components/track"
)

// zoomTurn is how much one turn of the wheel zooms.
const zoomTurn = 0.8

// click chooses a step or a pane, or sets the crosshair.
func (p *Page) click(m tea.MouseClickMsg) tea.Cmd {
	if m.Button != tea.MouseLeft {
		return nil
	}
	l := p.plan()
	switch {
	case l.track.has(m.X, m.Y):
		if n := track.StepAt(m.X, l.track.width); n > 0 {
			p.pick(n)
		}
	case l.tabs.has(m.X, m.Y):
		if to, ok := p.tabAt(m.X); ok {
			p.pane, p.scroll = to, 0
		}
	case p.pane == paneRanks && l.middle.has(m.X, m.Y):
		p.ranks.Click(m.X-l.middle.x, m.Y-l.middle.y-rankHead)
	case p.pane == paneLosses && l.middle.has(m.X, m.Y):
		if x, ok := p.curves().XAt(m.X-l.middle.x, l.middle.width); ok {
			p.chart.crosshair, p.chart.cursor = true, x
		}
	}
	p.refresh()
	return p.poll()
}

// wheel zooms the losses at the pointer, and scrolls the log and the results.
func (p *Page) wheel(m tea.MouseWheelMsg) tea.Cmd {
	var turn int
	switch m.Button {
	case tea.MouseWheelUp:
		turn = -1
	case tea.MouseWheelDown:
		turn = 1
	default:
		return nil
	}
	l := p.plan()
	var cmd tea.Cmd
	switch {
	case l.log.has(m.X, m.Y):
		cmd = p.logs.shown().Wheel(turn)
	case l.results.has(m.X, m.Y), p.pane == paneResults && l.middle.has(m.X, m.Y):
		p.scroll = max(0, p.scroll+3*turn)
	case p.pane == paneRanks && l.middle.has(m.X, m.Y):
		p.ranks.Update(m)
	case p.pane == paneLosses && l.middle.has(m.X, m.Y):
		if x, ok := p.curves().XAt(m.X-l.middle.x, l.middle.width); ok && turn < 0 {
			p.zoom(zoomTurn, x)
		} else if ok {
			p.zoom(1/zoomTurn, x)
		}
	}
	p.refresh()
	return cmd
}
