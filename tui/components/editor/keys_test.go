package editor

import (
	"math/rand/v2"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// edited is an editor that holds a text.
func edited(text string) *Editor {
	e := New(uitest.Common(true, styles.Braille))
	e.Resize(60, 8)
	e.SetText(text)
	return e
}

// press presses keys, parted by spaces; what is no name of a key is typed rune
// by rune.
func press(e *Editor, keys string) {
	for _, k := range strings.Fields(keys) {
		if r := []rune(k); len(r) > 1 && !strings.Contains(names, " "+k+" ") && !strings.Contains(k, "+") {
			for _, c := range r {
				e.Update(tea.KeyPressMsg{Code: c, Text: string(c)})
			}
			continue
		}
		e.Update(uitest.Key(k))
	}
}

const names = " up down left right enter tab space pgup pgdown home end backspace delete esc "

// shown is the text with a bar at the cursor.
func shown(e *Editor) string {
	lines := make([]string, len(e.lines))
	for i, l := range e.lines {
		lines[i] = string(l)
		if i == e.row {
			lines[i] = string(l[:e.col]) + "|" + string(l[e.col:])
		}
	}
	return strings.Join(lines, "\n")
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct{ name, text, keys, want string }{
		{"types", "", "ab space c", "ab c|"},
		{"types in the middle", "ac", "right b", "ab|c"},
		{"new line", "ab", "right enter", "a\n|b"},
		{"backspace", "ab", "end backspace", "a|"},
		{"backspace joins", "a\nb", "down backspace", "a|b"},
		{"backspace at the start", "ab", "backspace", "|ab"},
		{"delete", "ab", "delete", "|b"},
		{"delete joins", "a\nb", "end delete", "a|b"},
		{"delete at the end", "ab", "end delete", "ab|"},
		{"delete the last empty line", "a\n", "end delete", "a|"},
		{"cut to the end", "abc\nd", "right ctrl+k", "a|\nd"},
		{"cut joins", "a\nb", "end ctrl+k", "a|b"},
		{"left over lines", "a\nb", "down left", "a|\nb"},
		{"right over lines", "a\nb", "right right", "a\n|b"},
		{"left at the start", "a", "left", "|a"},
		{"right at the end", "a", "right right right", "a|"},
		{"up at the top", "ab", "right up", "a|b"},
		{"down into a short line", "abc\nd", "end down", "abc\nd|"},
		{"column is kept over a short line", "abc\n\nabc", "end down down", "abc\n\nabc|"},
		{"home", "  a = 1", "end home", "  |a = 1"},
		{"home twice", "  a = 1", "end home home", "|  a = 1"},
		{"word right", "ab cd  ef", "ctrl+right", "ab |cd  ef"},
		{"word right twice", "ab cd  ef", "ctrl+right ctrl+right", "ab cd  |ef"},
		{"word right over lines", "ab\ncd", "ctrl+right ctrl+right", "ab\n|cd"},
		{"word left", "ab cd", "end ctrl+left", "ab |cd"},
		{"word left twice", "ab cd", "end ctrl+left ctrl+left", "|ab cd"},
		{"word left from the gap", "ab cd", "right right right ctrl+left", "|ab cd"},
		{"top", "a\nb\nc", "down down ctrl+home", "|a\nb\nc"},
		{"bottom", "a\nb\ncd", "ctrl+end", "a\nb\ncd|"},
		{"undo", "a", "end b c ctrl+z", "a|"},
		{"undo twice", "a", "end b enter c ctrl+z ctrl+z", "ab|"},
		{"redo", "a", "end b enter c ctrl+z ctrl+z ctrl+y ctrl+y", "ab\nc|"},
		{"redo is lost by typing", "a", "end b ctrl+z c ctrl+y", "ac|"},
		{"undo nothing", "a", "ctrl+z ctrl+y", "|a"},
		{"typing after a move is undone alone", "", "ab left c ctrl+z", "a|b"},
		{"deleting after typing is undone alone", "", "abc backspace backspace ctrl+z", "abc|"},
		{"tab with nothing to complete", "a", "tab", "  |a"},
		{"wide", "日本", "right x backspace backspace", "|本"},
		{"combining", "e\u0301x", "right y", "e\u0301y|x"},
	} {
		e := edited(tt.text)
		press(e, tt.keys)
		if got := shown(e); got != tt.want {
			t.Errorf("%s: %q and %s give %q, want %q", tt.name, tt.text, tt.keys, got, tt.want)
		}
	}
}

func TestPaste(t *testing.T) {
	e := edited("ab")
	press(e, "right")
	if !e.Update(tea.PasteMsg{Content: "1\r\n\t2\r3\x1b[31m\x00"}) {
		t.Error("a paste changes nothing")
	}
	if got := shown(e); got != "a1\n  2\n3[31m|b" {
		t.Errorf("%q", got)
	}
	press(e, "ctrl+z")
	if got := shown(e); got != "a|b" {
		t.Errorf("undone: %q", got)
	}
}

func TestReplaceIsUndone(t *testing.T) {
	e := edited("a\nb\n")
	e.Replace("c\n")
	press(e, "ctrl+z")
	if e.Text() != "a\nb\n" {
		t.Errorf("%q", e.Text())
	}
	e.SetText("x")
	press(e, "ctrl+z")
	if e.Text() != "x" {
		t.Errorf("a text that was set is undone to %q", e.Text())
	}
}

func TestCompletion(t *testing.T) {
	e := edited("")
	e.Words = func(before string, _ int) ([]Word, int) {
		var out []Word
		for _, w := range []string{"batch", "batches", "lr"} {
			if strings.HasPrefix(w, before) {
				out = append(out, Word{Text: w, About: "about " + w})
			}
		}
		return out, len([]rune(before))
	}
	press(e, "l tab")
	if shown(e) != "lr|" {
		t.Errorf("the one word: %q", shown(e))
	}
	e.SetText("")
	press(e, "ba tab")
	if !e.Completing() {
		t.Fatal("nothing is offered")
	}
	if view, _ := uitest.Cells(e.View(), 60, 8); !strings.Contains(view, "batches") || !strings.Contains(view, "about batch") {
		t.Errorf("the words do not show:\n%s", view)
	}
	press(e, "down enter")
	if shown(e) != "batches|" || e.Completing() {
		t.Errorf("the second word: %q", shown(e))
	}
	press(e, "ctrl+z ctrl+space esc")
	if shown(e) != "ba|" || e.Completing() {
		t.Errorf("after esc: %q", shown(e))
	}
	press(e, "zz tab")
	if shown(e) != "bazz|" || e.Completing() {
		t.Errorf("no word: %q", shown(e))
	}
}

func TestMarksAndCursorShow(t *testing.T) {
	e := edited("# c\n[data]\ncache_mb = 1\nname = 'x'\n")
	e.Marks = map[int]Mark{2: MarkError, 3: MarkChanged}
	uitest.Golden(t, "marks", e.View(), 60, 8)
}

// TestNoSequenceBreaks presses keys at random and wants the cursor inside of the
// text, the view exact, and undo to lead back to the beginning.
func TestNoSequenceBreaks(t *testing.T) {
	keys := []string{
		"a", "=", "\"", "[", "日", "é", "\u0301", "👩‍🚀", "space", "enter", "backspace", "delete", "left", "right", "up", "down", "home", "end",
		"pgup", "pgdown", "ctrl+left", "ctrl+right", "ctrl+home", "ctrl+end", "ctrl+k", "ctrl+z", "ctrl+y", "tab", "ctrl+space", "esc",
	}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		e := edited("first = 1\n\n[日本]\n  last = \"two\" # and more\n")
		begin := e.Text()
		e.Words = func(before string, _ int) ([]Word, int) {
			return []Word{{Text: "one", About: "1"}, {Text: "two日", About: ""}}, min(2, len([]rune(before)))
		}
		for range 150 {
			k := keys[r.IntN(len(keys))]
			e.Update(uitest.Key(k))
			if e.row < 0 || e.row >= len(e.lines) || e.col < 0 || e.col > len(e.lines[e.row]) {
				t.Fatalf("seed %d: after %s the cursor is at %d, %d of %q", seed, k, e.row, e.col, e.Text())
			}
			width, height := 1+r.IntN(40), 1+r.IntN(6)
			e.Resize(width, height)
			uitest.Exact(t, e.View(), width, height)
		}
		for range mostUndo {
			press(e, "esc ctrl+z")
		}
		if e.Text() != begin {
			t.Fatalf("seed %d: undone to %q", seed, e.Text())
		}
	}
}

func TestFits(t *testing.T) {
	text := strings.Repeat("key = \"日本語 and a value that is longer than a narrow screen is wide\" # 日本\n\tx = [1, 2]\n", 40)
	for _, mode := range styles.Modes() {
		e := New(uitest.Common(mode == styles.Braille, mode))
		e.SetText(text)
		e.Words = func(string, int) ([]Word, int) {
			return []Word{{Text: "weight_decay", About: strings.Repeat("what it is ", 20)}, {Text: "x"}}, 0
		}
		uitest.Widths(t, func(width, height int) string {
			e.Resize(width, height)
			e.GoTo((width + height) % 80)
			press(e, "end left left ctrl+space")
			return e.View()
		})
		if mode == styles.ASCII {
			uitest.Colourless(t, e.View())
		}
	}
}

func TestASCII(t *testing.T) {
	e := New(uitest.Common(false, styles.ASCII))
	e.Resize(40, 6)
	e.SetText("name = \"é日本\"\n")
	uitest.ASCII(t, e.View())
	if e.Text() != "name = \"é日本\"\n" {
		t.Errorf("drawing changed the text: %q", e.Text())
	}
}

// TestUnchangedIsTheSame wants a view that nothing has changed to be the same
// bytes.
func TestUnchangedIsTheSame(t *testing.T) {
	e := edited(strings.Repeat("a = 1 # b\n", 30))
	if once, again := e.View(), e.View(); once != again {
		t.Error("two views differ")
	}
}

func BenchmarkView(b *testing.B) {
	e := edited(strings.Repeat("key = \"value\" # what it is\n", 250))
	e.Resize(160, 46)
	e.GoTo(120)
	for b.Loop() {
		e.Update(uitest.Key("x"))
		e.View()
	}
}
