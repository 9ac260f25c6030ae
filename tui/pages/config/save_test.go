package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func TestSavingToARun(t *testing.T) {
	p, f, r := open(t, uitest.Common(true, styles.Braille))
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
	p, f, _ := open(t, uitest.Common(true, styles.Braille))
	change(t, p, "seed", "123")
	change(t, p, "search.generations", "9")
	see(t, p, "this run cannot change seed")
	press(p, "w")
	see(t, p, "new run", "seed", "cannot change in a run that has begun")
	if got := one[common.Notice](t, press(p, "enter")).Text; !strings.Contains(got, "seed cannot change") || len(f.asked) > 0 {
		t.Errorf("enter: %s, asked %v", got, f.asked)
	}
	prompt := one[common.Prompt](t, press(p, "r"))
	for _, name := range []string{"../x", "-x", ".x", "a\nb", "\x1b[2J", " ", strings.Repeat("x", 300)} {
		if err := prompt.Check(name); err == nil || !strings.Contains(err.Error(), "write 1 to 200 bytes") {
			t.Errorf("the name %q: %v", name, err)
		}
	}
	if prompt.Check("mine") != nil || prompt.Check("my run") != nil || prompt.Check("") != nil {
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
	p, f, r := open(t, uitest.Common(true, styles.Braille))
	r.Steerable = steer.ErrIdle
	change(t, p, "supernet-pretrain.lr", "0.125")
	press(p, "ctrl+s")
	see(t, p, "next start")
	press(p, "enter")
	if len(f.asked) != 1 || f.asked[0].Act != steer.ActConfigure {
		t.Errorf("asked for %v", f.asked)
	}
}

func TestARunThatAnotherProcessHolds(t *testing.T) {
	p, f, r := open(t, uitest.Common(true, styles.Braille))
	r.Steerable = errors.New("another process runs it and does not listen")
	change(t, p, "supernet-pretrain.lr", "0.125")
	press(p, "ctrl+s")
	see(t, p, "! another process runs it")
	if got := one[common.Notice](t, press(p, "enter")).Text; !strings.Contains(got, "another process") || len(f.asked) > 0 {
		t.Errorf("enter: %s", got)
	}
}

// TestTypedTextIsNeverLost wants a config that changes under the editor to
// leave what was typed, and to say so.
func TestTypedTextIsNeverLost(t *testing.T) {
	p, _, r := open(t, uitest.Common(true, styles.Braille))
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
