package run

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"

	"detnas/core/input"
)

// RankLog is the log of a rank other than 0 in a run's folder.
func RankLog(dir string, rank int) string {
	return filepath.Join(dir, "ranks", strconv.Itoa(rank)+".txt")
}

// longestHost is how much is shown of a host's name; Linux has none that is longer.
const longestHost = 64

// On is the host of a rank's process, as a line may hold it.
func (r Rank) On() string { return input.Brief(r.Host, longestHost) }

// Ranks is what the processes that train together do, as each of them has told rank 0
// last. Older programs pass it over, and their journals have none.
type Ranks struct {
	Step  int    `json:"step"`  // of the run; 0 before the first
	Ranks []Rank `json:"ranks"` // by their numbers, those that have come

	// World and WaitS are set where there are more than MostRanks: how many there are, and
	// what all of them wait for others in an iteration, on average. Ranks are then rank 0,
	// those that are silent and those that wait least.
	World int     `json:"world,omitempty"`
	WaitS float64 `json:"wait_s,omitempty"`
}

// MostRanks is the most ranks that an event tells of one by one.
const MostRanks = 64

// Of is how many ranks there are.
func (e Ranks) Of() int { return max(e.World, len(e.Ranks)) }

// Rank is one of the processes. Its seconds are means of the Made iterations since the
// Ranks event before; where it has made none since, they are those of that event.
type Rank struct {
	Rank      int    `json:"rank"`
	Host      string `json:"host,omitempty"`
	PID       int    `json:"pid,omitempty"`
	Iteration int    `json:"iteration"` // done in the step
	Made      int    `json:"made"`      // iterations since the event before

	ComputeS   float64 `json:"compute_s"`         // of an iteration, spent on its share of the batch
	DataS      float64 `json:"data_s"`            // of an iteration, waiting for its data
	WaitS      float64 `json:"wait_s"`            // of an iteration, in calls that wait for the other ranks and send to them
	OrderS     float64 `json:"order_s,omitempty"` // of an iteration, waiting while rank 0 saves, measures or is steered
	ImagesPerS float64 `json:"images_per_s"`      // of its share, in the time that it does not wait for others: its own speed

	CPU      float64 `json:"cpu"`                 // cores busy
	Memory   int64   `json:"memory"`              // resident bytes
	GPU      float64 `json:"gpu,omitempty"`       // busy share of the device, 0 to 1
	GPUBytes int64   `json:"gpu_bytes,omitempty"` // memory in use on the device

	Idle    bool    `json:"idle,omitempty"`     // it has no part in what is done, and waits for rank 0's word
	SilentS float64 `json:"silent_s,omitempty"` // seconds for which nothing was heard of it, where that is long
}

// Kind is the event's "type" in the journal.
func (Ranks) Kind() string { return "ranks" }

// Seconds is how long an iteration of the rank takes, without what rank 0 does between
// two of them; 0 where none is known.
func (r Rank) Seconds() float64 { return r.ComputeS + r.DataS + r.WaitS }

// Waits is the share of an iteration that the rank waits for the others, 0 to 1.
func (r Rank) Waits() float64 { return share(r.WaitS, r.Seconds()) }

// WaitsForData is the share of an iteration that the rank waits for its data, 0 to 1.
func (r Rank) WaitsForData() float64 { return share(r.DataS, r.Seconds()) }

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(part/whole, 0), 1)
}

// LagFrom is the share of an iteration from which on ranks that wait for another name it
// as the slowest. Below it they go abreast: moments of a busy machine.
const LagFrom = 0.05

// Slowest is the rank that the others wait for: in lockstep all take the same time, and
// the one that computes longest waits least. lag is the share of an iteration that the
// others wait longer than it, on average. ok is false where they go abreast, or where
// fewer than two have told.
func (e Ranks) Slowest() (slowest Rank, lag float64, ok bool) {
	n, waits, seconds := 0, 0.0, 0.0
	for _, r := range e.Ranks {
		if r.Seconds() <= 0 {
			continue
		}
		if n == 0 || r.WaitS < slowest.WaitS {
			slowest = r
		}
		n, waits, seconds = n+1, waits+r.WaitS, seconds+r.Seconds()
	}
	if n < 2 {
		return Rank{}, 0, false
	}
	seconds /= float64(n)
	if e.World > n {
		n, waits = e.World, e.WaitS*float64(e.World)
	}
	others := (waits - slowest.WaitS) / float64(n-1)
	lag = share(others-slowest.WaitS, seconds)
	return slowest, lag, lag >= LagFrom
}

// Cut leaves at most MostRanks of the ranks.
func (e Ranks) Cut() Ranks {
	if len(e.Ranks) <= MostRanks {
		return e
	}
	n := 0
	for _, r := range e.Ranks {
		if r.Seconds() > 0 {
			n, e.WaitS = n+1, e.WaitS+r.WaitS
		}
	}
	e.World, e.WaitS = len(e.Ranks), e.WaitS/float64(max(n, 1))
	worth := func(r Rank) int {
		switch {
		case r.Rank == 0:
			return 0
		case r.SilentS > 0:
			return 1
		case r.Seconds() > 0:
			return 2
		}
		return 3
	}
	kept := slices.Clone(e.Ranks)
	slices.SortStableFunc(kept, func(a, b Rank) int { return cmp.Or(cmp.Compare(worth(a), worth(b)), cmp.Compare(a.WaitS, b.WaitS)) })
	kept = kept[:MostRanks]
	slices.SortFunc(kept, func(a, b Rank) int { return cmp.Compare(a.Rank, b.Rank) })
	e.Ranks = kept
	return e
}

// ByWait are the ranks that are silent, then the others, who waits least first: it is that
// the others wait for.
func (e Ranks) ByWait() []Rank {
	out := slices.Clone(e.Ranks)
	slices.SortStableFunc(out, func(a, b Rank) int {
		return cmp.Or(cmp.Compare(b.SilentS, a.SilentS), cmp.Compare(a.Waits(), b.Waits()))
	})
	return out
}

// Silent are the ranks of which nothing was heard for long.
func (e Ranks) Silent() []Rank {
	var out []Rank
	for _, r := range e.Ranks {
		if r.SilentS > 0 {
			out = append(out, r)
		}
	}
	return out
}
