package form

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/configs"
	"detnas/core/config"
	"detnas/tui/common"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func preset(t testing.TB) string {
	t.Helper()
	text, err := configs.Files.ReadFile("demo.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// filled is a form of the demo's text in a run that is in step 2.
func filled(t testing.TB, c *common.Common) *Form {
	t.Helper()
	f := New(c)
	at := config.Position{Begun: true, Step: 2, Running: true, Done: map[int]bool{1: true}}
	f.Effect = func(key string) config.Effect { return config.EffectOf(key, at) }
	f.Resize(80, 20)
	f.SetText(preset(t), preset(t))
	return f
}

func press(f *Form, keys ...string) (changed bool) {
	for _, k := range keys {
		changed = f.Update(uitest.Key(k)) || changed
	}
	return changed
}

func typeIn(f *Form, text string) {
	for _, r := range text {
		f.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// clear empties the line that is typed.
func clearLine(f *Form) { press(f, "ctrl+u") }

func shows(t *testing.T, f *Form, want ...string) {
	t.Helper()
	view, _ := uitest.Cells(f.View(), f.width, f.height)
	for _, w := range want {
		if !strings.Contains(view, w) {
			t.Errorf("no %q in\n%s", w, view)
		}
	}
}

// TestTypingAValueChangesOnlyIt wants the text to differ by the value alone.
func TestTypingAValueChangesOnlyIt(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	f.Select("supernet-finetune.lr")
	if f.Edit() || !f.Capturing() {
		t.Fatal("a number is not typed")
	}
	clearLine(f)
	typeIn(f, "0.5x")
	shows(t, f, "! lr: wants a number")
	if press(f, "enter") || !f.Capturing() {
		t.Error("a wrong value is accepted")
	}
	press(f, "backspace")
	if !press(f, "enter") || f.Capturing() {
		t.Fatal("a value is not accepted")
	}
	at := strings.Index(preset(t), "[supernet-finetune]")
	want := preset(t)[:at] + strings.Replace(preset(t)[at:], "lr = 0.04", "lr = 0.5", 1)
	if f.Text() != want {
		t.Error("more than the value has changed")
	}
	shows(t, f, "~lr", "now", "was 0.04")
	if !f.Changed() || !f.Reset() || f.Text() != preset(t) || f.Changed() {
		t.Error("the value is not put back")
	}
	if f.Reset() {
		t.Error("there is nothing to put back")
	}
}

func TestOutOfRangeIsSaidAsItIsTyped(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	f.Select("search.mutate_prob")
	f.Edit()
	clearLine(f)
	typeIn(f, "7")
	shows(t, f, "out of range")
	if press(f, "enter", "esc") || f.Text() != preset(t) || f.Capturing() {
		t.Error("esc does not leave the value as it was")
	}
}

func TestEscapeLeavesTheText(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	f.Select("seed")
	f.Edit()
	typeIn(f, "9")
	if press(f, "esc") || f.Text() != preset(t) {
		t.Error("esc changes the text")
	}
	f.Edit()
	if press(f, "enter") || f.Text() != preset(t) {
		t.Error("a value that is the same changes the text")
	}
}

func TestWordsTurn(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	value := func() string { return config.Values(f.Text())[f.Key()] }
	f.Select("supernet-finetune.schedule")
	shows(t, f, "takes constant, linear, poly, step, cosine")
	var seen []string
	for range 5 {
		if !f.Edit() {
			t.Fatal("a word does not turn")
		}
		seen = append(seen, value())
	}
	if got := strings.Join(seen, " "); got != `"cosine" "constant" "linear" "poly" "step"` {
		t.Error(got)
	}
	if !press(f, "left") || value() != `"poly"` || !press(f, "right") || value() != `"step"` {
		t.Error("left and right do not turn")
	}
	f.Select("data.apply_exif")
	if !f.Edit() || value() != "true" || !f.Edit() || value() != "false" {
		t.Error("true and false do not turn")
	}
	f.Select("device")
	f.Type()
	clearLine(f)
	typeIn(f, "cuda:3")
	if !press(f, "enter") || value() != `"cuda:3"` {
		t.Errorf("a word of one's own is %s", value())
	}
}

func TestLists(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	f.Select("data.detection.short")
	f.Edit()
	clearLine(f)
	typeIn(f, "96, 128")
	if !press(f, "enter") {
		t.Fatal("a list without brackets is refused")
	}
	if v := config.Values(f.Text())["data.detection.short"]; v != "[96, 128]" {
		t.Error(v)
	}
}

func TestAKeyThatIsLeftOut(t *testing.T) {
	f := New(uitest.Common(true, styles.Braille))
	f.Resize(80, 20)
	f.SetText("# mine\n", "# mine\n")
	f.Select("search.population")
	shows(t, f, "default")
	f.Edit()
	typeIn(f, "0")
	if !press(f, "enter") || !strings.HasPrefix(f.Text(), "# mine\n") || !strings.Contains(f.Text(), "[search]\npopulation = 500\n") {
		t.Errorf("%q", f.Text())
	}
}

func TestMoves(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	for _, tt := range []struct{ key, want string }{
		{"home", "name"},
		{"up", "name"},
		{"down", "seed"},
		{"tab", "space.preset"},
		{"down", "space.layout"},
		{"]", "data.on_bad"},
		{"shift+tab", "space.preset"},
		{"shift+tab", "name"},
		{"[", "subnet-finetune.iterations"},
		{"end", "subnet-finetune.load_from"},
		{"down", "subnet-finetune.load_from"},
		{"pgup", ""},
		{"pgdown", "subnet-finetune.load_from"},
	} {
		press(f, tt.key)
		if got := f.Key(); got != tt.want && tt.want != "" || got == "" {
			t.Errorf("%s goes to %q, want %q", tt.key, got, tt.want)
		}
	}
}

func TestFilter(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	f.Select("search.bn_images")
	press(f, "/")
	typeIn(f, "lr RATE")
	if !f.Capturing() || f.Key() != "supernet-pretrain.lr" {
		t.Errorf("the filter selects %q", f.Key())
	}
	press(f, "enter")
	if f.Capturing() || f.Filtered() != "lr RATE" {
		t.Error("enter does not keep the filter")
	}
	press(f, "/", "ctrl+u")
	typeIn(f, "no such key at all")
	shows(t, f, "no key has these words")
	if f.Edit() || f.Reset() || press(f, "tab", "down", "up", "right", "end", "home") {
		t.Error("nothing is changed")
	}
	press(f, "esc")
	if f.Filtered() != "" || f.Key() == "" {
		t.Error("esc does not show all keys")
	}
	f.Select("seed")
	f.Edit()
	clearLine(f)
	typeIn(f, "9")
	press(f, "enter")
	f.Filter("changed")
	if n := len(f.rows); n != 2 || f.Key() != "seed" {
		t.Errorf("%d rows are changed", n)
	}
}

func TestProblemsAndLiveValues(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	f.Problems = map[string]string{"search.population": "8 is less than it should be"}
	f.Live = func(key string) (string, bool) { return "99", key == "search.population" }
	f.Select("search.population")
	shows(t, f, "!population", "! population: 8 is less", "the run has 99 now")
}

func TestClicks(t *testing.T) {
	f := filled(t, uitest.Common(true, styles.Braille))
	f.Resize(120, 32)
	f.View()
	f.Update(tea.MouseClickMsg{X: 40, Y: 2, Button: tea.MouseLeft})
	if f.Key() != "seed" {
		t.Errorf("a click on the second key selects %q", f.Key())
	}
	f.Update(tea.MouseClickMsg{X: 4, Y: 2, Button: tea.MouseLeft})
	if f.Key() != "data.on_bad" {
		t.Errorf("a click on the third table selects %q", f.Key())
	}
	for range 200 {
		f.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	}
	if f.Key() != "subnet-finetune.load_from" {
		t.Errorf("the wheel leads to %q", f.Key())
	}
}

func TestFits(t *testing.T) {
	for _, mode := range styles.Modes() {
		f := filled(t, uitest.Common(mode == styles.Braille, mode))
		f.Problems = map[string]string{"seed": strings.Repeat("wrong in many words ", 12)}
		keys := config.Keys()
		uitest.Widths(t, func(width, height int) string {
			f.Resize(width, height)
			f.Select(keys[(width*7+height)%len(keys)].Path)
			if height == 9 {
				f.Select("seed")
			}
			if width%3 == 0 {
				f.Type()
			}
			view := f.View()
			press(f, "esc")
			if mode == styles.ASCII {
				uitest.ASCII(t, view)
				uitest.Colourless(t, view)
			}
			return view
		})
		for _, size := range [][2]int{{0, 0}, {1, 1}, {5, 2}, {10, 40}} {
			f.Resize(size[0], size[1])
			f.View()
		}
	}
}

func TestLooks(t *testing.T) {
	for _, size := range uitest.Sizes {
		f := filled(t, uitest.Common(true, styles.Braille))
		f.Resize(size[0], size[1])
		f.Select("supernet-finetune.schedule")
		f.Edit()
		uitest.Golden(t, uitest.Name("form", size[0], size[1]), f.View(), size[0], size[1])
	}
}

func BenchmarkSetText(b *testing.B) {
	f := New(uitest.Common(true, styles.Braille))
	text := preset(b)
	for b.Loop() {
		f.SetText(text, text)
	}
}

func BenchmarkView(b *testing.B) {
	f := filled(b, uitest.Common(true, styles.Braille))
	f.Resize(160, 46)
	for b.Loop() {
		f.View()
	}
}
