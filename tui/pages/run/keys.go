package run

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/sheet"
	"detnas/tui/components/exporting"
	"detnas/tui/keymap"
)

// far is how many columns the crosshair moves with shift.
const far = 10

// Bindings are what the keys do now.
func (p *Page) Bindings() []keymap.Binding {
	out := p.steering()
	out = append(append(out, p.paneKeys()...), p.export())
	out = append(out, p.chartKeys()...)
	return append(out, p.scrollKeys()...)
}

// export writes what there is of the run in figures.
func (p *Page) export() keymap.Binding {
	folder := p.run.Viewer.Folder()
	return exporting.Binding(p.common, folder, exporting.Table{
		Name: sheet.Metrics, About: "losses, speeds and figures",
		Take: func() func(string) ([]byte, error) {
			return func(format string) ([]byte, error) { return sheet.Of(folder, sheet.Metrics, format) }
		},
	})
}

// show makes a binding that changes what the page shows.
func (p *Page) show(b keymap.Binding, do func()) keymap.Binding {
	b.Group = keymap.Show
	b.Do = func() tea.Cmd {
		do()
		p.refresh()
		return p.poll()
	}
	return b
}

func (p *Page) paneKeys() []keymap.Binding {
	turn := func(by int) func() {
		return func() { p.pane, p.scroll = (p.pane+pane(by)+p.panes())%p.panes(), 0 }
	}
	return []keymap.Binding{
		p.show(keymap.Binding{Keys: []string{"tab"}, Name: "next pane", About: "losses, speed, machine, results, log, and the ranks where there are several"}, turn(1)),
		p.show(keymap.Binding{Keys: []string{"shift+tab"}, Name: "pane before", About: "the same the other way round", Quiet: true}, turn(-1)),
		p.show(keymap.Binding{Keys: []string{"]"}, Name: "step on", About: "look at the next step"}, func() { p.pick(p.number() + 1) }),
		p.show(keymap.Binding{Keys: []string{"["}, Name: "step back", About: "look at the step before", Quiet: true}, func() { p.pick(p.number() - 1) }),
		p.show(keymap.Binding{Keys: []string{"f"}, Name: "full height", About: "give the pane the room of the log and of what is beside it, or take it back", Quiet: true}, func() { p.full = !p.full }),
		p.show(keymap.Binding{Keys: []string{"v"}, Name: p.logs.next().name(), About: "the log as the journal in words, as log.txt, or as that of the rank that was opened", Quiet: true}, func() { p.logs.what = p.logs.next().what }),
	}
}

// chartKeys change how the curves of a step are looked at.
func (p *Page) chartKeys() []keymap.Binding {
	switch p.pane {
	case paneLosses:
		return append(p.lossKeys(), p.windowKeys()...)
	case paneSpeed:
		return p.windowKeys()
	}
	return nil
}

// quiet is a binding that the hints below the page leave out.
func (p *Page) quiet(key, name, about string, do func()) keymap.Binding {
	return p.show(keymap.Binding{Keys: []string{key}, Name: name, About: about, Quiet: true}, do)
}

// lossKeys change how the losses are drawn, and which.
func (p *Page) lossKeys() []keymap.Binding {
	c := &p.chart
	over := p.quiet("o", "other runs", "lay the runs that are compared over the losses, or take them off", func() { p.overlay = !p.overlay })
	if len(p.others) == 0 {
		over.Off = "mark runs on the list of runs with Space and press c there"
	}
	smooth := p.quiet("s", "smoothing", "weight of the moving average: none, 0.6, 0.9, 0.98", func() { c.smooth = (c.smooth + 1) % len(smooths) })
	raw := p.quiet("e", "envelope", "the least and the greatest values under the average, or the average alone", func() { c.raw = !c.raw })
	if p.number() == config.StepSearch {
		smooth.Off, raw.Off = "scores are shown as they are", "scores are shown as they are"
	}
	return []keymap.Binding{
		smooth, raw,
		p.quiet("L", "log y", "logarithmic y axis, on or off", func() { c.logY = !c.logY }),
		p.quiet("l", "choose losses", "all losses, or each alone, the sum first", p.nextCurve),
		over,
	}
}

// windowKeys move over the iterations of a step.
func (p *Page) windowKeys() []keymap.Binding {
	c := &p.chart
	in := p.quiet("+", "zoom in", "half as much, around the crosshair or the newest values", func() { p.zoom(0.5, p.anchor()) })
	in.Keys = append(in.Keys, "=")
	out := p.quiet("-", "zoom out", "twice as much", func() { p.zoom(2, p.anchor()) })
	whole := p.quiet("0", "whole step", "all there is", func() { c.x0, c.x1 = 0, 0 })
	if !c.zoomed() {
		out.Off, whole.Off = "the whole step is in sight", "the whole step is in sight"
	}
	move := func(key, name, about string, columns int) keymap.Binding {
		b := p.quiet(key, name, about, func() { p.sideways(columns) })
		b.Group = keymap.Move
		return b
	}
	return []keymap.Binding{
		p.quiet("x", "crosshair", "the values of every curve at one place; left and right move it", p.cross),
		p.quiet("X", "log x", "logarithmic x axis, on or off", func() { c.logX = !c.logX }),
		in, out, whole,
		move("left", "left", "move the crosshair, or the window of a zoomed chart", -1),
		move("right", "right", "the same to the right", 1),
		move("shift+left", "far left", "ten columns at once", -far),
		move("shift+right", "far right", "ten columns at once", far),
	}
}

// scrollKeys scroll the results where they are in the middle, else the log.
func (p *Page) scrollKeys() []keymap.Binding {
	var out []keymap.Binding
	switch p.pane {
	case paneResults:
		page := max(p.plan().middle.height-1, 1)
		by := func(name, about string, lines int, key ...string) keymap.Binding {
			b := p.show(keymap.Binding{Keys: key, Name: name, About: about, Quiet: true}, func() { p.scroll = max(0, p.scroll+lines) })
			b.Group = keymap.Move
			return b
		}
		return []keymap.Binding{
			by("line up", "the results: one line up", -1, "up", "k"), by("line down", "the results: one line down", 1, "down", "j"),
			by("page up", "the results: a screenful up", -page, "pgup"), by("page down", "the results: a screenful down", page, "pgdown"),
			by("first line", "the results from their start", -1<<20, "home", "g"), by("last line", "the end of the results", 1<<20, "end", "G"),
		}
	case paneRanks:
		return p.rankKeys()
	case paneLog:
		out = slices.Concat(p.logs.shown().Bindings(), p.logs.shown().Sideways())
	default:
		out = p.logs.shown().Bindings()
	}
	hidden := p.plan().log.height < 2
	for i, b := range out {
		if hidden {
			out[i].Off = "the log is not in sight"
		}
		out[i].Do = func() tea.Cmd {
			cmd := b.Do()
			p.refresh()
			return cmd
		}
	}
	return out
}
