package modal

import (
	tea "charm.land/bubbletea/v2"

	"detnas/tui/common"
	"detnas/tui/components/input"
	"detnas/tui/components/text"
	"detnas/tui/keymap"
)

// The columns within a modal's frame.
const (
	narrow = 56
	wide   = 96
)

// Ask is a question with answers to choose from.
type Ask struct {
	common *common.Common
	ask    common.Ask
	at     int
	word   *input.Line // of a question whose answer has to be typed out
}

// NewAsk asks a question.
func NewAsk(c *common.Common, ask common.Ask) *Ask {
	ask.Word = text.Clean(ask.Word) // as it is shown, it is typed
	a := &Ask{common: c, ask: ask}
	if ask.Word != "" {
		a.word = input.New(c, "")
	}
	return a
}

// Update takes a message and reports whether the question is settled.
func (a *Ask) Update(msg tea.Msg) (done bool, cmd tea.Cmd) {
	key, ok := msg.(tea.KeyPressMsg)
	if !ok {
		if a.word != nil {
			a.word.Update(msg)
		}
		return false, nil
	}
	switch name := key.String(); name {
	case "esc", "ctrl+c":
		return true, nil
	case "enter":
		return a.choose(a.at)
	case "up", "shift+tab":
		a.at = max(0, a.at-1)
	case "down", "tab":
		a.at = min(len(a.ask.Choices)-1, a.at+1)
	default:
		if a.word != nil {
			a.word.Update(msg)
			return false, nil
		}
		for i, c := range a.ask.Choices {
			if c.Key == name {
				return a.choose(i)
			}
		}
	}
	return false, nil
}

// choose settles the question; one whose word is not typed out stays.
func (a *Ask) choose(i int) (bool, tea.Cmd) {
	if i >= len(a.ask.Choices) {
		return true, nil
	}
	if a.word != nil && a.word.Text() != a.ask.Word {
		return false, nil
	}
	return true, a.ask.Choices[i].Do
}

// View draws the question for a screen of that size.
func (a *Ask) View(width, height int) []string {
	inner := min(narrow, width-4)
	lines := wrap(a.ask.Text, inner)
	if a.word != nil {
		lines = append(lines, "", "Type "+a.common.Styles.Bold.Render(a.ask.Word)+" and press Enter:", a.word.View(inner))
	}
	lines = append(lines, "")
	s, g := a.common.Styles, a.common.Glyphs
	for i, c := range a.ask.Choices {
		pointer, name := " ", text.Clean(c.Name)
		if i == a.at {
			pointer, name = g.Pointer, s.Selected.Render(name)
		} else {
			name = s.Text.Render(name)
		}
		key := ""
		if a.word == nil {
			key = s.Key.Render(keymap.Label(c.Key, true)) + " "
		}
		lines = append(lines, pointer+" "+key+name)
		for _, l := range wrap(c.About, inner-4) {
			lines = append(lines, "    "+s.Faint.Render(l))
		}
	}
	lines = append(lines, "", s.Faint.Render("Enter chooses, Esc goes back"))
	if over := len(lines) + 2 - height; over > 0 && over < len(lines) {
		lines = lines[over:]
	}
	return box(a.common, a.ask.Title, lines, inner)
}

// Prompt asks for a line of text.
type Prompt struct {
	common *common.Common
	prompt common.Prompt
	line   *input.Line
	err    error
}

// NewPrompt asks for a line of text.
func NewPrompt(c *common.Common, p common.Prompt) *Prompt {
	out := &Prompt{common: c, prompt: p, line: input.New(c, p.Value)}
	out.check()
	return out
}

func (p *Prompt) check() {
	if p.prompt.Check != nil {
		p.err = p.prompt.Check(p.line.Text())
	}
}

// Update takes a message and reports whether the prompt is settled.
func (p *Prompt) Update(msg tea.Msg) (done bool, cmd tea.Cmd) {
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "esc", "ctrl+c":
			return true, nil
		case "enter":
			if p.err != nil {
				return false, nil
			}
			return true, p.prompt.Accept(p.line.Text())
		}
	}
	if p.line.Update(msg) {
		p.check()
	}
	return false, nil
}

// View draws the prompt for a screen of that size.
func (p *Prompt) View(width, _ int) []string {
	inner := min(narrow, width-4)
	lines := append(wrap(p.prompt.Text, inner), p.line.View(inner))
	if p.err != nil {
		for _, l := range wrap(p.err.Error(), inner) {
			lines = append(lines, p.common.Styles.Bad.Render(l))
		}
	}
	lines = append(lines, "", p.common.Styles.Faint.Render("Enter accepts, Esc goes back"))
	return box(p.common, p.prompt.Title, lines, inner)
}
