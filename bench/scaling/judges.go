package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"detnas/core/seed"
	"detnas/nas"
	"detnas/nas/race"
	"detnas/nas/search"
)

// replayed is the judge of a recorded search: every subnet has the time and the score
// that the run measured. A search that proposes another subnet ends in an error.
type replayed map[string]measured // by the subnet's key

// replaying makes the judge of a run's candidates in a space.
func replaying(all []measured, run string, space nas.Space) (replayed, error) {
	r := replayed{}
	for _, m := range all {
		if m.run != run {
			continue
		}
		sub, err := nas.ParseSubnet(m.subnet, space)
		if err != nil {
			return nil, fmt.Errorf("candidates.csv, run %s: %w", run, err)
		}
		r[sub.Key()] = m
	}
	if len(r) == 0 {
		return nil, fmt.Errorf("candidates.csv has no run %s", run)
	}
	return r, nil
}

func (r replayed) of(sub nas.Subnet) (measured, error) {
	m, ok := r[sub.Key()]
	if !ok {
		return m, fmt.Errorf("the search proposes %s, which the recorded run has not measured", sub.Key())
	}
	return m, nil
}

func (r replayed) seconds(_ *search.Search, sub nas.Subnet) (float64, error) {
	m, err := r.of(sub)
	return m.seconds, err
}

func (r replayed) score(_ *search.Search, sub nas.Subnet) (float64, error) {
	m, err := r.of(sub)
	return m.score, err
}

// modelled is the judge of a search that nobody recorded. A subnet takes the mean time,
// times what a recorded candidate took over its own run's mean. Its score is the sum of
// its choices' effects in the recorded searches, and an error of the size of those that
// the effects leave there. Both are functions of the subnet alone.
type modelled struct {
	mean   float64   // seconds of a candidate
	ratios []float64 // recorded times over their run's mean
	space  nas.Space
	effect [][]float64 // of a block's choice on the score, by stage and choice
	error  float64     // standard deviation
	races  *racing     // nil where all are measured whole
}

// trial is a recorded candidate, with its score over its run's mean.
type trial struct {
	sub   nas.Subnet
	score float64
}

// modelling makes a model for a space from candidates that were recorded in another one
// with as many stages. A stage of one choice throughout scores alike in both.
func modelling(all []measured, of, space nas.Space, mean float64) (modelled, error) {
	m := modelled{mean: mean, space: space, effect: make([][]float64, len(space.Depths))}
	seconds, scores, n := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, c := range all {
		seconds[c.run] += c.seconds
		scores[c.run] += c.score
		n[c.run]++
	}
	trials := make([]trial, len(all))
	for i, c := range all {
		sub, err := nas.ParseSubnet(c.subnet, of)
		if err != nil {
			return m, fmt.Errorf("candidates.csv, run %s: %w", c.run, err)
		}
		trials[i] = trial{sub, c.score - scores[c.run]/n[c.run]}
		m.ratios = append(m.ratios, c.seconds/(seconds[c.run]/n[c.run]))
	}
	for stage := range m.effect {
		m.effect[stage] = effects(of, stage, trials)
	}
	left := 0.0
	for _, t := range trials {
		for b, spec := range of.Blocks() {
			t.score -= m.effect[spec.Stage][t.sub[b]]
		}
		left += t.score * t.score / float64(len(trials))
	}
	m.error = math.Sqrt(left)
	for stage := range m.effect {
		for c := range m.effect[stage] {
			m.effect[stage][c] *= float64(of.Depths[stage]) / float64(space.Depths[stage])
		}
	}
	return m, nil
}

// effects is by how much subnets with a choice in a block of a stage are above the mean.
func effects(of nas.Space, stage int, trials []trial) []float64 {
	sums, counts := make([]float64, len(of.Choices)), make([]float64, len(of.Choices))
	for _, t := range trials {
		for b, spec := range of.Blocks() {
			if spec.Stage == stage {
				sums[t.sub[b]] += t.score
				counts[t.sub[b]]++
			}
		}
	}
	for c := range sums {
		sums[c] /= max(1, counts[c])
	}
	return sums
}

func (m modelled) rand(what string, sub nas.Subnet) *rand.Rand {
	return seed.Rand(0, "scaling", what, sub.Key())
}

// whole is how long it takes to measure a subnet on all images, in seconds.
func (m modelled) whole(sub nas.Subnet) float64 {
	return m.mean * m.ratios[m.rand("time", sub).IntN(len(m.ratios))]
}

// fitness is the score that a subnet has when it is measured whole.
func (m modelled) fitness(sub nas.Subnet) float64 {
	score := m.error * m.rand("score", sub).NormFloat64()
	for b, spec := range m.space.Blocks() {
		score += m.effect[spec.Stage][sub[b]]
	}
	return score
}

func (m modelled) seconds(s *search.Search, sub nas.Subnet) (float64, error) {
	return m.whole(sub) * m.share(s, sub), nil
}

func (m modelled) score(s *search.Search, sub nas.Subnet) (float64, error) {
	if m.share(s, sub) < 1 {
		return math.NaN(), nil
	}
	return m.fitness(sub), nil
}

// share is the part of the images that a subnet is measured on as the search stands.
func (m modelled) share(s *search.Search, sub nas.Subnet) float64 {
	if m.races == nil {
		return 1
	}
	best := s.Best(bestKept)
	if len(best) < bestKept {
		return 1
	}
	return m.races.share(m.fitness(sub), best[len(best)-1].Score, m.error)
}

// bestKept is how many best candidates a race is run against, as in docs/search.md.
const bestKept = 10

// racing is when a candidate is stopped: at the first of package race's looks at which
// its score, taken as known, is below the worst of the best by more than confidence
// asks for. The error of an estimate from a part f of the images goes as that of a sample
// without replacement, sqrt((1-f)/f).
type racing struct {
	half float64 // that error with half of the images, over the error of modelled
}

const (
	// batches of images that guide a search, for race.Looks: many.
	lookBatches = 1000
	// quantile is the normal distribution's of search.racing_confidence = 0.95.
	quantile = 1.645
	// raceHalf makes a search of 10 generations of 20 by one worker measure 39 % of the
	// images, as five such searches on BCCD did (docs/search.md).
	raceHalf = 0.25
)

func (r racing) share(score, bar, deviation float64) float64 {
	for _, n := range race.Looks(lookBatches) {
		f := float64(n) / lookBatches
		if score+quantile*r.half*deviation*math.Sqrt((1-f)/f) < bar {
			return f
		}
	}
	return 1
}
