package search

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"detnas/nas"
)

// digest is 16 hex digits over all that a search proposed and was told.
func digest(all []Candidate) string {
	h := sha256.New()
	for _, c := range all {
		h.Write(fmt.Appendln(nil, c.Index, c.Generation, c.Origin, c.Parents, c.Subnet.Key(), c.Score))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// The proposals of the paper's evolution are those that were recorded before there
// was any other method: runs that are resumed rest on them.
func TestEvolutionAsRecorded(t *testing.T) {
	whole := newSearch(t, limited(t))
	runWith(t, whole, math.MaxInt, fineScore)
	acted := newSearch(t, steered(Evolution))
	for from := acts(t, steered(Evolution)); ; {
		for len(from) > 0 && from[0].At <= len(acted.Evaluated()) {
			if err := from[0].Do(acted); err != nil {
				t.Fatal(err)
			}
			from = from[1:]
		}
		c, ok := acted.Next()
		if !ok {
			break
		}
		if err := acted.Report(c.Index, fineScore(c.Subnet)); err != nil {
			t.Fatal(err)
		}
	}
	holed := newSearch(t, steered(Evolution))
	runWith(t, holed, math.MaxInt, func(s nas.Subnet) float64 {
		if s[2] == nas.Shuffle5x5 {
			return math.NaN()
		}
		return fineScore(s)
	})
	for name, tc := range map[string]struct {
		s    *Search
		n    int
		want string
	}{
		"published":       {whole, 1000, "4fa53106d673f798"},
		"steered":         {acted, 48, "a6228a7bc7081a90"},
		"without a score": {holed, 40, "8dbfc59d01761e54"},
	} {
		if got := digest(tc.s.Evaluated()); got != tc.want || len(tc.s.Evaluated()) != tc.n {
			t.Errorf("%s: %d candidates with the digest %s, recorded were %d with %s", name, len(tc.s.Evaluated()), got, tc.n, tc.want)
		}
	}
}
