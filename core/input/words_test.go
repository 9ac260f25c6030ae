package input_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"detnas/core/input"
)

// TestWords takes lines apart as bash does.
func TestWords(t *testing.T) {
	for _, line := range []string{
		"", "  ", "status r", " status\t r  --json ", "status 'a b'", `status "it's"`, `status it\'s`, `a\ b c`, `''`, `x "" y`, `'a'"b"c`, `"a\"b\\c\$d\e"`,
		`'a\b'`, `'it'\''s'`, `$'a\047b\\c\'d'`, `$'\303\244'`, `"a	b"`, `größe 'größe b'`, `--json='x y'`, `a$b`, `a\\`,
	} {
		words, err := input.Words(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		out, err := exec.Command("bash", "-c", `words() { [ $# = 0 ] || printf '%s\0' "$@"; }; b=; words `+strings.ReplaceAll(line, "a$b", `'a$b'`)).Output() //nolint:gosec // of the table
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for w := range strings.SplitSeq(string(out), "\x00") {
			want = append(want, w)
		}
		if want = want[:len(want)-1]; !slices.Equal(words, want) {
			t.Errorf("%s: %q, and bash takes %q", line, words, want)
		}
	}
}

func TestWordsThatNeverEnd(t *testing.T) {
	for line, want := range map[string]string{
		`status 'a b`: "a quote ' that is not closed", `status "a b`: `a quote " that is not closed`, `status it's`: "a quote ' that is not closed",
		`$'a\'`: "a quote $' that is not closed", `a\`: "ends with a backslash",
	} {
		words, err := input.Words(line)
		if err == nil || !strings.Contains(err.Error(), want) || words != nil {
			t.Errorf("%s: %q, %v", line, words, err)
		}
	}
}

// FuzzWords wants every word that is quoted to be read back, beside others.
func FuzzWords(f *testing.F) {
	for _, word := range []string{"", "r", "a b", "it's", `"q"`, `a\b`, "a\nb", "\x80\xff1", "\u202ex", "$'x'", "größe", "\x00", `\047`} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		_, _ = input.Words(word) // whatever it is
		got, err := input.Words(input.CommandLine("status", word, "--json"))
		if want := []string{"detnas", "status", word, "--json"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	})
}
