package run

import (
	"encoding/json"
	"fmt"
	"math"
)

// candidate is a Candidate with the JSON of its fields.
type candidate Candidate

// MarshalJSON writes null for a score that is no number.
func (c Candidate) MarshalJSON() ([]byte, error) {
	if !math.IsNaN(c.Score) {
		return json.Marshal(candidate(c)) //nolint:wrapcheck // wrapped by appendLine
	}
	return json.Marshal(struct { //nolint:wrapcheck // as above
		candidate
		Score *float64 `json:"score"`
	}{candidate: candidate(c)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Candidate) UnmarshalJSON(data []byte) error {
	raw := struct {
		*candidate
		Score json.RawMessage `json:"score"`
	}{candidate: (*candidate)(c)}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err //nolint:wrapcheck // wrapped by parseLine
	}
	switch string(raw.Score) {
	case "":
		return nil
	case "null":
		c.Score = math.NaN()
		return nil
	}
	if err := json.Unmarshal(raw.Score, &c.Score); err != nil {
		return fmt.Errorf("score: %w", err)
	}
	return nil
}
