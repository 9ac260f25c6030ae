// Package search is the page of a run's search: its candidates, score against
// cost, the generations, and the choices by block, on which one steers it.
package search

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
	"detnas/tui/common"
	"detnas/tui/components/input"
	"detnas/tui/components/table"
	"detnas/tui/follow"
	"detnas/tui/ranking"
)

// pane is one of the page's views.
type pane int

const (
	candidatesPane pane = iota
	paretoPane
	generationsPane
	choicesPane
	panes
)

var paneNames = [panes]string{"Candidates", "Score and cost", "Generations", "Choices"}

// Page is the page.
type Page struct {
	common *common.Common
	run    *follow.Run

	width, height int
	places        []rect // of the panes that show
	view          string // empty when it has to be drawn anew

	focus pane
	upper pane // of the first three the one that was in focus last

	// What is known of the search, and of what it was worked out.
	ranking  *ranking.Ranking
	choices  *Choices
	stats    []stat
	bestRand float64 // NaN without any random candidate
	config   *config.Config
	space    nas.Space // that of the config, or as the subnets look
	allowed  func(nas.Subnet) bool
	steering string // the steering that the rows show

	table   *table.Table
	rows    []table.Row
	filter  string
	typing  *input.Line // the filter as it is typed
	byParam bool        // the cost is parameters, not multiply-adds

	weighed map[string]float64 // by subnet, the cost of NSGA-II; nil with another method
	front   map[string]bool    // the subnets that it has on its front

	measure    Measure
	generation int // that the map shows; AllSoFar for all
	row, block int // of the map's cursor
	built      nas.Subnet
	from       string // the subnet that building began with
}

// rect is where a pane stands, its title included.
type rect struct {
	pane                pane
	x, y, width, height int
}

func (r rect) has(x, y int) bool {
	return x >= r.x && x < r.x+r.width && y >= r.y && y < r.y+r.height
}

// New makes the page of a run.
func New(c *common.Common, r *follow.Run) *Page {
	p := &Page{common: c, run: r, ranking: ranking.Of(nil), generation: AllSoFar}
	p.table = table.New(c, columns())
	p.table.Noun, p.table.Marks = "candidates", true
	p.table.Sort(columnRank, false)
	p.take()
	if best, ok := p.ranking.Best(); ok {
		p.table.Select(best.Subnet) // not what waits above it
	}
	return p
}

// Title is the page's name.
func (p *Page) Title() string { return "Search" }

// Capturing reports whether the filter is being typed.
func (p *Page) Capturing() bool { return p.typing != nil }

// Resize gives the page its cells.
func (p *Page) Resize(width, height int) {
	p.width, p.height, p.view = width, height, ""
	p.layOut()
}

// Update takes a message.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case follow.Updated:
		p.take()
	case tea.KeyPressMsg, tea.PasteMsg:
		p.typed(msg)
	case tea.MouseClickMsg:
		p.view = ""
		return p.click(msg)
	case tea.MouseWheelMsg:
		p.view = ""
		p.scroll(msg)
	}
	return nil
}

// take works out what the page shows of the run, as far as it has changed.
func (p *Page) take() {
	all := p.run.History.State.Candidates
	changed := p.takeConfig(all)
	if p.choices.Sync(all) {
		changed = true
		p.ranking = ranking.Of(all)
		p.stats, p.bestRand = summarise(all)
		p.keepGeneration()
	}
	if changed {
		p.weigh()
	}
	if s := p.steered(); s != p.steering {
		p.steering, changed = s, true
	}
	if changed {
		p.fill()
		p.view = ""
	}
}

// takeConfig takes in another config, and reports whether there was one.
func (p *Page) takeConfig(all []run.Candidate) bool {
	space := p.run.Space
	if len(space.Depths) == 0 {
		space = shape(all)
	}
	if p.choices != nil && p.config == p.run.Config && space.Len() == p.space.Len() {
		return false
	}
	p.config, p.space, p.allowed = p.run.Config, space, nil
	p.choices = NewChoices(space.Len(), space.Choices)
	p.row, p.block = min(p.row, max(len(space.Choices)-1, 0)), min(p.block, max(space.Len()-1, 0))
	if p.config != nil && len(p.run.Space.Depths) > 0 {
		if allowed, err := p.config.Search.Allowed(space); err == nil {
			p.allowed = allowed
		}
	}
	if len(p.built) != space.Len() {
		p.built = nil
	}
	return true
}

// shape is a space of the form that subnets have, for a run without a config.
func shape(all []run.Candidate) nas.Space {
	if len(all) == 0 {
		return nas.Space{}
	}
	s := nas.Space{Choices: nas.AllChoices(), Depths: []int{0}}
	for _, r := range all[0].Subnet {
		if r == '-' {
			s.Depths = append(s.Depths, 0)
		} else {
			s.Depths[len(s.Depths)-1]++
		}
	}
	return s
}

// keepGeneration keeps the slider on a generation that there is.
func (p *Page) keepGeneration() {
	for _, g := range p.choices.Generations() {
		if g == p.generation {
			return
		}
	}
	p.generation = AllSoFar
}

// steered is all of the steering and the run's state that bears on what the page
// shows and lets one do, in a form that can be compared.
func (p *Page) steered() string {
	st := &p.run.History.State
	s := &st.Steering
	return fmt.Sprint(st.State, " ", st.Step, " ", len(st.Finished), " ", p.run.Steerable, " ", s.Pins, s.Locks, s.Chosen, " ", s.Requests)
}

// selected is the candidate, or the pinned subnet that waits, that is selected.
func (p *Page) selected() (entry, bool) {
	r, ok := p.table.Selected()
	if !ok {
		return entry{}, false
	}
	e, ok := r.Value.(entry)
	return e, ok
}

// View draws the page.
func (p *Page) View() string {
	if p.view == "" {
		p.view = p.draw()
	}
	return p.view
}
