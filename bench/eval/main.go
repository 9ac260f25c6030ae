// Command eval times `detnas eval` on a made-up set of the size of COCO's
// val2017 and prints the result as Markdown. Each time is that of a whole
// process, with the reading of the files; memory is the most that it held. Beside
// it stand pycocotools, where Python has it, and the reference of the tests. All
// figures have to be the same.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"detnas/bench/cocoset"
	"detnas/bench/machine"
)

type options struct {
	binary, python, write string
	times, peerTimes      int
	masks                 bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "detnas", "bin/detnas", "the program")
	flag.StringVar(&o.python, "python", "/usr/bin/python3", "Python, for the peers")
	flag.StringVar(&o.write, "write", "", "only write the set to this folder")
	flag.IntVar(&o.times, "times", 11, "times that detnas runs")
	flag.IntVar(&o.peerTimes, "peer-times", 1, "times that each peer runs; 0 leaves them out")
	flag.BoolVar(&o.masks, "masks", false, "give the annotations outlines as long as COCO's")
	flag.Parse()
	if err := o.run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/eval:", err)
		os.Exit(1)
	}
}

func (o options) run(out io.Writer) error {
	if o.write != "" {
		return cocoset.Write(o.write, cocoset.Val2017, o.masks)
	}
	dir, err := os.MkdirTemp("", "detnas-eval-")
	if err != nil {
		return fmt.Errorf("make a folder for the set: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := o.writeElsewhere(dir); err != nil {
		return err
	}
	gt, dt := filepath.Join(dir, "gt.json"), filepath.Join(dir, "dt.json")
	load := machine.Load()
	sides := []side{{name: "`detnas eval`", args: []string{o.binary, "eval", "--json", "--gt", gt, "--dt", dt}, times: o.times, parse: parseOurs}}
	if o.peerTimes > 0 {
		sides = append(sides, o.peers(gt, dt)...)
	}
	for i := range sides {
		if err := sides[i].measure(); err != nil {
			return err
		}
	}
	text, err := markdown(sides, load, gt, dt)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// writeElsewhere writes the set in a process of its own: what this one held
// would count as the memory of those that it starts.
func (o options) writeElsewhere(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(self, "-write", dir, fmt.Sprintf("-masks=%v", o.masks)) //nolint:gosec // itself
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("write the set: %w", err)
	}
	return nil
}

// peers are the other programs that Python here can run.
func (o options) peers(gt, dt string) (sides []side) {
	for _, p := range []struct{ name, needs, script string }{
		{"pycocotools", "pycocotools", "bench/peer/coco.py"},
		{"the tests' reference, in Python", "numpy", "bench/reference/cocoeval.py"},
	} {
		if err := exec.Command(o.python, "-c", "import "+p.needs).Run(); err != nil { //nolint:gosec // as asked for
			fmt.Fprintf(os.Stderr, "bench: %s has no %s, so that %s is left out\n", o.python, p.needs, p.name)
			continue
		}
		sides = append(sides, side{name: p.name, args: []string{o.python, p.script, gt, dt}, times: o.peerTimes, parse: parseTheirs})
	}
	return sides
}

// side is a program and what it took.
type side struct {
	name  string
	args  []string
	times int
	parse func([]byte) (map[string]float64, error)

	wall, cpu []time.Duration
	peak      int64 // KiB
	figures   map[string]float64
}

func (s *side) measure() error {
	for i := range s.times {
		fmt.Fprintf(os.Stderr, "bench: %s, %d of %d\n", s.name, i+1, s.times)
		cmd := exec.Command(s.args[0], s.args[1:]...) //nolint:gosec // as asked for
		var printed bytes.Buffer
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &printed, &said
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w: %s", s.name, err, said.String())
		}
		s.wall = append(s.wall, time.Since(began))
		s.cpu = append(s.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			return errors.New("this system does not tell the memory of a process that ended")
		}
		s.peak = max(s.peak, usage.Maxrss)
		var err error
		if s.figures, err = s.parse(printed.Bytes()); err != nil {
			return fmt.Errorf("%s: read its figures: %w", s.name, err)
		}
	}
	slices.Sort(s.wall)
	slices.Sort(s.cpu)
	return nil
}

// parseOurs reads what `detnas eval --json` prints.
func parseOurs(text []byte) (map[string]float64, error) {
	var top map[string]json.RawMessage
	var categories map[string]map[string]float64
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(top["per_category"], &categories); err != nil {
		return nil, err
	}
	delete(top, "per_category")
	all := map[string]float64{}
	for name, raw := range top {
		var v float64
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		all[name] = v
	}
	for id, c := range categories {
		all["AP of "+id], all["AP50 of "+id] = c["AP"], c["AP50"]
	}
	return all, nil
}

// parseTheirs reads what the peers print.
func parseTheirs(text []byte) (map[string]float64, error) {
	var f struct {
		Stats   map[string]float64 `json:"stats"`
		PerAP   map[string]float64 `json:"per_category_AP"`
		PerAP50 map[string]float64 `json:"per_category_AP50"`
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	all := f.Stats
	for id, v := range f.PerAP {
		all["AP of "+id] = v
	}
	for id, v := range f.PerAP50 {
		all["AP50 of "+id] = v
	}
	return all, nil
}

// apart is the largest difference between the figures of two sides.
func apart(a, b map[string]float64) (float64, error) {
	most := 0.0
	for name, v := range a {
		w, there := b[name]
		if !there || len(a) != len(b) {
			return 0, fmt.Errorf("%d and %d figures, and %s on one side alone", len(a), len(b), name)
		}
		most = max(most, math.Abs(v-w))
	}
	return most, nil
}

// markdown is the report as it goes into docs/benchmarks.md. It fails where the
// figures are not the same.
func markdown(sides []side, load, gt, dt string) (string, error) {
	out := &strings.Builder{}
	for _, line := range machine.Describe() {
		fmt.Fprintln(out, "-", line)
	}
	size := cocoset.Val2017
	fmt.Fprintf(out, "- %d images, %d boxes in %s, %d detections in %s; load average before %s\n\n",
		size.Images, size.Objects, megabytes(gt), size.Detections, megabytes(dt), load)
	fmt.Fprintln(out, "| | times | s, median (least to most) | s of CPU | MiB at most | of detnas's time |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|")
	ours := sides[0]
	for _, s := range sides {
		fmt.Fprintf(out, "| %s | %d | %.3f (%.3f to %.3f) | %.3f | %d | %.1f |\n", s.name, s.times,
			middle(s.wall), s.wall[0].Seconds(), s.wall[len(s.wall)-1].Seconds(), middle(s.cpu), s.peak>>10, middle(s.wall)/middle(ours.wall))
	}
	for _, s := range sides[1:] {
		most, err := apart(ours.figures, s.figures)
		if err == nil && most > 1e-9 {
			err = fmt.Errorf("a figure is %v apart", most)
		}
		if err != nil {
			return "", fmt.Errorf("detnas and %s: %w", s.name, err)
		}
		fmt.Fprintf(out, "\nThe %d figures of detnas and of %s are at most %.1g apart.\n", len(ours.figures), s.name, most)
	}
	return out.String(), nil
}

func middle(sorted []time.Duration) float64 { return sorted[len(sorted)/2].Seconds() }

func megabytes(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "a file that is gone"
	}
	return fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
}
