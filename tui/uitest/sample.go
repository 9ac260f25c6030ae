package uitest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"detnas/configs"
	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
)

// began is when the sample runs began.
var began = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// Now is the time in tests: an hour after the sample runs began.
var Now = began.Add(time.Hour)

func clock() time.Time { return Now }

// The places that a sample run can be in.
const (
	Training  = "training"  // step 1, iteration 300 of 600
	Searching = "searching" // step 3, generation 3 of 4
	Paused    = "paused"    // the same, paused, with a pin and a lock
	Finished  = "finished"
	Failed    = "failed" // in step 2
	Fresh     = "fresh"  // just begun
	Stuck     = "stuck"  // as Training, paused by a disk that is full
	Ranks     = "ranks"  // as Training, by four processes of which one is slow and one silent
	Many      = "many"   // as Training, by 64 processes of which one is slow
)

// StuckBy is the cause that Stuck is paused by.
const StuckBy = "/data/runs/stuck/checkpoints/step-1-300.safetensors cannot be written: no space is left, as it takes 12.5 MiB and 3.1 MiB are free; make room on its file system; then resume the run"

// Sample writes the folder of a run of the tiny preset, whose journal is made
// up, always the same, and returns its path. The run is called by its place.
func Sample(t testing.TB, place string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), place)
	WriteSample(t, dir, place)
	return dir
}

// WriteSample writes a sample run into the folder dir.
func WriteSample(t testing.TB, dir, place string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	text, err := configs.Files.ReadFile("tiny.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for _, e := range SampleEntries(place) {
		lines = append(lines, line(t, e)...)
	}
	if err := os.WriteFile(filepath.Join(dir, "events.jsonl"), lines, 0o600); err != nil {
		t.Fatal(err)
	}
	log := "detnas: libtorch 1.13.0, OpenBLAS\nstep 1 of 5: supernet-pretrain\n"
	if err := os.WriteFile(filepath.Join(dir, "log.txt"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	if place == Ranks {
		path := run.RankLog(dir, 2)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("15:04:06 rank 2 of 4, process 4002 on node-1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// line is an entry as the journal has it.
func line(t testing.TB, e run.Entry) []byte {
	t.Helper()
	body, err := json.Marshal(e.Event)
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf(`{"v":%d,"seq":%d,"time":%q,"type":%q`, e.V, e.Seq, e.Time.Format(time.RFC3339Nano), e.Type)
	if len(body) > len("{}") {
		head += "," + string(body[1:len(body)-1])
	} else {
		head += ""
	}
	return []byte(head + "}\n")
}

// sampler makes up a journal.
type sampler struct {
	entries []run.Entry
	at      time.Time
	rng     *rand.Rand
}

func (s *sampler) add(seconds float64, e run.Event) {
	s.at = s.at.Add(time.Duration(seconds * float64(time.Second)))
	s.entries = append(s.entries, run.Entry{
		Header: run.Header{V: run.SchemaVersion, Seq: int64(len(s.entries) + 1), Time: s.at, Type: e.Kind()},
		Event:  e,
	})
}

// SampleEntries is the made-up journal of a place.
func SampleEntries(place string) []run.Entry {
	s := &sampler{at: began, rng: rand.New(rand.NewPCG(1, 2))}
	s.add(0, run.RunStarted{
		Run: place, Version: "1.2.3", ConfigHash: "0123456789abcdef", Seed: 7, From: 1, To: 5, Device: "cpu", Threads: 2,
		Ranks: map[string]int{Ranks: 4, Many: 64}[place],
	})
	s.add(1, run.Usage{CPU: 1.2, Memory: 300 << 20})
	s.steps(place)
	return s.entries
}

func (s *sampler) steps(place string) {
	if place == Fresh {
		s.add(1, run.Preparing{What: "drawing images", Done: 120, Total: 400})
		return
	}
	if place == Training || place == Stuck || place == Ranks || place == Many {
		s.train(1, 600, 300)
		switch place {
		case Ranks:
			s.ranks(4, 3)
		case Many:
			s.ranks(64, -1)
		}
		if place == Stuck {
			s.add(1, run.Control{What: run.ActPause, Who: "detnas", Phase: run.PhaseDone, Step: 1, Iteration: 300, Why: StuckBy})
		}
		return
	}
	s.train(1, 600, 600)
	if place == Failed {
		s.train(2, 400, 120)
		s.add(1, run.RunFailed{Error: "step 2 (supernet-finetune): iteration 121: training has diverged: loss is NaN; lower the rate, raise the warm-up or set clip_grad"})
		return
	}
	s.train(2, 400, 400)
	if place == Searching || place == Paused {
		s.search(40, 27)
		if place == Paused {
			s.paused()
		}
		return
	}
	s.search(40, 40)
	s.add(0, run.StepFinished{Step: 3, Seconds: 80, Metrics: run.Values{"best": 0.41, "best_random": 0.36, "evaluated": 40}})
	s.train(4, 300, 300)
	s.train(5, 500, 500)
	s.add(0, run.RunFinished{Seconds: 600})
}

func (s *sampler) paused() {
	best := s.entries[len(s.entries)-3].Event
	if c, ok := best.(run.Candidate); ok {
		s.add(1, run.Control{What: run.ActPin, Who: "ann", Phase: run.PhaseRequested, Step: 3, Iteration: 27, Subnet: c.Subnet})
		s.add(1, run.Control{What: run.ActPin, Who: "ann", Phase: run.PhaseDone, Step: 3, Iteration: 27, Subnet: c.Subnet})
	}
	for _, phase := range []string{run.PhaseRequested, run.PhaseDone} {
		s.add(1, run.Control{What: run.ActLock, Who: "ann", Phase: phase, Step: 3, Iteration: 27, Block: 2, Choice: "1"})
	}
	for _, phase := range []string{run.PhaseRequested, run.PhaseBegun, run.PhaseDone} {
		s.add(1, run.Control{What: run.ActPause, Who: "ann", Phase: phase, Step: 3, Iteration: 27})
	}
}

// train makes up a training step of length iterations, done up to the given
// one. A step that is not finished ends there.
func (s *sampler) train(step, length, done int) {
	s.add(1, run.StepStarted{Step: step, Name: config.StepName(step), Iterations: length})
	for i := 10; i <= done; i += 10 {
		decay := math.Exp(-2 * float64(i) / float64(length))
		noise := func() float64 { return 0.06 * s.rng.NormFloat64() }
		losses := run.Values{"loss": 0.4 + 2*decay + noise()}
		if step == 2 || step == 5 {
			losses = run.Values{
				"rpn_cls": 0.1 + 0.5*decay + noise()/4, "rpn_box": 0.05 + 0.2*decay + noise()/8,
				"roi_cls": 0.2 + decay + noise()/3, "roi_box": 0.1 + 0.3*decay + noise()/6,
			}
			losses["loss"] = losses["rpn_cls"] + losses["rpn_box"] + losses["roi_cls"] + losses["roi_box"]
		}
		s.add(0.5, run.Train{
			Step: step, Iteration: i, LR: 0.1 * (1 - float64(i)/float64(length)), Losses: losses,
			ImagesPerS: 410 + 15*s.rng.NormFloat64(), DataS: 0.002, StepS: 0.05,
		})
		if i%100 == 0 {
			s.add(0, run.Usage{CPU: 1.9 + 0.03*s.rng.NormFloat64(), Memory: (420 + int64(i)/100) << 20})
			s.add(0.1, run.CheckpointWritten{Step: step, Iteration: i, Path: fmt.Sprintf("checkpoints/step-%d-%d.safetensors", step, i)})
		}
	}
	if done < length {
		return
	}
	metrics := run.Values{"top1": 0.61, "top5": 0.93, "loss": 0.6}
	if step == 2 {
		metrics = run.Values{"AP": 0.12, "AP50": 0.27, "loss": 1.1}
	}
	if step == 5 {
		metrics = run.Values{
			"AP": 0.462, "AP50": 0.741, "AP75": 0.488, "APs": -1, "APm": 0.44, "APl": 0.47,
			"AR1": 0.51, "AR10": 0.57, "AR100": 0.576, "ARs": -1, "ARm": 0.55, "ARl": 0.58,
		}
	}
	s.add(2, run.StepFinished{Step: step, Seconds: float64(length) * 0.05, Metrics: metrics})
}

// ranks makes up what world ranks tell, of which the third is slow and one is silent, or
// none where that is -1.
func (s *sampler) ranks(world, silent int) {
	e := run.Ranks{Step: 1}
	for i := range world {
		r := run.Rank{
			Rank: i, Host: fmt.Sprintf("node-%d", i/2), PID: 4000 + i, Iteration: 300, Made: 40,
			ComputeS: 0.03 + 0.0001*float64(i%7), DataS: 0.002, OrderS: 0.001, CPU: 1.9, Memory: int64(420+i) << 20,
		}
		if i == 2 {
			r.ComputeS, r.DataS = 0.041, 0.004
		}
		r.WaitS = 0.05 - r.ComputeS - r.DataS
		r.ImagesPerS = 5 / (r.ComputeS + r.DataS)
		if world < 10 && i%2 == 1 {
			r.GPU, r.GPUBytes = 0.83, 7<<30
		}
		if i == silent {
			r.SilentS = 12
		}
		e.Ranks = append(e.Ranks, r)
	}
	s.add(1, e)
}

// search makes up a search of planned candidates in generations of 10, of which
// done are evaluated.
func (s *sampler) search(planned, done int) {
	cfg, err := config.Load("tiny", nil)
	if err != nil {
		panic(err) // the preset is part of the program
	}
	space, err := cfg.Space.NAS(1)
	if err != nil {
		panic(err)
	}
	s.add(1, run.StepStarted{Step: 3, Name: config.StepName(3), Iterations: planned})
	var best run.Candidate
	for i := range done {
		sub := nas.Random(space, s.rng)
		cost, err := space.SubnetCost(sub, nas.ScopeBody, nas.Square(cfg.Search.InputSize))
		if err != nil {
			panic(err)
		}
		c := run.Candidate{
			Index: i, Generation: i / 10, Origin: "random", Subnet: sub.Short(space), Params: cost.Params, MACs: cost.ConvMACs(),
			Score: math.Round(1e4*(0.2+0.04*float64(i/10)+0.03*s.rng.NormFloat64())) / 1e4, Seconds: 2, Status: "new",
		}
		if i >= 10 && i%10 < 4 {
			c.Origin, c.Parents = "mutation", []int{i % 10}
		} else if i >= 10 && i%10 < 8 {
			c.Origin, c.Parents = "crossover", []int{i % 10, (i + 3) % 10}
		}
		if i%9 == 8 {
			c.Score = best.Score // a tie
		}
		if c.Score > best.Score {
			best = c
		}
		s.add(2, c)
		if i%10 == 9 {
			s.add(0, run.Generation{Generation: i / 10, Evaluated: i + 1, Best: best.Subnet, Score: best.Score})
		}
	}
}
