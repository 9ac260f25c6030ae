package engine

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/detector/cocoeval"
	"detnas/nas"
	"detnas/nas/search"
	"detnas/nas/supernet"
)

// Trials search a run's supernet beside the run, to measure what a search costs and
// finds. A trial proposes and scores as step 3 does, and writes nothing.
type Trials struct {
	s     *scorer
	j     *judge
	space nas.Space
}

// OpenTrials loads the supernet that step 2 of a run left, by the run's config. It
// is to be called, as all of its methods, within tensor.OnThread.
func OpenTrials(ctx context.Context, cfg *config.Config, f *run.Folder) (*Trials, error) {
	e := &engine{cfg: cfg, folder: f, opts: Options{}}
	e.threads, e.workers, e.atOnce = plan(cfg, e.place)
	var err error
	if e.device, err = pickDevice(cfg.Device, e.place); err != nil {
		return nil, err
	}
	e.data = newData(cfg, f.Data(), func(run.Event) {})
	if err := e.data.detection(ctx); err != nil {
		return nil, err
	}
	if cfg.Search.Guide != config.GuideDetection {
		return nil, fmt.Errorf("search.guide = %q: only searches guided by detection are tried", cfg.Search.Guide)
	}
	weights, from, err := e.supernet()
	if err != nil {
		return nil, err
	}
	j, err := e.newJudge(weights, from)
	if err != nil {
		return nil, err
	}
	return &Trials{s: j.scorer, j: j, space: j.space}, nil
}

// Free frees the supernet.
func (t *Trials) Free() { t.s.d.store.Free() }

// Images is how many images the guide has.
func (t *Trials) Images() int { return t.s.guide.set.Len() }

// Team is how many threads compute a score.
func (t *Trials) Team() int { return t.s.team() }

// Trial is what a search came to.
type Trial struct {
	Best      []string // the best subnets in short form, the best first
	Evaluated int
	Stopped   int
	Images    int // image evaluations
}

// Search searches by the config's settings from another seed, with racing or without,
// among the subnets that have some choices locked, by block from 1.
func (t *Trials) Search(ctx context.Context, root uint64, locks map[int]nas.Choice, racing bool) (Trial, error) {
	cfg, err := searchConfig(t.s.cfg, t.space)
	if err != nil {
		return Trial{}, err
	}
	cfg.Seed, cfg.Locks = seed.Derive(root, "search"), locks
	ev, err := search.New(cfg)
	if err != nil {
		return Trial{}, err //nolint:wrapcheck // it says what is wrong
	}
	s, j := *t.s, *t.j
	if s.race = nil; racing {
		s.race = newRacing(root, s.guide)
	}
	j.scorer = &s
	var out Trial
	err = t.scoring(ctx, &j, func() error { return out.search(ctx, &j, ev) })
	if err != nil {
		return out, err
	}
	for _, c := range ev.Best(bestKept) {
		out.Best = append(out.Best, c.Subnet.Short(t.space))
	}
	return out, nil
}

// scoring calls f as step 3 does. What comes from a record is not computed, and is taken
// by one.
func (t *Trials) scoring(ctx context.Context, j *judge, f func() error) error {
	if t.s.record != nil {
		return f()
	}
	return j.scoring(ctx, t.s.engine, f)
}

func (out *Trial) search(ctx context.Context, j *judge, ev *search.Search) error {
	for {
		c, ok := ev.Next()
		if !ok {
			return nil
		}
		a, err := j.measure(ctx, c, ev)
		if err != nil {
			return fmt.Errorf("candidate %d (%s): %w", c.Index, c.Subnet.Short(j.space), err)
		}
		out.Evaluated++
		out.Images += a.images
		if a.status == run.CandidateStopped {
			out.Stopped++
		}
		if err := ev.Report(c.Index, a.score); err != nil {
			return err //nolint:wrapcheck // it says what is wrong
		}
		j.keepBest(ev)
	}
}

// record is what candidates found on each batch of the guide: whoever was measured
// once is not computed again, so that many searches of one supernet cost little.
type record struct {
	parts map[string][]detected // by the subnet's key
}

// of gives what a candidate finds, which is computed where it is not recorded.
func (r *record) of(ctx context.Context, s *scorer, sub nas.Subnet) (func([]int64, []detected) error, error) {
	all, ok := r.parts[sub.Key()]
	if !ok {
		plain := *s
		plain.record = nil
		m, err := plain.begin(ctx, sub)
		if err != nil {
			return nil, err
		}
		defer m.free()
		if err := m.until(len(m.places)); err != nil {
			return nil, err
		}
		all = m.parts
		r.parts[sub.Key()] = all
	}
	return func(places []int64, parts []detected) error {
		for _, place := range places {
			parts[place] = all[place]
		}
		return nil
	}, nil
}

// recorded is a record in a file.
type recorded struct {
	Found map[string][][]cocoeval.Detection
	Read  map[string][][]int
}

// Record records what candidates find, and takes over what path holds of earlier
// trials of the same supernet and settings, if there is such a file.
func (t *Trials) Record(path string) error {
	t.s.record = &record{parts: map[string][]detected{}}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the record: %w", err)
	}
	defer file.Close()
	return t.s.record.read(file, int(t.s.guide.count))
}

func (r *record) read(in io.Reader, batches int) error {
	var all recorded
	if err := gob.NewDecoder(in).Decode(&all); err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	for key, found := range all.Found {
		read := all.Read[key]
		if len(found) != batches || len(read) != batches {
			return fmt.Errorf("read the record: it has %d batches, and the guide %d; it was made with other settings", len(found), batches)
		}
		parts := make([]detected, batches)
		for i := range parts {
			parts[i] = detected{found[i], read[i]}
		}
		r.parts[key] = parts
	}
	return nil
}

// Save writes the record to a file.
func (t *Trials) Save(path string) error {
	all := recorded{Found: map[string][][]cocoeval.Detection{}, Read: map[string][][]int{}}
	for key, parts := range t.s.record.parts {
		for _, p := range parts {
			all.Found[key], all.Read[key] = append(all.Found[key], p.Found), append(all.Read[key], p.Read)
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	if err := errors.Join(gob.NewEncoder(file).Encode(all), file.Close()); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}

// Score measures a subnet whole, as step 3 does without racing.
func (t *Trials) Score(ctx context.Context, sub nas.Subnet) (float64, error) {
	a, err := t.s.measure(ctx, sub, nil)
	return a.score, err
}

// Scores measures subnets whole, as step 3 does where they follow each other: several at
// a time, if search.workers says so.
func (t *Trials) Scores(ctx context.Context, subs []nas.Subnet) ([]float64, error) {
	var scores []float64
	err := t.scoring(ctx, t.j, func() error {
		for i, sub := range subs {
			score, err := t.turn(ctx, sub, subs[i:])
			if err != nil {
				return err
			}
			scores = append(scores, score)
		}
		return nil
	})
	return scores, err
}

func (t *Trials) turn(ctx context.Context, sub nas.Subnet, upcoming []nas.Subnet) (float64, error) {
	if t.j.ahead == nil {
		return t.Score(ctx, sub)
	}
	a, err := t.j.ahead.turn(ctx, sub, upcoming, func(nas.Subnet) []search.Candidate { return nil })
	return a.score, err
}

// Plain measures a subnet the plain way, to be set beside Score: its weights are copied
// out into a network of its own, BN is recalibrated by whole training passes, and every
// image is decoded and scaled anew. The score is the same.
func (t *Trials) Plain(ctx context.Context, sub nas.Subnet) (float64, error) {
	e := t.s.engine
	cache := e.data.cache
	e.data.cache = nil
	defer func() { e.data.cache = cache }()
	d, err := e.newDetector(config.StepSearch, len(e.data.supernetPart.Categories), sub)
	if err != nil {
		return 0, err
	}
	defer d.store.Free()
	if _, err := supernet.Inherit(d.store, t.s.d.store, ""); err != nil {
		return 0, err //nolint:wrapcheck // it names the weights
	}
	images, err := e.calibrationBatches()
	if err != nil {
		return 0, err
	}
	stats := nn.NewStats(e.bnMomentum())
	defer stats.Free()
	seen := int64(0)
	err = tensor.NoGrad(func() error {
		return train.Each(ctx, images.count, e.workers, images.batch, func(b dataset.DetBatch) error {
			seen++
			return tensor.Run("calibrate", func(s *tensor.Scope) error {
				x := s.FromFloats(b.X, e.device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
				_, err := d.net.Loss(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, train.DetectorBatch(x, b), sub, train.Draws(e.cfg.Seed, "calibrate", seen))
				return err
			})
		})
	})
	if err != nil {
		return 0, fmt.Errorf("recalibrate BN: %w", err)
	}
	figures, err := e.evaluateDetector(ctx, d, sub, normalising{stats: stats}, e.guide(), e.cfg.Search.Batch)
	return figures[e.cfg.Search.Score], err
}

// Random is a subnet of the supernet's space, the same for the same number.
func (t *Trials) Random(number int) nas.Subnet {
	return nas.Random(t.space, seed.Rand(t.s.cfg.Seed, "trial", number))
}
