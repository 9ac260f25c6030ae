package search

import (
	"cmp"
	"math"
	"slices"

	"detnas/core/run"
	"detnas/nas"
)

// Measure is what a cell of the choice map tells.
type Measure int

// The measures.
const (
	Population Measure = iota // share of a generation's candidates that take the choice
	TopTen                    // how many of the ten best so far take it
	MeanScore                 // mean score of the candidates so far that take it
	measures
)

// topTen is how many the ten best are.
const topTen = 10

// AllSoFar stands for all generations, where a generation is asked for.
const AllSoFar = -1

// Choices counts which choices the candidates of a search take in each block. It
// takes in what is new; its size goes with the candidates and the blocks.
type Choices struct {
	choices []nas.Choice
	blocks  int
	folded  []folded
	layers  map[int]*layer // by generation
	numbers []int          // of the generations, rising
}

// folded is what has been taken in of a candidate.
type folded struct {
	subnet     string
	score      float64
	generation int
}

// layer is what is known of one generation. Its slices hold a block's choices
// side by side.
type layer struct {
	candidates int
	taken      []int
	scored     []int // those with a score that is a number
	sums       []float64
	best       []int // up to ten, the best first: places in folded
}

// NewChoices makes the count for so many blocks that take these choices.
func NewChoices(blocks int, choices []nas.Choice) *Choices {
	return &Choices{choices: slices.Clone(choices), blocks: blocks, layers: map[int]*layer{}}
}

// Sync takes in the candidates of a search as they are now, and reports whether
// anything has changed. Usually some have been added; when a search was taken
// up again, it begins anew.
func (c *Choices) Sync(all []run.Candidate) bool {
	n := min(len(all), len(c.folded))
	same := 0
	for same < n && c.folded[same].is(all[same]) {
		same++
	}
	if same == len(all) && same == len(c.folded) {
		return false
	}
	if same < len(c.folded) {
		c.folded, c.layers, c.numbers = c.folded[:0], map[int]*layer{}, nil
		same = 0
	}
	for _, candidate := range all[same:] {
		c.add(candidate)
	}
	return true
}

func (f folded) is(c run.Candidate) bool {
	return f.generation == c.Generation && f.subnet == c.Subnet && cmp.Compare(f.score, c.Score) == 0
}

func (c *Choices) add(candidate run.Candidate) {
	c.folded = append(c.folded, folded{candidate.Subnet, candidate.Score, candidate.Generation})
	l := c.layer(candidate.Generation)
	l.candidates++
	number := !math.IsNaN(candidate.Score)
	c.each(candidate.Subnet, func(cell int) {
		l.taken[cell]++
		if number {
			l.scored[cell]++
			l.sums[cell] += candidate.Score
		}
	})
	l.best = c.better(append(l.best, len(c.folded)-1))
}

// layer is that of a generation, made if there is none.
func (c *Choices) layer(generation int) *layer {
	l := c.layers[generation]
	if l == nil {
		cells := c.blocks * len(c.choices)
		l = &layer{taken: make([]int, cells), scored: make([]int, cells), sums: make([]float64, cells)}
		c.layers[generation] = l
		at, _ := slices.BinarySearch(c.numbers, generation)
		c.numbers = slices.Insert(c.numbers, at, generation)
	}
	return l
}

// each calls f with the cell of every block's choice of a subnet in short form.
// What does not fit the space is left out.
func (c *Choices) each(subnet string, f func(cell int)) {
	block := 0
	for i := range len(subnet) {
		if subnet[i] == '-' {
			continue
		}
		if k := slices.Index(c.choices, nas.Choice(subnet[i])-'0'); k >= 0 && block < c.blocks {
			f(block*len(c.choices) + k)
		}
		block++
	}
}

// better keeps the ten best of some candidates, the best first.
func (c *Choices) better(places []int) []int {
	slices.SortFunc(places, func(a, b int) int {
		if d := cmp.Compare(c.folded[b].score, c.folded[a].score); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	return places[:min(len(places), topTen)]
}

// Generations are the numbers of the generations that have candidates, rising,
// from 0 as the journal counts them.
func (c *Choices) Generations() []int { return c.numbers }

// Map is one measure of every choice of every block.
type Map struct {
	Values    [][]float64 // by choice, then block; NaN where there is nothing to tell
	Counts    [][]int     // candidates behind each value
	Of        int         // candidates looked at
	Low, High float64     // of the values; NaN without any
}

// Map works a measure out. The population is that of the generation alone; the
// other measures are of the generations up to it.
func (c *Choices) Map(m Measure, generation int) Map {
	out := Map{Low: math.NaN(), High: math.NaN(), Values: make([][]float64, len(c.choices)), Counts: make([][]int, len(c.choices))}
	total := c.total(m, generation)
	out.Of = total.candidates
	for k := range c.choices {
		out.Values[k], out.Counts[k] = make([]float64, c.blocks), make([]int, c.blocks)
		for b := range c.blocks {
			v, n := total.value(m, b*len(c.choices)+k)
			out.Values[k][b], out.Counts[k][b] = v, n
			if !math.IsNaN(v) {
				out.Low, out.High = fmin(out.Low, v), fmax(out.High, v)
			}
		}
	}
	return out
}

func fmin(a, b float64) float64 {
	if math.IsNaN(a) {
		return b
	}
	return min(a, b)
}

func fmax(a, b float64) float64 {
	if math.IsNaN(a) {
		return b
	}
	return max(a, b)
}

// total adds up the generations that a measure is of.
func (c *Choices) total(m Measure, generation int) *layer {
	cells := c.blocks * len(c.choices)
	sum := &layer{taken: make([]int, cells), scored: make([]int, cells), sums: make([]float64, cells)}
	for _, g := range c.numbers {
		l := c.layers[g]
		if generation != AllSoFar && (g > generation || m == Population && g != generation) {
			continue
		}
		sum.candidates += l.candidates
		sum.best = append(sum.best, l.best...)
		for i := range cells {
			sum.taken[i] += l.taken[i]
			sum.scored[i] += l.scored[i]
			sum.sums[i] += l.sums[i]
		}
	}
	if m == TopTen {
		sum.best = c.better(sum.best)
		sum.candidates = len(sum.best)
		clear(sum.taken)
		for _, place := range sum.best {
			c.each(c.folded[place].subnet, func(cell int) { sum.taken[cell]++ })
		}
	}
	return sum
}

func (l *layer) value(m Measure, cell int) (v float64, n int) {
	switch {
	case m == MeanScore && l.scored[cell] > 0:
		return l.sums[cell] / float64(l.scored[cell]), l.scored[cell]
	case m != MeanScore && l.candidates > 0:
		return float64(l.taken[cell]) / float64(l.candidates), l.taken[cell]
	}
	return math.NaN(), 0
}
