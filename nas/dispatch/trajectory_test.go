package dispatch_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/seed"
	"detnas/nas"
	"detnas/nas/dispatch"
	"detnas/nas/search"
)

// scoreOf is a score of a subnet, the same ever; some have none.
func scoreOf(sub nas.Subnet) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(sub.Key()))
	if h.Sum64()%11 == 0 {
		return math.NaN()
	}
	return float64(h.Sum64()%1000) / 1000
}

func newSearch(t *testing.T, method search.Method) *search.Search {
	t.Helper()
	space, err := nas.Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	s, err := search.New(search.Config{
		Space: space, Seed: 7, Method: method, Population: 12, Generations: 4, Parents: 4, Mutations: 4, Crossovers: 4, Mutation: 0.3,
		Tournament: 3, Cost: func(sub nas.Subnet) float64 { return float64(sub[0]) },
		Allowed: func(nas.Subnet) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// steer does what people do before some candidates.
func steer(t *testing.T, s *search.Search, at int) {
	t.Helper()
	of := func(c nas.Choice) nas.Subnet { return slices.Repeat(nas.Subnet{c}, 20) }
	switch at {
	case 5:
		for c := range nas.Choice(4) {
			if err := s.Pin(of(c)); err != nil {
				t.Fatal(err)
			}
		}
	case 6:
		for c := range nas.Choice(4) {
			s.Unpin(of(c))
		}
	case 20:
		if err := s.Lock(2, 1); err != nil {
			t.Fatal(err)
		}
	}
}

// inTurn searches with one candidate after the other.
func inTurn(t *testing.T, s *search.Search) {
	t.Helper()
	for {
		steer(t, s, len(s.Evaluated()))
		c, ok := s.Next()
		if !ok {
			return
		}
		if err := s.Report(c.Index, scoreOf(c.Subnet)); err != nil {
			t.Fatal(err)
		}
	}
}

// crowd are workers of several speeds, who come and get lost as chance has it.
type crowd struct {
	r    *rand.Rand
	q    *dispatch.Queue
	left map[dispatch.Worker]int // moments until each is done with what it is at
	pace map[dispatch.Worker]int
	log  map[string]int
}

func (c *crowd) join() {
	c.pace[c.q.Join()] = 1 + c.r.IntN(12)
	c.log["joined"]++
}

// moment lets some time go by, in which any of the workers may do anything.
func (c *crowd) moment(t *testing.T, scores map[string]float64, subs map[string]nas.Subnet) {
	t.Helper()
	if c.r.IntN(40) == 0 && len(c.pace) < 9 {
		c.join()
	}
	workers := slices.Sorted(maps.Keys(c.pace))
	c.r.Shuffle(len(workers), func(i, j int) { workers[i], workers[j] = workers[j], workers[i] })
	for _, w := range workers {
		if len(c.pace) > 1 && c.r.IntN(150) == 0 {
			c.q.Leave(w)
			delete(c.pace, w)
			delete(c.left, w)
			c.log["lost"]++
			continue
		}
		if n, at := c.left[w]; at && n > 0 {
			c.left[w]--
			continue
		}
		if key, at := c.q.Doing(w); at {
			others := c.q.At(key)
			if _, counts := c.q.Finish(w); counts {
				scores[key] = scoreOf(subs[key])
				for _, o := range others {
					if o != w {
						c.q.Finish(o)
						c.left[o] = 0
						c.log["saved by another"]++
					}
				}
			}
		}
		before := len(c.q.Out())
		if key, ok := c.q.Take(w); ok {
			c.left[w] = c.pace[w] * (1 + c.r.IntN(3))
			if out := c.q.Out(); len(out) > before && len(out) > 2*c.q.Workers() && key != out[0] {
				t.Fatalf("%d candidates are handed out to %d workers", len(out), c.q.Workers())
			}
		}
	}
}

// together searches with a crowd, which ends by itself or the test hangs.
func together(t *testing.T, s *search.Search, c *crowd) {
	t.Helper()
	scores, subs := map[string]float64{}, map[string]nas.Subnet{}
	for {
		steer(t, s, len(s.Evaluated()))
		turn, ok := s.Next()
		if !ok {
			return
		}
		key, upcoming := turn.Subnet.Key(), []string{}
		subs[key] = turn.Subnet
		for _, sub := range s.Upcoming() {
			upcoming = append(upcoming, sub.Key())
			subs[sub.Key()] = sub
		}
		for _, k := range c.q.Turn(key, upcoming) {
			delete(scores, k)
			c.log["dropped"]++
		}
		for moments := 0; !c.q.Done(key); moments++ {
			if moments > 10000 {
				t.Fatalf("candidate %d (%s) is never measured", turn.Index, key)
			}
			c.moment(t, scores, subs)
		}
		c.q.Settle(key)
		if err := s.Report(turn.Index, scores[key]); err != nil {
			t.Fatal(err)
		}
		delete(scores, key)
	}
}

// TestTrajectory lets crowds of workers measure a search's candidates, of any speeds,
// with losses and late comers, and wants what one candidate after the other comes to.
func TestTrajectory(t *testing.T) {
	totals := map[string]int{}
	for _, method := range []search.Method{search.Evolution, search.RandomSearch, search.Regularized, search.NSGA2} {
		alone := newSearch(t, method)
		inTurn(t, alone)
		want := fmt.Sprint(alone.Evaluated())
		for trial := range 60 {
			c := &crowd{
				r: seed.Rand(uint64(trial), "dispatch", string(method)), q: dispatch.New(),
				left: map[dispatch.Worker]int{}, pace: map[dispatch.Worker]int{}, log: map[string]int{},
			}
			c.q.Backups = trial%2 == 0
			for range 1 + trial%6 {
				c.join()
			}
			s := newSearch(t, method)
			together(t, s, c)
			if d := cmp.Diff(want, fmt.Sprint(s.Evaluated())); d != "" {
				t.Fatalf("%s, trial %d (-one at a time +crowd):\n%s", method, trial, d)
			}
			for what, n := range c.log {
				totals[what] += n
			}
		}
	}
	for _, what := range []string{"joined", "lost", "dropped", "saved by another"} {
		if totals[what] < 20 {
			t.Errorf("it happened %d times that one was %s; the test wants that often", totals[what], what)
		}
	}
	t.Log(totals)
}
