package run

import (
	"fmt"
	"slices"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/charts"
	"detnas/tui/common"
	"detnas/tui/components/table"
	"detnas/tui/components/text"
	"detnas/tui/keymap"
)

// rankColumns are what is told of a rank, what matters first; with gpus, what it takes of
// one.
func rankColumns(gpus bool) []table.Column {
	by := func(f func(run.Rank) float64) func(a, b table.Row) bool {
		return func(a, b table.Row) bool { return f(rankOf(a)) < f(rankOf(b)) }
	}
	number := func(title string, falling bool, f func(run.Rank) float64) table.Column {
		return table.Column{Title: title, Right: true, Less: by(f), Falling: falling}
	}
	columns := []table.Column{
		number("rank", false, func(r run.Rank) float64 { return float64(r.Rank) }),
		{Title: "host", Min: 8, Less: func(a, b table.Row) bool { return rankOf(a).Host < rankOf(b).Host }},
		{Title: "does", Width: len("silent 9999 s")},
		number("img/s", false, func(r run.Rank) float64 { return r.ImagesPerS }),
		number("waits", false, run.Rank.Waits),
		number("data", true, run.Rank.WaitsForData),
		number("memory", true, func(r run.Rank) float64 { return float64(r.Memory) }),
		number("cores", true, func(r run.Rank) float64 { return r.CPU }),
	}
	if gpus {
		columns = append(
			columns,
			number("gpu", true, func(r run.Rank) float64 { return r.GPU }),
			number("gpu mem", true, func(r run.Rank) float64 { return float64(r.GPUBytes) }),
		)
	}
	return columns
}

// hasGPU reports whether a rank computes on one.
func hasGPU(r run.Rank) bool { return r.GPU > 0 || r.GPUBytes > 0 }

func rankOf(row table.Row) run.Rank {
	r, _ := row.Value.(run.Rank)
	return r
}

func newRanks(c *common.Common, gpus bool) *table.Table {
	t := table.New(c, rankColumns(gpus))
	t.Noun, t.Empty = "ranks", "the ranks have not told of themselves yet"
	return t
}

// several reports whether several processes do the run.
func (p *Page) several() bool {
	s := &p.history().State
	return s.Ranks != nil || s.Started != nil && s.Started.Ranks > 1
}

// told are the ranks as the journal has told of them last.
func (p *Page) told() run.Ranks {
	if told := p.history().State.Ranks; told != nil {
		return *told
	}
	return run.Ranks{}
}

// fillRanks gives the table the ranks: those that are silent first, then who waits
// least, as it is that the others wait for.
func (p *Page) fillRanks(width, height int) {
	e := p.told()
	if gpus := slices.ContainsFunc(e.Ranks, hasGPU); gpus != p.gpus {
		p.gpus, p.ranks = gpus, newRanks(p.common, gpus)
	}
	p.ranks.Resize(width, height)
	slowest, _, lags := e.Slowest()
	var rows []table.Row
	for _, r := range e.ByWait() {
		rows = append(rows, table.Row{Key: strconv.Itoa(r.Rank), Value: r, Cells: p.rankCells(r, lags && r.Rank == slowest.Rank)})
	}
	p.ranks.SetRows(rows)
}

func (p *Page) rankCells(r run.Rank, slowest bool) []string {
	s := p.common.Styles
	does := "computes"
	switch {
	case r.SilentS > 0:
		does = s.Bad.Render(fmt.Sprintf("silent %.0f s", min(r.SilentS, 9999)))
	case !alive(p.state()):
		does = choose(slowest, "slowest", "") // what it was when the run ended
	case r.Idle:
		does = s.Faint.Render("idle")
	case slowest:
		does = s.Warn.Render("slowest")
	case r.Seconds() == 0 && p.told().Step == config.StepSearch:
		does = "measures"
	case r.Seconds() == 0:
		does = s.Faint.Render("begins")
	}
	cells := []string{strconv.Itoa(r.Rank), text.Clean(r.On()), does, "", "", "", text.Bytes(r.Memory), fmt.Sprintf("%.1f", r.CPU), "", ""}
	if r.Seconds() > 0 {
		cells[3], cells[4], cells[5] = charts.Number(r.ImagesPerS), percent(r.Waits()), percent(r.WaitsForData())
	}
	if hasGPU(r) {
		cells[8], cells[9] = percent(r.GPU), text.Bytes(r.GPUBytes)
	}
	return cells
}

// rankHead is how many lines stand above the table of the ranks.
const rankHead = 1

// rankPane is who the others wait for, above the table of the ranks.
func (p *Page) rankPane(r rect) string {
	head := text.Fit(" "+p.rankWords(), r.width, p.common.Glyphs.Ellipsis)
	if r.height <= rankHead {
		return head
	}
	return head + "\n" + p.ranks.View()
}

// rankWords say who is the slowest. Who is silent stands in the page's note.
func (p *Page) rankWords() string {
	s, e := p.common.Styles, p.told()
	if len(e.Ranks) == 0 {
		return ""
	}
	if r, lag, ok := e.Slowest(); ok {
		return s.Warn.Render(fmt.Sprintf("rank %d is the slowest: the others wait %s of the time for it", r.Rank, percent(lag)))
	}
	if e.World > 0 {
		return s.Faint.Render(fmt.Sprintf("none of the %d ranks keeps the others waiting; here are the %d that wait least", e.World, len(e.Ranks)))
	}
	return s.Faint.Render(fmt.Sprintf("none of the %d ranks keeps the others waiting", e.Of()))
}

// mostNamed is how many silent ranks a line names.
const mostNamed = 4

// silentWords say of which ranks nothing was heard; empty where there are none.
func silentWords(e run.Ranks) string {
	silent := e.Silent()
	switch n := len(silent); n {
	case 0:
		return ""
	case 1:
		r := silent[0]
		return fmt.Sprintf("nothing was heard of rank %d (process %d on %s) for %.0f s", r.Rank, r.PID, text.Clean(r.On()), r.SilentS)
	default:
		var names string
		for i, r := range silent[:min(n, mostNamed)] {
			names += choose(i > 0, ", ", "") + strconv.Itoa(r.Rank)
		}
		return fmt.Sprintf("nothing was heard of %d ranks for a while: %s", n, names+choose(n > mostNamed, ", ...", ""))
	}
}

// rankVitals is the slowest rank as a figure.
func (p *Page) rankVitals() string {
	e := p.told()
	if r, lag, ok := e.Slowest(); ok {
		return p.figure("slowest", fmt.Sprintf("rank %d", r.Rank), "+"+percent(lag))
	}
	if n := e.Of(); n > 0 {
		return p.figure("ranks", strconv.Itoa(n), "")
	}
	return ""
}

// rankKeys move and sort the ranks, and open the log of one.
func (p *Page) rankKeys() []keymap.Binding {
	var out []keymap.Binding
	for _, b := range p.ranks.Bindings() {
		if b.Name == "filter" || b.Name == "clear filter" || b.Name == "turn order" { // keys of the page and of its log
			continue
		}
		do := b.Do
		b.About = "the ranks: " + b.About
		b.Do = func() tea.Cmd {
			cmd := do()
			p.refresh()
			return cmd
		}
		out = append(out, b)
	}
	row, there := p.ranks.Selected()
	open := keymap.Binding{Keys: []string{"enter"}, Name: "its log", About: "the log of the rank"}
	if !there {
		open.Off = "no rank has told of itself"
	}
	return append(out, p.show(open, func() { p.openLog(rankOf(row).Rank) }))
}

// openLog shows a rank's log.
func (p *Page) openLog(rank int) {
	p.logs.open(p.run.Viewer.Folder(), rank)
	p.pane, p.full = paneLog, false
}
