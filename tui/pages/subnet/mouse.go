package subnet

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/components/text"
)

// click opens a parent, puts a pane in focus, or the cursor on a block.
func (p *Page) click(msg tea.MouseClickMsg) tea.Cmd {
	if msg.Button != tea.MouseLeft || p.subnet.short == "" {
		return nil
	}
	if msg.Y == 1 {
		return p.clickParent(msg.X)
	}
	if msg.Y < headHeight {
		return nil
	}
	left := p.blocksWidth()
	switch {
	case p.both() && msg.X >= left+2:
		p.focus = detectionsPane
	case p.both():
		p.focus = blocksPane
	case msg.Y == headHeight:
		p.clickTab(msg.X)
		return nil
	}
	if p.focus == blocksPane {
		p.clickBlock(msg.Y - headHeight - 2)
	}
	return nil
}

func (p *Page) clickTab(x int) {
	from := 0
	for i, name := range paneNames {
		to := from + text.Width(name) + 2
		if x >= from && x < to {
			p.focus = pane(i)
		}
		from = to
	}
}

// clickParent opens the parent whose name is at a column.
func (p *Page) clickParent(x int) tea.Cmd {
	words := " " + ansi.Strip(p.origin())
	for _, parent := range p.parents(p.subnet.short) {
		name := p.parentWords(parent.Subnet)
		if at := strings.Index(words, name); at >= 0 && x >= at && x < at+len(name) {
			return p.Open(parent.Subnet, p.with.short)
		}
	}
	return nil
}

func (p *Page) clickBlock(row int) {
	rows := p.listHeight(p.paneHeight())
	all := p.lines()
	if at := p.firstLine(all, rows) + row; row >= 0 && row < rows && at < len(all) && all[at].block >= 0 {
		p.block = all[at].block
	}
}

// scroll moves through the blocks, or through the images.
func (p *Page) scroll(msg tea.MouseWheelMsg) {
	by := 1
	if msg.Button == tea.MouseWheelUp || msg.Button == tea.MouseWheelLeft {
		by = -1
	}
	if p.both() && msg.X >= p.blocksWidth() || !p.both() && p.focus == detectionsPane {
		if n := len(p.preview.Pictures); n > 0 {
			p.image = (p.image + by + n) % n
		}
		return
	}
	p.move(by)
}
