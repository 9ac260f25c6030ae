// Package tui is the screen: it holds the pages, sends keys and messages where
// they belong, and keeps the open run up with its journal. It knows the engine
// only by the viewers of core/steer and by the functions in Options.
package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/keymap"
	"detnas/tui/looks"
	"detnas/tui/pages/config"
	runpage "detnas/tui/pages/run"
	"detnas/tui/pages/runs"
	"detnas/tui/pages/search"
	"detnas/tui/pages/subnet"
	"detnas/tui/styles"
)

const (
	pollEvery   = 250 * time.Millisecond // 4 times a second
	noticeShown = 6 * time.Second
)

// Options are what the screen is made with.
type Options struct {
	Runs string // folder of the runs
	Who  string // who steers, for the journal
	// Watching and NoFiles are as in common.Common: what this screen may not do,
	// and why.
	Watching, NoFiles string
	// Bins bounds what the curves of a run keep, for a process with many screens; 0
	// is as much as a chart can use.
	Bins int
	looks.Looks
	// Open opens the run to begin with; where it fails, the screen closes. Nil
	// begins with the list of runs.
	Open func() (steer.Viewer, error)
	// Starting is whether Open starts the run, and does not open one that is there.
	Starting bool
	// Watch opens a run for viewing.
	Watch func(dir string) (steer.Viewer, error)
	// Start starts a run that outlives the screen, and Resume goes on with one.
	// They return when it is in its journal.
	Start  func(common.StartRun) (steer.Viewer, error)
	Resume func(dir string) (steer.Viewer, error)
	// Delete removes a run's folder.
	Delete func(dir string) error
	// Keep stores the looks that the user chose.
	Keep func(looks.Looks) error
	Now  func() time.Time // the clock; nil is the real one
}

// Leaving is what the user wanted of the open run when leaving the screen.
type Leaving int

// The ways to leave.
const (
	LeaveAlone   Leaving = iota // it stays as it is
	LeavePaused                 // it was told to pause
	LeaveStopped                // it was told to stop
)

// place is one of the pages.
type place int

const (
	placeRuns place = iota
	placeRun
	placeSearch
	placeSubnet
	placeConfig
	places
)

// Model is the screen.
type Model struct {
	options Options
	common  *common.Common
	width   int
	height  int

	at    place
	pages [places]common.Page // nil where there is nothing to show yet
	runs  *runs.Page
	run   *follow.Run // that is open

	start   starting // of the run that is being started or resumed
	opening string   // the folder of the run that is being read
	overlay []string // runs to lay over it once it is open
	modal   cover
	notice  common.Notice
	until   time.Time // when the notice goes
	leaving Leaving
	failed  error // of opening the first run
	still   bool  // no ticks, for tests

	frame string // the last view; empty when it has to be drawn anew
}

// cover is what lies over the page.
type cover interface {
	Update(tea.Msg) (done bool, cmd tea.Cmd)
	View(width, height int) []string
}

// New makes the screen.
func New(o Options) *Model {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Model{options: o, common: &common.Common{Now: o.Now, Who: o.Who, Watching: o.Watching, NoFiles: o.NoFiles, Bins: o.Bins}}
	m.dress(o.Looks)
	m.runs = runs.New(m.common, o.Runs)
	m.pages[placeRuns] = m.runs
	m.pages[placeConfig] = config.New(m.common)
	return m
}

// Left is how the user left the screen, and the folder of the run that was open
// on it; nil where none was.
func (m *Model) Left() (Leaving, *run.Folder) {
	if m.run == nil {
		return m.leaving, nil
	}
	return m.leaving, m.run.Viewer.Folder()
}

// Err is why the screen closed by itself; nil where the user left it.
func (m *Model) Err() error { return m.failed }

// Close lets go of what the screen has open; what runs goes on. It comes after
// the screen's end.
func (m *Model) Close() { m.closeRun() }

// dress puts looks on.
func (m *Model) dress(l looks.Looks) {
	theme, ok := styles.ThemeNamed(l.Theme)
	if !ok {
		theme = styles.Themes()[0]
	}
	if l.Mode == "" {
		l.Mode = styles.Braille
	}
	l.Theme = theme.Name
	m.options.Looks = l
	m.common.Styles, m.common.Glyphs = styles.New(theme, l.Colour), styles.GlyphsOf(l.Mode)
	m.resize()
}

type (
	pollTick   struct{}
	secondTick struct{}
)

func poll() tea.Cmd { return tea.Tick(pollEvery, func(time.Time) tea.Msg { return pollTick{} }) }

func second() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return secondTick{} }) }

// Init is the first command.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.runs.Update(common.Tick{})}
	if !m.still {
		cmds = append(cmds, poll(), second())
	}
	if m.options.Open != nil {
		m.start = starting{under: m.options.Starting}
		cmds = append(cmds, m.first())
	}
	return tea.Batch(cmds...)
}

// View draws the screen.
func (m *Model) View() tea.View {
	if m.frame == "" {
		m.frame = m.draw()
	}
	v := tea.NewView(m.frame)
	v.AltScreen, v.MouseMode = true, tea.MouseModeCellMotion
	v.WindowTitle = m.windowTitle()
	return v
}

// page is the page that is shown.
func (m *Model) page() common.Page { return m.pages[m.at] }

// bindings are those of the page, then the program's own.
func (m *Model) bindings() []keymap.Binding {
	var own []keymap.Binding
	if p := m.page(); p != nil {
		own = p.Bindings()
	}
	for i, b := range own {
		if why := m.options.Watching; why != "" && (b.Group == keymap.Steer || b.Group == keymap.Edit) {
			own[i].Off = why
		}
	}
	return append(own, m.global()...)
}

// pages that belong to the open run are made when it is opened.
func (m *Model) show(r *follow.Run) {
	m.closeRun()
	m.run = r
	m.pages[placeRun] = runpage.New(m.common, r)
	m.pages[placeSearch] = search.New(m.common, r)
	m.pages[placeSubnet] = subnet.New(m.common, r)
	m.resize()
}

// closeRun lets go of the open run, which goes on.
func (m *Model) closeRun() {
	if m.run == nil {
		return
	}
	_ = m.run.Viewer.Close() // it was only read
	if p, ok := m.pages[placeRun].(*runpage.Page); ok {
		p.Close()
	}
	m.run, m.pages[placeRun], m.pages[placeSearch], m.pages[placeSubnet] = nil, nil, nil, nil
}
