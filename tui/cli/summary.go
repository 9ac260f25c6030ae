package cli

import (
	"fmt"
	"strings"
	"time"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
	"detnas/tui/progress"
)

// summary prints what a run came to. It is in result.json too, so that a run
// whose reader has left has not failed.
func (a *App) summary(j *job, r run.Result) error {
	rows, err := summaryRows(j, r)
	if err != nil {
		return err
	}
	_ = a.table(rows)
	return nil
}

// table prints rows as wide as the terminal is.
func (a *App) table(rows []progress.Row) error {
	s, width := screenOf(a.Out), 0
	if s.live() {
		width = s.width()
	}
	return a.print("\n%s", progress.Table(rows, width, s.colour()))
}

// frontShown is how many subnets of a front are printed.
const frontShown = 10

func summaryRows(j *job, r run.Result) ([]progress.Row, error) {
	var rows []progress.Row
	add := func(label, format string, args ...any) {
		rows = append(rows, progress.Row{Label: label, Value: fmt.Sprintf(format, args...)})
	}
	if r.Subnet != "" {
		label := "searched subnet"
		if j.cfg.Search.Subnet != "" {
			label = "subnet"
		}
		add(label, "%s", r.Subnet)
		text, err := cost(j.cfg, r.Subnet)
		if err != nil {
			return nil, err
		}
		add("cost", "%s", text)
	}
	if m := metricsOf(r, config.StepSearch); len(m) > 0 {
		add("search score", "%s %.4f, the best of %.0f candidates", j.cfg.Search.Score, m["best"], m["evaluated"])
		if has(m, "images_share") {
			add("racing", "%.0f of them stopped early; %.1f%% of the image evaluations that measuring all of them takes", m["stopped"], 100*m["images_share"])
		}
		if has(m, "mean_random") {
			add("best random subnet", "%s %.4f, of %.0f random ones (mean %.4f)", j.cfg.Search.Score, m["best_random"], m["random"], m["mean_random"])
		} else if has(m, "best_random") { // a mean of those that were not stopped would flatter them
			add("best random subnet", "%s %.4f, of the %.0f random ones that were not stopped", j.cfg.Search.Score, m["best_random"], m["random"])
		}
	}
	for i, point := range r.Search.Front {
		label := ""
		if i == 0 {
			label = "front"
		}
		if i == frontShown {
			add("", "and %d more in result.json", len(r.Search.Front)-i)
			break
		}
		cost := thousands(int64(point.Cost))
		if r.Search.Cost == config.CostLatency {
			cost = fmt.Sprintf("%.2f ms", point.Cost)
		}
		add(label, "%s %.4f, %s %s: %s", j.cfg.Search.Score, point.Score, r.Search.Cost, cost, point.Subnet)
	}
	if len(r.Final) > 0 {
		add("final", "%s", figures(r.Final, "AP", "AP50", "AP75"))
		add("", "%s", figures(r.Final, "APs", "APm", "APl"))
		add("", "%s", figures(r.Final, "AR1", "AR10", "AR100"))
		if m := metricsOf(r, config.StepSubnetFinetune); has(m, "mAP") {
			add("", "%s", figures(m, "mAP07", "mAP"))
		}
	}
	if len(r.Steps) > 0 {
		total, parts := 0.0, make([]string, len(r.Steps))
		for i, s := range r.Steps {
			total += s.Seconds
			parts[i] = fmt.Sprintf("step %d %s", s.Step, duration(s.Seconds))
		}
		add("time", "%s (%s)", duration(total), strings.Join(parts, ", "))
	}
	add("run folder", "%s", run.Shortest(j.folder.Dir()))
	return rows, nil
}

// cost counts the subnet's body, as the search does.
func cost(cfg *config.Config, subnet string) (string, error) {
	space, err := cfg.Space.NAS(1)
	if err != nil {
		return "", err
	}
	sub, err := nas.ParseSubnet(subnet, space)
	if err != nil {
		return "", fmt.Errorf("the run's result: %w", err)
	}
	size := cfg.Search.InputSize
	c, err := space.SubnetCost(sub, nas.ScopeBody, nas.Square(size))
	if err != nil {
		return "", fmt.Errorf("counting %s: %w", subnet, err)
	}
	return fmt.Sprintf("%s parameters, %s conv MACs at %dx%d (backbone)",
		thousands(c.Params), thousands(c.ConvMACs()), size, size), nil
}

func metricsOf(r run.Result, step int) run.Values {
	for _, s := range r.Steps {
		if s.Step == step {
			return s.Metrics
		}
	}
	return nil
}

func has(v run.Values, name string) bool {
	_, ok := v[name]
	return ok
}

func figures(v run.Values, names ...string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%-5s %6.4f", name, v[name])
		if v[name] < 0 { // there is nothing of that size
			parts[i] = fmt.Sprintf("%-5s %6s", name, "-")
		}
	}
	return strings.Join(parts, "   ")
}

func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
