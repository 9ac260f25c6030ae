package logview

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/components/text"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// lines is a source of numbered lines that notes how much is read of it.
type lines struct {
	next, n int // lines there will be at the next Refresh, and are
	read    int
	most    int // lines read at once
	err     error
}

func (l *lines) Refresh() error { l.n = l.next; return l.err }
func (l *lines) Len() int       { return l.n }

func (l *lines) Read(from, n int) ([]string, error) {
	var out []string
	for i := from; i < min(from+n, l.n); i++ {
		out = append(out, fmt.Sprintf("line %d\twith\x1b[31m some %s", i, strings.Repeat("text ", i%40)))
	}
	l.read += len(out)
	l.most = max(l.most, len(out))
	return out, nil
}

func words(line string) Line {
	return Line{Text: text.Clean(line), Bad: strings.Contains(line, "line 7\t")}
}

func made(t testing.TB, n, width, height int) (*View, *lines) {
	t.Helper()
	src := &lines{next: n}
	v := New(uitest.Common(true, styles.Braille), src, words)
	v.Resize(width, height)
	run(v, v.Poll())
	return v, src
}

// run does commands until none is left.
func run(v *View, cmd tea.Cmd) {
	for cmd != nil {
		cmd, _ = v.Update(cmd())
	}
}

func press(t testing.TB, v *View, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if v.Capturing() {
			cmd, _ := v.Update(uitest.Key(k))
			run(v, cmd)
			continue
		}
		b, ok := keymap.Find(append(v.Bindings(), v.Sideways()...), k)
		if !ok {
			t.Fatalf("%q is not bound", k)
		}
		if b.Off == "" {
			run(v, b.Do())
		}
	}
}

func wants(t *testing.T, v *View, texts ...string) {
	t.Helper()
	shown := ansi.Strip(v.View())
	for _, want := range texts {
		if !strings.Contains(shown, want) {
			t.Errorf("lacks %q:\n%s", want, shown)
		}
	}
}

func TestEveryWidthIsExact(t *testing.T) {
	for _, n := range []int{0, 3, 1000} {
		for _, keys := range [][]string{nil, {"g", "l", "l", "/", "t", "e"}, {"/", "t", "e", "enter"}} {
			if n != 1000 && keys != nil {
				continue
			}
			v, _ := made(t, n, 80, 20)
			press(t, v, keys...)
			uitest.Widths(t, func(w, h int) string { v.Resize(w, h); run(v, v.Poll()); return v.View() })
		}
	}
	for w := range 24 {
		for h := range 4 {
			v, _ := made(t, 50, w, h)
			if view := v.View(); w > 0 && h > 0 {
				uitest.Exact(t, view, w, h)
			}
		}
	}
}

func TestItFollowsTheEnd(t *testing.T) {
	v, src := made(t, 1000, 80, 10)
	wants(t, v, "line 990 ", "line 999 ")
	src.next = 1010
	run(v, v.Poll())
	wants(t, v, "line 1009 ")
	press(t, v, "up")
	src.next = 1020
	run(v, v.Poll())
	wants(t, v, "line 999 ", "line 1008 ")
	press(t, v, "pgdown", "pgdown", "pgdown")
	src.next = 1030
	run(v, v.Poll())
	wants(t, v, "line 1029 ")
	src.next = 4 // another file
	run(v, v.Poll())
	wants(t, v, "line 0 ", "line 3 ")
}

func TestOnlyWhatIsSeenIsRead(t *testing.T) {
	v, src := made(t, 1_000_000, 80, 20)
	press(t, v, "home", "pgdown", "end", "pgup")
	if src.most > 3*20+around || src.read > 6*(3*20+around) {
		t.Errorf("%d lines at once, %d in all", src.most, src.read)
	}
	wants(t, v, "line 999979 ")
	press(t, v, "end")
	src.next += 5
	src.read = 0
	run(v, v.Poll())
	if wants(t, v, "line 1000004 "); src.read > 6 {
		t.Errorf("%d lines are read for five new ones", src.read)
	}
	before := src.read
	press(t, v, "up", "down", "up", "up")
	if src.read != before {
		t.Error("lines that are held are read again")
	}
}

func TestNothingIsReadInView(t *testing.T) {
	v, src := made(t, 100_000, 80, 20)
	b, _ := keymap.Find(v.Bindings(), "home")
	cmd := b.Do()
	before := src.read
	wants(t, v, "…")
	if src.read != before {
		t.Error("View has read the file")
	}
	run(v, cmd)
	wants(t, v, "line 0 ", "line 19 ")
}

func TestSearch(t *testing.T) {
	v, _ := made(t, 50_000, 80, 20)
	press(t, v, "home", "/", "L", "I", "N", "E", "space", "4", "0", "0", "0", "1", "enter")
	wants(t, v, "▸line 40001 ")
	press(t, v, "/", "7", "7", "7", "7", "enter")
	wants(t, v, "▸line 47777 ")
	press(t, v, "n")
	wants(t, v, "▸line 7777 ") // round the end
	press(t, v, "N", "N")
	wants(t, v, "▸line 37777 ")
	press(t, v, "/", "z", "z", "enter")
	if !strings.Contains(v.Status(), `no line has "zz"`) {
		t.Errorf("the status is %q", v.Status())
	}
	press(t, v, "esc")
	if strings.Contains(v.Status(), "zz") {
		t.Errorf("after Esc the status is %q", v.Status())
	}
}

func TestASearchThatIsNoLongerWantedEnds(t *testing.T) {
	v, src := made(t, 1_000_000, 80, 20)
	first := v.file.find(v, "zz", 0, false)
	v.file.search.Add(1)
	src.read = 0
	if cmd, mine := v.Update(first()); cmd != nil || !mine || src.read > 0 {
		t.Errorf("it has read %d lines", src.read)
	}
}

func TestErrorsAndEmptyFiles(t *testing.T) {
	v, src := made(t, 0, 80, 5)
	wants(t, v, "nothing yet")
	src.err = errors.New("reading lines: no right to")
	run(v, v.Poll())
	wants(t, v, "no right to")
	src.err, src.next = nil, 3
	run(v, v.Poll())
	wants(t, v, "line 2 ")
}

func TestLongLinesAreReachedSideways(t *testing.T) {
	v, _ := made(t, 40, 30, 5)
	wants(t, v, "line 39 with some", "…")
	press(t, v, "l", "l")
	if strings.Contains(ansi.Strip(v.View()), "line 39") {
		t.Error("it does not scroll sideways")
	}
	press(t, v, "h", "h", "h")
	wants(t, v, "line 39")
}

func TestPlain(t *testing.T) {
	src := &lines{next: 20}
	v := New(uitest.Common(false, styles.ASCII), src, words)
	v.Resize(40, 10)
	run(v, v.Poll())
	press(t, v, "/", "t", "e", "x", "t", "enter")
	uitest.ASCII(t, v.View())
	uitest.Colourless(t, v.View())
}

func BenchmarkScroll(b *testing.B) {
	v, _ := made(b, 1_000_000, 160, 40)
	for b.Loop() {
		run(v, v.move(-1))
		v.View()
	}
}
