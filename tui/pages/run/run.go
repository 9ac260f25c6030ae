// Package run is the page of one run: its five steps, the losses of each, its
// speed, what it takes of the machine, its log and its results, and the keys
// that steer it.
package run

import (
	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/tui/charts"
	"detnas/tui/common"
	"detnas/tui/components/table"
	"detnas/tui/components/track"
	"detnas/tui/follow"
	"detnas/tui/history"
)

// Page is the page of a run.
type Page struct {
	common *common.Common
	run    *follow.Run

	picked  int  // step that the user looks at; 0 is the one that runs
	pane    pane // that fills the middle
	full    bool // it takes the room of the others too
	chart   chart
	others  []*other // runs that are laid over
	overlay bool
	asked   int // number of the last comparison that was asked for
	logs    logs
	ranks   *table.Table
	gpus    bool // the ranks have some
	scroll  int  // lines of the results that are scrolled out
	gone    bool
	looking bool // a look at the lock is under way
	polled  bool // the log has been looked at

	curvesAt  stand // what the curves below are of
	curvesOwn []curve

	width, height int
	view          string // empty when it has to be drawn anew
	upper         string // of it, what stands above the log
}

// pane is what fills the middle of the page.
type pane int

const (
	paneLosses pane = iota
	paneSpeed
	paneMachine
	paneResults
	paneLog
	paneRanks // of a run by several processes
	panes
)

var paneNames = [panes]string{"Losses", "Speed", "Machine", "Results", "Log", "Ranks"}

// New makes the page of an open run.
func New(c *common.Common, r *follow.Run) *Page {
	return &Page{common: c, run: r, chart: newChart(), logs: newLogs(c, r.Viewer.Folder()), ranks: newRanks(c, false)}
}

// panes are how many there are to choose from.
func (p *Page) panes() pane {
	if p.several() {
		return panes
	}
	return paneRanks
}

// Title is the page's name.
func (p *Page) Title() string { return "Run" }

// Capturing reports whether a search in the log is being typed.
func (p *Page) Capturing() bool { return p.logs.shown().Capturing() }

// Resize gives the page its cells.
func (p *Page) Resize(width, height int) {
	p.width, p.height = width, height
	p.refresh()
}

// refresh has the page drawn anew, with room for what it shows now.
func (p *Page) refresh() {
	p.view, p.upper = "", ""
	p.pane = min(p.pane, p.panes()-1)
	l := p.plan()
	p.logs.shown().Resize(l.log.width, l.log.height-1)
	if p.pane == paneRanks {
		p.fillRanks(l.middle.width, l.middle.height-rankHead)
	}
}

// Update takes a message.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case follow.Updated:
		p.refresh()
		if !p.polled { // later once a second: every line that comes moves all the others
			p.polled = true
			return tea.Batch(p.poll(), p.look())
		}
		return p.look()
	case common.Tick:
		return tea.Batch(p.poll(), p.look(), p.fetch())
	case locked:
		return p.seen(msg)
	case common.Compare:
		return p.compare(msg.Dirs)
	case compared:
		p.laid(msg)
		return nil
	case news:
		p.grown(msg)
		return nil
	case tea.MouseClickMsg:
		return p.click(msg)
	case tea.MouseWheelMsg:
		return p.wheel(msg)
	}
	cmd, mine := p.logs.update(msg)
	if mine {
		p.view = ""
		if p.pane == paneLog {
			p.upper = "" // its title tells of it
		}
	}
	return cmd
}

// Close lets go of the runs that are laid over. The page is not used any more.
func (p *Page) Close() {
	for _, o := range p.others {
		_ = o.viewer.Close() // it was only read
	}
	p.others, p.overlay = nil, false
}

// poll looks for new lines of the log, where that is in sight.
func (p *Page) poll() tea.Cmd {
	if p.plan().log.height < 2 {
		return nil
	}
	return p.logs.shown().Poll()
}

func (p *Page) history() *history.History { return p.run.History }

// number is the step that is looked at.
func (p *Page) number() int {
	if p.picked > 0 {
		return p.picked
	}
	return max(p.history().State.Step, 1)
}

// step is what is known of the step that is looked at.
func (p *Page) step() *history.Step { return &p.history().Steps[p.number()] }

// pick looks at a step.
func (p *Page) pick(n int) {
	p.picked = min(max(n, 1), len(p.history().Steps)-1)
	if p.picked == p.history().State.Step {
		p.picked = 0 // follow the run on to the next one
	}
	p.chart.all()
	p.chart.only = 0
	p.refresh()
}

func (p *Page) charts() charts.Look {
	return charts.Look{Styles: p.common.Styles, Glyphs: p.common.Glyphs}
}

// State is the run's state by its journal, and by its lock: a run whose process
// died without a word was interrupted.
func (p *Page) State() string { return p.state() }

// state is the run's state as the journal has it; one that says that it goes on
// while no process holds it was interrupted.
func (p *Page) state() string {
	state := p.history().State.State
	switch {
	case p.gone && alive(state):
		return run.StateInterrupted
	case state == "":
		return run.StateRunning
	}
	return state
}

func alive(state string) bool {
	return state == "" || state == run.StateRunning || state == run.StatePaused
}

// locked says whether some process holds the run.
type locked struct {
	page *Page
	held bool
}

// look looks at the run's lock, where the journal alone does not say how it
// stands.
func (p *Page) look() tea.Cmd {
	if p.run.Steerable == nil || !alive(p.history().State.State) {
		if p.gone {
			p.gone = false
			p.refresh()
		}
		return nil
	}
	if p.looking {
		return nil
	}
	p.looking = true
	folder := p.run.Viewer.Folder()
	return func() tea.Msg {
		held, err := folder.Locked()
		return locked{page: p, held: held || err != nil}
	}
}

func (p *Page) seen(l locked) tea.Cmd {
	if l.page != p {
		return nil
	}
	p.looking = false
	if gone := !l.held; gone != p.gone {
		p.gone = gone
		p.refresh()
	}
	return nil
}

// track is the five steps.
func (p *Page) track() track.Track {
	h := p.history()
	return track.Track{Common: p.common, Steps: h.Steps, State: p.state(), Step: h.State.Step, Selected: p.number()}
}
