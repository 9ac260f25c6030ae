package race

import (
	"math"

	"detnas/detector/cocoeval"
)

// mostGroups is how many groups the batches are parted into at most for the
// jackknife: more cost more, and tell little more of the spread.
const mostGroups = 40

// shares are the parts of all batches after which a candidate is looked at.
var shares = []float64{0.125, 0.1875, 0.25, 0.375, 0.5, 0.625, 0.75}

// fewest is how many batches the first look needs: with fewer the spread is hardly
// known.
const fewest = 4

// Looks are the numbers of batches, of so many in all, after which a candidate is
// looked at, ascending. There are none where the batches are too few.
func Looks(batches int) []int {
	var looks []int
	for _, share := range shares {
		n := int(math.Ceil(share * float64(batches)))
		if n >= fewest && n < batches && (len(looks) == 0 || n > looks[len(looks)-1]) {
			looks = append(looks, n)
		}
	}
	return looks
}

// Look is the part of the images that was seen when a candidate is looked at.
type Look struct {
	of      int   // batches in all
	seen    int   // batches seen
	group   []int // of each image, in the order of the matches; -1 where it was not seen
	groups  int
	at50    bool
	through []bool // every image
}

// NewLook is that of the first batches of a race, given by the ids of their images,
// of so many batches in all; images are the ids of all, ascending. at50 has AP50
// count in place of AP.
func NewLook(batches [][]int, of int, images []int, at50 bool) Look {
	l := Look{of: of, seen: len(batches), groups: min(len(batches), mostGroups), at50: at50}
	group := map[int]int{}
	for b, ids := range batches {
		for _, id := range ids {
			group[id] = b % l.groups
		}
	}
	for _, id := range images {
		g, seen := group[id]
		if !seen {
			g = -1
		}
		l.group, l.through = append(l.group, g), append(l.through, true)
	}
	return l
}

// Figures are the AP of somebody's matches over the images seen, and over those
// without each of the groups.
type Figures struct {
	Seen    float64
	Without []float64
}

// Figures are those of matches, false where nothing is to be found on some part.
func (l Look) Figures(m *cocoeval.Matches) (Figures, bool) {
	use := make([]bool, len(l.group))
	without := func(left int) float64 {
		for i, g := range l.group {
			use[i] = g >= 0 && g != left
		}
		return m.AP(use, l.at50)
	}
	const none = -2
	f := Figures{Seen: without(none)}
	ok := f.Seen >= 0
	for g := range l.groups {
		f.Without = append(f.Without, without(g))
		ok = ok && f.Without[g] >= 0
	}
	return f, ok
}

// Whole is the AP of matches over all images.
func (l Look) Whole(m *cocoeval.Matches) float64 { return m.AP(l.through, l.at50) }

// Mean is the mean of the figures of several.
func Mean(all []Figures) Figures {
	mean := Figures{Without: make([]float64, len(all[0].Without))}
	for _, f := range all {
		mean.Seen += f.Seen / float64(len(all))
		for g, v := range f.Without {
			mean.Without[g] += v / float64(len(all))
		}
	}
	return mean
}

// Estimate is what a candidate will score over all images, with its standard error.
type Estimate struct {
	Score, Error float64
	groups       int
}

// Estimate goes by a candidate's figures and those of others whose mean score over
// all images is known: what the images seen are harder or easier for these is taken
// off the candidate's.
func (l Look) Estimate(candidate, others Figures, whole float64) Estimate {
	mean, parts := 0.0, make([]float64, l.groups)
	for g := range parts {
		parts[g] = candidate.Without[g] - others.Without[g]
		mean += parts[g] / float64(l.groups)
	}
	squares := 0.0
	for _, d := range parts {
		squares += (d - mean) * (d - mean)
	}
	left := 1 - float64(l.seen)/float64(l.of)
	return Estimate{
		Score: candidate.Seen - others.Seen + whole, groups: l.groups,
		Error: math.Sqrt(squares * float64(l.groups-1) / float64(l.groups) * left),
	}
}

// Below reports whether the candidate's score is below another's with a confidence.
func (e Estimate) Below(score, confidence float64) bool {
	return e.Score+quantile(confidence, e.groups-1)*e.Error < score
}
