package search

import (
	tea "charm.land/bubbletea/v2"
)

// click puts the pane under the mouse in focus, and what is under it in the
// selection.
func (p *Page) click(msg tea.MouseClickMsg) tea.Cmd {
	if msg.Button != tea.MouseLeft || p.empty() != nil {
		return nil
	}
	if p.single() && msg.Y == 0 {
		for _, t := range p.tabs() {
			if msg.X >= t.start && msg.X < t.end {
				p.show(t.pane)
				return nil
			}
		}
	}
	for _, r := range p.places {
		if r.has(msg.X, msg.Y) {
			if p.focus != r.pane {
				p.show(r.pane)
			}
			p.hit(r, msg)
			return nil
		}
	}
	return nil
}

func (p *Page) hit(r rect, msg tea.MouseClickMsg) {
	x, y := msg.X-r.x, msg.Y-r.y-1
	width, height := r.width, r.height-1
	switch r.pane {
	case candidatesPane:
		p.table.Click(x, y)
	case paretoPane:
		if i, ok := p.scatter().PointAt(x, y, width, height); ok {
			p.table.Select(p.ranking.Candidates[i].Subnet)
		}
	case generationsPane:
		rows := max(height-2, 0)
		if i := p.firstGeneration(rows) + y - 1; y >= 1 && y <= rows && i < len(p.stats) {
			p.generation = p.stats[i].generation
		}
	case choicesPane:
		m := p.choices.Map(p.measure, p.generation)
		if row, block, ok := p.heatmap(m, width).CellAt(x, y, width, p.mapRoom(height)); ok {
			p.row, p.block = row, block
		}
	}
}

// scroll scrolls the pane under the mouse.
func (p *Page) scroll(msg tea.MouseWheelMsg) {
	if p.empty() != nil {
		return
	}
	by := 1
	if msg.Button == tea.MouseWheelUp || msg.Button == tea.MouseWheelLeft {
		by = -1
	}
	for _, r := range p.places {
		if !r.has(msg.X, msg.Y) {
			continue
		}
		switch r.pane {
		case candidatesPane:
			p.table.Update(msg)
		case paretoPane:
			p.along(by)
		default:
			p.slide(by)
		}
	}
}
