// Command ranks times a step, a training or the search, by one process with so many
// threads beside as many processes of one thread each, which do it together: whole runs,
// in turn. With -evaluations it times those within a training in place of its iterations.
//
//	bench-ranks -workers 2 -pairs 5 -step 2 -- CONFIG --to 2 --set KEY=VALUE ...
//
// What follows -- is given to detnas run and to detnas launch. The time is that between
// the second event of the step in the journal and the last, in which nothing else should
// happen: give a training log_every and, as 0, eval_every and checkpoint_every, and the
// search search.reuse=false. An evaluation's time is that since the event before it in the
// journal, a training's: give it an eval_every that is a multiple of log_every, and as
// checkpoint_every 0. The first one, which fills caches, is left out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"detnas/core/config"
	"detnas/core/run"
)

func main() {
	var b bench
	flag.StringVar(&b.program, "program", "bin/detnas", "`path` of detnas")
	flag.IntVar(&b.workers, "workers", 2, "processes, and threads of the one")
	flag.IntVar(&b.pairs, "pairs", 5, "runs of each kind")
	flag.IntVar(&b.step, "step", 2, "step, 1 to 5")
	flag.BoolVar(&b.evaluations, "evaluations", false, "time the evaluations within the step")
	flag.Parse()
	b.args = flag.Args()
	if err := b.measure(); err != nil {
		fmt.Fprintln(os.Stderr, "ranks:", err)
		os.Exit(1)
	}
}

type bench struct {
	program              string
	workers, pairs, step int
	evaluations          bool
	args                 []string
}

func (b bench) measure() error {
	dir, err := os.MkdirTemp("", "detnas-bench-ranks-")
	if err != nil {
		return fmt.Errorf("a folder for the runs: %w", err)
	}
	defer os.RemoveAll(dir)
	n := strconv.Itoa(b.workers)
	var ratios []float64
	for pair := range b.pairs {
		one, err := b.rate(dir, fmt.Sprintf("one-%d", pair), "run", "--set", "threads="+n)
		if err != nil {
			return err
		}
		many, err := b.rate(dir, fmt.Sprintf("many-%d", pair), "launch", "--workers", n, "--set", "threads=1")
		if err != nil {
			return err
		}
		ratios = append(ratios, many/one)
		fmt.Printf("one process of %s threads %.3f %s/s, %s processes of one thread %.3f: %.3f times\n", n, one, b.unit(), n, many, many/one)
	}
	slices.Sort(ratios)
	fmt.Printf("median %.3f times, from %.3f to %.3f\n", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	return nil
}

// unit is what is counted.
func (b bench) unit() string {
	switch {
	case b.evaluations:
		return "evaluations"
	case b.step == config.StepSearch:
		return "candidates"
	}
	return "iterations"
}

// at is how far an event says that the step is, if it is one of the step's.
func (b bench) at(e run.Event) (n int, ok bool) {
	switch e := e.(type) {
	case run.Train:
		return e.Iteration, e.Step == b.step
	case run.Candidate:
		return e.Index, b.step == config.StepSearch
	}
	return 0, false
}

// rate does a run and returns its iterations, candidates or evaluations per second.
func (b bench) rate(dir, name, command string, more ...string) (float64, error) {
	args := slices.Concat([]string{command}, b.args, []string{"--headless", "--runs", dir, "--name", name}, more)
	if out, err := exec.Command(b.program, args...).CombinedOutput(); err != nil { //nolint:gosec // detnas
		return 0, fmt.Errorf("detnas %s: %w\n%s", command, err, out)
	}
	if b.evaluations {
		return b.evaluated(filepath.Join(dir, name, "events.jsonl"))
	}
	var began, ended time.Time
	var first, last, seen int
	err := run.ReadJournal(filepath.Join(dir, name, "events.jsonl"), func(e run.Entry) error {
		if n, ok := b.at(e.Event); ok {
			if seen++; seen == 2 {
				began, first = e.Time, n
			}
			ended, last = e.Time, n
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if last <= first || seen < 3 {
		return 0, errors.New("the journal has fewer than three events of the step; give it more iterations or a lower log_every")
	}
	return float64(last-first) / ended.Sub(began).Seconds(), nil
}

// evaluated is how many evaluations a second a journal has.
func (b bench) evaluated(journal string) (float64, error) {
	var before time.Time
	var took time.Duration
	n := 0
	err := run.ReadJournal(journal, func(e run.Entry) error {
		switch ev := e.Event.(type) {
		case run.Train:
			before = e.Time
		case run.Eval:
			if ev.Step == b.step {
				if n++; n > 1 {
					took += e.Time.Sub(before)
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if n < 3 {
		return 0, errors.New("the journal has fewer than three evaluations of the step; give it more iterations or a lower eval_every")
	}
	return float64(n-1) / took.Seconds(), nil
}
