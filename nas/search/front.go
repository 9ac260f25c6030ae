package search

import (
	"cmp"
	"math"
	"slices"

	"detnas/nas"
)

// Front returns the measured candidates that no other one dominates: none has a
// score as high at a cost as low, and one of the two better. They stand by score,
// the highest first, and at equal scores by cost, the lowest first.
func Front(all []Candidate, cost func(nas.Subnet) float64) []Candidate {
	measured := Ranked(all)
	if len(measured) == 0 {
		return nil
	}
	points := pointsOf(measured, cost)
	first := fronts(points)[0]
	slices.SortStableFunc(first, func(a, b int) int {
		return cmp.Or(cmp.Compare(points[b].score, points[a].score), cmp.Compare(points[a].cost, points[b].cost))
	})
	out := make([]Candidate, len(first))
	for i, at := range first {
		out[i] = measured[at]
	}
	return out
}

// point is a candidate by what NSGA-II sees of it.
type point struct {
	score float64 // high is good
	cost  float64 // low is good
}

func pointsOf(all []Candidate, cost func(nas.Subnet) float64) []point {
	out := make([]point, len(all))
	for i, c := range all {
		out[i] = point{score: c.Score, cost: cost(c.Subnet)}
	}
	return out
}

func (p point) dominates(q point) bool {
	return p.score >= q.score && p.cost <= q.cost && (p.score > q.score || p.cost < q.cost)
}

// fronts sorts points by non-domination (Deb et al. 2002, section III-A): the
// first front is dominated by none, the next by the first alone, and so on. Within
// a front indices rise.
func fronts(points []point) [][]int {
	dominated, above := make([][]int, len(points)), make([]int, len(points))
	var front []int
	for i, p := range points {
		for j, q := range points {
			switch {
			case p.dominates(q):
				dominated[i] = append(dominated[i], j)
			case q.dominates(p):
				above[i]++
			}
		}
		if above[i] == 0 {
			front = append(front, i)
		}
	}
	var out [][]int
	for len(front) > 0 {
		out = append(out, front)
		var next []int
		for _, i := range front {
			for _, j := range dominated[i] {
				if above[j]--; above[j] == 0 {
					next = append(next, j)
				}
			}
		}
		slices.Sort(next)
		front = next
	}
	return out
}

// crowding is how far each point of a front stands from its neighbours, summed over
// score and cost and each in shares of the front's range; the ends of the front stand
// infinitely far (Deb et al. 2002, section III-B).
func crowding(points []point, front []int) []float64 {
	out := make([]float64, len(front))
	for _, of := range []func(point) float64{
		func(p point) float64 { return p.score },
		func(p point) float64 { return p.cost },
	} {
		value := func(at int) float64 { return of(points[front[at]]) }
		order := make([]int, len(front))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(value(a), value(b)) })
		last := len(order) - 1
		least, most := value(order[0]), value(order[last])
		out[order[0]], out[order[last]] = math.Inf(1), math.Inf(1)
		if most == least {
			continue
		}
		for i := 1; i < last; i++ {
			out[order[i]] += (value(order[i+1]) - value(order[i-1])) / (most - least)
		}
	}
	return out
}

// selected are the n of a pool that survive, each with its place: whole fronts, and
// of the one that does not fit the least crowded.
func selected(pool []Candidate, cost func(nas.Subnet) float64, n int) []placed {
	var out []placed
	points := pointsOf(pool, cost)
	for rank, front := range fronts(points) {
		if len(out) == n {
			break
		}
		members := make([]placed, len(front))
		for i, d := range crowding(points, front) {
			members[i] = placed{Candidate: pool[front[i]], rank: rank, distance: d}
		}
		if room := n - len(out); len(members) > room {
			slices.SortStableFunc(members, func(a, b placed) int { return cmp.Compare(b.distance, a.distance) })
			members = members[:room]
		}
		out = append(out, members...)
	}
	return out
}
