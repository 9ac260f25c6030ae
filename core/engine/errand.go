package engine

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"detnas/detector/cocoeval"
)

// What rank 0 and the others tell each other while candidates are measured by all of
// them. It goes through the store, where adding to a number is one act and so is setting a
// value, and nothing else is. A rank that tells something takes a number, and puts what it
// has to say below that. Rank 0 reads it, and takes it away. What it says to a
// rank is one value, which it replaces. All of it is binary, so that figures keep their
// bits.

// board is where the ranks find what is about one search: keys below the number of the
// order that it began with.
type board string

func boardOf(order int) board { return board(fmt.Sprintf("search/%d/", order)) }

func (b board) weights(part int) string   { return fmt.Sprintf("%sweights/%d", b, part) }
func (b board) count() string             { return string(b) + "told" }
func (b board) told(n int64) string       { return fmt.Sprintf("%stold/%d", b, n) }
func (b board) errands(who string) string { return fmt.Sprintf("%serrands/%s", b, who) }

// message is what a rank tells rank 0: one of these.
type message struct {
	Hello   *hello
	Finding *finding
	Stop    bool // a signal asks for an end of the run
	Rank    int
}

// hello is how a rank offers to measure candidates.
type hello struct {
	Who     string // another one each time that it offers to
	Rank    int
	Person  person
	Scorers int
	Proof   string // a digest of what it computes, which has to be rank 0's
	Cores   int    // threads of its own
	Refused string // why it measures nothing after all
}

// errands are what one rank is to measure, by scorer.
type errands struct {
	Each []errand
	Gone bool   // rank 0 goes on without it
	Why  string // it is to measure no more; empty where it may offer to anew
}

// errand is a candidate to measure.
type errand struct {
	Number int // counts up for each of a rank's scorers; 0 is nothing to do
	Subnet string
	Bars   []bar // of a race, by look
}

// finding is what measuring a candidate has come to.
type finding struct {
	Who            string
	Scorer, Number int

	Verdict   verdict
	After     int                    // batches that the verdict is of
	Seen      int                    // batches that were detected on
	Found     [][]cocoeval.Detection // in a race: what was found on each of these, in the order of the race
	Read      [][]int                // and the places in the guide of their images that could be read
	Shown     []cocoeval.Detection   // without a race: what was found on the images that are shown
	Error     string
	NotFinite bool // the error is that of a candidate without a score
	Begun     bool // it came after BN was recalibrated
}

// verdict is an assessment as it travels.
type verdict struct {
	Status         string
	Score, Partial float64
	Images         int
}

func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return nil, fmt.Errorf("what the ranks tell each other: %w", err)
	}
	return b.Bytes(), nil
}

func decoded(text []byte, v any) error {
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(v); err != nil {
		return fmt.Errorf("what the ranks tell each other: %w", err)
	}
	return nil
}

// tellZero tells rank 0 something about a search.
func (c *crew) tellZero(b board, m message) error {
	m.Rank = c.place.Rank
	text, err := encoded(m)
	if err != nil {
		return err
	}
	n, err := c.store.Add(b.count(), 1)
	if err == nil {
		err = c.store.Set(b.told(n), text)
	}
	if err != nil {
		return fmt.Errorf("%w: %s has ended or cannot be reached: %w", ErrRank, c.keeper(), err)
	}
	return nil
}
