// Package steering holds the bindings that steer a search, which several pages
// have: to pin a subnet, to take a pin back, and to choose what is trained.
package steering

import (
	"slices"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/keymap"
)

// Wheel steers the search of an open run.
type Wheel struct {
	Common *common.Common
	Run    *follow.Run
}

// First is the first of some reasons that is one; empty when none is.
func First(reasons ...string) string {
	for _, r := range reasons {
		if r != "" {
			return r
		}
	}
	return ""
}

// When is a reason where it holds, else empty.
func When(holds bool, why string) string {
	if holds {
		return why
	}
	return ""
}

func (w Wheel) state() *run.State { return &w.Run.History.State }

// Deaf says why the run takes no commands; empty when it does.
func (w Wheel) Deaf() string {
	if err := w.Run.Steerable; err != nil {
		return err.Error()
	}
	return ""
}

// Over says that the search has ended, so that nothing steers it any more; empty
// before that.
func (w Wheel) Over() string {
	_, done := w.state().Finished[config.StepSearch]
	return When(done || w.state().Step > config.StepSearch, "the search is over")
}

// given says that nothing is searched; empty when something is.
func (w Wheel) given() string {
	cfg := w.Run.Config
	return When(cfg != nil && cfg.Search.Subnet != "", "the config gives the subnet")
}

// Asked reports whether an act is requested and not done yet: on a subnet, or on
// a block, with a choice or any (-1).
func (w Wheel) Asked(act, subnet string, block, choice int) bool {
	return slices.ContainsFunc(w.state().Steering.Requests, func(r run.Control) bool {
		return r.What == act && r.Subnet == subnet && r.Block == block && (choice < 0 || r.Choice == strconv.Itoa(choice))
	})
}

// Do is the command that asks the run for something in the user's name.
func (w Wheel) Do(c steer.Command) tea.Cmd {
	c.Who = w.Common.Who
	return w.Run.Do(c)
}

const (
	noSubnet = "no subnet is selected"
	already  = "it is asked for already"
)

// Pin is the binding that pins a subnet in short form. Against is why it cannot
// be pinned whatever the run does, such as the constraint; may be empty.
func (w Wheel) Pin(subnet, against string) keymap.Binding {
	return keymap.Binding{
		Keys: []string{"P"}, Name: "pin", Group: keymap.Steer,
		About: "have the subnet evaluated next and bred from, whatever its score",
		Off: First(
			w.Deaf(), When(subnet == "", noSubnet), w.given(), w.Over(),
			When(w.state().Steering.Pinned(subnet), "it is pinned already"),
			When(w.Asked(run.ActPin, subnet, 0, -1), already), against,
		),
		Do: func() tea.Cmd { return w.Do(steer.Command{Act: run.ActPin, Subnet: subnet}) },
	}
}

// Unpin is the binding that takes a subnet's pin back.
func (w Wheel) Unpin(subnet string) keymap.Binding {
	pinned := w.state().Steering.Pinned(subnet)
	return keymap.Binding{
		Keys: []string{"U"}, Name: "unpin", About: "take the subnet's pin back", Group: keymap.Steer, Quiet: !pinned,
		Off: First(w.Deaf(), w.Over(), When(!pinned, "it is not pinned"), When(w.Asked(run.ActUnpin, subnet, 0, -1), already)),
		Do:  func() tea.Cmd { return w.Do(steer.Command{Act: run.ActUnpin, Subnet: subnet}) },
	}
}

// Choose is the binding that makes a subnet the one that steps 4 and 5 train,
// once the user has been asked. Against is as in Pin.
func (w Wheel) Choose(subnet, against string) keymap.Binding {
	return keymap.Binding{
		Keys: []string{"T"}, Name: "train this", Group: keymap.Steer,
		About: "make it the subnet that steps 4 and 5 train",
		Off: First(
			w.Deaf(), When(subnet == "", noSubnet), w.given(), When(w.state().Step > config.StepSearch, "step 4 has begun"),
			When(w.Asked(run.ActChoose, subnet, 0, -1), already), against,
		),
		Do: func() tea.Cmd { return common.Send(w.ask(subnet)) },
	}
}

// ask is the question before a subnet is chosen. Where one was chosen, it can be
// left to the search again as long as that goes on.
func (w Wheel) ask(subnet string) common.Ask {
	train := common.Choice{
		Key: "y", Name: "train it", About: "steps 4 and 5 train it, whatever the search finds",
		Do: w.Do(steer.Command{Act: run.ActChoose, Subnet: subnet}),
	}
	leave := common.Choice{
		Key: "s", Name: "leave it to the search", About: "steps 4 and 5 train the best that the search finds",
		Do: w.Do(steer.Command{Act: run.ActChoose}),
	}
	no := common.Choice{Key: "n", Name: "no", About: "nothing changes"}
	ask := common.Ask{
		Title: "Train " + subnet, Text: "Steps 4 and 5 train the best candidate of the search unless you choose.",
		Choices: []common.Choice{train, no},
	}
	switch chosen := w.state().Steering.Chosen; chosen {
	case "":
	case subnet:
		ask.Title, ask.Text, ask.Choices = "Chosen: "+subnet, "Steps 4 and 5 are to train this subnet.", []common.Choice{no, leave}
	default:
		ask.Text, ask.Choices = "Now chosen is "+chosen+".", []common.Choice{train, leave, no}
	}
	if w.Over() != "" {
		ask.Choices = slices.DeleteFunc(ask.Choices, func(c common.Choice) bool { return c.Name == leave.Name })
	}
	return ask
}

// Note says what people made of a subnet; what is asked for and not done yet has
// a question mark. Empty when nothing.
func (w Wheel) Note(subnet string) string {
	s := &w.state().Steering
	pin, word := "", ""
	if s.Pinned(subnet) {
		pin, word = w.Common.Glyphs.Pin+" ", "pinned"
	}
	if s.Chosen == subnet && subnet != "" {
		word = "chosen"
	}
	for _, r := range s.Requests {
		if asked := map[string]string{run.ActPin: "pin?", run.ActUnpin: "unpin?", run.ActChoose: "choose?"}[r.What]; asked != "" && r.Subnet == subnet {
			word = asked
		}
	}
	return pin + word
}
