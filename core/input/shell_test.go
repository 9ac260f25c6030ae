package input_test

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"

	"detnas/core/input"
)

// TestCommandLine wants plain words left alone, and has a shell take the others
// apart again.
func TestCommandLine(t *testing.T) {
	for _, words := range [][]string{
		{"attach", "mine"}, {"run", "--resume", "runs/a-b_c.1", "--set", "search.lr=0.5"}, {"attach", "größe"},
	} {
		if got, want := input.CommandLine(words...), "detnas "+strings.Join(words, " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, word := range []string{
		"", "a b", " ", "it's", `"q"`, "$HOME", "`id`", "a;b", "a&b|c>d<e", "(x)", "*?[a]", "~", "#", "!1", `b\n`, "{a,b}",
		"a\nb", "a\x1b[2Jb", "a\tb'c\\d", "\x80\xff1", "\u202ex", "a\u00a0b", "größe b",
	} {
		line := input.CommandLine("run", word, "end")
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Errorf("%q: %q holds signs that do not print", word, line)
				break
			}
		}
		out, err := exec.Command("bash", "-c", `detnas() { printf '%s\0' "$@"; }; `+line).Output() //nolint:gosec // quoted
		if want := strings.Join([]string{"run", word, "end", ""}, "\x00"); err != nil || string(out) != want {
			t.Errorf("%s: a shell makes %q of it, want %q, %v", line, out, want, err)
		}
	}
}
