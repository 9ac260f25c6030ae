// Package runs is the page that lists every run under the runs folder, and from
// which runs are opened, started, compared, resumed and deleted.
package runs

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"detnas/core/input"
	"detnas/core/run"
	"detnas/tui/common"
	"detnas/tui/components/table"
	"detnas/tui/components/text"
)

const (
	pollTicks = 2   // seconds between two looks at the folder
	wide      = 120 // columns from which on the selected run is told beside the list
	wider     = 150 // and from which on at length
)

// Page is the list of runs.
type Page struct {
	common *common.Common
	folder string
	lister *run.Lister
	table  *table.Table
	starts *starts // what a run can be started from, while one chooses

	listed  []run.Listed
	known   bool // the folder has been looked at
	err     error
	ticks   int
	looking bool // a command is under way

	about abouts

	width, height int
}

// New makes the page of the runs in a folder.
func New(c *common.Common, folder string) *Page {
	p := &Page{common: c, folder: folder, lister: run.NewLister(folder), table: table.New(c, columns()), about: abouts{}}
	p.table.Marks, p.table.Noun = true, "runs"
	p.table.Empty = "looking into " + text.Clean(folder)
	p.table.Sort(ageColumn, false)
	return p
}

// Title is the page's name.
func (p *Page) Title() string { return "Runs" }

// Capturing reports whether the filter is being typed.
func (p *Page) Capturing() bool { return p.starts == nil && p.table.Capturing() }

// Resize gives the page its cells.
func (p *Page) Resize(width, height int) {
	p.width, p.height = width, height
	p.fill() // the sparklines take on the looks
	p.table.Resize(p.listWidth(), height)
	if p.starts != nil {
		p.starts.resize(width, height)
	}
}

// listWidth is the width of the list.
func (p *Page) listWidth() int {
	if p.width >= wide {
		return p.width - p.detailWidth()
	}
	return p.width
}

// detailWidth is the width of what is told of the selected run.
func (p *Page) detailWidth() int {
	if p.width >= wider {
		return 60
	}
	return 44
}

// found brings what is in the folder.
type found struct {
	page   *Page
	listed []run.Listed
	err    error
}

// look looks into the folder.
func (p *Page) look() tea.Cmd {
	if p.looking {
		return nil
	}
	p.looking = true
	lister := p.lister
	return func() tea.Msg {
		listed, err := lister.List()
		return found{page: p, listed: listed, err: err}
	}
}

// Update takes a message.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case common.Tick:
		return p.tick()
	case found:
		if msg.page == p {
			return p.take(msg)
		}
		return nil
	case told:
		if msg.page == p {
			p.about[msg.dir] = msg.about
		}
		return nil
	}
	return p.touch(msg)
}

// tick looks into the folder every second time, and lets the ages grow.
func (p *Page) tick() tea.Cmd {
	p.ticks++
	if p.ticks%pollTicks == 1 {
		return p.look()
	}
	p.fill()
	return nil
}

func (p *Page) take(f found) tea.Cmd {
	p.looking, p.known, p.err = false, true, f.err
	if f.err == nil {
		p.listed = f.listed
	}
	p.table.Empty = p.nothing()
	p.fill()
	if slices.ContainsFunc(p.listed, reading) {
		return tea.Batch(p.look(), p.tell())
	}
	return p.tell()
}

// reading reports whether a run's journal has not been read to its end yet.
func reading(l run.Listed) bool { return l.State.State == run.StateReading }

// nothing says what to do where there is no run yet.
func (p *Page) nothing() string {
	if p.err != nil {
		return text.Clean(p.err.Error())
	}
	if p.common.Watching != "" {
		return "There is no run in " + text.Clean(p.folder) + " yet."
	}
	command := []string{"run", "demo"}
	if folder := run.Shortest(p.folder); folder != run.DefaultRuns {
		command = append(command, "--runs", folder)
	}
	return "There is no run in " + text.Clean(p.folder) + " yet.\n\nn starts one here; on a command line it is: " + input.CommandLine(command...) + "\n" +
		"The demo draws its own images and takes a few minutes on two cores."
}

// touch takes keys that are typed and the mouse.
func (p *Page) touch(msg tea.Msg) tea.Cmd {
	if p.starts != nil {
		return p.starts.touch(msg)
	}
	before, _ := p.table.Selected()
	if mouse, ok := msg.(tea.MouseMsg); ok && mouse.Mouse().X >= p.listWidth() {
		return nil
	}
	p.table.Update(msg)
	after, ok := p.table.Selected()
	if click, is := msg.(tea.MouseClickMsg); is && ok && click.Y > 0 && click.Button == tea.MouseLeft && before.Key == after.Key && p.table.At(click.Y) == after.Key {
		return common.Send(common.OpenRun{Dir: after.Key}) // a second click opens
	}
	return p.tell()
}

// selected is the run under the selection.
func (p *Page) selected() (run.Listed, bool) {
	row, ok := p.table.Selected()
	if !ok {
		return run.Listed{}, false
	}
	l, ok := row.Value.(run.Listed)
	return l, ok
}

// View draws the page.
func (p *Page) View() string {
	if p.starts != nil {
		return p.starts.view(p.width, p.height)
	}
	if p.width < wide {
		return p.table.View()
	}
	return text.Beside("", p.table.View(), p.detail(p.detailWidth(), p.height))
}
