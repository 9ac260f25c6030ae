package run

import (
	"errors"
	"fmt"
	"io"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/components/text"
	"detnas/tui/history"
)

// fetched bounds the entries that are taken in at once of a run laid over.
const fetched = 2000

// other is a run that is laid over the charts.
type other struct {
	name     string
	history  *history.History
	viewer   steer.Viewer
	fetching bool
}

// compared brings runs to lay over; their histories have been read.
type compared struct {
	page   *Page
	number int // of the comparison
	others []*other
	err    error
}

// compare reads the histories of runs.
func (p *Page) compare(dirs []string) tea.Cmd {
	p.asked++
	number, bins := p.asked, p.common.Bins
	return func() tea.Msg {
		c := compared{page: p, number: number}
		for _, dir := range dirs {
			o, err := read(dir, bins)
			if err != nil {
				c.err = errors.Join(c.err, err)
				continue
			}
			c.others = append(c.others, o)
		}
		return c
	}
}

// read reads a run's history so far.
func read(dir string, bins int) (*other, error) {
	folder, err := run.Find("", dir)
	if err != nil {
		return nil, fmt.Errorf("comparing: %w", err)
	}
	viewer, err := steer.Watch(folder)
	if err != nil {
		return nil, fmt.Errorf("comparing: %w", err)
	}
	o := &other{name: text.Clean(folder.Name()), history: history.New(folder.Name()).Coarse(bins), viewer: viewer}
	for {
		entries, err := viewer.Next(fetched)
		for _, e := range entries {
			o.history.Apply(e)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(fmt.Errorf("comparing with %s: %w", o.name, err), viewer.Close())
		}
		if len(entries) == 0 {
			return o, nil
		}
	}
}

// laid lays runs over the charts, in place of those before.
func (p *Page) laid(c compared) {
	if c.page != p || c.number != p.asked {
		for _, o := range c.others {
			_ = o.viewer.Close() // it was only read
		}
		return
	}
	p.Close()
	p.others, p.overlay, p.pane = c.others, len(c.others) > 0, paneLosses
	p.refresh()
}

// news brings new entries of a run that is laid over.
type news struct {
	page    *Page
	other   *other
	entries []run.Entry
}

// fetch looks for what is new in the runs that are laid over.
func (p *Page) fetch() tea.Cmd {
	if !p.overlay {
		return nil
	}
	var cmds []tea.Cmd
	for _, o := range p.others {
		if o.fetching || !alive(o.history.State.State) {
			continue
		}
		o.fetching = true
		cmds = append(cmds, func() tea.Msg {
			entries, err := o.viewer.Next(fetched)
			if err != nil {
				return common.Notice{Text: fmt.Sprintf("comparing with %s: %v", o.name, err), Bad: true}
			}
			return news{page: p, other: o, entries: entries}
		})
	}
	return tea.Batch(cmds...)
}

func (p *Page) grown(n news) {
	if n.page != p {
		return
	}
	n.other.fetching = false
	for _, e := range n.entries {
		n.other.history.Apply(e)
	}
	if len(n.entries) > 0 {
		p.refresh()
	}
}
