package main

import (
	"fmt"
	"math"

	"detnas/core/config"
	"detnas/core/seed"
	"detnas/nas"
	"detnas/nas/search"
)

// The published setting: 44 GPU days in all, of which the search of 20 x 50 candidates
// took a day on 20 GPUs, supernet pre-training (300,000 iterations of 1,024 images) and
// fine-tuning (90,000 of 16) a day and a half on 8 GPUs each: DetNAS, arXiv 1903.10979,
// with the split as FNA (ICLR 2020) quotes it.
const (
	day                = 86400.0
	publishedCandidate = 20 * day / 1000 // of a candidate on one GPU
	pretrainIts        = 300_000
	pretrainBatch      = 1024
	finetuneIts        = 90_000
	finetuneBatch      = 16
	publishedGPUs      = 8
	stepDays           = 1.5 // on publishedGPUs
)

// counts are the workers of the search's tables, ranks those of training's.
var (
	counts = []int{1, 8, 16, 20, 32, 50, 64, 128, 256, 512, 1024} //nolint:gochecknoglobals // constants
	ranks  = []int{1, 2, 4, 8, 16, 32, 64, 128, 256}              //nolint:gochecknoglobals // constants
)

// scenario is a search by crews of growing size.
type scenario struct {
	name string
	cfg  search.Config
	j    judge
	crew func(size int) crew
	gap  float64
	one  float64 // seconds that one worker of speed 1 takes for the search without racing
}

// equal is a crew of workers that are all alike and there from the start.
func equal(size int) crew { return crew{size: size} }

// grown is the published search with generations of another size, and as many candidates.
func grown(c search.Config, population int) search.Config {
	c.Generations = c.Generations * c.Population / population
	c.Mutations, c.Crossovers = c.Mutations*population/c.Population, c.Crossovers*population/c.Population
	c.Population = population
	return c
}

// slower is a crew of whom one in so many is slower by a factor, the first never.
func slower(oneIn int, factor float64, backup bool) func(int) crew {
	return func(size int) crew {
		return crew{size: size, backup: backup, speed: func(w int) float64 {
			if w%oneIn == 1 {
				return 1 / factor
			}
			return 1
		}}
	}
}

const (
	startUp = 300.0 // assumed: seconds until a worker has the supernet and the images
	lostOf  = 10    // of so many workers one is lost
)

// mortal is a crew that comes late, and of whom one in ten is lost at a random moment of
// the time that the whole would take if all always measured, and is there again.
func mortal(whole float64) func(int) crew {
	return func(size int) crew {
		return crew{size: size, starts: startUp, lost: func(w int) (float64, bool) {
			r := seed.Rand(0, "scaling", "lost", size, w)
			return startUp + r.Float64()*whole/float64(size), r.IntN(lostOf) == 0
		}}
	}
}

// published are the scenarios of the published search, over recorded times and scores.
func published(all []measured) ([]scenario, error) {
	space, err := nas.Preset("300m")
	if err != nil {
		return nil, err
	}
	of, err := recordedSpace()
	if err != nil {
		return nil, err
	}
	m, err := modelling(all, of, space, publishedCandidate)
	if err != nil {
		return nil, err
	}
	cfg := search.Published(space, 0)
	gap := meanGap(all)
	alone, err := scenario{cfg: cfg, j: m, crew: equal}.by(1)
	if err != nil {
		return nil, err
	}
	raced := m
	raced.races = &racing{half: raceHalf}
	random, regular := cfg, cfg
	random.Method, regular.Method, regular.Tournament = search.RandomSearch, search.Regularized, 12
	out := []scenario{
		{name: "as published, 20 x 50", cfg: cfg, j: m, crew: equal},
		{name: "10 x 100", cfg: grown(cfg, 100), j: m, crew: equal},
		{name: "5 x 200", cfg: grown(cfg, 200), j: m, crew: equal},
		{name: "2 x 500", cfg: grown(cfg, 500), j: m, crew: equal},
		{name: "random, 1 x 1000", cfg: grown(random, 1000), j: m, crew: equal},
		{name: "regularized", cfg: regular, j: m, crew: equal},
		{name: "20 x 50, racing", cfg: cfg, j: raced, crew: equal},
		{name: "5 x 200, racing", cfg: grown(cfg, 200), j: raced, crew: equal},
		{name: "20 x 50, every other worker half as fast", cfg: cfg, j: m, crew: slower(2, 2, false)},
		{name: "20 x 50, one in ten a quarter as fast", cfg: cfg, j: m, crew: slower(10, 4, false)},
		{name: "the same, with backups", cfg: cfg, j: m, crew: slower(10, 4, true)},
		{name: "5 x 200, one in ten a quarter as fast", cfg: grown(cfg, 200), j: m, crew: slower(10, 4, false)},
		{name: "the same, with backups", cfg: grown(cfg, 200), j: m, crew: slower(10, 4, true)},
		{name: "20 x 50, start of 5 min, one in ten lost", cfg: cfg, j: m, crew: mortal(alone.seconds)},
	}
	for i := range out {
		one, err := scenario{cfg: out[i].cfg, j: m, crew: equal}.by(1)
		if err != nil {
			return nil, err
		}
		out[i].gap, out[i].one = gap, one.seconds
	}
	return out, nil
}

// recordedSpace is that of the recorded runs: the preset small's.
func recordedSpace() (nas.Space, error) {
	cfg, err := config.Load("small", nil)
	if err != nil {
		return nas.Space{}, err
	}
	return cfg.Space.NAS(10)
}

// rerun is the search that a recorded run made: the preset small's with the run's seed.
func rerun(all []measured, name string, runSeed uint64) (scenario, error) {
	cfg, err := config.Load("small", nil)
	if err != nil {
		return scenario{}, err
	}
	space, err := cfg.Space.NAS(10)
	if err != nil {
		return scenario{}, err
	}
	j, err := replaying(all, name, space)
	if err != nil {
		return scenario{}, err
	}
	one := 0.0
	for _, m := range all {
		if m.run == name {
			one += m.seconds
		}
	}
	c := cfg.Search
	return scenario{
		name: name, j: j, crew: equal, gap: meanGap(all), one: one,
		cfg: search.Config{
			Space: space, Seed: seed.Derive(runSeed, "search"), Method: search.Method(c.Method), Population: c.Population, Generations: c.Generations,
			Parents: c.Parents, Mutations: c.Mutations, Crossovers: c.Crossovers, Mutation: c.MutateProb,
		},
	}, nil
}

// meanGap is how long a search takes between two candidates, in the recorded mean.
func meanGap(all []measured) float64 {
	sum, n := 0.0, 0
	for _, m := range all {
		if m.gap > 0 {
			sum += m.gap
			n++
		}
	}
	return sum / math.Max(1, float64(n))
}

// by simulates a scenario with so many workers.
func (sc scenario) by(workers int) (outcome, error) {
	s, err := search.New(sc.cfg)
	if err != nil {
		return outcome{}, err
	}
	o, err := simulate(s, sc.j, sc.crew(workers), sc.gap)
	if err != nil {
		return o, fmt.Errorf("%s, %d workers: %w", sc.name, workers, err)
	}
	return o, nil
}

// trainings are the training steps of the tables.
func trainings() (publishedOnes, own []training, err error) {
	space, err := nas.Preset("300m")
	if err != nil {
		return nil, nil, err
	}
	d, err := detecting(space, nas.COCODetector())
	if err != nil {
		return nil, nil, err
	}
	pre, fine := classifying(space), d
	pre.name, pre.batch, pre.source = "step 1, batch 1,024", pretrainBatch, "published pace"
	pre.image = stepDays * day / pretrainIts * publishedGPUs / pretrainBatch
	fine.name, fine.batch, fine.source = "step 2, batch 16", finetuneBatch, "published pace"
	fine.image = stepDays * day / finetuneIts * publishedGPUs / finetuneBatch
	wide := fine
	wide.name, wide.batch = "step 2, batch 256", 256
	cpu, gpu := pre, pre
	// docs/benchmarks.md: 598.0 ms for 32 images of 224² by two cores; on an H200 30.2 ms
	// for these and 14.5 for 64 of 64², which are 5.22 of 224² by their pixels.
	cpu.name, cpu.image, cpu.source = "step 1, batch 1,024, 2 cores a rank", 0.598/32, "docs/benchmarks.md"
	const small = 64.0 * 64 * 64 / (224 * 224)
	gpu.name, gpu.source = "step 1, batch 1,024, H200", "docs/benchmarks.md"
	gpu.image = (0.0302 - 0.0145) / (32 - small)
	gpu.fixed = 0.0302 - 32*gpu.image
	return []training{pre, fine, wide}, []training{gpu, cpu}, nil
}

// smallTrainings are the first two steps of a recorded run of the preset small, at the
// pace that it had by one thread.
func smallTrainings(steps []pace, run string) ([]training, error) {
	space, err := recordedSpace()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load("small", nil)
	if err != nil {
		return nil, err
	}
	c := classifying(space)
	// The preset's detector: a pyramid on C3 to C5 without a box head's convolutions, on
	// BCCD's three classes.
	d, err := detecting(space, nas.DetectorSpec{
		Input: nas.Square(320), NeckChannels: 128, First: 1, Levels: 4, NeckNorm: true, RPNChannels: 128, Anchors: 3,
		Classes: 3, RoISize: 7, FCs: 1, FCWidth: 256, RoIs: 64,
	})
	if err != nil {
		return nil, err
	}
	c.name, c.batch = "BCCD, step 1", cfg.SupernetPretrain.Batch
	d.name, d.batch = "BCCD, step 2", cfg.SupernetFinetune.Batch
	for _, p := range steps {
		if p.run == run && p.step == 1 {
			c.image = 1 / p.imagesPerS
		}
		if p.run == run && p.step == 2 {
			d.image = 1 / p.imagesPerS
		}
	}
	if c.image == 0 || d.image == 0 {
		return nil, fmt.Errorf("steps.csv lacks steps 1 and 2 of run %s", run)
	}
	return []training{c, d}, nil
}
