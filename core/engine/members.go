package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
)

// joinEvery is how often a rank looks who is there, at the start and after a failure.
const joinEvery = 50 * time.Millisecond

// person is how a rank tells of itself.
type person struct {
	Version string `json:"version"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Machine string `json:"machine,omitempty"` // on which its number is one of a process; "" where that is not known
	Sums    string `json:"sums,omitempty"`    // by what it computes together with others
	Came    int64  `json:"came"`              // which of the rank's processes it is, from 1: it may be started again
}

// absent is a rank that was lost.
type absent struct {
	person
	beats int64 // of its life until then
}

func rankKey(rank int) string { return fmt.Sprintf("rank/%d", rank) }

// cameKey has the number of processes that have come as a rank.
func cameKey(rank int) string { return fmt.Sprintf("came/%d", rank) }

// come tells the others that this rank is there.
func (c *crew) come() error {
	came, err := c.store.Add(cameKey(c.place.Rank), 1)
	if err != nil {
		return err
	}
	if came > 1 { // the process before it may have failed
		if err := c.store.Set(failedKey(c.place.Rank), nil); err != nil {
			return err
		}
	}
	host, _ := os.Hostname()
	c.own = person{Version: c.version, Host: host, PID: os.Getpid(), Machine: thisMachine(), Sums: tensor.GroupKind(), Came: came}
	text, err := json.Marshal(c.own)
	if err != nil {
		return fmt.Errorf("what a rank tells of itself: %w", err)
	}
	return c.store.Set(rankKey(c.place.Rank), text)
}

func (c *crew) person(rank int) (person, bool, error) {
	var p person
	text, ok, err := c.ask(rankKey(rank), c.patience)
	if err != nil || !ok {
		return p, false, err
	}
	return p, true, json.Unmarshal(text, &p)
}

// sayWaits is after how long rank 0 tells whom it waits for.
const sayWaits = 10 * time.Second

// assemble waits until every rank is there to train. It returns which of their processes
// those are.
func (c *crew) assemble(ctx context.Context, note func(run.Event)) ([]person, error) {
	members, began, said := make([]person, c.place.World), time.Now(), false
	for r := 0; r < c.place.World; {
		p, ok, err := c.person(r)
		if err == nil && c.place.Launched {
			ok, err = c.mayCome(r, p, ok)
		}
		lost, gone := c.gone[r]
		switch {
		case errors.Is(err, ErrRank):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("looking for rank %d at %s: %w", r, c.place.At(), err)
		case ok && p.Version != c.version:
			return nil, fmt.Errorf("rank %d (%s) runs detnas %s and this rank %s; install one version everywhere", r, p.Host, p.Version, c.version)
		case ok && p.Sums != c.own.Sums:
			return nil, fmt.Errorf("rank %d (%s) adds up by %s, on %s, and this rank by %s, on %s: build detnas for all ranks with the same libtorch, Debian's or an official one (LIBTORCH)",
				r, p.Host, p.Sums, sumsOn(p.Sums), c.own.Sums, sumsOn(c.own.Sums))
		case ok && (!gone || p.Came != lost.Came || c.lives(r, lost)):
			members[r] = p
			delete(c.gone, r)
			r++
			continue
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case time.Since(began) > c.patience && gone:
			return nil, fmt.Errorf("%w: rank %d (process %d on %s) was lost in the search and has not come back to %s within %v; start it again, or go on with as many processes as there are: --resume takes another number of them",
				ErrRank, r, lost.PID, lost.Host, c.place.At(), c.patience)
		case time.Since(began) > c.patience:
			return nil, fmt.Errorf("rank %d has not come to %s within %v; start as many processes as WORLD_SIZE says", r, c.place.At(), c.patience)
		case time.Since(began) > sayWaits && !said:
			said = true
			note(run.Warning{What: fmt.Sprintf("waits for rank %d, without which nothing can be trained", r)})
		}
		time.Sleep(joinEvery)
	}
	return members, nil
}

// mayCome asks what launch has told of a rank: whether its process p, if it has come, is
// alive still. The error says that no other will come.
func (c *crew) mayCome(rank int, p person, came bool) (bool, error) {
	why, over, err := c.ask(ranks.OverKey(rank), c.patience)
	if over {
		return false, fmt.Errorf("%w: rank %d has died again and again (%s) and is started no more; see ranks/%d.txt in the run's folder, or go on with as many processes as can live here: --resume takes another number of them",
			ErrRank, rank, why, rank)
	}
	if err != nil || !came {
		return false, err
	}
	_, died, err := c.ask(ranks.DiedKey(rank, p.PID), c.patience)
	return !died, err
}

// lives reports whether there are signs of life of a rank since it was lost.
func (c *crew) lives(rank int, lost absent) bool {
	beats, err := c.beats(rank)
	return err == nil && beats != lost.beats
}

// sumsOn is what computes where ranks add up by Gloo or NCCL.
func sumsOn(kind string) string {
	if kind == sumsNCCL {
		return "GPUs"
	}
	return "CPUs"
}

// sumsNCCL is tensor.GroupKind of ranks on GPUs.
const sumsNCCL = "NCCL"

// regroup has the group of these members, which is opened anew where they are others
// than before. Every rank does so at the same order. d is what this one computes on.
func (c *crew) regroup(number int, members []person, d tensor.Device) error {
	if c.group != nil && c.groups == number {
		return nil
	}
	g, err := tensor.NewGroup(c.place.Rank, c.place.World)
	if err != nil {
		return err
	}
	if c.own.Sums == sumsNCCL {
		c.endVigil()
		c.endVigil = c.vigil(g, number, members)
	}
	c.group = nil
	if err := g.Open(c.store, "group/"+strconv.Itoa(number), ownAddress(c.place), d, c.patience); err != nil {
		return fmt.Errorf("the ranks cannot connect with each other: %w", err)
	}
	c.group, c.groups, c.members = g, number, members
	return nil
}

// muster is rank 0's part before a training step: all ranks are there, and o says by
// which group they compute.
func (c *crew) muster(ctx context.Context, o *order, note func(run.Event)) error {
	members, err := c.assemble(ctx, note)
	if err != nil {
		return err
	}
	o.Group, o.Members = c.groups, members
	if c.group == nil || !slices.Equal(members, c.members) {
		o.Group++
	}
	return nil
}

// startedAgain is a member of the group whose rank is another process by now, false where
// there is none.
func (c *crew) startedAgain() (rank int, was person, yes bool) {
	for r, was := range c.members {
		if p, ok, err := c.person(r); err == nil && ok && p.Came != was.Came {
			return r, was, true
		}
	}
	return 0, was, false
}
