// Package exporting holds the binding that writes what a page shows as tables into the
// run's folder.
package exporting

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/sheet"
	"detnas/tui/common"
	"detnas/tui/keymap"
)

// Table is what is written, under a name.
type Table struct {
	Name  string
	About string // what is written, for the help
	Off   string // why there is nothing to write; empty where there is
	// Take takes what is written, in the screen's event loop; what it returns makes the
	// table of that, elsewhere.
	Take func() func(format string) ([]byte, error)
}

// Binding is the one that writes t into the folder of a run, beside its journal.
func Binding(c *common.Common, f *run.Folder, t Table) keymap.Binding {
	off := c.NoFiles
	if off == "" {
		off = t.Off
	}
	return keymap.Binding{
		Keys: []string{"E"}, Name: "export", Group: keymap.Edit, Off: off, Quiet: true,
		About: "write " + t.About + " as CSV and JSON into the run's exports",
		Do: func() tea.Cmd {
			made := t.Take()
			return func() tea.Msg {
				path, err := sheet.Write(f, t.Name, made)
				if err != nil {
					return common.Notice{Text: err.Error(), Bad: true}
				}
				return common.Notice{Text: fmt.Sprintf("written %s.%s and .%s", path, sheet.CSV, sheet.JSON)}
			}
		},
	}
}
