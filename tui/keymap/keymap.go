// Package keymap is what keys do: bindings that drive dispatch, the hints below
// a page, the help, the palette and the table in the documentation alike.
package keymap

import (
	"slices"

	tea "charm.land/bubbletea/v2"
)

// The groups of bindings, in the order of the help.
const (
	Move  = "move"
	Show  = "show"
	Steer = "steer"
	Edit  = "edit"
	Go    = "go"
)

// Binding is one action of a page.
type Binding struct {
	Keys  []string // as Bubble Tea names them: "p", "ctrl+s", "shift+left"
	Name  string   // one to three words, for hints and the palette: "pause"
	About string   // a sentence for the help and the documentation
	Group string
	// Off says why the action does nothing now; empty when it is on.
	Off string
	// Quiet keeps it out of the hints below the page; the help has it.
	Quiet bool
	Do    func() tea.Cmd // never nil
}

// Find returns the binding of a key.
func Find(bindings []Binding, key string) (Binding, bool) {
	for _, b := range bindings {
		if slices.Contains(b.Keys, key) {
			return b, true
		}
	}
	return Binding{}, false
}

// keyNames are keys as people read them.
var keyNames = map[string]string{
	"up": "↑", "down": "↓", "left": "←", "right": "→", "enter": "Enter", "esc": "Esc", "tab": "Tab",
	"shift+tab": "Shift+Tab", "space": "Space", "pgup": "PgUp", "pgdown": "PgDn", "home": "Home", "end": "End",
	"backspace": "Backspace", "delete": "Del",
}

// Label is a key as people read it; ascii keeps to letters.
func Label(key string, ascii bool) string {
	name, ok := keyNames[key]
	if !ok {
		return key
	}
	if ascii && !isASCII(name) {
		return key
	}
	return name
}

func isASCII(s string) bool {
	for _, r := range s {
		if r > 126 {
			return false
		}
	}
	return true
}
