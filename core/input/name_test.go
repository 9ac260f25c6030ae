package input_test

import (
	"strings"
	"testing"

	"detnas/core/input"
	"detnas/core/input/inputtest"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "demo-20260102-150405", "my run", "größe", "a.b", "it's", "x-", strings.Repeat("x", 200), "실험"} {
		if err := input.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"": "empty", "a/b": "slash", "/": "slash", "..": "begins with .", ".git": "begins with .", "-x": "begins with -", "--": "begins with -",
		"a\nb": "does not print", "\x1b[2J": "does not print", "a\x00b": "does not print", "a\u202eb": "does not print", "a\u00a0b": "does not print",
		"\xff": "not UTF-8", " ": "space at an end", "a ": "space at an end", " a": "space at an end", strings.Repeat("x", 201): "201 bytes", strings.Repeat("ü\n", 150): "450 bytes",
	} {
		err := input.CheckName(name)
		inputtest.Clear(t, err, want, "cannot be a run's name", "write 1 to 200 bytes")
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%q: the error has %d bytes", name, len(err.Error()))
		}
	}
}
