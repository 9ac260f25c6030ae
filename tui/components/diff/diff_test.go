package diff

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func short(lines []Line) string {
	var out []string
	for _, l := range lines {
		out = append(out, string(rune(l.Sign))+l.Text)
	}
	return strings.Join(out, "|")
}

func TestLines(t *testing.T) {
	for _, tt := range []struct{ before, after, want string }{
		{"", "", ""},
		{"a\n", "a\n", " a"},
		{"a", "a\n", " a"},
		{"", "a\nb\n", "+a|+b"},
		{"a\nb\n", "", "-a|-b"},
		{"a\nb\nc\n", "a\nx\nc\n", " a|-b|+x| c"},
		{"a\nb\nc\n", "a\nc\n", " a|-b| c"},
		{"a\nc\n", "a\nb\nc\n", " a|+b| c"},
		{"a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", "-a|-b| c|+b| a| b|-b| a|+c"},
		{"a\na\n", "a\n", " a|-a"},
	} {
		if got := short(Lines(tt.before, tt.after)); got != tt.want {
			t.Errorf("%q to %q: %s, want %s", tt.before, tt.after, got, tt.want)
		}
	}
}

// apply is what a difference makes of its two texts.
func apply(lines []Line) (before, after []string) {
	for _, l := range lines {
		if l.Sign != Added {
			before = append(before, l.Text)
		}
		if l.Sign != Removed {
			after = append(after, l.Text)
		}
	}
	return before, after
}

// longest is the length of the longest common subsequence, by the textbook.
func longest(a, b []string) int {
	t := make([][]int, len(a)+1)
	for i := range t {
		t[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			t[i+1][j+1] = max(t[i][j+1], t[i+1][j])
			if a[i] == b[j] {
				t[i+1][j+1] = t[i][j] + 1
			}
		}
	}
	return t[len(a)][len(b)]
}

// TestLinesIsShortest wants every difference to give both texts again, with as
// few lines changed as can be.
func TestLinesIsShortest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text := func() string {
			var b strings.Builder
			for range r.IntN(12) {
				fmt.Fprintf(&b, "%c\n", 'a'+rune(r.IntN(4)))
			}
			return b.String()
		}
		before, after := text(), text()
		lines := Lines(before, after)
		a, b := apply(lines)
		if strings.Join(a, "|") != strings.Join(split(before), "|") || strings.Join(b, "|") != strings.Join(split(after), "|") {
			t.Fatalf("%q to %q: %s", before, after, short(lines))
		}
		same := 0
		for _, l := range lines {
			if l.Sign == Same {
				same++
			}
		}
		if want := longest(split(before), split(after)); same != want {
			t.Fatalf("%q to %q: %d lines are the same, want %d: %s", before, after, same, want, short(lines))
		}
	}
}

func TestFarApart(t *testing.T) {
	var a, b strings.Builder
	for i := range mostEdits {
		fmt.Fprintf(&a, "a%d\n", i)
		fmt.Fprintf(&b, "b%d\n", i)
	}
	if got := len(Lines(a.String(), b.String())); got != 2*mostEdits {
		t.Errorf("%d lines", got)
	}
}

func TestNear(t *testing.T) {
	before := "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
	got := Near(Lines(before, strings.Replace(before, "5\n", "x\n", 1)), 1)
	if s := short(got); s != "@3 lines are the same| 4|-5|+x| 6|@3 lines are the same" {
		t.Error(s)
	}
	if got[1].Old != 4 || got[3].New != 5 || got[3].Old != 0 {
		t.Errorf("numbers %+v", got)
	}
}

// sample is a config and the same one edited.
func sample() (before, after string) {
	var b strings.Builder
	for i := range 120 {
		fmt.Fprintf(&b, "key_%d = %d # a comment that is rather long, so that narrow screens cut it\n", i, i*i)
	}
	before = b.String()
	after = strings.Replace(before, "key_7 = 49", "key_7 = 50\n\tnew = \"日本\"", 1)
	return before, strings.Replace(after, "key_60 = 3600 ", "", 1)
}

func TestViewFits(t *testing.T) {
	before, after := sample()
	for _, mode := range styles.Modes() {
		v := New(uitest.Common(mode == styles.Braille, mode))
		v.Set(before, after)
		uitest.Widths(t, func(width, height int) string {
			v.Resize(width, height)
			v.Update(uitest.Key("end"))
			if mode == styles.ASCII {
				uitest.ASCII(t, v.View())
				uitest.Colourless(t, v.View())
			}
			return v.View()
		})
	}
}

func TestViewScrolls(t *testing.T) {
	before, after := sample()
	v := New(uitest.Common(true, styles.Braille))
	v.Resize(60, 6)
	if text, _ := uitest.Cells(v.View(), 60, 6); !strings.Contains(text, "nothing differs") {
		t.Errorf("no difference shows\n%s", text)
	}
	v.Set(before, after)
	if added, removed := v.Counts(); added != 3 || removed != 2 {
		t.Errorf("+%d -%d", added, removed)
	}
	uitest.Golden(t, "diff", v.View(), 60, 6)
	for range 50 {
		v.Update(uitest.Key("down"))
	}
	if above, below := v.Hidden(); above == 0 || below != 0 {
		t.Errorf("at the end %d are above and %d below", above, below)
	}
	if v.Update(uitest.Key("x")) {
		t.Error("x is taken")
	}
	v.Update(uitest.Key("home"))
	if above, _ := v.Hidden(); above != 0 {
		t.Errorf("%d above the first", above)
	}
}

func BenchmarkLines(b *testing.B) {
	before, after := sample()
	for b.Loop() {
		Lines(before, after)
	}
}
