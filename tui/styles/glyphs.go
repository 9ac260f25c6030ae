package styles

import (
	"charm.land/lipgloss/v2"

	"detnas/core/run"
)

// Mode is what a terminal's font can draw.
type Mode string

// The modes, from the finest to what every terminal has.
const (
	Braille Mode = "braille" // 2x4 dots a cell
	Block   Mode = "block"   // block elements only
	ASCII   Mode = "ascii"
)

// Modes lists the modes.
func Modes() []Mode { return []Mode{Braille, Block, ASCII} }

// Glyphs are the signs of a mode, each one column wide.
type Glyphs struct {
	Mode                                    Mode
	Horizontal, Vertical                    string // of frames
	TopLeft, TopRight, BottomLeft, BotRight string
	Pointer                                 string // before the selected line
	Pin, Lock, Star                         string
	Up, Down, Left, Right                   string
	Full, Empty                             string // of bars
	Bullet, Ellipsis, Times                 string
	Spark                                   []string // from low to high
	Marks                                   []string // of series in a legend, and points of a scatter
	states                                  map[string]string
}

// GlyphsOf returns the signs of a mode.
func GlyphsOf(m Mode) Glyphs {
	if m == ASCII {
		return Glyphs{
			Mode: m, Horizontal: "-", Vertical: "|", TopLeft: "+", TopRight: "+", BottomLeft: "+", BotRight: "+",
			Pointer: ">", Pin: "^", Lock: "#", Star: "*", Up: "^", Down: "v", Left: "<", Right: ">",
			Full: "=", Empty: "-", Bullet: "*", Ellipsis: "~", Times: "x",
			Spark: []string{"_", ".", "-", "=", "*", "#"},
			Marks: []string{"o", "x", "+", "*", "#", "@", "%", "&"},
			states: map[string]string{
				run.StateRunning: ">", run.StatePaused: "=", run.StateStopped: "#",
				run.StateFinished: "+", run.StateFailed: "x", run.StateInterrupted: "!",
			},
		}
	}
	return Glyphs{
		Mode: m, Horizontal: "─", Vertical: "│", TopLeft: "╭", TopRight: "╮", BottomLeft: "╰", BotRight: "╯",
		Pointer: "▸", Pin: "◆", Lock: "■", Star: "★", Up: "▲", Down: "▼", Left: "◂", Right: "▸",
		Full: "━", Empty: "─", Bullet: "•", Ellipsis: "…", Times: "×",
		Spark: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
		Marks: []string{"●", "▲", "■", "◆", "○", "△", "□", "◇"},
		states: map[string]string{
			run.StateRunning: "●", run.StatePaused: "‖", run.StateStopped: "■",
			run.StateFinished: "✓", run.StateFailed: "✗", run.StateInterrupted: "!",
		},
	}
}

// State is the glyph of a run's state; the word stands beside it.
func (g Glyphs) State(state string) string {
	if s, ok := g.states[state]; ok {
		return s
	}
	return "?"
}

// StateStyle is the style of a run's state.
func (s *Styles) StateStyle(state string) lipgloss.Style {
	switch state {
	case run.StateRunning:
		return s.Accent
	case run.StateFinished:
		return s.Good
	case run.StateFailed:
		return s.Bad
	case run.StatePaused, run.StateInterrupted:
		return s.Warn
	}
	return s.Text
}
