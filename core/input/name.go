package input

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostName is the most bytes of a run's name, and namedBytes those of one that
// an error shows.
const (
	mostName   = 200
	namedBytes = 40
)

// nameRule says what a run's name may be.
const nameRule = "write 1 to 200 bytes of letters, digits and other signs that print, with no slash in them, no dot or dash first and no space at an end"

// CheckName says why a name cannot be a run's, and what one may be. It becomes a
// folder, and is typed on command lines.
func CheckName(name string) error {
	var why string
	switch {
	case name == "":
		why = "it is empty"
	case len(name) > mostName:
		why = fmt.Sprintf("it has %d bytes", len(name))
	case !utf8.ValidString(name):
		why = "it is not UTF-8"
	case strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
		why = "it holds a sign that does not print"
	case strings.Contains(name, "/"):
		why = "it holds a slash"
	case name[0] == '.' || name[0] == '-':
		why = "it begins with " + name[:1]
	case strings.Trim(name, " ") != name:
		why = "it has a space at an end"
	default:
		return nil
	}
	shown := name
	if len(shown) > namedBytes {
		shown = shown[:namedBytes] + "..."
	}
	return fmt.Errorf("%q cannot be a run's name: %s; %s", shown, why, nameRule)
}
