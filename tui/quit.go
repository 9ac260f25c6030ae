package tui

import (
	"fmt"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
)

// quitting ends the screen.
type quitting struct {
	leaving Leaving
	failed  error
}

func (m *Model) leave(q quitting) tea.Cmd {
	m.leaving, m.failed = q.leaving, q.failed
	return tea.Quit
}

// quit leaves the screen, and asks first where that loses text or where the open
// run is under way. While a run is being started it waits for that, unless it is
// asked for again.
func (m *Model) quit() tea.Cmd {
	if m.start.under && !m.start.leave {
		m.start.leave = true
		return common.Notify("a run is being started: you are asked once it runs; q again leaves it alone")
	}
	unsaved := strings.HasSuffix(m.pages[placeConfig].Title(), "*")
	switch alive := m.alive(); {
	case alive != "":
		return common.Send(m.askLeave(alive, unsaved))
	case unsaved:
		return common.Send(common.Ask{
			Title: "Leave the screen", Text: "The config page holds text that is not saved.",
			Choices: []common.Choice{
				{Key: "b", Name: "go back to it", About: "nothing is lost", Do: common.Send(common.OpenConfig{})},
				{Key: "d", Name: "discard it", About: "the text is lost", Do: common.Send(quitting{})},
			},
		})
	}
	return m.leave(quitting{})
}

// alive is the state of the open run where it is under way and takes commands
// from here; else empty.
func (m *Model) alive() string {
	if m.run == nil || m.run.Err != nil || m.run.Steerable != nil {
		return ""
	}
	switch state, _, _ := m.standing(); state {
	case run.StateRunning, run.StatePaused:
		return state
	}
	return ""
}

// askLeave asks what is to become of the open run.
func (m *Model) askLeave(state string, unsaved bool) common.Ask {
	name := filepath.Base(m.run.Dir())
	ask := common.Ask{Title: "Leave the screen", Text: fmt.Sprintf("Run %s is %s, in a process of its own.", name, state)}
	if unsaved {
		ask.Text += " The config page holds text that is not saved; it is lost when you leave."
	}
	leave := common.Choice{
		Key: "d", Name: "detach", About: "the run goes on; detnas attach opens the screen on it again",
		Do: common.Send(quitting{}),
	}
	pause := common.Choice{
		Key: "p", Name: "pause it and leave", About: "it writes a checkpoint and waits for detnas resume",
		Do: m.tellAndLeave(run.ActPause, LeavePaused),
	}
	stop := common.Choice{
		Key: "s", Name: "stop it and leave", About: "it writes a checkpoint and ends; detnas run --resume goes on from there",
		Do: m.tellAndLeave(run.ActStop, LeaveStopped),
	}
	if state == run.StatePaused {
		leave.About = "the run stays paused; detnas resume lets it go on, detnas attach opens the screen on it"
		ask.Choices = []common.Choice{leave, stop}
		return ask
	}
	ask.Choices = []common.Choice{leave, pause, stop}
	return ask
}

// tellAndLeave asks the open run for something and leaves, or says why the run
// will not do it.
func (m *Model) tellAndLeave(act string, leaving Leaving) tea.Cmd {
	v, who := m.run.Viewer, m.common.Who
	return func() tea.Msg {
		if err := v.Do(steer.Command{Act: act, Who: who}); err != nil {
			return common.Notice{Text: err.Error(), Bad: true}
		}
		return quitting{leaving: leaving}
	}
}
