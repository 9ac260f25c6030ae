package study

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"detnas/core/config"
	"detnas/core/run"
)

// Pair is a subnet with what the supernet says of it and what it comes to alone.
type Pair struct {
	Subnet string  // short form
	Score  float64 // with the supernet's weights, on the guiding images
	Alone  float64 // AP of the subnet trained by itself, on the final images
	MACs   int64   // multiply-adds of the body
}

// Fidelity is how well a supernet's scores rank subnets.
type Fidelity struct {
	Run    string // whose supernet it is
	Score  string // what scores are
	Scale  float64
	Pairs  []Pair   // those that are known, in the order of drawing
	Wanted int      // pairs when all are
	Others []string // runs that were altered and have no part, with what differs
}

// ScoresRun begins the name of the run that scores a fidelity's subnets on the
// supernet.
const ScoresRun = "scores"

// SupernetStep is the step whose supernet a config's search evaluates.
func SupernetStep(cfg *config.Config) int {
	if cfg.Search.Guide == config.GuideClassification {
		return config.StepSupernetPretrain
	}
	return config.StepSupernetFinetune
}

// Supernet is the checkpoint of the supernet that the search of a run, f, evaluates by
// its config.
func Supernet(cfg *config.Config, f *run.Folder) string {
	if from := cfg.Search.LoadFrom; from != "" {
		return from
	}
	return f.LastPath(SupernetStep(cfg))
}

// ScoreSets are the keys, as --set takes them, with which a run scores n random
// subnets on the supernet of another, f, that cfg belongs to. All are scored whole.
func ScoreSets(cfg *config.Config, f *run.Folder, n int) []string {
	return []string{
		"search.load_from=" + Supernet(cfg, f), "search.method=random", "search.tournament=0", "search.cost=", "search.racing=false", "search.subnet=",
		fmt.Sprintf("search.population=%d", n), "search.generations=1",
		"search.parents=1", "search.mutations=0", "search.crossovers=0",
	}
}

// AloneSets are the keys with which a run trains a subnet by itself, its schedules
// cut to a share of their length. A share that leaves no whole number of epochs is an
// error.
func AloneSets(cfg *config.Config, subnet string, scale float64) ([]string, error) {
	sets := []string{"search.subnet=" + subnet}
	for _, step := range []int{config.StepSubnetRetrain, config.StepSubnetFinetune} {
		t, name := cfg.Step(step), config.StepName(step)
		if epochs := float64(t.Epochs) * scale; t.Epochs > 0 && math.Abs(epochs-math.Max(1, math.Round(epochs))) > 1e-9 {
			return nil, fmt.Errorf("--scale %v of the %d epochs of %s are %v, which is no whole number; use one that leaves whole epochs, such as %v",
				scale, t.Epochs, name, epochs, math.Max(1, math.Round(epochs))/float64(t.Epochs))
		}
		put := func(key string, n int) {
			if n > 0 {
				sets = append(sets, fmt.Sprintf("%s.%s=%d", name, key, scaled(n, scale)))
			}
		}
		put("iterations", t.Iterations)
		put("epochs", t.Epochs)
		put("warmup_iterations", t.WarmupIterations)
		put("ema_warmup", t.EMAWarmup)
		var milestones []string
		for _, m := range t.Milestones {
			if m >= 1 { // an iteration; below it is a share
				m = float64(scaled(int(m), scale))
			}
			milestones = append(milestones, strconv.FormatFloat(m, 'g', -1, 64))
		}
		if len(milestones) > 0 {
			sets = append(sets, fmt.Sprintf("%s.milestones=[%s]", name, strings.Join(milestones, ", ")))
		}
	}
	return sets, nil
}

func scaled(n int, scale float64) int { return max(1, int(math.Round(float64(n)*scale))) }

// AloneFrom is the step with which training a subnet by itself begins: the detector,
// where that starts from nothing or from a given checkpoint, else the classifier.
func AloneFrom(cfg *config.Config) int {
	if t := cfg.SubnetFinetune; t.Init == config.InitScratch || t.LoadFrom != "" {
		return config.StepSubnetFinetune
	}
	return config.StepSubnetRetrain
}

// Scored are the candidates of a run that scored subnets, those without a score left
// out.
func Scored(f *run.Folder) ([]run.Candidate, error) {
	all, err := candidates(f)
	if err != nil {
		return nil, err
	}
	var out []run.Candidate
	for _, c := range all {
		if !math.IsNaN(c.Score) {
			out = append(out, c)
		}
	}
	return out, nil
}

// Tau is Kendall's tau-b of the pairs.
func (f Fidelity) Tau() Correlation { return Kendall(f.columns()) }

// Rho is Spearman's rho of the pairs.
func (f Fidelity) Rho() Correlation { return Spearman(f.columns()) }

func (f Fidelity) columns() (scores, alone []float64) {
	for _, p := range f.Pairs {
		scores, alone = append(scores, p.Score), append(alone, p.Alone)
	}
	return scores, alone
}

// String is the value with its interval.
func (c Correlation) String() string {
	if math.IsNaN(c.Value) {
		return "is not defined for these pairs"
	}
	if math.IsNaN(c.Low) {
		return fmt.Sprintf("%.3f (no interval for so few pairs, or for pairs in full agreement)", c.Value)
	}
	return fmt.Sprintf("%.3f (95 %% interval %.3f to %.3f)", c.Value, c.Low, c.High)
}

// Markdown is the fidelity as a page.
func (f Fidelity) Markdown(command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# How the supernet of %s ranks subnets\n\n", f.Run)
	fmt.Fprintf(&b, "Made by `%s`; %d of %d random subnets are trained, by steps 4 and 5 at %s of their length.\n\n",
		command, len(f.Pairs), f.Wanted, strconv.FormatFloat(f.Scale, 'g', -1, 64))
	fmt.Fprintf(&b, "- Kendall's tau-b: %s\n- Spearman's rho: %s\n", f.Tau(), f.Rho())
	for _, o := range f.Others {
		fmt.Fprintf(&b, "- Left out: %s.\n", o)
	}
	b.WriteString("\nEach subnet is trained once, so that the noise of training lowers both figures.\n")
	fmt.Fprintf(&b, "\n| subnet | %s on the supernet | AP alone | conv MACs, M |\n|---|---|---|---|\n", f.Score)
	for _, p := range f.Pairs {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %.1f |\n", p.Subnet, number(p.Score, 4), number(p.Alone, 4), float64(p.MACs)/1e6)
	}
	return b.String()
}

// CSV is a line for each pair.
func (f Fidelity) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"subnet", "score", "alone", "macs"})
	for _, p := range f.Pairs {
		_ = w.Write([]string{p.Subnet, exact(p.Score), exact(p.Alone), strconv.FormatInt(p.MACs, 10)})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, fmt.Errorf("writing the pairs: %w", err)
	}
	return b.Bytes(), nil
}
