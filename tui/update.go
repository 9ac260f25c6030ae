package tui

import (
	"errors"
	"path/filepath"

	tea "charm.land/bubbletea/v2"

	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/components/modal"
	"detnas/tui/follow"
	"detnas/tui/keymap"
	"detnas/tui/pages/config"
	"detnas/tui/pages/subnet"
)

// Update takes a message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case pollTick:
		return m, tea.Batch(poll(), m.poll())
	case secondTick:
		return m, tea.Batch(second(), m.second())
	case follow.Polled:
		return m, m.take(msg)
	}
	m.frame = ""
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.resize()
		return m, nil
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		return m, m.input(msg)
	case tea.MouseMsg:
		return m, m.mouse(msg)
	case quitting:
		return m, m.leave(msg)
	}
	if cmd, ok := m.answer(msg); ok {
		return m, cmd
	}
	return m, m.everywhere(msg)
}

// poll asks for what is new in the open run.
func (m *Model) poll() tea.Cmd {
	if m.run == nil {
		return nil
	}
	return m.run.Poll()
}

// take takes in what is new in the open run.
func (m *Model) take(p follow.Polled) tea.Cmd {
	news, more := p.Run.Take(p)
	if p.Run != m.run {
		return nil // another one has been opened since
	}
	var cmds []tea.Cmd
	if news {
		m.frame = ""
		cmds = append(cmds, m.ofRun(follow.Updated{}))
	}
	if more {
		cmds = append(cmds, m.run.Poll())
	}
	return tea.Batch(cmds...)
}

// ofRun gives a message to every page that shows the open run.
func (m *Model) ofRun(msg tea.Msg) tea.Cmd {
	var cmds []tea.Cmd
	for _, at := range []place{placeRun, placeSearch, placeSubnet, placeConfig} {
		if p := m.pages[at]; p != nil {
			cmds = append(cmds, p.Update(msg))
		}
	}
	return tea.Batch(cmds...)
}

// everywhere gives a message that a page's command returned to all pages: they
// know their own.
func (m *Model) everywhere(msg tea.Msg) tea.Cmd {
	cmds := []tea.Cmd{m.runs.Update(msg)}
	return tea.Batch(append(cmds, m.ofRun(msg))...)
}

// second passes a second on, and takes an old notice down.
func (m *Model) second() tea.Cmd {
	m.frame = ""
	if m.notice.Text != "" && m.options.Now().After(m.until) {
		m.notice = common.Notice{}
	}
	if p := m.page(); p != nil {
		return p.Update(common.Tick{})
	}
	return nil
}

// acts reports whether a message asks for what somebody who only watches may not
// do.
func acts(msg tea.Msg) bool {
	switch msg.(type) {
	case common.StartRun, common.ResumeRun, common.DeleteRun:
		return true
	}
	return false
}

// answer does what pages ask the program for.
func (m *Model) answer(msg tea.Msg) (tea.Cmd, bool) {
	if why := m.options.Watching; why != "" && acts(msg) {
		return common.Fail(errors.New(why)), true
	}
	switch msg := msg.(type) {
	case common.Notice:
		m.notice, m.until = msg, m.options.Now().Add(noticeShown)
	case common.Ask:
		m.modal = modal.NewAsk(m.common, msg)
	case common.Prompt:
		m.modal = modal.NewPrompt(m.common, msg)
	case common.OpenRuns:
		return m.goTo(placeRuns), true
	case common.OpenRun:
		return m.open(msg.Dir), true
	case common.OpenSearch:
		return m.goTo(placeSearch), true
	case common.OpenSubnet:
		return m.openSubnet(msg), true
	case common.OpenConfig:
		return m.openConfig(msg), true
	case common.StartRun:
		return m.begin(func() (steer.Viewer, error) { return m.options.Start(msg) }), true
	case common.ResumeRun:
		m.notice, m.until = common.Notice{Text: "resuming " + filepath.Base(msg.Dir)}, m.options.Now().Add(noticeShown)
		return m.begin(func() (steer.Viewer, error) { return m.options.Resume(msg.Dir) }), true
	case common.DeleteRun:
		return m.delete(msg.Dir), true
	case common.Compare:
		return m.compare(msg), true
	case began:
		m.start.dir = msg.viewer.Folder().Dir()
		return m.follow(msg.viewer), true
	case unbegun:
		m.start = starting{}
		return common.Fail(msg.err), true
	case follow.Opened:
		return m.opened(msg.Run), true
	default:
		return nil, false
	}
	return nil, true
}

// key gives a key to what is to have it.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if m.modal != nil {
		return m.input(k)
	}
	if name == "ctrl+c" {
		return m.quit()
	}
	p := m.page()
	if p != nil && p.Capturing() {
		return p.Update(k)
	}
	if b, ok := keymap.Find(m.bindings(), name); ok {
		if b.Off != "" {
			return common.Notify(b.Name + " is off: " + b.Off)
		}
		return b.Do()
	}
	if p != nil {
		return p.Update(k)
	}
	return nil
}

// input gives a key or a paste to the modal, or to the page.
func (m *Model) input(msg tea.Msg) tea.Cmd {
	if m.modal == nil {
		if p := m.page(); p != nil {
			return p.Update(msg)
		}
		return nil
	}
	over := m.modal
	done, cmd := over.Update(msg)
	if done && m.modal == over {
		m.modal = nil
	}
	return cmd
}

// mouse gives a mouse message to the page, in its own cells, or switches pages.
func (m *Model) mouse(msg tea.MouseMsg) tea.Cmd {
	if m.modal != nil {
		return m.input(msg)
	}
	at := msg.Mouse()
	if click, ok := msg.(tea.MouseClickMsg); ok && click.Y == 0 {
		if p, hit := m.tabAt(click.X); hit {
			return m.goTo(p)
		}
		return nil
	}
	at.Y -= headHeight
	if p := m.page(); p != nil && at.Y >= 0 && at.Y < m.pageHeight() {
		switch msg.(type) {
		case tea.MouseClickMsg:
			return p.Update(tea.MouseClickMsg(at))
		case tea.MouseWheelMsg:
			return p.Update(tea.MouseWheelMsg(at))
		case tea.MouseMotionMsg:
			return p.Update(tea.MouseMotionMsg(at))
		case tea.MouseReleaseMsg:
			return p.Update(tea.MouseReleaseMsg(at))
		}
	}
	return nil
}

// goTo shows a page, or says why there is nothing to show.
func (m *Model) goTo(to place) tea.Cmd {
	if m.pages[to] == nil {
		return common.Notify("open a run first: Enter on the list of runs")
	}
	m.at = to
	return m.pages[to].Update(common.Tick{}) // it has rested while it was hidden
}

// open opens a run that stands in a folder.
func (m *Model) open(dir string) tea.Cmd {
	if m.run != nil && m.run.Dir() == dir && m.run.Err == nil {
		m.at = placeRun
		return nil
	}
	if m.opening == dir {
		return nil // Enter was pressed again
	}
	v, err := m.options.Watch(dir)
	if err != nil {
		return common.Fail(err)
	}
	return m.follow(v)
}

// follow reads a run and then shows it.
func (m *Model) follow(v steer.Viewer) tea.Cmd {
	m.opening = v.Folder().Dir()
	return follow.Open(v, m.options.Bins)
}

// opened shows a run that has been read.
func (m *Model) opened(r *follow.Run) tea.Cmd {
	begun := m.start.dir == r.Dir()
	asked := begun && m.start.leave
	if begun {
		m.start = starting{}
	}
	if r.Dir() != m.opening {
		_ = r.Viewer.Close() // the user has opened another one meanwhile
		return nil
	}
	m.opening = ""
	m.show(r)
	m.at = placeRun
	cmds := []tea.Cmd{m.ofRun(follow.Updated{})}
	if c, ok := m.pages[placeConfig].(*config.Page); ok {
		cmds = append(cmds, c.OpenRun(r))
	}
	if len(m.overlay) > 0 {
		cmds = append(cmds, m.pages[placeRun].Update(common.Compare{Dirs: m.overlay}))
		m.overlay = nil
	}
	if asked {
		cmds = append(cmds, m.quit())
	}
	return tea.Batch(cmds...)
}

func (m *Model) openSubnet(o common.OpenSubnet) tea.Cmd {
	s, ok := m.pages[placeSubnet].(*subnet.Page)
	if !ok {
		return nil
	}
	m.at = placeSubnet
	return s.Open(o.Subnet, o.With)
}

func (m *Model) openConfig(o common.OpenConfig) tea.Cmd {
	m.at = placeConfig
	c, ok := m.pages[placeConfig].(*config.Page)
	switch {
	case !ok:
		return nil
	case o.Preset != "":
		return c.OpenPreset(o.Preset)
	case m.run != nil:
		return c.OpenRun(m.run)
	}
	return nil
}

// starting is a run on its way to the screen: its process is made, then its journal
// is read.
type starting struct {
	under bool   // there is one
	dir   string // its folder, once it has begun
	leave bool   // the user wants to leave the screen, and is asked once the run is there
}

// began says that a run was started, unbegun that it was not.
type (
	began   struct{ viewer steer.Viewer }
	unbegun struct{ err error }
)

// begin starts or resumes a run without holding the screen up.
func (m *Model) begin(start func() (steer.Viewer, error)) tea.Cmd {
	m.start = starting{under: true}
	return func() tea.Msg {
		v, err := start()
		if err != nil {
			return unbegun{err}
		}
		return began{viewer: v}
	}
}

// first opens the run that the screen begins with.
func (m *Model) first() tea.Cmd {
	open := m.options.Open
	return func() tea.Msg {
		v, err := open()
		if err != nil {
			return quitting{failed: err}
		}
		return began{viewer: v}
	}
}

func (m *Model) delete(dir string) tea.Cmd {
	if m.run != nil && m.run.Dir() == dir {
		m.closeRun()
		m.at = placeRuns
	}
	remove := m.options.Delete
	return func() tea.Msg {
		if err := remove(dir); err != nil {
			return common.Notice{Text: err.Error(), Bad: true}
		}
		return common.Notice{Text: "deleted " + dir}
	}
}

// compare opens the first run with the others laid over its charts.
func (m *Model) compare(c common.Compare) tea.Cmd {
	if len(c.Dirs) == 0 {
		return nil
	}
	if m.run != nil && m.run.Dir() == c.Dirs[0] {
		m.at = placeRun
		return m.pages[placeRun].Update(common.Compare{Dirs: c.Dirs[1:]})
	}
	m.overlay = c.Dirs[1:]
	return m.open(c.Dirs[0])
}
