package looks

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/input/inputtest"
	"detnas/tui/styles"
)

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestGuess(t *testing.T) {
	for name, tt := range map[string]struct {
		env  func(string) string
		want Looks
	}{
		"utf-8":          {env("LANG", "de_DE.UTF-8"), Looks{"dark", styles.Braille, true}},
		"no locale":      {env(), Looks{"dark", styles.Braille, true}},
		"C":              {env("LANG", "C"), Looks{"dark", styles.ASCII, true}},
		"LC_ALL wins":    {env("LANG", "en_US.UTF-8", "LC_ALL", "POSIX"), Looks{"dark", styles.ASCII, true}},
		"console":        {env("LANG", "C.utf8", "TERM", "linux"), Looks{"dark", styles.Block, true}},
		"without colour": {env("NO_COLOR", "1"), Looks{"dark", styles.Braille, false}},
	} {
		if got := Guess(tt.env); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestSettingsRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "detnas", "screen.toml")
	want := Looks{Theme: "light-cb", Mode: styles.Block, Colour: false}
	if err := Save(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, env())
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	want.Colour = true
	if err := Save(path, want); err != nil {
		t.Fatal(err)
	}
	if got, err = Load(path, env("NO_COLOR", "1")); err != nil || got.Colour {
		t.Errorf("NO_COLOR does not win over the settings: %+v, %v", got, err)
	}
	if got, err = Load(path+".none", env()); err != nil || got != Guess(env()) {
		t.Errorf("without settings: %+v, %v", got, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`theme = "pink"`:  "dark, light",
		`glyphs = "pink"`: "braille, block or ascii",
		`theme = `:        "screen.toml",
		"theme = 'a\x1b'": "screen.toml",
		"theme = '" + strings.Repeat("x", 2000) + "'": "the themes are",
		strings.Repeat("[", maxSettings):              "screen.toml",
		strings.Repeat("#", maxSettings+1):            "too large",
	} {
		path := filepath.Join(t.TempDir(), "screen.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, env())
		inputtest.Clear(t, err, want)
	}
}

// FuzzLoad wants looks that there are, and that come back when they are saved, or
// one clear error.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"theme = 'light-cb'\nglyphs = 'block'\ncolour = false\n", "theme = ''", "colour = 1", "glyphs = \"\\u001b[2J\"", "\xff", "[[theme]]", "other = {a.b = [1]}",
	} {
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "screen.toml")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Guess(env()).with(text, "screen.toml", env())
		if err != nil {
			inputtest.Clear(t, err, "screen.toml")
			return
		}
		if !slices.Contains(ThemeNames(), l.Theme) || !slices.Contains(styles.Modes(), l.Mode) {
			t.Fatalf("%q gives %+v", text, l)
		}
		if err := Save(path, l); err != nil {
			t.Fatal(err)
		}
		if again, err := Load(path, env()); err != nil || again != l {
			t.Errorf("%+v comes back as %+v, %v", l, again, err)
		}
	})
}
