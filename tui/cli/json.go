package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"detnas/core/input"
)

// printJSON writes v as JSON that people can read too. What does not print is
// escaped in it, which encoding/json does for the lesser part.
func (a *App) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return a.print("%s\n", input.PrintableJSON(text))
}

// thousands writes 1666192 as 1,666,192.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
