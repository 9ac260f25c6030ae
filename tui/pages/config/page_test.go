package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// fake is a viewer of a sample run that notes what it is asked for.
type fake struct {
	steer.Viewer
	asked []steer.Command
	away  error
}

func (f *fake) Do(c steer.Command) error { f.asked = append(f.asked, c); return nil }
func (f *fake) Steerable() error         { return f.away }

// open is a page that shows a sample run.
func open(t testing.TB, c *common.Common) (*Page, *fake, *follow.Run) {
	t.Helper()
	folder, err := run.Find("", uitest.Sample(t, uitest.Training))
	if err != nil {
		t.Fatal(err)
	}
	viewer, err := steer.Watch(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = viewer.Close() })
	f := &fake{Viewer: viewer}
	r := follow.Read(f)
	p := New(c)
	p.Resize(80, 20)
	play(p, p.OpenRun(r))
	return p, f, r
}

// fresh is a page that shows the preset demo.
func fresh(t testing.TB, c *common.Common) *Page {
	t.Helper()
	p := New(c)
	p.Resize(80, 20)
	play(p, p.OpenPreset("demo"))
	return p
}

// play runs a command and gives the page what comes of it; what is for the
// program is returned.
func play(p *Page, cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case nil:
		return nil
	case tea.BatchMsg:
		var out []tea.Msg
		for _, c := range msg {
			out = append(out, play(p, c)...)
		}
		return out
	case common.Notice, common.Ask, common.Prompt, common.StartRun:
		return []tea.Msg{msg}
	default:
		return play(p, p.Update(msg))
	}
}

// press presses keys as the program around the page does.
func press(p *Page, keys ...string) []tea.Msg {
	var out []tea.Msg
	for _, k := range keys {
		if !p.Capturing() {
			if b, ok := keymap.Find(p.Bindings(), k); ok {
				if b.Off != "" {
					out = append(out, common.Notice{Text: b.Name + " is off: " + b.Off})
					continue
				}
				out = append(out, play(p, b.Do())...)
				continue
			}
		}
		out = append(out, play(p, p.Update(uitest.Key(k)))...)
	}
	return out
}

func typeIn(p *Page, text string) {
	for _, r := range text {
		p.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// one is the one message of a kind.
func one[T any](t *testing.T, msgs []tea.Msg) T {
	t.Helper()
	for _, m := range msgs {
		if x, ok := m.(T); ok {
			return x
		}
	}
	var none T
	t.Fatalf("no %T in %+v", none, msgs)
	return none
}

func screen(p *Page) string {
	view, _ := uitest.Cells(p.View(), p.width, p.height)
	return view
}

func see(t *testing.T, p *Page, want ...string) {
	t.Helper()
	view := screen(p)
	for _, w := range want {
		if !strings.Contains(view, w) {
			t.Fatalf("no %q in\n%s", w, view)
		}
	}
}

// change puts a value into the text of the page, as if typed.
func change(t *testing.T, p *Page, key, literal string) {
	t.Helper()
	edited, err := config.SetInText(p.doc.editor.Text(), key, literal)
	if err != nil {
		t.Fatal(err)
	}
	p.doc.editor.Replace(edited)
	p.sync()
}

func TestTypingShowsTheErrorAtItsLine(t *testing.T) {
	p, _, _ := open(t, uitest.Common(true, styles.Braille))
	p.find("seed")
	line := p.doc.editor.Line() + 1
	press(p, "e", "end")
	typeIn(p, "x")
	see(t, p, "! line ", "!1 error", "typing, Esc ends it")
	if got := p.doc.problems[0].Line; got != line {
		t.Errorf("the error is at line %d, not %d", got, line)
	}
	press(p, "backspace")
	if strings.Contains(screen(p), "1 error") || p.doc.dirty() {
		t.Errorf("an error stays\n%s", screen(p))
	}
	typeIn(p, "\nthreds = 3")
	see(t, p, "threds: unknown key; did you mean threads?")
	press(p, "esc")
	if p.Capturing() {
		t.Error("esc does not end typing")
	}
	press(p, "ctrl+home")
	press(p, "n")
	if got := p.doc.editor.Line() + 1; got != line+1 {
		t.Errorf("the next error is at line %d, not %d", got, line+1)
	}
	if off := one[common.Notice](t, press(p, "ctrl+s")).Text; !strings.Contains(off, "threds") {
		t.Errorf("saving: %s", off)
	}
	press(p, "u", "u", "u")
	if p.doc.dirty() {
		t.Errorf("undo leaves %q", p.doc.text[:60])
	}
}

func TestOpeningFiles(t *testing.T) {
	p := New(uitest.Common(true, styles.Braille))
	p.Resize(80, 20)
	see(t, p, "Open a preset", "demo", "tiny")
	for name, want := range map[string]string{"nothing-like-it": "it is not there", t.TempDir(): "it is no file"} {
		if n := one[common.Notice](t, play(p, p.OpenPreset(name))); !n.Bad || !strings.Contains(n.Text, want) {
			t.Errorf("%s: %s", name, n.Text)
		}
	}
	press(p, "down", "enter")
	if p.doc == nil || p.Title() != "Config of preset detnas_frcnn_1.3g_coco" {
		t.Errorf("title %q", p.Title())
	}
	prompt := one[common.Prompt](t, press(p, "o"))
	play(p, prompt.Accept("tiny"))
	if p.doc.name != "tiny" {
		t.Errorf("%s is open", p.doc.name)
	}
	broken := filepath.Join(t.TempDir(), "broken.toml")
	if err := os.WriteFile(broken, []byte("seed = 1\nname = \"x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	play(p, p.OpenPreset(broken))
	see(t, p, "! line 2, column ")
	if got := one[common.Notice](t, press(p, "f")).Text; !strings.Contains(got, "no TOML yet") || p.asForm {
		t.Errorf("the form of it: %s", got)
	}
}

func TestFormAndTextAreOneText(t *testing.T) {
	p, _, _ := open(t, uitest.Common(true, styles.Braille))
	p.find("[search]")
	press(p, "down", "down", "f")
	key := p.form.Key()
	if !strings.HasPrefix(key, "search.") {
		t.Errorf("the form shows %s", key)
	}
	p.form.Select("supernet-pretrain.schedule")
	press(p, "enter")
	if len(p.doc.changes) != 1 || p.doc.changes[0].Key != "supernet-pretrain.schedule" {
		t.Fatalf("changes %v", p.doc.changes)
	}
	press(p, "x")
	if p.doc.dirty() {
		t.Error("put back leaves a change")
	}
	press(p, "u")
	if len(p.doc.changes) != 1 || p.form.Text() != p.doc.text {
		t.Error("undo does not reach the form")
	}
	press(p, "u", "f")
	if p.asForm || p.doc.dirty() || p.keyHere() != "supernet-pretrain.schedule" {
		t.Errorf("the text is at %s", p.keyHere())
	}
	see(t, p, "schedule is")
	press(p, "f")
	p.form.Select("seed")
	press(p, "enter", "ctrl+u")
	typeIn(p, "77")
	if !p.Capturing() {
		t.Fatal("a value is not being typed")
	}
	press(p, "enter")
	if !strings.Contains(p.doc.text, "seed = 77") || p.Capturing() {
		t.Error("the value is not in the text")
	}
}

func TestTheRunsOwnValues(t *testing.T) {
	p, _, _ := open(t, uitest.Common(true, styles.Braille))
	p.find("[supernet-pretrain]")
	p.find("lr =")
	change(t, p, "supernet-pretrain.lr", "0.5")
	see(t, p, "the run has "+rate(p.doc.run.History.State.Train.LR)+" now; a change acts from the next iteration on")
}

func TestCompletion(t *testing.T) {
	p := fresh(t, uitest.Common(true, styles.Braille))
	for _, tt := range []struct{ table, typed, want string }{
		{"[search]", "sc", ""}, // it is there already
		{"[supernet-pretrain]", "ep", "epochs = "},
		{"[supernet-pretrain]", "schedule = ", `"constant"`},
		{"[supernet-pretrain]", "schedule = \"co", `"constant"`},
		{"[data]", "apply_exif = t", "true"},
		{"[space]", "choices = [\"3x3\", \"5", `"5x5"`},
		{"[search]", "constraint = { count = \"par", `"params"`},
		{"[search]", "# sco", ""},
		{"[search]", "[subnet-r", "subnet-retrain]"},
		{"[search]", "nothing = ", ""},
	} {
		p.find(tt.table)
		words, replaces := p.doc.words(tt.typed, p.doc.editor.Line())
		got := ""
		if len(words) > 0 {
			got = words[0].Text
		}
		if got != tt.want || got != "" && !strings.HasPrefix(got, tt.typed[len(tt.typed)-replaces:]) {
			t.Errorf("%s %s: %q in place of %d, want %q", tt.table, tt.typed, got, replaces, tt.want)
		}
	}
	p.find("[supernet-pretrain]")
	press(p, "e", "end", "enter")
	typeIn(p, "epo")
	press(p, "tab")
	typeIn(p, "3")
	if !strings.Contains(p.doc.text, "[supernet-pretrain]\nepochs = 3\n") {
		t.Errorf("%s", screen(p))
	}
}

func TestFits(t *testing.T) {
	for _, mode := range styles.Modes() {
		c := uitest.Common(mode == styles.Braille, mode)
		p, _, _ := open(t, c)
		change(t, p, "supernet-pretrain.lr", "0.125")
		change(t, p, "seed", "9")
		change(t, p, "space.choices", `["3x3", "5x5", "日本"]`)
		empty := New(c)
		step := 0
		uitest.Widths(t, func(width, height int) string {
			step++
			p.saving, p.listing, p.asForm, p.typing = step%5 == 0, step%5 == 1, step%5 == 2, step%5 == 3
			p.sync()
			if p.saving {
				p.startSaving()
			}
			p.doc.stale = step%7 == 0
			p.Resize(width, height)
			view := p.View()
			if mode == styles.ASCII {
				uitest.ASCII(t, view)
				uitest.Colourless(t, view)
			}
			empty.Resize(width, height)
			uitest.Exact(t, empty.View(), width, height)
			for _, b := range p.Bindings() {
				if b.Do == nil || b.About == "" || b.Name == "" {
					t.Fatalf("%+v", b)
				}
			}
			return view
		})
		for _, size := range [][2]int{{0, 0}, {1, 1}, {3, 2}, {200, 1}} {
			p.Resize(size[0], size[1])
			p.View()
		}
	}
}

func TestMouse(t *testing.T) {
	p := fresh(t, uitest.Common(true, styles.Braille))
	p.View()
	p.Update(tea.MouseClickMsg{X: 10, Y: 1 + 5, Button: tea.MouseLeft})
	if got := p.doc.editor.Line(); got != 5 {
		t.Errorf("a click goes to line %d", got+1)
	}
	for range 5 {
		p.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	}
	if got := p.doc.editor.Line(); got != 20 {
		t.Errorf("the wheel goes to line %d", got+1)
	}
	press(p, "f")
	p.View()
	p.Update(tea.MouseClickMsg{X: 10, Y: 1 + 2, Button: tea.MouseLeft})
	if p.form.Key() == "" {
		t.Error("a click in the form selects nothing")
	}
}

func TestPrompts(t *testing.T) {
	p := fresh(t, uitest.Common(true, styles.Braille))
	goTo := one[common.Prompt](t, press(p, "g"))
	if goTo.Check("0") == nil || goTo.Check("x") == nil || goTo.Check("12") != nil {
		t.Error("lines are not checked")
	}
	play(p, goTo.Accept("12"))
	if p.doc.editor.Line() != 11 {
		t.Errorf("line %d", p.doc.editor.Line()+1)
	}
	search := one[common.Prompt](t, press(p, "/"))
	play(p, search.Accept("POPULATION"))
	if p.keyHere() != "search.population" {
		t.Errorf("found %s", p.keyHere())
	}
}

// TestLooks keeps what the page looks like.
func TestLooks(t *testing.T) {
	for _, size := range uitest.Sizes {
		for _, colour := range []bool{true, false} {
			p, _, _ := open(t, uitest.Common(colour, styles.Braille))
			p.Resize(size[0], size[1])
			name := func(page string) string {
				if !colour {
					page += "-plain"
				}
				return uitest.Name(page, size[0], size[1])
			}
			p.find("[supernet-pretrain]")
			p.find("lr =")
			uitest.Golden(t, name("text"), p.View(), size[0], size[1])
			change(t, p, "supernet-pretrain.lr", "0.125")
			change(t, p, "search.population", "0")
			uitest.Golden(t, name("error"), p.View(), size[0], size[1])
			press(p, "f")
			uitest.Golden(t, name("form"), p.View(), size[0], size[1])
			change(t, p, "search.population", "24")
			press(p, "ctrl+s")
			uitest.Golden(t, name("save"), p.View(), size[0], size[1])
		}
	}
}

func BenchmarkKey(b *testing.B) {
	p, _, _ := open(b, uitest.Common(true, styles.Braille))
	p.Resize(160, 46)
	p.typing = true
	p.doc.editor.GoTo(3)
	for b.Loop() {
		p.Update(uitest.Key("x"))
		p.View()
	}
}
