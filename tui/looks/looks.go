// Package looks keeps how the screen looks from one start to the next, and works
// out what a terminal can show.
package looks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"detnas/core/input"
	"detnas/core/run"
	"detnas/tui/styles"
)

// Looks are how the screen looks.
type Looks struct {
	Theme  string
	Mode   styles.Mode
	Colour bool
}

// file is the settings file.
type file struct {
	Theme  string `toml:"theme"`
	Glyphs string `toml:"glyphs"`
	Colour *bool  `toml:"colour"`
}

// Path is the settings file: screen.toml in the user's config folder, as
// $XDG_CONFIG_HOME has it.
func Path() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the settings of the screen: %w", err)
	}
	return filepath.Join(dir, "detnas", "screen.toml"), nil
}

// maxSettings bounds the settings file, which has three lines.
const maxSettings = 4 << 10

// Load reads the settings, over what the environment says of the terminal. A
// path that is not there changes nothing. The file may have 4 KiB.
func Load(path string, env func(string) string) (Looks, error) {
	l := Guess(env)
	text, err := input.File(path, maxSettings)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("reading the settings of the screen: %w", err)
	}
	return l.with(string(text), path, env)
}

// with is looks with the settings of a text in their place.
func (l Looks) with(text, path string, env func(string) string) (Looks, error) {
	var f file
	if _, err := toml.Decode(text, &f); err != nil {
		return l, fmt.Errorf("reading the settings of the screen, %s: %w", input.Line(path), input.Plain(err))
	}
	if f.Theme != "" {
		if _, ok := styles.ThemeNamed(f.Theme); !ok {
			return l, fmt.Errorf("%s: theme %.40q is not known; the themes are %s", input.Line(path), f.Theme, strings.Join(ThemeNames(), ", "))
		}
		l.Theme = f.Theme
	}
	if f.Glyphs != "" {
		if !slices.Contains(styles.Modes(), styles.Mode(f.Glyphs)) {
			return l, fmt.Errorf("%s: glyphs %.40q are not known; write braille, block or ascii", input.Line(path), f.Glyphs)
		}
		l.Mode = styles.Mode(f.Glyphs)
	}
	if f.Colour != nil && env("NO_COLOR") == "" {
		l.Colour = *f.Colour
	}
	return l, nil
}

// Save writes the settings.
func Save(path string, l Looks) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping the looks: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("# The looks of the detnas screen; written by its palette.\n")
	if err := toml.NewEncoder(&b).Encode(file{Theme: l.Theme, Glyphs: string(l.Mode), Colour: &l.Colour}); err != nil {
		return fmt.Errorf("keeping the looks: %w", err)
	}
	return run.WriteFile(path, b.Bytes())
}

// Guess is what the environment says of the terminal: its locale, which alone
// tells over SSH whether it shows more than ASCII, its kind, and NO_COLOR. Where
// no locale is set, as in most containers, UTF-8 is taken for granted.
func Guess(env func(string) string) Looks {
	l := Looks{Theme: styles.Themes()[0].Name, Mode: styles.Braille, Colour: env("NO_COLOR") == ""}
	locale := env("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = env(name)
		}
	}
	upper := strings.ToUpper(locale)
	switch term := env("TERM"); {
	case locale != "" && !strings.Contains(upper, "UTF-8") && !strings.Contains(upper, "UTF8"):
		l.Mode = styles.ASCII
	case term == "linux": // the console's font has no braille
		l.Mode = styles.Block
	}
	return l
}

// ThemeNames lists the themes.
func ThemeNames() []string {
	var names []string
	for _, t := range styles.Themes() {
		names = append(names, t.Name)
	}
	return names
}
