package search

import (
	"strings"

	"detnas/tui/charts"
	"detnas/tui/components/text"
)

// The sizes from which on the page shows more than one pane.
const (
	stackedWidth, stackedHeight = 110, 26
	allWidth, allHeight         = 144, 38
)

// footHeight is the line of the steering.
const footHeight = 1

// layOut places the panes.
func (p *Page) layOut() {
	p.places = p.places[:0]
	height := p.height - footHeight
	put := func(which pane, x, y, w, h int) {
		if w > 0 && h > 0 {
			p.places = append(p.places, rect{which, x, y, w, h})
		}
	}
	mapped := p.mapHeight()
	switch {
	case p.width >= allWidth && p.height >= allHeight:
		left := p.tableWidth()
		top := height - mapped
		half := (top + 1) / 2
		right := p.width - left - 2
		put(candidatesPane, 0, 0, left, top)
		put(paretoPane, left+2, 0, right, half)
		put(generationsPane, left+2, half, right, top-half)
		put(choicesPane, 0, top, p.width, mapped)
	case p.width >= stackedWidth && p.height >= stackedHeight:
		put(p.upper, 0, 0, p.width, height-mapped)
		put(choicesPane, 0, height-mapped, p.width, mapped)
	default:
		put(p.focus, 0, 0, p.width, height)
	}
	for _, r := range p.places {
		if r.pane == candidatesPane {
			p.table.Resize(r.width, r.height-1)
		}
	}
}

// mapHeight is the lines of the map with its title and words, where it is not
// alone.
func (p *Page) mapHeight() int {
	rows := max(len(p.space.Choices), 1)
	if p.height >= allHeight+4 && 2*rows <= 8 {
		rows *= 2
	}
	return 1 + 2 + rows + wordsHeight
}

// tableWidth is what the table takes with the columns up to the origin.
func (p *Page) tableWidth() int {
	return 2 + 5 + 7 + 6 + 8 + 4 + 9 + 6*2 + max(p.space.Len()+len(p.space.Depths)-1, 7) + 2
}

// single reports whether one pane shows at a time.
func (p *Page) single() bool { return len(p.places) == 1 }

// show puts a pane in focus.
func (p *Page) show(which pane) {
	p.focus, p.view = which, ""
	if which != choicesPane {
		p.upper = which
	}
	p.layOut()
}

func (p *Page) look() charts.Look {
	return charts.Look{Styles: p.common.Styles, Glyphs: p.common.Glyphs}
}

// draw draws the page: height lines of width columns.
func (p *Page) draw() string {
	if p.width <= 0 || p.height <= 0 {
		return ""
	}
	if why := p.empty(); why != nil {
		return text.Block(why, p.width, p.height, p.common.Glyphs.Ellipsis)
	}
	blocks := make(map[pane]string, len(p.places))
	for _, r := range p.places {
		blocks[r.pane] = p.title(r) + "\n" + p.body(r)
		if r.height == 1 {
			blocks[r.pane] = p.title(r)
		}
	}
	var parts []string
	if len(p.places) == int(panes) {
		right := blocks[paretoPane] + "\n" + blocks[generationsPane]
		parts = append(parts, text.Beside("  ", blocks[candidatesPane], right), blocks[choicesPane])
	} else {
		for _, r := range p.places {
			parts = append(parts, blocks[r.pane])
		}
	}
	return strings.Join(append(parts, p.foot()), "\n")
}

// body draws a pane below its title.
func (p *Page) body(r rect) string {
	width, height := r.width, r.height-1
	switch r.pane {
	case candidatesPane:
		return p.table.View()
	case paretoPane:
		return p.scatter().Draw(width, height)
	case generationsPane:
		return p.drawGenerations(width, height)
	}
	return p.drawChoices(width, height)
}

// title is the first line of a pane. Where one shows at a time, it has the names
// of all.
func (p *Page) title(r rect) string {
	s, g := p.common.Styles, p.common.Glyphs
	left := ""
	tabs := []tab{{pane: r.pane, text: p.pointer(r.pane) + paneNames[r.pane] + " "}}
	if p.single() {
		tabs = p.tabs()
	}
	for _, t := range tabs {
		style := s.Faint
		if t.pane == p.focus {
			style = s.Selected
		}
		left += style.Render(t.text)
	}
	right := s.Faint.Render(p.about(r.pane))
	room := r.width - text.Width(left)
	if r.pane == candidatesPane && (p.typing != nil || p.filter != "") {
		right = p.filterLine(room - 2)
	}
	if rule := room - text.Width(right) - 2; rule > 0 {
		return left + " " + s.Border.Render(strings.Repeat(g.Horizontal, rule)) + " " + right
	}
	return left + text.FitRight(text.Fit(right, min(text.Width(right), max(room-1, 0)), g.Ellipsis), room, "")
}

// filterLine is the filter, as it is typed or as it holds.
func (p *Page) filterLine(width int) string {
	s := p.common.Styles
	if p.typing == nil {
		return s.Key.Render("/") + text.Fit(p.filter, min(text.Width(p.filter), max(width-1, 0)), p.common.Glyphs.Ellipsis)
	}
	help := ""
	typed := max(min(width-1, 24), 0)
	if width > typed+text.Width(filterHelp)+3 {
		help = s.Faint.Render(filterHelp) + "  "
	}
	return help + s.Key.Render("/") + p.typing.View(typed)
}

// tab is the name of a pane where one shows at a time.
type tab struct {
	pane       pane
	text       string
	start, end int
}

// pointer stands before the name of the pane that is in focus.
func (p *Page) pointer(which pane) string {
	if which == p.focus {
		return p.common.Glyphs.Pointer
	}
	return " "
}

func (p *Page) tabs() []tab {
	var out []tab
	x := 0
	names := paneNames
	if p.width < 60 {
		names = [panes]string{"List", "Cost", "Gens", "Map"}
	}
	for i, name := range names {
		t := tab{pane: pane(i), text: p.pointer(pane(i)) + name + " ", start: x}
		x += text.Width(t.text)
		t.end = x
		out = append(out, t)
	}
	return out
}

// about is what a pane's title says at its right.
func (p *Page) about(which pane) string {
	switch which {
	case paretoPane:
		return "score against " + p.costName()
	case choicesPane:
		if p.width < 100 {
			return p.generationName()
		}
		return p.measureName() + ", " + p.generationName()
	case generationsPane:
		if p.config != nil {
			return p.planned()
		}
	}
	return ""
}
