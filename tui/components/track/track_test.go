package track

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/run"
	"detnas/tui/history"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func of(place string, colour bool, mode styles.Mode) Track {
	h := history.New(place)
	for _, e := range uitest.SampleEntries(place) {
		h.Apply(e)
	}
	return Track{Common: uitest.Common(colour, mode), Steps: h.Steps, State: h.State.State, Step: h.State.Step, Selected: 2}
}

var places = []string{uitest.Fresh, uitest.Training, uitest.Searching, uitest.Paused, uitest.Finished, uitest.Failed}

func TestEveryWidthIsExact(t *testing.T) {
	for _, place := range places {
		tr := of(place, true, styles.Braille)
		uitest.Widths(t, tr.Draw)
		for w := range 24 {
			for h := 1; h <= 4; h++ {
				uitest.Exact(t, tr.Draw(w, h), w, h)
			}
		}
	}
}

func TestPlain(t *testing.T) {
	for _, place := range places {
		tr := of(place, false, styles.ASCII)
		uitest.ASCII(t, tr.Draw(120, 4))
		uitest.Colourless(t, tr.Draw(120, 4))
	}
}

func TestWhatItTells(t *testing.T) {
	for _, c := range []struct {
		place string
		width int
		wants []string
	}{
		{uitest.Fresh, 80, []string{"waiting"}},
		{uitest.Training, 80, []string{"● 1 pretrain", "50%", "waiting"}},
		{uitest.Training, 120, []string{"● 1 supernet-pretrain", "300/600, 20 it/s", "15s left"}},
		{uitest.Searching, 120, []string{"✓ 2 supernet-finetune", "done in 20s", "67%", "27/40, 2 s/cand", "AP 0.12"}},
		{uitest.Paused, 80, []string{"‖ 3 search", "paused at 67%"}},
		{uitest.Failed, 80, []string{"✗ 2 finetune", "failed at 30%"}},
		{uitest.Finished, 120, []string{"AP 0.462", "top-1 0.61", "best 0.41"}},
	} {
		got := ansi.Strip(of(c.place, true, styles.Braille).Draw(c.width, 4))
		for _, want := range c.wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s at %d lacks %q:\n%s", c.place, c.width, want, got)
			}
		}
	}
}

func TestStepAt(t *testing.T) {
	for _, width := range []int{24, 80, 81, 160} {
		last := 1
		for x := range width {
			n := StepAt(x, width)
			if n < last || n > last+1 {
				t.Fatalf("at %d of %d step %d follows %d", x, width, n, last)
			}
			last = n
		}
		if StepAt(0, width) != 1 || last != 5 || StepAt(width, width) != 0 || StepAt(-1, width) != 0 {
			t.Errorf("at %d the ends are wrong", width)
		}
	}
}

func TestGoldens(t *testing.T) {
	for _, place := range []string{uitest.Training, uitest.Paused} {
		tr := of(place, true, styles.Braille)
		uitest.Golden(t, uitest.Name(place, 80, 2), tr.Draw(80, 2), 80, 2)
		uitest.Golden(t, uitest.Name(place, 160, 4), tr.Draw(160, 4), 160, 4)
	}
}

func TestAStepOfAStoppedRun(t *testing.T) {
	tr := of(uitest.Training, true, styles.Braille)
	tr.State = run.StateInterrupted
	if got := ansi.Strip(tr.Draw(80, 2)); !strings.Contains(got, "! 1") || !strings.Contains(got, "interrup") {
		t.Errorf("an interrupted run is not seen:\n%s", got)
	}
}
