package runs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/core/run"
	"detnas/tui/common"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

var samples = []string{uitest.Failed, uitest.Finished, uitest.Paused, uitest.Searching, uitest.Training}

// made is the page of a folder with sample runs, of which "training" and
// "paused" are held by a process.
func made(t testing.TB, colour bool, mode styles.Mode, places ...string) *Page {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Chdir(t.TempDir())
	}
	for _, place := range places {
		dir := filepath.Join("runs", place)
		uitest.WriteSample(t, dir, place)
		if place != uitest.Training && place != uitest.Paused {
			continue
		}
		f, err := run.Find("", dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Lock(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Unlock() })
	}
	p := New(uitest.Common(colour, mode), "runs")
	p.Resize(80, 20)
	send(p, common.Tick{})
	return p
}

// send gives a message to the page and does what it asks for; what is for the
// program is returned.
func send(p *Page, msg tea.Msg) []tea.Msg { return do(p, p.Update(msg)) }

func do(p *Page, cmd tea.Cmd) (out []tea.Msg) {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			out = append(out, do(p, c)...)
		}
	case found, told:
		out = append(out, send(p, msg)...)
	default:
		out = append(out, msg)
	}
	return out
}

// press presses keys and returns what the last one asks of the program.
func press(t *testing.T, p *Page, keys ...string) (out []tea.Msg) {
	t.Helper()
	for _, k := range keys {
		if p.Capturing() {
			out = send(p, uitest.Key(k))
			continue
		}
		b, ok := keymap.Find(p.Bindings(), k)
		switch {
		case !ok:
			t.Fatalf("%q is not bound", k)
		case b.Off != "":
			out = []tea.Msg{common.Notice{Text: b.Off}}
		default:
			out = do(p, b.Do())
		}
	}
	return out
}

func one[T any](t *testing.T, msgs []tea.Msg) T {
	t.Helper()
	if len(msgs) == 1 {
		if m, ok := msgs[0].(T); ok {
			return m
		}
	}
	var want T
	t.Fatalf("got %+v, want one %T", msgs, want)
	return want
}

func choose(p *Page, name string) { p.table.Select(filepath.Join("runs", name)) }

func TestEveryWidthIsExact(t *testing.T) {
	p := made(t, true, styles.Braille, samples...)
	draw := func(w, h int) string { p.Resize(w, h); do(p, p.tell()); return p.View() }
	uitest.Widths(t, draw)
	press(t, p, "n")
	uitest.Widths(t, draw)
	empty := New(uitest.Common(true, styles.Braille), "none")
	uitest.Widths(t, func(w, h int) string { empty.Resize(w, h); return empty.View() })
}

func TestGoldens(t *testing.T) {
	for _, colour := range []bool{true, false} {
		p := made(t, colour, styles.Braille, samples...)
		press(t, p, "j", "j", "space")
		for _, size := range uitest.Sizes {
			p.Resize(size[0], size[1])
			do(p, p.tell())
			name := "runs"
			if !colour {
				name = "runs-plain"
			}
			uitest.Golden(t, uitest.Name(name, size[0], size[1]), p.View(), size[0], size[1])
		}
	}
	p := made(t, true, styles.Braille)
	uitest.Golden(t, "empty", p.View(), 80, 20)
	press(t, p, "n")
	uitest.Golden(t, "start", p.View(), 80, 20)
}

func TestASCIIAndNoColour(t *testing.T) {
	p := made(t, false, styles.ASCII, samples...)
	p.Resize(160, 46)
	do(p, p.tell())
	uitest.ASCII(t, p.View())
	uitest.Colourless(t, p.View())
}

func TestEveryRunIsListedWithItsState(t *testing.T) {
	p := made(t, true, styles.Braille, samples...)
	view := ansi.Strip(p.View())
	for _, want := range []string{"● running", "‖ paused", "! interrupted", "✓ finished", "✗ failed", "AP 0.462", "1 pretrain", "100%", "5 runs"} {
		if !strings.Contains(view, want) {
			t.Errorf("80 columns lack %q:\n%s", want, view)
		}
	}
	if again := p.View(); again != p.View() {
		t.Error("the same page looks different")
	}
	before := p.View()
	send(p, common.Tick{})
	send(p, common.Tick{})
	if p.View() != before {
		t.Error("a look at the same folder changes the page")
	}
}

func TestTheFolderIsLookedAtEveryOtherSecond(t *testing.T) {
	p := made(t, true, styles.Braille, uitest.Finished)
	uitest.WriteSample(t, filepath.Join("runs", "failed"), uitest.Failed)
	send(p, common.Tick{})
	if p.table.Len() != 1 {
		t.Error("it looks every second")
	}
	send(p, common.Tick{})
	if p.table.Len() != 2 {
		t.Errorf("%d runs after two seconds", p.table.Len())
	}
	p.looking = true
	if p.look() != nil {
		t.Error("it looks again before the last look is done")
	}
}

func TestKeys(t *testing.T) {
	p := made(t, true, styles.Braille, samples...)
	choose(p, "finished")
	dir := filepath.Join("runs", "finished")
	if m := one[common.OpenRun](t, press(t, p, "enter")); m.Dir != dir {
		t.Errorf("opens %s", m.Dir)
	}
	if m := one[common.Notice](t, press(t, p, "r")); !strings.Contains(m.Text, "finished") {
		t.Errorf("a finished run: %s", m.Text)
	}
	choose(p, "training")
	if m := one[common.Notice](t, press(t, p, "r")); !strings.Contains(m.Text, "running") {
		t.Errorf("resuming one that runs: %s", m.Text)
	}
	if m := one[common.Notice](t, press(t, p, "d")); !strings.Contains(m.Text, "stop it first") {
		t.Errorf("deleting one that runs: %s", m.Text)
	}
	choose(p, "searching")
	if m := one[common.ResumeRun](t, press(t, p, "r")); m.Dir != filepath.Join("runs", "searching") {
		t.Errorf("resumes %s", m.Dir)
	}
}

func TestDeletingAsksTwice(t *testing.T) {
	p := made(t, true, styles.Braille, samples...)
	choose(p, "failed")
	first := one[common.Ask](t, press(t, p, "d"))
	if first.Choices[0].Do != nil {
		t.Error("the first answer does not keep the run")
	}
	second, ok := first.Choices[1].Do().(common.Ask)
	if !ok || second.Word != "failed" {
		t.Fatalf("then %+v", second)
	}
	if m, ok := second.Choices[0].Do().(common.DeleteRun); !ok || m.Dir != filepath.Join("runs", "failed") {
		t.Errorf("deletes %+v", m)
	}
}

func TestCompare(t *testing.T) {
	p := made(t, true, styles.Braille, samples...)
	if m := one[common.Notice](t, press(t, p, "c")); !strings.Contains(m.Text, "mark") {
		t.Errorf("without marks: %s", m.Text)
	}
	choose(p, "failed")
	press(t, p, "space")
	choose(p, "finished")
	if m := one[common.Compare](t, press(t, p, "c")); strings.Join(m.Dirs, " ") != "runs/finished runs/failed" {
		t.Errorf("compares %v", m.Dirs)
	}
	press(t, p, "space")
	choose(p, "training")
	if m := one[common.Compare](t, press(t, p, "c")); strings.Join(m.Dirs, " ") != "runs/failed runs/finished" {
		t.Errorf("compares %v", m.Dirs)
	}
}

func TestStarting(t *testing.T) {
	p := made(t, true, styles.Braille)
	if view := ansi.Strip(p.View()); !strings.Contains(view, "detnas run demo") {
		t.Errorf("an empty folder says\n%s", view)
	}
	elsewhere := New(p.common, "my runs")
	elsewhere.Resize(80, 20)
	send(elsewhere, common.Tick{})
	if view := ansi.Strip(elsewhere.View()); !strings.Contains(view, "detnas run demo --runs 'my runs'") {
		t.Errorf("another empty folder says\n%s", view)
	}
	if m := one[common.StartRun](t, press(t, p, "n", "enter")); m.Config != "demo" {
		t.Errorf("starts %+v", m)
	}
	if m := one[common.OpenConfig](t, press(t, p, "n", "G", "e")); m.Preset != "tiny" {
		t.Errorf("edits %+v", m)
	}
	ask := one[common.Prompt](t, press(t, p, "n", "f"))
	if ask.Check(" ") == nil || ask.Check("mine.toml") != nil {
		t.Error("the path is not checked")
	}
	if m, ok := ask.Accept("mine.toml")().(common.OpenConfig); !ok || m.Preset != "mine.toml" {
		t.Errorf("accepts %+v", m)
	}
	press(t, p, "n", "esc")
	if p.starts != nil {
		t.Error("Esc does not lead back")
	}
}

func TestMouse(t *testing.T) {
	p := made(t, true, styles.Braille, samples...)
	click := tea.MouseClickMsg{X: 4, Y: 3, Button: tea.MouseLeft}
	if msgs := send(p, click); len(msgs) != 0 {
		t.Errorf("the first click asks for %+v", msgs)
	}
	l, _ := p.selected()
	if m := one[common.OpenRun](t, send(p, click)); m.Dir != l.Folder.Dir() {
		t.Errorf("the second opens %s", m.Dir)
	}
}

func TestAnUnreadableRunIsListed(t *testing.T) {
	p := made(t, true, styles.Braille, uitest.Failed)
	path := filepath.Join("runs", "failed", "events.jsonl")
	if err := os.WriteFile(path, []byte("junk\njunk\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	send(p, common.Tick{})
	send(p, common.Tick{})
	p.Resize(140, 30)
	do(p, p.tell())
	if view := ansi.Strip(p.View()); !strings.Contains(view, "unreadable") || !strings.Contains(view, "events.jsonl:1") {
		t.Errorf("it is shown as\n%s", view)
	}
}

func TestDetailSaysWhatARunIsPausedBy(t *testing.T) {
	p := made(t, true, styles.Braille, uitest.Stuck)
	p.Resize(160, 40)
	if text := strings.Join(strings.Fields(ansi.Strip(p.View())), " "); !strings.Contains(text, "3.1 MiB are free") {
		t.Errorf("the cause is not to be seen:\n%s", text)
	}
}

func TestFilterFindsStates(t *testing.T) {
	p := made(t, true, styles.Braille, samples...)
	press(t, p, "/", "f", "a", "i", "l", "enter")
	if l, _ := p.selected(); p.table.Shown() != 1 || l.Folder.Name() != "failed" {
		t.Errorf("%d runs match", p.table.Shown())
	}
}
