// Package sheet writes what a run's journal tells as tables: its candidates, and the
// course of its metrics, as CSV or JSON.
package sheet

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"detnas/core/input"
	"detnas/core/run"
)

// What there are tables of, beside a metric by its name, and their formats, which are
// the ends of files' names.
const (
	Candidates = "candidates"
	Metrics    = "metrics" // all there are
	Ranks      = "ranks"   // of a run by several processes
	CSV        = "csv"
	JSON       = "json"
)

// Of is a table of a run's journal.
func Of(f *run.Folder, what, format string) ([]byte, error) {
	if what == Ranks {
		return ranks(f, format)
	}
	if what != Candidates {
		return metrics(f, what, format)
	}
	s, err := f.Status()
	if err != nil {
		return nil, fmt.Errorf("a table of candidates: %w", err)
	}
	return OfCandidates(s.Candidates, format)
}

// Write puts what is given, by format, into the folder exports of a run, in place of what
// is there under that name, and returns where it lies, without the format.
func Write(f *run.Folder, name string, made func(format string) ([]byte, error)) (string, error) {
	dir, err := f.Exports()
	if err != nil {
		return "", err //nolint:wrapcheck // it says what was done
	}
	path := filepath.Join(dir, name)
	for _, format := range []string{CSV, JSON} {
		text, err := made(format)
		if err != nil {
			return "", err
		}
		if err := run.WriteFile(path+"."+format, text); err != nil {
			return "", err //nolint:wrapcheck // it says what was written
		}
	}
	return path, nil
}

// OfCandidates is a table of candidates.
func OfCandidates(all []run.Candidate, format string) ([]byte, error) {
	if format == JSON {
		return jsonTable(all)
	}
	return candidatesCSV(all)
}

// jsonTable is an array of rows, one a line; without any it is empty.
func jsonTable[T any](rows []T) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("[")
	for i, r := range rows {
		text, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("writing JSON: %w", err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + input.PrintableJSON(text))
	}
	b.WriteString("\n]\n")
	return b.Bytes(), nil
}

// candidatesCSV has a row for each candidate; one without a score has none. images are
// those that it was measured on where the search races, and partial is what one that was
// stopped scored on them.
func candidatesCSV(all []run.Candidate) ([]byte, error) {
	rows := [][]string{{"index", "generation", "origin", "parents", "subnet", "params", "macs", "score", "images", "partial", "seconds", "status"}}
	for _, c := range all {
		parents := make([]string, len(c.Parents))
		for i, p := range c.Parents {
			parents[i] = strconv.Itoa(p)
		}
		score := ""
		if c.Score == c.Score { // no NaN
			score = Number(c.Score)
		}
		images, partial := "", ""
		if c.Images > 0 {
			images = strconv.Itoa(c.Images)
		}
		if c.Status == run.CandidateStopped {
			partial = Number(c.Partial)
		}
		rows = append(rows, []string{
			strconv.Itoa(c.Index), strconv.Itoa(c.Generation), c.Origin, strings.Join(parents, " "), c.Subnet,
			strconv.FormatInt(c.Params, 10), strconv.FormatInt(c.MACs, 10), score, images, partial, Number(c.Seconds), c.Status,
		})
	}
	return csvTable(rows)
}

func csvTable(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing CSV: %w", err)
	}
	return b.Bytes(), nil
}

// Number writes a float so that it reads back the same.
func Number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
