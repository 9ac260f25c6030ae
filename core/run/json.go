package run

import (
	"encoding/json"
	"fmt"

	"detnas/core/input"
)

// maxJSON bounds the small JSON files of a run in bytes: its result, its previews,
// and what was under way when its process died.
const maxJSON = 4 << 20

// readJSON reads one of them into v. It may have 4 MiB, of which up to 200 MiB are
// made in memory. The error names the path.
func readJSON(path string, v any) error {
	text, err := input.File(path, maxJSON)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by the callers
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", input.Line(path), input.Plain(err))
	}
	return nil
}
