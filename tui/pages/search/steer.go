package search

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas"
	"detnas/tui/components/steering"
	"detnas/tui/components/text"
	"detnas/tui/keymap"
)

// wheel steers the run.
func (p *Page) wheel() steering.Wheel { return steering.Wheel{Common: p.common, Run: p.run} }

// steerings are the bindings that act on the run.
func (p *Page) steerings() []keymap.Binding {
	subnet, against := p.aim(), ""
	if ok, known := p.fits(subnet); known && !ok {
		against = "the constraint does not allow it"
	}
	w := p.wheel()
	out := []keymap.Binding{w.Pin(subnet, against), w.Unpin(subnet), w.Choose(subnet, against)}
	if p.focus == choicesPane {
		out = append(out, p.lock())
	}
	return append(out, p.withdraw())
}

func (p *Page) lock() keymap.Binding {
	block, w := p.block+1, p.wheel()
	locked, is := p.run.History.State.Steering.Locks[block]
	b := keymap.Binding{Keys: []string{"L"}, Name: "lock", Group: keymap.Steer, About: "have all new candidates keep this choice in this block"}
	none := steering.First(w.Deaf(), w.Over())
	if p.space.Len() == 0 || p.row >= len(p.space.Choices) {
		b.Off, b.Do = steering.First(none, "there are no blocks"), func() tea.Cmd { return nil }
		return b
	}
	choice := int(p.space.Choices[p.row])
	if is && locked == choice {
		b.Name, b.About = "unlock", "let the search choose in this block again"
		b.Off = steering.First(none, steering.When(w.Asked(run.ActUnlock, "", block, -1), "it is asked for already"))
		b.Do = func() tea.Cmd { return w.Do(steer.Command{Act: run.ActUnlock, Block: block}) }
		return b
	}
	b.Off = steering.First(none, steering.When(w.Asked(run.ActLock, "", block, choice), "it is asked for already"))
	b.Do = func() tea.Cmd {
		return w.Do(steer.Command{Act: run.ActLock, Block: block, Choice: strconv.Itoa(choice)})
	}
	return b
}

// acts are those of this page.
var acts = []string{run.ActPin, run.ActUnpin, run.ActLock, run.ActUnlock, run.ActChoose}

// pending are the requests of this page's acts that are not done yet.
func (p *Page) pending() []run.Control {
	var out []run.Control
	for _, r := range p.run.History.State.Steering.Requests {
		if slices.Contains(acts, r.What) {
			out = append(out, r)
		}
	}
	return out
}

// withdraw takes the last request back that has not begun.
func (p *Page) withdraw() keymap.Binding {
	pending := slices.DeleteFunc(p.pending(), func(r run.Control) bool { return r.Phase != run.PhaseRequested })
	b := keymap.Binding{
		Keys: []string{"W"}, Name: "withdraw", About: "take the last request back, as long as it has not begun", Group: keymap.Steer,
		Off: steering.First(p.wheel().Deaf(), steering.When(len(pending) == 0, "nothing is requested")), Quiet: len(pending) == 0,
		Do: func() tea.Cmd { return nil },
	}
	if len(pending) > 0 {
		last := pending[len(pending)-1]
		b.About = "take back: " + requestWords(last)
		b.Do = func() tea.Cmd {
			return p.wheel().Do(steer.Command{Act: steer.ActWithdraw, Of: last.What, Subnet: last.Subnet, Block: last.Block})
		}
	}
	return b
}

// requestWords are a request in words.
func requestWords(r run.Control) string {
	switch {
	case r.What == run.ActLock && len(r.Choice) == 1:
		return fmt.Sprintf("lock block %d to %s", r.Block, nas.Choice(r.Choice[0]-'0'))
	case r.Block > 0:
		return fmt.Sprintf("%s block %d", r.What, r.Block)
	case r.What == run.ActChoose && r.Subnet == "":
		return "leave it to the search"
	}
	return r.What + " " + r.Subnet
}

// foot is the last line: what holds because of what people asked for, and what
// is asked for and not done yet.
func (p *Page) foot() string {
	s, g := p.common.Styles, p.common.Glyphs
	st := &p.run.History.State.Steering
	var parts []string
	for _, r := range p.pending() {
		parts = append(parts, s.Warn.Render(fmt.Sprintf("%s: %s, by %s", r.Phase, requestWords(r), r.Who)))
	}
	if st.Chosen != "" {
		parts = append(parts, s.Text.Render("chosen "+st.Chosen))
	} else if found := p.found(); found != "" {
		parts = append(parts, s.Text.Render("found "+found))
	}
	if n := len(st.Pins); n > 0 {
		parts = append(parts, s.Text.Render(fmt.Sprintf("%s %d pinned", g.Pin, n)))
	}
	if words := lockWords(st.Locks); words != "" {
		parts = append(parts, s.Text.Render(g.Lock+" "+words))
	}
	if len(parts) == 0 {
		parts = append(parts, s.Faint.Render("nothing is pinned, locked or chosen"))
	}
	return text.Fit(" "+strings.Join(parts, s.Faint.Render("  ")), p.width, g.Ellipsis)
}

// lockWords say which blocks are locked.
func lockWords(locks map[int]int) string {
	blocks := slices.Sorted(maps.Keys(locks))
	switch len(blocks) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("block %d locked to %s", blocks[0], nas.Choice(locks[blocks[0]]))
	}
	words := make([]string, len(blocks))
	for i, block := range blocks {
		words[i] = fmt.Sprintf("%d to %s", block, nas.Choice(locks[block]))
	}
	return "blocks locked: " + strings.Join(words, ", ")
}
