// Command racing measures what racing saves in the search of a run's supernet, and
// whether it finds what measuring every candidate whole finds.
//
// It searches from several seeds, with racing and without, by the run's own settings
// (-set changes them), and prints for each the share of the images that candidates
// were measured on and how many of the ten best are the same. Scores and stops are
// those of step 3, whose code it is; what a candidate finds is computed once and kept
// in -record, since all the searches see the same images.
//
// With -pairs it times what step 3 does beside the plain way instead, in turn (pace.go).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/engine"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/nas"
)

type sets []string

func (s *sets) String() string { return strings.Join(*s, " ") }

func (s *sets) Set(v string) error { *s = append(*s, v); return nil }

func main() {
	var (
		o    options
		list sets
	)
	flag.StringVar(&o.run, "run", "", "`folder` of a run whose step 2 is done")
	flag.StringVar(&o.record, "record", "", "`file` that keeps what candidates find")
	flag.IntVar(&o.seeds, "seeds", 5, "searches, from the seeds 1, 2, ...")
	flag.StringVar(&o.within, "within", "", "search only subnets of this `form`: a digit in a block locks its choice, x leaves it open")
	flag.IntVar(&o.pairs, "pairs", 0, "in place of searches, time step 3 and the plain way so often, in turn")
	flag.Var(&list, "set", "`key=value` of the config; may be given again")
	flag.Parse()
	o.sets = list
	if err := o.measure(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "racing:", err)
		os.Exit(1)
	}
}

type options struct {
	run, record, within string
	seeds, pairs        int
	sets                []string
}

func (o options) measure(ctx context.Context) error {
	f, err := run.Find("", o.run)
	if err != nil {
		return err
	}
	cfg, err := config.Load(f.Config(), o.sets)
	if err != nil {
		return err
	}
	threads := max(cfg.Threads, 0)
	if threads == 0 {
		threads = 2
	}
	return tensor.OnThread(threads, func() error {
		t, err := engine.OpenTrials(ctx, cfg, f)
		if err != nil {
			return err
		}
		defer t.Free()
		if o.pairs > 0 {
			return o.pace(ctx, t, cfg, threads)
		}
		if err := t.Record(o.record); err != nil {
			return err
		}
		return o.table(ctx, t)
	})
}

// locks are the choices of the blocks that -within locks.
func (o options) locks() (map[int]nas.Choice, error) {
	locks, block := map[int]nas.Choice{}, 0
	for _, c := range o.within {
		switch {
		case c == '-':
			continue
		case c >= '0' && c <= '9':
			locks[block+1] = nas.Choice(c - '0')
		case c != 'x':
			return nil, fmt.Errorf("-within %s: %c is no choice; write a digit, or x for a block that is open", o.within, c)
		}
		block++
	}
	return locks, nil
}

func (o options) table(ctx context.Context, t *engine.Trials) error {
	fmt.Printf("%d images guide the search\n\n| seed | candidates | stopped | images measured | of the ten best found |\n|---|---|---|---|---|\n", t.Images())
	locks, err := o.locks()
	if err != nil {
		return err
	}
	for seed := range uint64(o.seeds) { //nolint:gosec // a few
		whole, err := t.Search(ctx, seed+1, locks, false)
		if err != nil {
			return err
		}
		if err := t.Save(o.record); err != nil {
			return err
		}
		raced, err := t.Search(ctx, seed+1, locks, true)
		if err != nil {
			return err
		}
		same := 0
		for _, sub := range whole.Best {
			if slices.Contains(raced.Best, sub) {
				same++
			}
		}
		fmt.Printf("| %d | %d | %d | %.1f %% | %d of %d |\n", seed+1, raced.Evaluated, raced.Stopped,
			100*float64(raced.Images)/float64(whole.Images), same, len(whole.Best))
		if err := t.Save(o.record); err != nil {
			return err
		}
	}
	return nil
}
