package uitest

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
)

func TestSamplesAreJournals(t *testing.T) {
	for place, want := range map[string]string{
		Training: run.StateRunning, Searching: run.StateRunning, Paused: run.StatePaused,
		Finished: run.StateFinished, Failed: run.StateFailed, Fresh: run.StateRunning,
	} {
		dir := Sample(t, place)
		s := run.State{}
		n := 0
		err := run.ReadJournal(dir+"/events.jsonl", func(e run.Entry) error { n++; s.Apply(e); return nil })
		if err != nil || s.State != want || n != len(SampleEntries(place)) {
			t.Errorf("%s: %s after %d events, %v", place, s.State, n, err)
		}
		if place == Paused && (len(s.Steering.Pins) != 1 || s.Steering.Locks[2] != 1) {
			t.Errorf("paused: %+v", s.Steering)
		}
	}
}

// counter is a program that counts keys.
type counter struct{ keys string }

func (c *counter) Init() tea.Cmd { return nil }

func (c *counter) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		c.keys += "<" + k.String() + ">"
		if k.String() == "q" {
			return c, tea.Quit
		}
	}
	return c, nil
}

func (c *counter) View() tea.View {
	v := tea.NewView("keys " + c.keys)
	v.AltScreen = true
	return v
}

func TestDriverTypesAndSees(t *testing.T) {
	d := Drive(t, &counter{}, 100, 5)
	d.See("keys").Press("a", "P", "ctrl+s", "shift+tab", "space", "pgdown", ":").See("<a><P><ctrl+s><shift+tab><space><pgdown><:>")
	before := d.Written()
	d.Type("x").See("<x>")
	if d.Written() <= before {
		t.Error("what is written is not counted")
	}
	d.Resize(40, 3)
	if lines := strings.Count(d.Text(), "\n"); lines != 3 {
		t.Errorf("%d lines after the resize", lines)
	}
	if err := d.Press("q").Ended(); err != nil {
		t.Error(err)
	}
}

func TestCellsAreWhatIsShown(t *testing.T) {
	text, coloured := Cells("ab\x1b[31mc\x1b[m  \nd", 5, 2)
	if text != "abc\nd\n" || !strings.Contains(coloured, "\x1b[31m") {
		t.Errorf("%q %q", text, coloured)
	}
}
