package run

import (
	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/keymap"
)

// steering are the keys that act on the run.
func (p *Page) steering() []keymap.Binding {
	act := func(what string) func() tea.Cmd {
		return func() tea.Cmd { return p.run.Do(steer.Command{Act: what, Who: p.common.Who}) }
	}
	pause := keymap.Binding{
		Keys: []string{"p"}, Name: "pause", Group: keymap.Steer, Off: p.unsteerable(run.ActPause), Do: act(run.ActPause),
		About: "pause the run at the next step or candidate, with a checkpoint; p again goes on",
	}
	if p.state() == run.StatePaused {
		pause.Name, pause.Off, pause.Do = "resume", p.unsteerable(run.ActResume), act(run.ActResume)
	}
	if r, ok := p.history().State.Steering.Request(run.ActPause); ok && r.Phase == run.PhaseRequested {
		pause.Name, pause.Off = "withdraw pause", p.away()
		pause.Do = func() tea.Cmd {
			return p.run.Do(steer.Command{Act: steer.ActWithdraw, Of: run.ActPause, Who: p.common.Who})
		}
	}
	command, nothing := p.withdrawable()
	return []keymap.Binding{
		pause,
		{
			Keys: []string{"S"}, Name: "stop", About: "end the run with a checkpoint, from which it can be resumed; it is asked first", Group: keymap.Steer,
			Off: p.unsteerable(run.ActStop), Do: func() tea.Cmd { return common.Send(p.askStop(act(run.ActStop)())) },
		},
		{
			Keys: []string{"K"}, Name: "checkpoint", About: "write a checkpoint at the next step or candidate", Group: keymap.Steer,
			Off: p.unsteerable(run.ActCheckpoint), Do: act(run.ActCheckpoint),
		},
		{
			Keys: []string{"w"}, Name: "withdraw", About: "take back the newest request that has not begun", Group: keymap.Steer,
			Off: first(nothing, p.away()), Do: func() tea.Cmd { return p.run.Do(command) },
		},
		{
			Keys: []string{"r"}, Name: "resume run", About: "go on with a run that was stopped or interrupted, in the background", Group: keymap.Steer, Quiet: true,
			Off: p.unresumable(), Do: func() tea.Cmd { return common.Send(common.ResumeRun{Dir: p.run.Dir()}) },
		},
	}
}

func first(reasons ...string) string {
	for _, r := range reasons {
		if r != "" {
			return r
		}
	}
	return ""
}

// away says why the run takes no commands.
func (p *Page) away() string {
	switch state := p.state(); {
	case !alive(state):
		return "the run is " + state
	case p.run.Steerable != nil:
		return p.run.Steerable.Error()
	}
	return ""
}

// unsteerable says why an act cannot be asked for.
func (p *Page) unsteerable(act string) string {
	if why := p.away(); why != "" {
		return why
	}
	st := &p.history().State.Steering
	if r, ok := st.Request(act); ok {
		if r.Phase == run.PhaseBegun {
			return "the " + act + " is under way"
		}
		return "a " + act + " is requested already; w withdraws it"
	}
	if _, ok := st.Request(run.ActStop); ok {
		return "the run is being stopped"
	}
	return ""
}

// unresumable says why the run cannot be taken up by this process.
func (p *Page) unresumable() string {
	switch state := p.state(); state {
	case run.StateRunning, run.StatePaused:
		return "it is " + state
	case run.StateFinished:
		return "it has finished"
	}
	return ""
}

func (p *Page) askStop(stop tea.Cmd) common.Ask {
	return common.Ask{
		Title: "Stop the run", Text: "Stop " + p.history().State.Name + " at " + place(p.history().State.Step, p.history().State.Iteration) + "?",
		Choices: []common.Choice{
			{Key: "k", Name: "keep it running", About: "nothing is changed"},
			{Key: "s", Name: "stop it", About: "writes a checkpoint and ends; r goes on from there. A stop cannot be withdrawn.", Do: stop},
		},
	}
}
