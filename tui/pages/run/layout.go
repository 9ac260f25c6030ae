package run

import (
	"strings"

	"detnas/tui/components/text"
	"detnas/tui/components/track"
)

// From these sizes on there is room for more than one pane.
const (
	sideWidth, sideHeight = 110, 24 // small charts beside the losses
	allWidth, allHeight   = 150, 38 // the results beside the log
	stripHeight           = 13      // the log below the middle
)

// rect is a part of the page.
type rect struct{ x, y, width, height int }

func (r rect) has(x, y int) bool {
	return x >= r.x && x < r.x+r.width && y >= r.y && y < r.y+r.height
}

// plan is where the parts of the page are. A part that is not shown has no
// height; title lines count as part of what they stand above.
type plan struct {
	track, vitals, note, tabs rect
	middle, side              rect
	log, results              rect
}

// plan lays the page out.
func (p *Page) plan() plan {
	var l plan
	y := 0
	line := func(n int) rect {
		n = min(max(n, 0), p.height-y)
		r := rect{0, y, p.width, n}
		y += n
		return r
	}
	l.track = line(track.Lines(p.width, p.height))
	if p.height >= 9 {
		l.vitals = line(1)
	}
	l.note = line(len(p.note(p.width)))
	l.tabs = line(1)
	rest := p.height - y
	strip := 0
	if p.pane != paneLog && !p.full && p.height >= stripHeight {
		strip = p.strip()
	}
	l.middle = line(rest - strip)
	if strip > 0 {
		l.log = line(strip)
	}
	if p.pane == paneLog { // its title is the line of the tabs
		l.log = rect{0, l.middle.y - 1, p.width, l.middle.height + 1}
	}
	if p.full {
		return l
	}
	if p.pane == paneLosses && p.width >= sideWidth && p.height >= sideHeight {
		l.middle, l.side = split(l.middle, p.width*2/3)
	}
	if strip > 0 && p.pane != paneResults && p.width >= allWidth && p.height >= allHeight {
		l.log, l.results = split(l.log, p.width*2/3)
	}
	return l
}

// strip is how many lines the log has below the middle.
func (p *Page) strip() int {
	switch {
	case p.height >= allHeight:
		return 14
	case p.height >= sideHeight:
		return 9
	}
	return 5
}

// split parts a rectangle at a column, with a free one between.
func split(r rect, at int) (left, right rect) {
	left, right = r, r
	left.width = at
	right.x, right.width = r.x+at+1, r.width-at-1
	return left, right
}

// View draws the page.
func (p *Page) View() string {
	if p.width <= 0 || p.height <= 0 {
		return ""
	}
	if p.view == "" {
		p.view = p.draw()
	}
	return p.view
}

func (p *Page) draw() string {
	l := p.plan()
	if p.upper == "" {
		p.upper = p.drawUpper(l)
	}
	blocks := []string{p.upper}
	switch {
	case p.pane == paneLog:
		if l.middle.height > 0 {
			blocks = append(blocks, p.logs.shown().View())
		}
	case l.log.height > 0:
		blocks = append(blocks, beside(p.logPane(l.log), l.results, p.resultsPane))
	}
	return strings.Join(blocks, "\n")
}

// drawUpper draws all that stands above the log.
func (p *Page) drawUpper(l plan) string {
	var blocks []string
	add := func(r rect, draw func(rect) string) {
		if r.height > 0 {
			blocks = append(blocks, draw(r))
		}
	}
	add(l.track, func(r rect) string { return p.track().Draw(r.width, r.height) })
	add(l.vitals, func(r rect) string { return p.vitals(r.width) })
	add(l.note, func(r rect) string { return strings.Join(p.note(r.width)[:r.height], "\n") })
	add(l.tabs, func(r rect) string { return p.tabs(r.width) })
	if p.pane != paneLog {
		add(l.middle, func(r rect) string { return beside(p.middle(r), l.side, p.side) })
	}
	return strings.Join(blocks, "\n")
}

// beside puts a part at the right of another, where it is shown.
func beside(left string, r rect, draw func(rect) string) string {
	if r.height == 0 {
		return left
	}
	return text.Beside(" ", left, draw(r))
}

// middle is the pane that was chosen.
func (p *Page) middle(r rect) string {
	switch p.pane {
	case paneSpeed:
		return p.speed(r)
	case paneMachine:
		return p.machine(r)
	case paneResults:
		return p.results(r)
	case paneRanks:
		return p.rankPane(r)
	}
	return p.curves().Draw(r.width, r.height)
}

// tabs name the panes, and what the one in the middle is of.
func (p *Page) tabs(width int) string {
	s := p.common.Styles
	line := " "
	for i, name := range paneNames[:p.panes()] {
		if pane(i) == p.pane {
			line += s.Selected.Render(" " + name + " ")
		} else {
			line += s.Faint.Render(" " + name + " ")
		}
	}
	right := p.about()
	room := width - text.Width(line) - 2
	right = text.Fit(right, min(text.Width(right), max(room, 0)), p.common.Glyphs.Ellipsis)
	return text.Fit(text.Between(line, s.Faint.Render(right)+" ", width, ""), width, "")
}

// tabAt is the pane whose name stands at a column.
func (p *Page) tabAt(x int) (pane, bool) {
	at := 1
	for i, name := range paneNames[:p.panes()] {
		if x >= at && x < at+len(name)+2 {
			return pane(i), true
		}
		at += len(name) + 2
	}
	return 0, false
}

// about says how the pane in the middle is set.
func (p *Page) about() string {
	switch p.pane {
	case paneLog:
		return p.logs.title()
	case paneLosses:
		return p.chart.about(p)
	case paneSpeed:
		return p.step().Name
	case paneRanks:
		if at := p.history().RanksAt; !at.IsZero() {
			return "told at " + at.In(p.common.Now().Location()).Format("15:04:05")
		}
	}
	return ""
}

// title is a line above a part of the page.
func (p *Page) title(words, right string, width int) string {
	s, g := p.common.Styles, p.common.Glyphs
	left := s.Border.Render(g.Horizontal+" ") + s.Bold.Render(words) + " "
	right = " " + right
	rest := width - text.Width(left) - text.Width(right)
	if rest < 0 {
		return text.Fit(left+s.Faint.Render(right), width, g.Ellipsis)
	}
	return left + s.Border.Render(strings.Repeat(g.Horizontal, rest)) + s.Faint.Render(right)
}

// logPane is the log below the middle.
func (p *Page) logPane(r rect) string {
	title := p.title(p.logs.name(), p.logs.shown().Status(), r.width)
	if r.height < 2 {
		return title
	}
	return title + "\n" + p.logs.shown().View()
}

// resultsPane is the results beside the log.
func (p *Page) resultsPane(r rect) string {
	title := p.title("results", "", r.width)
	if r.height < 2 {
		return title
	}
	return title + "\n" + p.results(rect{r.x, r.y + 1, r.width, r.height - 1})
}
