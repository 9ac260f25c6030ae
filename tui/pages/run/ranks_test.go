package run

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// ranked is the page of a sample run with the ranks in the middle.
func ranked(t *testing.T, place string, colour bool) *Page {
	t.Helper()
	p, _ := made(t, place, colour, styles.Braille)
	press(t, p, "shift+tab")
	if p.pane != paneRanks {
		t.Fatalf("the last pane is %s", paneNames[p.pane])
	}
	return p
}

func TestRankGoldens(t *testing.T) {
	for _, place := range []string{uitest.Ranks, uitest.Many} {
		for _, colour := range []bool{true, false} {
			p := ranked(t, place, colour)
			for _, size := range uitest.Sizes {
				p.Resize(size[0], size[1])
				do(p, p.poll())
				name := place
				if !colour {
					name += "-plain"
				}
				uitest.Golden(t, uitest.Name(name, size[0], size[1]), p.View(), size[0], size[1])
			}
		}
	}
}

func TestRanksAreToldInWords(t *testing.T) {
	p := ranked(t, uitest.Ranks, false)
	wants(t, p, "slowest", "silent 12 s", "nothing was heard of rank 3 (process 4003 on node-1) for 12 s", "4 ranks", "rank 2 is the slowest: the others wait 26% of the time for it")
	p.Resize(160, 46)
	wants(t, p, "slowest rank 2 +26%")
	p = ranked(t, uitest.Many, false)
	wants(t, p, "rank 2 is the slowest: the others wait 25% of the time for it", "64 ranks")
	first := strings.Index(shown(p), "node-1")
	if other := strings.Index(shown(p), "node-5"); first < 0 || other >= 0 && other < first {
		t.Errorf("the slowest is not the first:\n%s", shown(p))
	}
}

func TestOneProcessHasNoRanks(t *testing.T) {
	p, _ := made(t, uitest.Training, true, styles.Braille)
	for range panes {
		if strings.Contains(shown(p), "Ranks") {
			t.Fatalf("a run by one process has a pane of ranks:\n%s", shown(p))
		}
		press(t, p, "tab")
	}
}

func TestRanksOfARunThatHasEnded(t *testing.T) {
	p := ranked(t, uitest.Many, false)
	p.gone = true
	p.refresh()
	wants(t, p, "slowest")
	if strings.Contains(shown(p), "computes") {
		t.Errorf("a rank of a run that has ended computes:\n%s", shown(p))
	}
}

func TestRankKeys(t *testing.T) {
	p := ranked(t, uitest.Ranks, false)
	press(t, p, "s", "home")
	if row, ok := p.ranks.Selected(); !ok || row.Key != "0" {
		t.Errorf("sorted by rank, the first is %q", row.Key)
	}
	press(t, p, "down", "down", "enter")
	if p.pane != paneLog {
		t.Fatalf("Enter shows %s", paneNames[p.pane])
	}
	do(p, p.poll())
	wants(t, p, "ranks/2.txt", "rank 2 of 4, process 4002 on node-1")
	press(t, p, "v")
	wants(t, p, "journal  ")
	press(t, p, "v", "v")
	wants(t, p, "ranks/2.txt")
	press(t, p, "tab", "home", "enter")
	do(p, p.poll())
	wants(t, p, "log.txt  ", "OpenBLAS")
}

func TestRankMouse(t *testing.T) {
	p := ranked(t, uitest.Many, false)
	l := p.plan()
	p.click(tea.MouseClickMsg{X: 3, Y: l.middle.y + rankHead + 3, Button: tea.MouseLeft})
	row, _ := p.ranks.Selected()
	if want := p.ranks.At(3); row.Key != want || want == "" {
		t.Errorf("a click on the third row selects %q, want %q", row.Key, want)
	}
	before := p.View()
	p.wheel(tea.MouseWheelMsg{X: 3, Y: l.middle.y + 3, Button: tea.MouseWheelDown})
	if p.View() == before {
		t.Error("the wheel does not scroll the ranks")
	}
}
