package serve

import (
	"errors"
	"io"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

// errFlood says that a client sends more than anybody types or pastes.
var errFlood = errors.New("more came from the terminal than can be typed or pasted")

// typed gives what is typed to the program, until the session's channel ends.
// Bytes are bounded that make up no key yet: a paste, or an escape without end.
func (c *session) typed(from io.Reader, term string, program *tea.Program) {
	in := &meter{r: from}
	events := make(chan uv.Event)
	c.running.Go(func() {
		defer close(events)
		defer c.recovered("reading the keyboard")
		err := uv.NewTerminalReader(in, term).StreamEvents(c.ctx, events)
		if errors.Is(err, errFlood) {
			c.end(err.Error())
		}
	})
	for e := range events {
		in.pending.Store(0)
		c.touch()
		program.Send(e) // into nothing once the program has ended
	}
}

// meter reads no more than mostInput bytes between two events.
type meter struct {
	r       io.Reader
	pending atomic.Int64
}

// Read reads.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.pending.Add(int64(n)) > mostInput {
		return 0, errFlood
	}
	return n, err //nolint:wrapcheck // a reader around a reader
}
