// Package steer is how people reach a run: the commands that they can give, the
// viewer through which a screen or a script sees a run and gives them, and the
// desk at which the engine takes them. It builds without cgo, and so does all
// that looks at runs.
package steer

import (
	"fmt"

	"detnas/core/input"
	"detnas/core/run"
)

// Act is what a command asks for: one of run.ActPause and its like, or one of
// these.
const (
	// ActWithdraw takes back the pending request of the act in Command.Of.
	ActWithdraw = "withdraw"
	// ActConfigure puts Command.Text in place of the run's config.
	ActConfigure = run.ActConfigure
)

// Command is what a viewer asks of a run.
type Command struct {
	Act    string // run.ActPause, ...
	Who    string // who asks, for the journal
	Of     string // withdraw: the act
	Subnet string // pin, unpin, choose: short form; choose none to leave it to the search
	Block  int    // lock, unlock: place in the subnet, from 1
	Choice string // lock: one digit, as in the short form
	Text   string // configure: TOML
}

// tidy refuses a command of which a part is longer than it can be, and makes of
// its words what a line may hold: they stand in the journal, on screens and in
// errors.
func (c *Command) tidy() error {
	for _, part := range []struct {
		name string
		text *string
		most int // bytes
	}{
		{"act", &c.Act, 64},
		{"act to withdraw", &c.Of, 64},
		{"name of who asks", &c.Who, 200},
		{"choice", &c.Choice, 64},
		{"subnet", &c.Subnet, 4 << 10}, // twice the longest
	} {
		if len(*part.text) > part.most {
			return fmt.Errorf("not a command: its %s has %d bytes, where %d may be", part.name, len(*part.text), part.most)
		}
		if part.text != &c.Subnet {
			*part.text = input.Line(*part.text)
		}
	}
	if input.Shown(c.Subnet) != c.Subnet {
		return fmt.Errorf("not a command: %s is no subnet", input.Line(c.Subnet))
	}
	return nil
}

// Viewer is a run as a screen or a script sees it. Its methods may be called
// from any goroutine and never wait for training.
type Viewer interface {
	// Folder is the run's folder.
	Folder() *run.Folder
	// Next returns the journal's entries after those that it has returned, at
	// most limit of them; none where there is nothing new. Where the run has taken
	// one of them back, since its disk did not hold it, Next begins again with
	// event 1.
	Next(limit int) ([]run.Entry, error)
	// Do asks the run for something. The error says why it will not be done;
	// without one the request is in the journal, where its phases follow.
	Do(Command) error
	// Steerable is nil when the run takes commands, or says why it does not and
	// what would help.
	Steerable() error
	// Close ends the viewing; the run goes on.
	Close() error
}
