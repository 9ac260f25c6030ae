package config

import (
	"errors"
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
func open(t testing.TB, c *common.Common, place string) (*Page, *fake, *follow.Run) {
	t.Helper()
	folder, err := run.Find("", uitest.Sample(t, place))
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
	p, _, _ := open(t, uitest.Common(true, styles.Braille), uitest.Training)
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

func TestSavingToARun(t *testing.T) {
	p, f, r := open(t, uitest.Common(true, styles.Braille), uitest.Training)
	if got := one[common.Notice](t, press(p, "ctrl+s")).Text; !strings.Contains(got, "nothing has changed") {
		t.Errorf("saving: %s", got)
	}
	change(t, p, "supernet-pretrain.lr", "0.125")
	change(t, p, "subnet-retrain.batch", "7")
	change(t, p, "threads", "2")
	if !strings.HasSuffix(p.Title(), "*") {
		t.Errorf("title %q", p.Title())
	}
	see(t, p, "~3 keys change")
	press(p, "c")
	see(t, p, "now", "supernet-pretrain.lr", "next step", "subnet-retrain.batch", "next start", "threads", "acts from the next iteration on")
	press(p, "esc", "e", "ctrl+s") // from typing too
	see(t, p, "save this?", "now", "+3 -3", "0.125")
	press(p, "esc")
	if p.saving || len(f.asked) > 0 {
		t.Fatal("esc does not go back")
	}
	text := p.doc.text
	note := one[common.Notice](t, press(p, "ctrl+s", "enter"))
	if note.Bad || len(f.asked) != 1 || f.asked[0].Act != steer.ActConfigure || f.asked[0].Text != text || f.asked[0].Who != "ann" {
		t.Fatalf("%+v, asked %+v", note, f.asked)
	}
	// the engine takes it, and writes it with paths of its own
	taken := text + "# taken\n"
	if err := os.WriteFile(filepath.Join(r.Dir(), "config.toml"), []byte(taken), 0o600); err != nil {
		t.Fatal(err)
	}
	poll(p, r)
	if p.doc.dirty() || p.doc.text != taken || p.doc.stale {
		t.Errorf("the text that was taken is not shown: dirty %v, stale %v", p.doc.dirty(), p.doc.stale)
	}
}

// poll takes in what is new in the run.
func poll(p *Page, r *follow.Run) {
	if polled, ok := r.Poll()().(follow.Polled); ok {
		r.Take(polled)
	}
	p.Update(follow.Updated{})
}

func TestARunRefusesWhatItRestsOn(t *testing.T) {
	p, f, _ := open(t, uitest.Common(true, styles.Braille), uitest.Training)
	change(t, p, "seed", "123")
	change(t, p, "search.generations", "9")
	see(t, p, "this run cannot change seed")
	press(p, "w")
	see(t, p, "new run", "seed", "cannot change in a run that has begun")
	if got := one[common.Notice](t, press(p, "enter")).Text; !strings.Contains(got, "seed cannot change") || len(f.asked) > 0 {
		t.Errorf("enter: %s, asked %v", got, f.asked)
	}
	prompt := one[common.Prompt](t, press(p, "r"))
	if prompt.Check("../x") == nil || prompt.Check("mine") != nil {
		t.Error("names are not checked")
	}
	start := one[common.StartRun](t, play(p, prompt.Accept("mine")))
	if start.Name != "mine" || start.Text != p.doc.text || !strings.Contains(start.Text, "seed = 123") {
		t.Errorf("starts %+v", start)
	}
	if !p.doc.dirty() {
		t.Error("what was typed is gone")
	}
}

func TestARunThatNobodyRuns(t *testing.T) {
	p, f, r := open(t, uitest.Common(true, styles.Braille), uitest.Training)
	r.Steerable = errors.New("nothing runs it; resume it first")
	change(t, p, "supernet-pretrain.lr", "0.125")
	press(p, "ctrl+s")
	see(t, p, "next start", "! nothing runs it; resume it first")
	if got := one[common.Notice](t, press(p, "enter")).Text; !strings.Contains(got, "nothing runs it") || len(f.asked) > 0 {
		t.Errorf("enter: %s", got)
	}
}

// TestTypedTextIsNeverLost wants a config that changes under the editor to
// leave what was typed, and to say so.
func TestTypedTextIsNeverLost(t *testing.T) {
	p, _, r := open(t, uitest.Common(true, styles.Braille), uitest.Training)
	path := filepath.Join(r.Dir(), "config.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		poll(p, r)
	}
	theirs := p.doc.base + "# from elsewhere\n"
	write(theirs)
	if p.doc.text != theirs || p.doc.stale {
		t.Fatal("a text that nobody edits does not follow the run's")
	}
	change(t, p, "supernet-pretrain.lr", "0.125")
	mine := p.doc.text
	write(theirs + "# and again\n")
	if p.doc.text != mine || !p.doc.stale {
		t.Fatal("what was typed is lost")
	}
	see(t, p, "has another text since you began")
	ask := one[common.Ask](t, press(p, "ctrl+r"))
	if ask.Choices[0].Do != nil {
		play(p, ask.Choices[0].Do)
	}
	if p.doc.text != mine {
		t.Error("keeping loses it")
	}
	play(p, ask.Choices[1].Do)
	if p.doc.text != theirs+"# and again\n" || p.doc.dirty() {
		t.Error("discarding does not take theirs")
	}
	press(p, "u")
	if p.doc.text != mine {
		t.Error("undo does not bring it back")
	}
	p.doc.editor.Replace(mine)
	p.sync()
	play(p, p.OpenPreset("demo"))
	if p.doc.run != nil || p.doc.dirty() {
		t.Fatal("the preset is not shown")
	}
	play(p, p.OpenRun(r))
	if p.doc.text != mine {
		t.Error("opening another config loses it")
	}
}

func TestSavingAPresetAsAFile(t *testing.T) {
	dir := t.TempDir()
	p := fresh(t, uitest.Common(true, styles.Braille))
	change(t, p, "seed", "5")
	text := p.doc.text
	prompt := one[common.Prompt](t, press(p, "ctrl+s", "enter"))
	if prompt.Value != "demo.toml" || prompt.Check("x") == nil || prompt.Check("a/b.toml") != nil {
		t.Errorf("%+v", prompt)
	}
	path := filepath.Join(dir, "mine.toml")
	one[common.Notice](t, play(p, prompt.Accept(path)))
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Fatalf("%v, %d bytes", err, len(got))
	}
	if p.doc.path != path || p.doc.dirty() || p.saving {
		t.Errorf("the file is not shown: %q", p.doc.path)
	}
	if p.documents["preset demo"].dirty() {
		t.Error("the preset is still changed")
	}
	// another file is not written over silently
	other := filepath.Join(dir, "other.toml")
	if err := os.WriteFile(other, []byte("seed = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	change(t, p, "seed", "6")
	ask := one[common.Ask](t, play(p, p.write(p.doc, other, false)))
	if got, _ := os.ReadFile(other); string(got) != "seed = 1\n" {
		t.Fatal("it was written over")
	}
	// nor the file itself when it has changed meanwhile
	if err := os.WriteFile(path, []byte(text+"# theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	note := one[common.Notice](t, press(p, "ctrl+s", "enter"))
	if !note.Bad || !p.doc.stale || !strings.Contains(p.doc.text, "seed = 6") {
		t.Fatalf("%+v", note)
	}
	mine := p.doc.text
	one[common.Notice](t, press(p, "ctrl+s", "enter"))
	if got, _ := os.ReadFile(path); string(got) != mine || p.doc.dirty() || p.doc.stale {
		t.Error("saving again does not put it in its place")
	}
	change(t, p, "seed", "7")
	mine = p.doc.text
	play(p, ask.Choices[1].Do)
	_ = mine
	if got, _ := os.ReadFile(other); !strings.Contains(string(got), "seed = 6") {
		t.Error("it is not written over when asked to")
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
	if p.doc == nil || p.Title() != "Config of preset detnas_frcnn_300m_coco" {
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
	p, _, _ := open(t, uitest.Common(true, styles.Braille), uitest.Training)
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
	p, _, _ := open(t, uitest.Common(true, styles.Braille), uitest.Training)
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
		t.Errorf("%q", p.doc.text[strings.Index(p.doc.text, "[supernet-pretrain]"):][:60])
	}
}

func TestFits(t *testing.T) {
	for _, mode := range styles.Modes() {
		c := uitest.Common(mode == styles.Braille, mode)
		p, _, _ := open(t, c, uitest.Training)
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
			p, _, _ := open(t, uitest.Common(colour, styles.Braille), uitest.Training)
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
	p, _, _ := open(b, uitest.Common(true, styles.Braille), uitest.Training)
	p.Resize(160, 46)
	p.typing = true
	p.doc.editor.GoTo(3)
	for b.Loop() {
		p.Update(uitest.Key("x"))
		p.View()
	}
}
