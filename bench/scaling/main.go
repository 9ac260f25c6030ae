// Command scaling says how many times as fast a search and a training are by many
// workers: a simulation of the search, with the very code that proposes candidates
// (nas/search) and hands them out (nas/dispatch) over recorded times, and a model of
// what ranks send each other in training. docs/scaling.md says what it stands on, and has
// the tables that this writes, between marks.
//
// With -record it takes times and scores from runs instead, with -points the speed of
// runs by one rank and by several, which then stand beside the simulation's.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"detnas/core/figure"
	"detnas/core/run"
)

func main() {
	doc := flag.String("doc", "docs/scaling.md", "the `page` whose tables are written, and beside it its pictures in scaling/")
	taking := flag.Bool("record", false, "take times and scores of runs, given as name=folder, into candidates.csv and steps.csv")
	timing := flag.Bool("points", false, "take the speed of runs, given as name=folder, into measured.csv")
	data := flag.String("data", "bench/scaling", "the `folder` of these")
	flag.Parse()
	var err error
	switch {
	case *taking:
		err = record(*data, flag.Args())
	case *timing:
		err = timed(*data, flag.Args())
	default:
		err = write(*doc, *data)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

// results are what the page shows.
type results struct {
	search []curve
	reruns []curve
	pub    []training
	own    []training
	small  []training
	points []point
}

// reruns are the recorded runs on two cores, by name and seed.
var reruns = []struct { //nolint:gochecknoglobals // a constant table
	name string
	seed uint64
}{{"cpu-0", 0}, {"cpu-1", 1}}

func compute(data string) (r results, err error) {
	all, err := recorded()
	if err != nil {
		return r, err
	}
	scenarios, err := published(all)
	if err != nil {
		return r, err
	}
	for _, sc := range scenarios {
		c, err := sc.over(counts)
		if err != nil {
			return r, err
		}
		r.search = append(r.search, c)
	}
	for _, run := range reruns {
		sc, err := rerun(all, run.name, run.seed)
		if err != nil {
			return r, err
		}
		c, err := sc.over(here)
		if err != nil {
			return r, err
		}
		r.reruns = append(r.reruns, c)
	}
	if r.pub, r.own, err = trainings(); err != nil {
		return r, err
	}
	steps, err := paces("steps.csv", stepsCSV)
	if err != nil {
		return r, err
	}
	if r.small, err = smallTrainings(steps, reruns[1].name); err != nil {
		return r, err
	}
	r.points, err = readPoints(data)
	return r, err
}

// tables are the page's, by the names of their marks.
func (r results) tables() map[string]string {
	return map[string]string{
		"search":   searchTable(r.search),
		"knees":    kneeTable(r.search),
		"training": trainingTable(r.pub, []network{ethernet, fabric, nvlink}),
		"own":      trainingTable(r.own, []network{fabric}),
		"latency":  latencyTable(r.pub[0]),
		"days":     daysTable(r.pub, r.search[0]),
		"model":    modelTable(append(append([]training{}, r.pub...), r.own...)),
		"here":     hereTable(r.reruns, r.small, r.points),
	}
}

func write(doc, data string) error {
	r, err := compute(data)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	if text, err = fill(text, r.tables()); err != nil {
		return fmt.Errorf("%s: %w", doc, err)
	}
	if err := run.WriteFile(doc, text); err != nil {
		return err
	}
	return r.draw(filepath.Join(filepath.Dir(doc), "scaling"))
}

var mark = regexp.MustCompile(`(?s)<!-- table (\w+) -->\n.*?<!-- end -->`)

// fill puts tables between the marks of a page.
func fill(page []byte, tables map[string]string) ([]byte, error) {
	var err error
	put := map[string]bool{}
	page = mark.ReplaceAllFunc(page, func(old []byte) []byte {
		name := string(mark.FindSubmatch(old)[1])
		t, ok := tables[name]
		if !ok {
			err = fmt.Errorf("there is no table %s", name)
			return old
		}
		put[name] = true
		return fmt.Appendf(nil, "<!-- table %s -->\n\n%s\n<!-- end -->", name, t)
	})
	for name := range tables {
		if !put[name] && err == nil {
			err = fmt.Errorf("table %s has no place; write <!-- table %s --> and <!-- end --> on lines of their own", name, name)
		}
	}
	return page, err
}

// draw writes search.png and training.png.
func (r results) draw(to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("making the folder of the pictures: %w", err)
	}
	lines := []figure.Curve{{Text: "ideal", Points: ideal(counts)}}
	for _, i := range []int{0, 2, 4, 6} {
		lines = append(lines, figure.Curve{Text: r.search[i].sc.name, Points: pointsAt(counts, r.search[i].ups)})
	}
	lines = append(lines, figure.Curve{Text: "BCCD, 5 x 12, recorded", Points: pointsAt(here, r.reruns[0].ups)}, r.marks(3))
	png, err := figure.Doublings(figure.Axes{Title: "Search, simulated; dots are measured (BCCD)", X: "workers", Y: "times as fast as one"}, lines)
	if err != nil {
		return err
	}
	if err := run.WriteFile(filepath.Join(to, "search.png"), png); err != nil {
		return err
	}
	lines = []figure.Curve{{Text: "ideal", Points: ideal(ranks)}}
	for _, n := range []network{ethernet, fabric} {
		for _, tree := range []bool{false, true} {
			lines = append(lines, trainingCurve(r.pub[0], n, tree))
		}
	}
	lines = append(lines, trainingCurve(r.small[1], loopback, false), r.marks(2))
	png, err = figure.Doublings(figure.Axes{Title: "Training, modelled; dots are measured (BCCD)", X: "ranks", Y: "times as fast as one"}, lines)
	if err != nil {
		return err
	}
	return run.WriteFile(filepath.Join(to, "training.png"), png)
}

func ideal(workers []int) []figure.Point {
	ups := make([]float64, len(workers))
	for i, n := range workers {
		ups[i] = float64(n)
	}
	return pointsAt(workers, ups)
}

func pointsAt(workers []int, ups []float64) []figure.Point {
	var out []figure.Point
	for i, n := range workers {
		out = append(out, figure.Point{X: float64(n), Y: ups[i]})
	}
	return out
}

// marks are the measured points of a step.
func (r results) marks(step int) figure.Curve {
	c := figure.Curve{Text: "measured", Dots: true}
	for _, p := range r.points {
		if p.step == step {
			c.Points = append(c.Points, figure.Point{X: float64(p.ranks), Y: p.times})
		}
	}
	return c
}

func trainingCurve(t training, n network, tree bool) figure.Curve {
	ups := make([]float64, len(ranks))
	for i, r := range ranks {
		ups[i] = t.speedup(n, r, tree)
	}
	name := t.name + ", " + n.name
	if tree {
		name += ", tree"
	}
	return figure.Curve{Text: name, Points: pointsAt(ranks, ups)}
}
