package subnet

import (
	tea "charm.land/bubbletea/v2"

	"detnas/tui/common"
	"detnas/tui/components/steering"
	"detnas/tui/keymap"
)

// Bindings are what the page's keys do now.
func (p *Page) Bindings() []keymap.Binding {
	if p.subnet.short == "" {
		return nil
	}
	out := append(p.moves(), p.shows()...)
	out = append(out, p.goes()...)
	w, against := p.wheel(), p.against(p.subnet.short)
	out = append(out, w.Pin(p.subnet.short, against), w.Unpin(p.subnet.short), w.Choose(p.subnet.short, against))
	for i, b := range out {
		do := b.Do
		out[i].Do = func() tea.Cmd { p.view = ""; return do() }
	}
	return out
}

// key is a binding that only changes what is shown.
func key(group, name, about string, do func(), keys ...string) keymap.Binding {
	return keymap.Binding{Keys: keys, Name: name, About: about, Group: group, Do: func() tea.Cmd { do(); return nil }}
}

func quiet(b keymap.Binding) keymap.Binding { b.Quiet = true; return b }

func (p *Page) moves() []keymap.Binding {
	move := func(name, about string, by int, keys ...string) keymap.Binding {
		return quiet(key(keymap.Move, name, about, func() { p.move(by) }, keys...))
	}
	n := len(p.subnet.parts.Blocks)
	page := max(p.listHeight(p.paneHeight())-1, 1)
	return []keymap.Binding{
		move("up", "the block before", -1, "up", "k"), move("down", "the next block", 1, "down", "j"),
		move("page up", "as many blocks up as are in sight", -page, "pgup"), move("page down", "as many blocks down as are in sight", page, "pgdown"),
		move("first", "the first block", -n, "home", "g"), move("last", "the last block", n, "end", "G"),
		p.turnImage("image before", "the preview image before", -1, "left", "h"),
		p.turnImage("next image", "the next preview image", 1, "right", "l"),
	}
}

func (p *Page) move(by int) {
	p.block = min(max(p.block+by, 0), max(len(p.subnet.parts.Blocks)-1, 0))
}

func (p *Page) turnImage(name, about string, by int, keys ...string) keymap.Binding {
	n := len(p.preview.Pictures)
	b := key(keymap.Show, name, about, func() { p.image = (p.image + by + n) % max(n, 1) }, keys...)
	b.Off = steering.When(n == 0, "there are no images")
	b.Quiet = by < 0 || n < 2
	return b
}

func (p *Page) shows() []keymap.Binding {
	swap := quiet(key(keymap.Show, "swap", "the second subnet in place of the first", func() { p.subnet, p.with = p.with, p.subnet }, "x"))
	swap.Off = steering.When(p.with.short == "", "nothing lies beside it")
	turned := swap.Do
	swap.Do = func() tea.Cmd { turned(); return p.load() }
	none := quiet(key(keymap.Show, "alone", "take the second subnet away", func() { p.with = side{} }, "esc"))
	none.Off = swap.Off
	compare := key(keymap.Show, "compare", "lay the next one beside it: parents, chosen, pinned, the ten best", func() { p.beside(1) }, "d")
	back := quiet(key(keymap.Show, "compare back", "lay the one before beside it", func() { p.beside(-1) }, "D"))
	compare.Off = steering.When(len(p.companions()) == 0, "there is no other subnet yet")
	back.Off = compare.Off
	before := quiet(key(keymap.Show, "weights", "found with the supernet's weights, or after its own training", func() { p.earlier = !p.earlier }, "v"))
	before.Off = steering.When(len(p.preview.Found) < 2, "only one is kept")
	return []keymap.Binding{
		key(keymap.Show, "next view", "the blocks or the detections", func() { p.focus = (p.focus + 1) % panes }, "tab", "shift+tab"),
		compare, back, none, swap,
		quiet(key(keymap.Show, "count", "multiply-adds or parameters", func() { p.byParams = !p.byParams }, "c")),
		p.turnThreshold("more boxes", "boxes with a lower score too", -thresholdStep, "-"),
		p.turnThreshold("fewer boxes", "only boxes with a higher score", thresholdStep, "+", "="),
		before,
	}
}

func (p *Page) turnThreshold(name, about string, by float64, keys ...string) keymap.Binding {
	b := key(keymap.Show, name, about, func() { p.threshold = min(max(p.threshold+by, thresholdStep), 1-thresholdStep) }, keys...)
	b.Off = steering.When(len(p.preview.Found) == 0, "nothing is found")
	b.Quiet = b.Off != "" || p.focus != detectionsPane
	return b
}

func (p *Page) goes() []keymap.Binding {
	parents := p.parents(p.subnet.short)
	parent := func(n int, name, about, k string) keymap.Binding {
		b := keymap.Binding{Keys: []string{k}, Name: name, About: about, Group: keymap.Go, Quiet: n > 0, Do: func() tea.Cmd { return nil }}
		if n >= len(parents) {
			b.Off, b.Quiet = "it has no such parent", true
			return b
		}
		b.Do = func() tea.Cmd { return p.Open(parents[n].Subnet, p.with.short) }
		return b
	}
	back := keymap.Binding{
		Keys: []string{"backspace"}, Name: "back", About: "the subnet that was open before", Group: keymap.Go, Quiet: true,
		Off: steering.When(len(p.behind) == 0, "none was open before"), Do: p.back,
	}
	copying := keymap.Binding{
		Keys: []string{"y"}, Name: "copy", About: "put its short form into the terminal's clipboard", Group: keymap.Go,
		Do: func() tea.Cmd {
			return tea.Batch(tea.SetClipboard(p.subnet.short), common.Notify(p.subnet.short+" is sent to the terminal's clipboard"))
		},
	}
	list := keymap.Binding{
		Keys: []string{"s"}, Name: "search", About: "the candidates", Group: keymap.Go, Quiet: true,
		Do: func() tea.Cmd { return common.Send(common.OpenSearch{}) },
	}
	return []keymap.Binding{
		parent(0, "parent", "the subnet that it was made from", "p"), parent(1, "other parent", "the second subnet that it was made from", "o"),
		back, copying, list,
	}
}

// back goes to the subnet that was open before.
func (p *Page) back() tea.Cmd {
	last := len(p.behind) - 1
	to := p.behind[last]
	p.behind = p.behind[:last]
	return p.turn(to, p.with.short)
}
