// Package styles is how the screen looks: its themes, on exact entries of the
// 256 colours that every terminal has, and its glyphs, all one column wide.
package styles

// Theme is a set of colours, each an entry of xterm's 256. There is none for the
// background: the terminal's own is kept.
type Theme struct {
	Name  string
	About string

	Text, Faint, Border      int
	Accent, Good, Warn, Bad  int
	Series                   [8]int // of lines in charts; neighbours differ in lightness too
	Ramp                     [7]int // backgrounds of a heatmap, from low to high
	RampText                 [7]int // what is written on them
	Keyword, String, Comment int    // of TOML
	Number                   int
	Added, Removed           int // of a difference
}

// Themes are the themes that there are; the first is the default. The series of
// the colour-blind ones are Okabe and Ito's palette (2008) on the nearest
// entries of the 256, and their ramps run through lightness alone, along
// cividis (Nuñez, Anderton and Renslow, PLOS ONE 2018).
func Themes() []Theme {
	return []Theme{
		{
			Name: "dark", About: "for dark backgrounds",
			Text: 252, Faint: 244, Border: 240, Accent: 81, Good: 114, Warn: 221, Bad: 203,
			Series:   [8]int{81, 215, 114, 204, 141, 222, 73, 250},
			Ramp:     [7]int{235, 17, 18, 25, 31, 37, 79},
			RampText: [7]int{250, 252, 252, 255, 255, 16, 16},
			Keyword:  81, String: 150, Comment: 244, Number: 215, Added: 114, Removed: 203,
		},
		{
			Name: "light", About: "for light backgrounds",
			Text: 235, Faint: 242, Border: 248, Accent: 25, Good: 28, Warn: 130, Bad: 160,
			Series:   [8]int{25, 166, 28, 161, 91, 94, 30, 240},
			Ramp:     [7]int{255, 153, 117, 74, 31, 25, 18},
			RampText: [7]int{236, 16, 16, 16, 255, 255, 255},
			Keyword:  25, String: 28, Comment: 243, Number: 130, Added: 28, Removed: 160,
		},
		{
			Name: "dark-cb", About: "for dark backgrounds and colour-blind readers",
			Text: 252, Faint: 244, Border: 240, Accent: 74, Good: 74, Warn: 220, Bad: 208,
			Series:   [8]int{74, 214, 36, 227, 32, 166, 175, 250},
			Ramp:     [7]int{234, 17, 24, 60, 102, 144, 221},
			RampText: [7]int{250, 252, 255, 255, 16, 16, 16},
			Keyword:  74, String: 227, Comment: 244, Number: 214, Added: 74, Removed: 208,
		},
		{
			Name: "light-cb", About: "for light backgrounds and colour-blind readers",
			Text: 235, Faint: 242, Border: 248, Accent: 25, Good: 25, Warn: 130, Bad: 166,
			Series:   [8]int{25, 166, 29, 130, 31, 88, 132, 240},
			Ramp:     [7]int{255, 229, 186, 144, 102, 60, 17},
			RampText: [7]int{236, 16, 16, 16, 16, 255, 255},
			Keyword:  25, String: 29, Comment: 243, Number: 166, Added: 25, Removed: 166,
		},
	}
}

// ThemeNamed returns the theme of that name.
func ThemeNamed(name string) (Theme, bool) {
	for _, t := range Themes() {
		if t.Name == name {
			return t, true
		}
	}
	return Theme{}, false
}
