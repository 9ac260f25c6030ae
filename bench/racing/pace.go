package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"detnas/core/config"
	"detnas/core/engine"
	"detnas/core/tensor"
	"detnas/nas"
)

// paceGroup is how many subnets are measured the plain way for each time that step 3 is
// timed.
const paceGroup = 4

// pace times what step 3 does beside the plain way, in turn. Without racing it measures
// some subnets, and the plain way the same ones; with racing it searches by the config's
// settings, each time from another seed, and the plain way measures some subnets whole.
// The plain way has all the threads for each subnet. Where several are measured at a
// time, that is also timed beside one at a time.
func (o options) pace(ctx context.Context, t *engine.Trials, cfg *config.Config, threads int) error {
	locks, err := o.locks()
	if err != nil {
		return err
	}
	var ratios, ours, shares, beside []float64
	for i := range o.pairs + 1 {
		subs := make([]nas.Subnet, paceGroup)
		for k := range subs {
			subs[k] = t.Random(paceGroup*i + k)
		}
		if i == 0 { // decodes the images and warms up
			if err := sameBits(ctx, t, subs, threads); err != nil {
				return err
			}
			continue
		}
		began, candidates := time.Now(), len(subs)
		if cfg.Search.Racing {
			trial, err := t.Search(ctx, uint64(i), locks, true) //nolint:gosec // a few
			if err != nil {
				return err
			}
			candidates = trial.Evaluated
			shares = append(shares, float64(trial.Images)/float64(trial.Evaluated*t.Images()))
		} else if _, err := t.Scores(ctx, subs); err != nil {
			return err
		}
		quick := time.Since(began).Seconds() / float64(candidates)
		if t.Team() != threads && !cfg.Search.Racing {
			began = time.Now()
			for _, sub := range subs {
				if _, err := t.Score(ctx, sub); err != nil {
					return err
				}
			}
			beside = append(beside, time.Since(began).Seconds()/float64(len(subs))/quick)
		}
		began = time.Now()
		for _, sub := range subs {
			if _, err := t.Plain(ctx, sub); err != nil {
				return err
			}
		}
		slow := time.Since(began).Seconds() / float64(len(subs))
		ours, ratios = append(ours, 60/quick), append(ratios, slow/quick)
	}
	slices.Sort(ours)
	slices.Sort(ratios)
	fmt.Printf("%.1f candidates a minute, %.2f times the plain way (medians of %d pairs; the middle half of the ratios from %.2f to %.2f)\n",
		ours[len(ours)/2], ratios[len(ratios)/2], o.pairs, ratios[len(ratios)/4], ratios[3*len(ratios)/4])
	if len(beside) > 0 {
		slices.Sort(beside)
		fmt.Printf("%.2f times one at a time by all the threads (from %.2f to %.2f)\n", beside[len(beside)/2], beside[0], beside[len(beside)-1])
	}
	if len(shares) > 0 {
		slices.Sort(shares)
		fmt.Printf("%.1f %% of the images measured (median)\n", 100*shares[len(shares)/2])
	}
	return nil
}

// sameBits wants subnets to score the same both ways, by as many threads.
func sameBits(ctx context.Context, t *engine.Trials, subs []nas.Subnet, threads int) error {
	scores, err := t.Scores(ctx, subs)
	if err != nil {
		return err
	}
	tensor.SetTeam(t.Team())
	defer tensor.SetTeam(threads)
	for i, sub := range subs {
		plain, err := t.Plain(ctx, sub)
		if err != nil {
			return err
		}
		if scores[i] != plain {
			return fmt.Errorf("subnet %v scores %v, and %v the plain way", sub, scores[i], plain)
		}
	}
	return nil
}
