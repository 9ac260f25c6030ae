// Package subnet is the page of one subnet: its blocks and what they cost, the
// difference to a second one, and what it detects.
package subnet

import (
	"cmp"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
	"detnas/tui/charts"
	"detnas/tui/common"
	"detnas/tui/components/steering"
	"detnas/tui/follow"
	"detnas/tui/ranking"
)

// pane is one of the page's views.
type pane int

const (
	blocksPane pane = iota
	detectionsPane
	panes
)

var paneNames = [panes]string{"Blocks", "Detections"}

// Where the threshold of the detections begins, and how far a key moves it.
const (
	firstThreshold = 0.3
	thresholdStep  = 0.05
)

// Page is the page.
type Page struct {
	common *common.Common
	run    *follow.Run

	width, height int
	view          string // empty when it has to be drawn anew
	focus         pane

	subnet, with side
	behind       []string // subnets that were open before, the last one last
	block        int      // under the cursor
	byParams     bool     // the bars show parameters

	ranking *ranking.Ranking
	config  *config.Config // by which the sides were counted
	state   string         // of the run, as far as the page shows it

	preview   follow.Preview
	asked     string // what the preview was asked for by
	image     int
	threshold float64
	earlier   bool // show what was found before its own training, where both are kept
}

// side is a subnet and what it costs.
type side struct {
	short string
	parts nas.Breakdown
	err   error // why it cannot be counted
}

// New makes the page of a run.
func New(c *common.Common, r *follow.Run) *Page {
	p := &Page{common: c, run: r, ranking: ranking.Of(nil), threshold: firstThreshold}
	p.take()
	return p
}

// Title is the page's name.
func (p *Page) Title() string { return "Subnet" }

// Capturing reports whether keys are typed text; on this page they never are.
func (p *Page) Capturing() bool { return false }

// Resize gives the page its cells.
func (p *Page) Resize(width, height int) { p.width, p.height, p.view = width, height, "" }

// Open shows a subnet in short form, beside another one where with is not empty.
func (p *Page) Open(subnet, with string) tea.Cmd {
	if p.subnet.short != "" && p.subnet.short != subnet {
		const most = 50
		p.behind = append(p.behind, p.subnet.short)
		p.behind = p.behind[max(0, len(p.behind)-most):]
	}
	return p.turn(subnet, with)
}

// turn shows a subnet without remembering the one before.
func (p *Page) turn(subnet, with string) tea.Cmd {
	if with == subnet {
		with = ""
	}
	p.subnet, p.with, p.view = p.count(subnet), p.count(with), ""
	return p.load()
}

// count works out what a subnet costs.
func (p *Page) count(short string) side {
	s := side{short: short}
	switch {
	case short == "":
	case p.run.Config == nil || len(p.run.Space.Depths) == 0:
		s.err = fmt.Errorf("the run's config cannot be read, so the costs of %s are not known", short)
	default:
		sub, err := nas.ParseSubnet(short, p.run.Space)
		if err == nil {
			s.parts, err = p.run.Space.Breakdown(sub, nas.Square(p.run.Config.Search.InputSize))
		}
		s.err = err
	}
	return s
}

// Update takes a message.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case follow.Updated:
		p.take()
		return p.load()
	case follow.Preview:
		if msg.Run == p.run {
			p.run.Keep(msg)
			if msg.Subnet == p.subnet.short {
				p.preview, p.view = msg, ""
				p.image = min(p.image, max(len(msg.Pictures)-1, 0))
			}
		}
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
	st := &p.run.History.State
	same := func(a, b run.Candidate) bool {
		return a.Subnet == b.Subnet && cmp.Compare(a.Score, b.Score) == 0 && a.Index == b.Index
	}
	if !slices.EqualFunc(p.ranking.Candidates, st.Candidates, same) {
		p.ranking, p.view = ranking.Of(st.Candidates), ""
	}
	s := &st.Steering
	if state := fmt.Sprint(st.State, st.Step, len(st.Finished), p.run.Steerable, s.Pins, s.Chosen, s.Requests); state != p.state {
		p.state, p.view = state, ""
	}
	if p.config != p.run.Config {
		p.config, p.view = p.run.Config, ""
		p.subnet, p.with = p.count(p.subnet.short), p.count(p.with.short)
	}
	if p.subnet.short == "" {
		p.subnet = p.count(p.first())
	}
}

// first is the subnet that is shown before one is opened: the one to be trained,
// or the best so far.
func (p *Page) first() string {
	if chosen := p.run.History.State.Steering.Chosen; chosen != "" {
		return chosen
	}
	if best, ok := p.ranking.Best(); ok {
		return best.Subnet
	}
	if p.config != nil {
		if _, err := nas.ParseSubnet(p.config.Search.Subnet, p.run.Space); err == nil {
			return p.config.Search.Subnet
		}
	}
	return ""
}

// load asks for what the subnet has found, when there may be more than is known.
func (p *Page) load() tea.Cmd {
	if p.subnet.short == "" {
		return nil
	}
	_, evaluated := p.ranking.Find(p.subnet.short)
	_, trained := p.run.History.State.Finished[config.StepSubnetFinetune]
	key := fmt.Sprint(p.subnet.short, evaluated, trained)
	if p.preview.Subnet == p.subnet.short && len(p.preview.Found) == 0 {
		key += fmt.Sprint(" ", p.ranking.Len()) // look again as the search goes on
	}
	if key == p.asked {
		return nil
	}
	p.asked = key
	if p.preview.Subnet != p.subnet.short {
		p.preview = follow.Preview{Pictures: p.preview.Pictures, Classes: p.preview.Classes}
	}
	return follow.LoadPreview(p.run, p.subnet.short)
}

func (p *Page) look() charts.Look {
	return charts.Look{Styles: p.common.Styles, Glyphs: p.common.Glyphs}
}

func (p *Page) wheel() steering.Wheel { return steering.Wheel{Common: p.common, Run: p.run} }

// View draws the page.
func (p *Page) View() string {
	if p.view == "" {
		p.view = p.draw()
	}
	return p.view
}
