package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/tui/common"
)

// find looks for a text, and jump goes to a line, from 1: what prompts answer.
type (
	find struct{ text string }
	jump struct{ line int }
)

// toForm shows the form, with the key of the cursor's line selected.
func (p *Page) toForm() {
	key := p.keyHere()
	p.asForm, p.typing = true, false
	p.sync()
	p.form.Select(key)
	p.place()
}

// toText shows the text, with the cursor on the selected key's line.
func (p *Page) toText() {
	p.asForm = false
	if key := p.form.Key(); key != "" && p.doc.toml {
		p.goTo(config.LineOf(p.doc.text, key))
	}
	p.place()
}

// keyHere is the key on the cursor's line; empty where there is none.
func (p *Page) keyHere() string {
	if p.asForm {
		return p.form.Key()
	}
	return p.doc.keyAt(p.doc.editor.Line())
}

// keyAt is the key on a line, from 0; empty where there is none.
func (d *document) keyAt(line int) string {
	lines := strings.Split(d.text, "\n")
	if line >= len(lines) {
		return ""
	}
	name, _, found := strings.Cut(lines[line], "=")
	name = strings.Trim(strings.TrimSpace(name), `"'`)
	if !found || name == "" || strings.ContainsAny(name, "#[{, ") {
		return ""
	}
	return join(config.TableAt(d.text, line+1), name)
}

// goTo puts the cursor on a line, from 1.
func (p *Page) goTo(line int) {
	if line > 0 {
		p.doc.editor.GoTo(line - 1)
	}
}

// nextError goes to the next line with an error, and after the last to the
// first.
func (p *Page) nextError() {
	here, first, next := p.doc.editor.Line()+1, 0, 0
	for _, x := range p.doc.problems {
		if x.Line == 0 {
			continue
		}
		if first == 0 {
			first = x.Line
		}
		if next == 0 && x.Line > here {
			next = x.Line
		}
	}
	if next == 0 {
		next = first
	}
	p.goTo(next)
}

func (p *Page) askFind() tea.Cmd {
	return common.Send(common.Prompt{
		Title: "Find", Text: "Goes to the next line that has it.", Value: p.found,
		Accept: func(text string) tea.Cmd { return common.Send(find{text}) },
	})
}

// find goes to the next line with a text, whatever its case.
func (p *Page) find(text string) {
	if p.found = text; p.doc == nil || text == "" {
		return
	}
	lines := strings.Split(strings.ToLower(p.doc.text), "\n")
	for i := range lines {
		at := (p.doc.editor.Line() + 1 + i) % len(lines)
		if strings.Contains(lines[at], strings.ToLower(text)) {
			p.doc.editor.GoTo(at)
			return
		}
	}
}

func (p *Page) askLine() tea.Cmd {
	most := strings.Count(p.doc.text, "\n") + 1
	number := func(text string) (int, error) {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > most {
			return 0, errors.New("write a line's number, 1 to " + strconv.Itoa(most))
		}
		return n, nil
	}
	return common.Send(common.Prompt{
		Title: "Go to line", Text: fmt.Sprintf("There are %d.", most),
		Check: func(text string) error { _, err := number(text); return err },
		Accept: func(text string) tea.Cmd {
			n, err := number(text)
			if err != nil {
				return common.Fail(err)
			}
			return common.Send(jump{n})
		},
	})
}
