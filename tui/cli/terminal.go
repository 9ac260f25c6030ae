package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// fallbackWidth is the columns of a terminal that does not tell.
const fallbackWidth = 80

// screen is what a writer is for a person.
type screen struct {
	file *os.File // nil when it is no terminal
}

func screenOf(w io.Writer) screen {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		return screen{file: f}
	}
	return screen{}
}

// live reports whether a line can be redrawn.
func (s screen) live() bool { return s.file != nil }

// colour reports whether colours may be used (https://no-color.org).
func (s screen) colour() bool { return s.live() && os.Getenv("NO_COLOR") == "" }

// width is the columns there are now.
func (s screen) width() int {
	if s.file != nil {
		if w, _, err := term.GetSize(int(s.file.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return fallbackWidth
}
