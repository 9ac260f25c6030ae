package tui

import (
	"charm.land/lipgloss/v2"

	"detnas/core/run"
	runpage "detnas/tui/pages/run"
)

// standing is the run's state in words, with what was asked of it and is not done
// yet. It says no more than the journal.
func (m *Model) standing() (state, words string, style lipgloss.Style) {
	st := &m.run.History.State
	if state = st.State; state != "" {
		if p, ok := m.pages[placeRun].(*runpage.Page); ok {
			state = p.State() // it looks at the lock, too
		}
	}
	if err := m.run.Err; err != nil {
		return run.StateFailed, "unreadable", m.common.Styles.Bad
	}
	if words = state; words == "" {
		words = "starting"
	}
	style = m.common.Styles.StateStyle(state)
	if state == run.StateInterrupted {
		return state, words, style // whatever was asked for is asked of nobody
	}
	for _, r := range st.Steering.Requests {
		switch {
		case r.What == run.ActPause && r.Phase == run.PhaseBegun:
			words = "pausing"
		case r.What == run.ActStop && r.Phase == run.PhaseBegun:
			words = "stopping"
		case r.What == run.ActPause || r.What == run.ActStop || r.What == run.ActResume || r.What == run.ActCheckpoint:
			words += ", " + r.What + " requested by " + r.Who
		default:
			continue
		}
		style = m.common.Styles.Warn
	}
	return state, words, style
}
