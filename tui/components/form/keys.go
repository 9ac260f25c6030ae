package form

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/tui/components/input"
)

// wheelRows is how far one turn of the wheel goes.
const wheelRows = 3

// Update takes a message and reports whether the text has changed.
func (f *Form) Update(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.MouseWheelMsg:
		switch msg.Button {
		case tea.MouseWheelUp:
			f.move(-wheelRows)
		case tea.MouseWheelDown:
			f.move(wheelRows)
		}
		return false
	case tea.MouseClickMsg:
		if msg.Button == tea.MouseLeft && f.line == nil {
			f.click(msg.X, msg.Y)
		}
		return false
	}
	if f.filtering != nil {
		f.filterTyped(msg)
		return false
	}
	if f.line != nil {
		return f.typed(msg)
	}
	key, ok := msg.(tea.KeyPressMsg)
	return ok && f.key(key.String())
}

func (f *Form) key(name string) bool {
	switch name {
	case "up", "k":
		f.move(-1)
	case "down", "j":
		f.move(1)
	case "pgup":
		f.move(-max(1, f.room()))
	case "pgdown":
		f.move(max(1, f.room()))
	case "home", "g":
		f.at = 0
		f.clamp(1)
	case "end", "G":
		f.at = len(f.rows) - 1
		f.clamp(-1)
	case "tab", "]":
		f.nextTable(1)
	case "shift+tab", "[":
		f.nextTable(-1)
	case "right", "l":
		return f.cycle(1)
	case "left", "h":
		return f.cycle(-1)
	case "/":
		f.filtering = input.New(f.common, f.filter)
	case "esc":
		f.Filter("")
	}
	return false
}

// Filter shows only keys that have every word of a text in their path or their
// description; the word "changed" shows those that are.
func (f *Form) Filter(words string) {
	f.filter, f.filtering = words, nil
	f.arrange()
}

// Filtered is the filter; empty where there is none.
func (f *Form) Filtered() string { return f.filter }

func (f *Form) filterTyped(msg tea.Msg) {
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "enter":
			f.filtering = nil
			return
		case "esc":
			f.Filter("")
			return
		case "up", "down":
			f.move(map[string]int{"up": -1, "down": 1}[key.String()])
			return
		}
	}
	if f.filtering.Update(msg) {
		f.filter = f.filtering.Text()
		f.arrange()
	}
}

// typed takes a message while a value is typed.
func (f *Form) typed(msg tea.Msg) bool {
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "esc":
			f.line, f.wrong = nil, ""
			return false
		case "enter":
			return f.accept()
		}
	}
	if f.line.Update(msg) {
		f.wrong = f.problem(f.line.Text())
	}
	return false
}

// accept puts what is typed into the text, if it can stand there.
func (f *Form) accept() bool {
	literal, err := config.Typed(f.Key(), f.line.Text())
	if err != nil || f.wrong != "" {
		return false
	}
	f.line = nil
	if r, _ := f.selected(); literal == r.value {
		return false
	}
	return f.set(literal)
}

func (f *Form) move(by int) {
	direction := 1
	if by < 0 {
		direction = -1
	}
	f.at += by
	f.clamp(direction)
}

// nextTable selects the first key of the next table, or of the one before.
func (f *Form) nextTable(by int) {
	r, ok := f.selected()
	if !ok {
		return
	}
	tables := f.tables()
	i := slices.Index(tables, r.table) + by
	f.selectTable(tables[(i+len(tables))%len(tables)])
}

func (f *Form) selectTable(table string) {
	f.at = slices.IndexFunc(f.rows, func(r row) bool { return r.header && r.table == table })
	f.clamp(1)
	f.top = f.at - 1
}

// tables are those that have rows.
func (f *Form) tables() []string {
	var out []string
	for _, r := range f.rows {
		if r.header {
			out = append(out, r.table)
		}
	}
	return out
}

// click selects what stands in a cell of the form.
func (f *Form) click(x, y int) {
	f.scroll()
	if y >= f.room() {
		return
	}
	if x < f.indexWidth() {
		if tables := f.tables(); f.indexTop()+y < len(tables) {
			f.selectTable(tables[f.indexTop()+y])
		}
		return
	}
	if i := f.top + y; i < len(f.rows) {
		f.at = i
		f.clamp(1)
	}
}
