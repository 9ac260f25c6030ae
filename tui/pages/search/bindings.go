package search

import (
	"slices"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/sheet"
	"detnas/tui/common"
	"detnas/tui/components/exporting"
	"detnas/tui/components/input"
	"detnas/tui/components/steering"
	"detnas/tui/keymap"
)

// Bindings are what the page's keys do now.
func (p *Page) Bindings() []keymap.Binding {
	var out []keymap.Binding
	if p.empty() == nil {
		switch p.focus {
		case candidatesPane:
			out = p.tableBindings()
		case paretoPane:
			out = p.paretoBindings()
		case generationsPane:
			out = p.generationsBindings()
		default:
			out = p.choicesBindings()
		}
		out = append(append(out, p.steerings()...), p.export())
		out = append(
			out,
			p.key(keymap.Show, "next view", "candidates, score and cost, generations, choices", func() { p.show((p.focus + 1) % panes) }, "tab"),
			quiet(p.key(keymap.Show, "view before", "the view before", func() { p.show((p.focus + panes - 1) % panes) }, "shift+tab")),
		)
	}
	for i, b := range out {
		do := b.Do
		out[i].Do = func() tea.Cmd { p.view = ""; return do() }
	}
	return out
}

// key is a binding that only changes what is shown.
func (p *Page) key(group, name, about string, do func(), keys ...string) keymap.Binding {
	return keymap.Binding{Keys: keys, Name: name, About: about, Group: group, Do: func() tea.Cmd { do(); return nil }}
}

func quiet(b keymap.Binding) keymap.Binding { b.Quiet = true; return b }

func (p *Page) tableBindings() []keymap.Binding {
	out := slices.DeleteFunc(p.table.Bindings(), func(b keymap.Binding) bool {
		return slices.Contains(b.Keys, "/") || slices.Contains(b.Keys, "esc") // the page has its own
	})
	filter := p.key(keymap.Show, "filter", "show only some candidates: "+filterHelp, p.startFilter, "/")
	clearing := quiet(p.key(keymap.Show, "clear filter", "show all candidates again", func() { p.setFilter("") }, "esc"))
	clearing.Off = steering.When(p.filter == "", "there is no filter")
	return append(append([]keymap.Binding{p.open(), p.compare()}, out...), filter, clearing)
}

// export writes the candidates that the filter leaves, in the order of evaluation.
func (p *Page) export() keymap.Binding {
	return exporting.Binding(p.common, p.run.Viewer.Folder(), exporting.Table{
		Name: sheet.Candidates, About: "the candidates that are listed", Off: steering.When(len(p.rows) == 0, "there are no candidates"),
		Take: func() func(string) ([]byte, error) {
			var all []run.Candidate
			for _, r := range p.rows {
				if e, ok := r.Value.(entry); ok && !e.waiting {
					all = append(all, e.Candidate)
				}
			}
			slices.SortFunc(all, func(a, b run.Candidate) int { return a.Index - b.Index })
			return func(format string) ([]byte, error) { return sheet.OfCandidates(all, format) }
		},
	})
}

// open goes to the page of the selected subnet.
func (p *Page) open() keymap.Binding {
	e, ok := p.selected()
	return keymap.Binding{
		Keys: []string{"enter"}, Name: "open", About: "the subnet, block by block", Group: keymap.Go, Off: steering.When(!ok, "no subnet is selected"),
		Do: func() tea.Cmd { return common.Send(common.OpenSubnet{Subnet: e.Subnet}) },
	}
}

// compare opens the selected subnet beside the one that is marked, or, with two
// marked, those two.
func (p *Page) compare() keymap.Binding {
	e, ok := p.selected()
	marked := p.table.Marked()
	b := keymap.Binding{Keys: []string{"d"}, Name: "compare", About: "the selected subnet beside the marked one", Group: keymap.Go, Quiet: len(marked) == 0}
	subnet, with := e.Subnet, ""
	switch {
	case !ok:
		b.Off = "no subnet is selected"
	case len(marked) == 0:
		b.Off = "mark the other one with Space first"
	case len(marked) > 2:
		b.Off = "more than two are marked"
	case len(marked) == 2:
		subnet, with = marked[0], marked[1]
	case marked[0] == e.Subnet:
		b.Off = "select the other one"
	default:
		with = marked[0]
	}
	b.Do = func() tea.Cmd { return common.Send(common.OpenSubnet{Subnet: subnet, With: with}) }
	return b
}

func (p *Page) paretoBindings() []keymap.Binding {
	return []keymap.Binding{
		p.open(),
		quiet(p.key(keymap.Move, "cheaper", "the next candidate by cost, downwards", func() { p.along(-1) }, "left", "h")),
		quiet(p.key(keymap.Move, "dearer", "the next candidate by cost, upwards", func() { p.along(1) }, "right", "l")),
		quiet(p.key(keymap.Move, "better", "the next better candidate", func() { p.climb(1) }, "up")),
		quiet(p.key(keymap.Move, "worse", "the next worse candidate", func() { p.climb(-1) }, "down", "j")),
		p.key(keymap.Show, "other cost", "multiply-adds or parameters", func() { p.byParam = !p.byParam }, "x"),
	}
}

func (p *Page) generationsBindings() []keymap.Binding {
	list := p.key(keymap.Show, "its candidates", "filter the candidates by the generation", p.listGeneration, "enter")
	list.Off = steering.When(p.generation == AllSoFar, "choose a generation with the arrows first")
	return append([]keymap.Binding{
		list,
		quiet(p.key(keymap.Move, "up", "the generation before", func() { p.slide(-1) }, "up")),
		quiet(p.key(keymap.Move, "down", "the next generation; after the last, all", func() { p.slide(1) }, "down", "j")),
	}, p.sliders()...)
}

// sliders move through the generations.
func (p *Page) sliders() []keymap.Binding {
	last := len(p.choices.Generations())
	return []keymap.Binding{
		p.key(keymap.Show, "generation before", "the map of the generation before", func() { p.slide(-1) }, ",", "pgup"),
		p.key(keymap.Show, "next generation", "the map of the next generation; after the last, of all", func() { p.slide(1) }, ".", "pgdown"),
		quiet(p.key(keymap.Show, "first generation", "the map of the first generation", func() { p.slide(-last - 1) }, "g")),
		quiet(p.key(keymap.Show, "all generations", "the map of all generations so far", func() { p.slide(last + 1) }, "G")),
	}
}

func (p *Page) choicesBindings() []keymap.Binding {
	move := func(name string, row, block int, keys ...string) keymap.Binding {
		return quiet(p.key(keymap.Move, name, "the cell "+name, func() { p.move(row, block) }, keys...))
	}
	drop := p.key(keymap.Edit, "drop", "forget the subnet that is built", func() { p.built = nil }, "esc")
	drop.Off = steering.When(p.built == nil, "nothing is built")
	drop.Quiet = p.built == nil
	pick := p.key(keymap.Edit, "pick", "give the block this choice: builds a subnet, from the selected one on", p.pick, "enter", "space")
	pick.Off = steering.When(p.space.Len() == 0, "there are no blocks")
	out := []keymap.Binding{
		pick, drop,
		p.key(keymap.Show, "measure", "in the population, in the top ten, mean score", func() { p.measure = (p.measure + 1) % measures }, "m"),
		move("up", -1, 0, "up"), move("down", 1, 0, "down", "j"), move("left", 0, -1, "left", "h"), move("right", 0, 1, "right", "l"),
		move("first", 0, -p.space.Len(), "home"), move("last", 0, p.space.Len(), "end"),
		p.openBuilt(),
	}
	return append(out, p.sliders()...)
}

// openBuilt goes to the page of the subnet on the map.
func (p *Page) openBuilt() keymap.Binding {
	subnet, _ := p.shown()
	return keymap.Binding{
		Keys: []string{"o"}, Name: "open", About: "the subnet that is marked on the map, block by block", Group: keymap.Go, Quiet: true,
		Off: steering.When(subnet == nil, "no subnet is selected"),
		Do: func() tea.Cmd {
			open := common.OpenSubnet{Subnet: subnet.Short(p.space)}
			if p.built != nil {
				open.With = p.from
			}
			return common.Send(open)
		},
	}
}

// move moves the map's cursor.
func (p *Page) move(rows, blocks int) {
	p.row = min(max(p.row+rows, 0), max(len(p.space.Choices)-1, 0))
	p.block = min(max(p.block+blocks, 0), max(p.space.Len()-1, 0))
}

// listGeneration shows the candidates of the slider's generation.
func (p *Page) listGeneration() {
	p.setFilter("gen:" + strconv.Itoa(p.generation+1))
	p.show(candidatesPane)
}

func (p *Page) startFilter() { p.typing = input.New(p.common, p.filter) }

func (p *Page) setFilter(words string) {
	p.filter, p.view = words, ""
	p.fill()
}

// typed takes a key while the filter is typed.
func (p *Page) typed(msg tea.Msg) {
	if p.typing == nil {
		return
	}
	p.view = ""
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "enter":
			p.typing = nil
			return
		case "esc":
			p.typing = nil
			p.setFilter("")
			return
		}
	}
	if p.typing.Update(msg) {
		p.setFilter(p.typing.Text())
	}
}
