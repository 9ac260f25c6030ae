package keymap

import (
	"fmt"
	"strings"
)

// Markdown is a table of bindings for the documentation.
func Markdown(bindings []Binding) string {
	var b strings.Builder
	b.WriteString("| key | does | about |\n|---|---|---|\n")
	for _, group := range []string{Steer, Show, Edit, Move, Go} {
		for _, x := range bindings {
			if x.Group != group {
				continue
			}
			var keys []string
			for _, k := range x.Keys {
				keys = append(keys, "`"+strings.ReplaceAll(Label(k, false), "|", `\|`)+"`")
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(keys, " "), cell(x.Name), cell(x.About))
		}
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
