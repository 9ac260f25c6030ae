package main

import (
	"fmt"
	"math"
	"strings"
)

// table is Markdown's.
type table struct {
	b strings.Builder
}

func (t *table) row(cells ...string) { fmt.Fprintf(&t.b, "| %s |\n", strings.Join(cells, " | ")) }

// head is the first row and the line below it.
func (t *table) head(cells ...string) {
	t.row(cells...)
	t.b.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
}

// times is a speed-up as tables have it.
func times(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v < 9.95:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// curve is a scenario by crews of all sizes.
type curve struct {
	sc   scenario
	ups  []float64 // speed-ups, by counts
	outs []outcome
}

func (sc scenario) over(workers []int) (curve, error) {
	c := curve{sc: sc}
	for _, n := range workers {
		o, err := sc.by(n)
		if err != nil {
			return c, err
		}
		c.ups, c.outs = append(c.ups, sc.one/o.seconds), append(c.outs, o)
	}
	return c, nil
}

// nearly is the part of a row's best speed-up that its knee has.
const nearly = 0.9

// knee is the place of the first speed-up that is nearly the best there is.
func knee(ups []float64) int {
	best := 0.0
	for _, v := range ups {
		best = max(best, v)
	}
	for i, v := range ups {
		if v >= nearly*best {
			return i
		}
	}
	return 0
}

// searchTable is the speed-up of scenarios by the number of workers.
func searchTable(curves []curve) string {
	var t table
	cells := []string{"workers"}
	for _, n := range counts {
		cells = append(cells, fmt.Sprint(n))
	}
	t.head(cells...)
	for _, c := range curves {
		cells := []string{c.sc.name}
		for _, v := range c.ups {
			cells = append(cells, times(v))
		}
		t.row(cells...)
	}
	return t.b.String()
}

// kneeTable says where the workers' time goes with few of them, and where the knee is.
func kneeTable(curves []curve) string {
	const few = 8
	var t table
	t.head("", fmt.Sprintf("in use of %d workers' time", few), "most of the rest goes to", "knee, workers", "speed-up there", "in use there", "most of the rest goes to")
	for _, c := range curves {
		k := knee(c.ups)
		start, at := c.outs[place(few)], c.outs[k]
		t.row(c.sc.name, percent(start.used(few)), start.says(few), fmt.Sprint(counts[k]), times(c.ups[k]), percent(at.used(counts[k])), at.says(counts[k]))
	}
	return t.b.String()
}

// used is the part of the workers' time in which they measured what counts.
func (o outcome) used(workers int) float64 { return o.useful / (o.seconds * float64(workers)) }

// says names the cause with its part of the workers' time.
func (o outcome) says(workers int) string {
	l := o.cause()
	return fmt.Sprintf("%v, %s", l, percent(o.lost[l]/(o.seconds*float64(workers))))
}

func percent(v float64) string {
	if v < 0.0995 {
		return fmt.Sprintf("%.1f %%", 100*v)
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}

// trainingTable is the speed-up of training steps by the number of ranks.
func trainingTable(all []training, nets []network) string {
	var t table
	cells := []string{"ranks"}
	for _, n := range ranks {
		cells = append(cells, fmt.Sprint(n))
	}
	t.head(append(cells, "knee", "most of what is lost there", "at the last of the row")...)
	for _, tr := range all {
		for _, n := range nets {
			for _, tree := range []bool{false, true} {
				trainingRow(&t, tr, n, tree)
			}
		}
	}
	return t.b.String()
}

func trainingRow(t *table, tr training, n network, tree bool) {
	name := tr.name + ", " + n.name
	if tree {
		name += ", tree"
	}
	cells, ups, last := []string{name}, []float64{}, 1
	for _, r := range ranks {
		v := tr.speedup(n, r, tree)
		cells, ups = append(cells, times(v)), append(ups, v)
		if v > 0 {
			last = r
		}
	}
	k := ranks[knee(ups)]
	t.row(append(cells, fmt.Sprint(k), tr.lossAt(n, k, tree), tr.lossAt(n, last, tree))...)
}

// lossAt says what takes most of an iteration beside the images' share.
func (t training) lossAt(n network, ranks int, tree bool) string {
	i, _ := t.over(n, ranks, tree)
	return fmt.Sprintf("%s, %s", i.cause(), percent(max(i.batch, i.small, i.grads)/i.total()))
}

// daysTable is how long the published steps 1 to 3 take on so many GPUs.
func daysTable(steps []training, c curve) string {
	var t table
	t.head("GPUs", "step 1, days", "step 2, days", "step 3, days", "together", "GPU days")
	for _, n := range []int{1, 8, 16, 20, 32, 50, 64, 128, 256} {
		one := trainDays(steps[0], pretrainIts, n)
		two := trainDays(steps[1], finetuneIts, min(n, finetuneBatch))
		three := c.outs[place(n)].seconds / day
		sum := one + two + three
		t.row(fmt.Sprint(n), days(one), days(two), days(three), days(sum), days(sum*float64(n)))
	}
	return t.b.String()
}

func trainDays(t training, its float64, gpus int) float64 {
	i, _ := t.over(fabric, gpus, false)
	return its * i.total() / day
}

func days(v float64) string {
	if v >= 9.95 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// place is that of so many workers in counts.
func place(n int) int {
	for i, c := range counts {
		if c == n {
			return i
		}
	}
	return 0
}

// modelTable is what the model counts of each training.
func modelTable(all []training) string {
	var t table
	t.head("", "ms an image", "ms an iteration of any", "from", "sums an iteration", "gradients, MB")
	for _, tr := range all {
		t.row(tr.name, times(1000*tr.image), times(1000*tr.fixed), tr.source, fmt.Sprintf("%.0f", tr.sums()), fmt.Sprintf("%.1f", tr.grads/1e6))
	}
	return t.b.String()
}

// latencyTable is the speed-up of a training by rings of several latencies.
func latencyTable(tr training) string {
	var t table
	t.head("latency, us", "best speed-up", "with ranks", "knee, ranks", "most of what is lost there")
	for _, us := range []float64{1, 2, 5, 10, 30, 100} {
		n := network{latency: us * 1e-6, bandwidth: fabric.bandwidth}
		ups, best := make([]float64, len(ranks)), 0
		for i, r := range ranks {
			ups[i] = tr.speedup(n, r, false)
			if ups[i] > ups[best] {
				best = i
			}
		}
		k := ranks[knee(ups)]
		t.row(fmt.Sprint(us), times(ups[best]), fmt.Sprint(ranks[best]), fmt.Sprint(k), tr.lossAt(n, k, false))
	}
	return t.b.String()
}

// hereTable sets what was measured on one machine beside what is simulated and modelled.
func hereTable(re []curve, steps []training, points []point) string {
	var t table
	t.head("", "ranks of one thread", "simulated speed-up", "measured speed-up", "latency of a message that explains it, us")
	const n = 2
	least, most := math.Inf(1), 0.0
	for _, c := range re {
		least, most = min(least, c.ups[hereAt(n)]), max(most, c.ups[hereAt(n)])
	}
	t.row("BCCD, step 3, search of 5 x 12", fmt.Sprint(n), times(least)+" to "+times(most), measuredAt(points, 3, n), "-")
	for i, tr := range steps {
		t.row(tr.name+", batch "+fmt.Sprint(tr.batch), fmt.Sprint(n), times(tr.speedup(loopback, n, false)), measuredAt(points, i+1, n),
			explained(tr, points, i+1, n))
	}
	return t.b.String()
}

// explained are the latencies with which the model has the measured speed-ups.
func explained(t training, points []point, step, ranks int) string {
	var found []string
	for _, p := range points {
		if p.step == step && p.ranks == ranks {
			found = append(found, fmt.Sprintf("%.0f", 1e6*t.latency(loopback, ranks, p.times)))
		}
	}
	if len(found) == 0 {
		return "-"
	}
	return strings.Join(found, ", ")
}

// here are the numbers of workers of the recorded searches.
var here = []int{1, 2, 4, 8, 12, 16, 32} //nolint:gochecknoglobals // constants

func hereAt(n int) int {
	for i, c := range here {
		if c == n {
			return i
		}
	}
	return 0
}
