// Package uitest tests the screen as a person sees it: through a terminal
// emulator, by what stands in its cells, and by keys.
package uitest

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"

	"detnas/tui/common"
	"detnas/tui/styles"
)

var update = flag.Bool("update", false, "write the golden files anew")

// home is the folder of the package under test, which a test may leave.
var home, _ = os.Getwd()

// Sizes are the sizes that every page is looked at in: what a page gets of
// terminals of 80x24, 120x36 and 160x50.
var Sizes = [][2]int{{80, 20}, {120, 32}, {160, 46}}

// Common is the looks of a page under test; the clock stands at Now.
func Common(colour bool, mode styles.Mode) *common.Common {
	return &common.Common{
		Styles: styles.New(styles.Themes()[0], colour), Glyphs: styles.GlyphsOf(mode), Now: clock, Who: "ann",
	}
}

// Cells is a view as a terminal of that size shows it: its text, and its text
// with colours.
func Cells(view string, width, height int) (text, coloured string) {
	e := vt.NewEmulator(width, height)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, e) // what the terminal would answer
	}()
	_, _ = e.WriteString(strings.ReplaceAll(view, "\n", "\r\n"))
	text, coloured = trimmed(e.String()), trimmed(e.Render())
	if in, ok := e.InputPipe().(io.Closer); ok { // Close of the emulator races with Read
		_ = in.Close()
		<-drained
	}
	return text, coloured
}

func trimmed(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.ReplaceAll(s, "\r", ""), "\n") {
		b.WriteString(strings.TrimRight(line, " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// Golden compares a view with testdata/NAME.txt, and, where it has colours,
// with testdata/NAME.ansi. Tests with -update write them.
func Golden(t *testing.T, name, view string, width, height int) {
	t.Helper()
	Exact(t, view, width, height)
	text, coloured := Cells(view, width, height)
	golden(t, name+".txt", text)
	if coloured != text {
		golden(t, name+".ansi", strings.ReplaceAll(coloured, "\x1b", "␛"))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(home, "testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // of the test
	if err != nil {
		t.Fatalf("%v; make it with: go test -update", err)
	}
	if got == string(want) {
		return
	}
	was, is := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range max(len(was), len(is)) {
		if a, b := at(was, i), at(is, i); a != b {
			t.Fatalf("%s: line %d is\n%s\nand was\n%s\n(go test -update takes it as it is)", path, i+1, b, a)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no line)"
}

// Exact fails the test unless a view has exactly that many lines of exactly
// that many columns.
func Exact(t *testing.T, view string, width, height int) {
	t.Helper()
	lines := strings.Split(view, "\n")
	if len(lines) != height {
		t.Fatalf("%d lines at %dx%d", len(lines), width, height)
	}
	for i, line := range lines {
		if w := ansi.StringWidth(line); w != width {
			t.Fatalf("line %d at %dx%d has %d columns:\n%s", i+1, width, height, w, ansi.Strip(line))
		}
	}
}

// Widths draws at every width from 24 to 200, at several heights, and wants
// every view exact.
func Widths(t *testing.T, draw func(width, height int) string) {
	t.Helper()
	for width := 24; width <= 200; width++ {
		for _, height := range []int{4, 9, 20, 46} {
			Exact(t, draw(width, height), width, height)
		}
	}
}

// ASCII fails the test when a view has anything but ASCII and escapes in it.
func ASCII(t *testing.T, view string) {
	t.Helper()
	for i, line := range strings.Split(ansi.Strip(view), "\n") {
		for _, r := range line {
			if r > 126 {
				t.Fatalf("line %d has %q:\n%s", i+1, r, line)
			}
		}
	}
}

// Colourless fails the test when a view sets a colour.
func Colourless(t *testing.T, view string) {
	t.Helper()
	for _, code := range []string{"38;", "48;"} {
		if i := strings.Index(view, "\x1b["+code); i >= 0 {
			t.Fatalf("a colour without colours: %q", view[i:min(i+12, len(view))])
		}
	}
}

// Name names a golden file of a page at a size.
func Name(page string, width, height int) string { return fmt.Sprintf("%s-%dx%d", page, width, height) }
