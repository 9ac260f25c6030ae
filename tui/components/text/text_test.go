package text

import (
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in, want, right string
		width           int
	}{
		{"abc", "abc  ", "  abc", 5},
		{"abcdef", "abc~", "abc~", 4},
		{"\x1b[1mabc\x1b[m", "\x1b[1mabc\x1b[m ", " \x1b[1mabc\x1b[m", 4},
		{"日本", "日 ", " 日", 3},
		{"abc", "", "", 0},
		{"abc", "", "", -3},
	} {
		ellipsis := "~"
		if c.in == "日本" {
			ellipsis = ""
		}
		if got := Fit(c.in, c.width, ellipsis); got != c.want {
			t.Errorf("Fit(%q, %d) = %q", c.in, c.width, got)
		}
		if got := FitRight(c.in, c.width, ellipsis); got != c.right {
			t.Errorf("FitRight(%q, %d) = %q", c.in, c.width, got)
		}
	}
}

func TestBetween(t *testing.T) {
	for width, want := range map[int]string{10: "left right", 12: "left   right", 7: "leright", 3: "rig", 0: ""} {
		if got := Between("left", "right", width, ""); got != want {
			t.Errorf("in %d columns %q, want %q", width, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\tb\rc": "a b c", "\x1b[31mred\x1b[m": "red", "\x1b]0;title\x07x": "x", "\u009b31mx": " 31mx", "é": "é",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestTimesAndSizes(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0: {"0s", "0s"}, 12 * time.Second: {"12s", "12s"}, 192 * time.Second: {"3m12s", "3m"},
		125 * time.Minute: {"2h05m", "2h"}, 76 * time.Hour: {"3d04h", "3d"}, -time.Second: {"0s", "0s"},
	} {
		if got := [2]string{Span(d), Age(d)}; got != want {
			t.Errorf("%v: %v", d, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 512: "512 B", 1536: "1.5 KiB", 420 << 20: "420 MiB", 3 << 30: "3 GiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestBlocks(t *testing.T) {
	if got := Beside("|", Block([]string{"a", "b"}, 2, 2, ""), Block(nil, 1, 2, "")); got != "a | \nb | " {
		t.Errorf("%q", got)
	}
}
