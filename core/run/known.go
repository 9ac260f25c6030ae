package run

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"detnas/core/input"
)

// Bounds on the journals that are looked through for scores: the newest so many, and
// bytes of all of them.
const (
	mostSearched  = 200
	mostToSearch  = 1 << 30
	mostRunsInDir = 10_000
)

// KnownScores are the scores of candidates, by subnet, that this run and the others in
// its folder of runs measured whole in searches with a key, as StepStarted has it. The
// journals written last are looked through first, up to 200 of them and 1 GiB. One that
// is damaged gives what stands before the damage, one that cannot be read nothing.
func (f *Folder) KnownScores(key string) map[string]float64 {
	known := map[string]float64{}
	left := int64(mostToSearch)
	for _, path := range f.journalsBeside() {
		info, err := os.Stat(path)
		if err != nil || info.Size() > left {
			continue
		}
		left -= info.Size()
		if holds(path, key) {
			_ = ReadJournal(path, scoresUnder(key, known)) // up to where it is damaged
		}
	}
	return known
}

// scoresUnder puts the scores of a journal into known, as its entries come.
func scoresUnder(key string, known map[string]float64) func(Entry) error {
	under := false
	return func(entry Entry) error {
		switch e := entry.Event.(type) {
		case StepStarted:
			under = e.Step == searchStep && e.Key == key
		case Candidate:
			whole := e.Status == CandidateNew || e.Status == CandidateKnown
			if under && whole && e.Score >= 0 && e.Score <= 1 { // as all figures are, which NaN is not
				known[e.Subnet] = e.Score
			}
		}
		return nil
	}
}

// journalsBeside are the journals of this run and of those beside it, the one that was
// written last first.
func (f *Folder) journalsBeside() []string {
	type journal struct {
		path    string
		written time.Time
	}
	runs, err := os.Open(filepath.Dir(f.dir))
	if err != nil {
		return []string{f.JournalPath()}
	}
	defer runs.Close()
	names, _ := runs.Readdirnames(mostRunsInDir) // as many as there are
	var all []journal
	for _, name := range names {
		path := (&Folder{dir: filepath.Join(filepath.Dir(f.dir), name)}).JournalPath()
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			all = append(all, journal{path, info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b journal) int { return b.written.Compare(a.written) })
	paths := make([]string, 0, mostSearched)
	for _, j := range all[:min(mostSearched, len(all))] {
		paths = append(paths, j.path)
	}
	return paths
}

// holds reports whether a file holds a word, without decoding it.
func holds(path, word string) bool {
	file, _, err := input.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	buf, kept := make([]byte, bulk), 0
	for {
		n, err := io.ReadFull(file, buf[kept:])
		if bytes.Contains(buf[:kept+n], []byte(word)) {
			return true
		}
		if err != nil {
			return false
		}
		kept = copy(buf, buf[kept+n-min(len(word), kept+n):kept+n])
	}
}
