package runs

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/tui/common"
	"detnas/tui/keymap"
)

// Bindings are what the keys do now.
func (p *Page) Bindings() []keymap.Binding {
	if p.starts != nil {
		return p.starts.bindings()
	}
	l, some := p.selected()
	none := ""
	if !some {
		none = "no run is selected"
	}
	compare, apart := p.comparable()
	out := []keymap.Binding{
		{
			Keys: []string{"enter"}, Name: "open", About: "open the run: the other pages then show it", Group: keymap.Go, Off: none,
			Do: func() tea.Cmd { return common.Send(common.OpenRun{Dir: l.Folder.Dir()}) },
		},
		{
			Keys: []string{"n"}, Name: "new run", About: "start a run from a preset or a TOML file", Group: keymap.Steer,
			Do: func() tea.Cmd { p.starts = newStarts(p); return nil },
		},
		{
			Keys: []string{"r"}, Name: "resume", About: "go on with a run that was stopped or interrupted, in the background", Group: keymap.Steer,
			Off: first(none, unresumable(l)),
			Do:  func() tea.Cmd { return common.Send(common.ResumeRun{Dir: l.Folder.Dir()}) },
		},
		{
			Keys: []string{"c"}, Name: "compare", About: "open the first of the marked runs, with the losses of the others over its own", Group: keymap.Show,
			Off: apart, Do: func() tea.Cmd { return common.Send(common.Compare{Dirs: compare}) },
		},
		{
			Keys: []string{"d", "delete"}, Name: "delete", About: "remove the run's folder with its checkpoints; it is asked twice", Group: keymap.Steer,
			Off: first(none, undeletable(l)), Do: func() tea.Cmd { return common.Send(askDelete(l)) },
		},
	}
	for _, b := range p.table.Bindings() {
		out = append(out, p.telling(b))
	}
	return out
}

// telling reads about the run that a binding selects.
func (p *Page) telling(b keymap.Binding) keymap.Binding {
	do := b.Do
	b.Do = func() tea.Cmd { return tea.Batch(do(), p.tell()) }
	return b
}

func first(reasons ...string) string {
	for _, r := range reasons {
		if r != "" {
			return r
		}
	}
	return ""
}

// alive reports whether a process runs a run.
func alive(l run.Listed) bool {
	return l.State.State == run.StateRunning || l.State.State == run.StatePaused
}

func unresumable(l run.Listed) string {
	switch {
	case reading(l):
		return "its journal is still being read"
	case alive(l):
		return "it is " + l.State.State
	case l.State.State == run.StateFinished:
		return "it has finished"
	}
	return ""
}

func undeletable(l run.Listed) string {
	switch {
	case reading(l):
		return "its journal is still being read"
	case alive(l):
		return "it is " + l.State.State + "; stop it first"
	}
	return ""
}

// mostCompared bounds the runs that are laid over each other.
const mostCompared = 8

// comparable are the folders of the runs to compare, or why there are none: the
// marked ones, and the selected one beside a single mark.
func (p *Page) comparable() (dirs []string, off string) {
	dirs = p.table.Marked()
	if row, ok := p.table.Selected(); ok && len(dirs) == 1 && dirs[0] != row.Key {
		dirs = append([]string{row.Key}, dirs...)
	}
	if len(dirs) < 2 {
		return nil, "mark two runs with Space first"
	}
	if len(dirs) > mostCompared {
		return nil, fmt.Sprintf("more than %d runs cannot be told apart", mostCompared)
	}
	return dirs, ""
}

// askDelete asks once for a key, and then for the run's name.
func askDelete(l run.Listed) common.Ask {
	name := l.Folder.Name()
	sure := common.Ask{
		Title: "Delete " + name + " for good", Word: name,
		Text: fmt.Sprintf("%s is removed with its journal, checkpoints and result. Nothing brings it back.", l.Folder.Dir()),
		Choices: []common.Choice{
			{Key: "d", Name: "delete it", About: "the folder is removed", Do: common.Send(common.DeleteRun{Dir: l.Folder.Dir()})},
		},
	}
	return common.Ask{
		Title: "Delete a run", Text: fmt.Sprintf("Delete run %s?", name),
		Choices: []common.Choice{
			{Key: "k", Name: "keep it", About: "nothing is changed"},
			{Key: "d", Name: "delete it", About: "asks for the run's name, then removes its folder", Do: common.Send(sure)},
		},
	}
}
