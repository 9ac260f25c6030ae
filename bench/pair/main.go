// Command pair times detnas beside PyTorch, in turn within one run, and prints
// the result as Markdown. bench/run.sh calls it.
//
// Each work has a process on either side that holds its network and its batch.
// They take turns, A B A B, with the same number of steps; the one that waits
// sleeps. What is reported is the median over the turns, and for the ratio the
// median of the ratios of the pairs of turns.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"detnas/bench/machine"
)

func main() {
	var o options
	flag.StringVar(&o.step, "step", "bin/bench-step", "detnas's side, `program` built from bench/step")
	flag.StringVar(&o.peer, "peer", "bench/peer/peer.py", "PyTorch's side, `script`")
	flag.StringVar(&o.python, "python", "/usr/bin/python3", "`interpreter` of the script")
	flag.StringVar(&o.only, "only", "", "measure this `work` alone")
	flag.BoolVar(&o.cuda, "cuda", false, "compute the networks and RoIAlign on the first CUDA device, and leave out the rest; both sides without TF32")
	flag.DurationVar(&o.each, "each", 60*time.Second, "time to spend on each work")
	flag.BoolVar(&o.peerDefault, "peer-default-waiting", false,
		"start PyTorch's side without GOMP_SPINCOUNT and OPENBLAS_THREAD_TIMEOUT, as a user who knows nothing of them has it")
	flag.Parse()
	if err := o.run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pair:", err)
		os.Exit(1)
	}
}

type options struct {
	step, peer, python, only string
	each                     time.Duration
	peerDefault, cuda        bool
}

// work is a row of a table: two sides that do the same.
type work struct {
	name, title string
	peer        string // the other side's work, where it has another name
	gotch       bool   // the other side is bench/step too
	hostOnly    bool   // is done by the processor also where there is a CUDA device
	bf16        bool   // detnas's side trains with precision = "bf16"; the other in float
	seconds     int    // at most; 0: as the flag says
}

var works = []work{
	{name: "classify-224", title: "classifier, 32 x 224², training step"},
	{name: "classify-64", title: "classifier, 64 x 64², training step"},
	{name: "classify-64x32", title: "classifier, 64 x 64 x 32, training step"},
	{name: "candidate", title: "candidate, BN of 8 batches of 64 x 64² and 8 evaluated"},
	{name: "detect-default", title: "Faster R-CNN, torchvision's sizes, 2 x 320², training step"},
	{name: "detect-train", title: "light Faster R-CNN, 2 x 320², training step"},
	{name: "detect-train", title: "light Faster R-CNN, training step in bfloat16", bf16: true},
	{name: "detect-default", title: "torchvision's sizes, training step in bfloat16", bf16: true},
	{name: "detect-eval", title: "light Faster R-CNN, 2 x 320², evaluation"},
}

// parts are pieces of a detector by themselves, and what feeds it.
var parts = []work{
	{name: "roialign", title: "RoIAlign, 1,000 boxes of 7², 256 channels, forward and backward", seconds: 30},
	{name: "nms", hostOnly: true, title: "NMS of 2,000 boxes", seconds: 15},
	{name: "match", hostOnly: true, title: "200,000 anchors matched to 50 boxes", seconds: 20},
	{name: "loader", hostOnly: true, title: "loader: 64 JPEGs of 640 x 480 to 800 px, 2 workers", seconds: 40},
}

// perCall is what one operator's call costs.
var perCall = []work{
	{name: "op", hostOnly: true, peer: "op", title: "PyTorch from Python", seconds: 15},
	{name: "op", hostOnly: true, peer: "op-gotch", title: "gotch's ts.Tensor", gotch: true, seconds: 15},
}

func (o options) run(out io.Writer) error {
	groups := [][]work{works, parts, perCall}
	if names := named(groups); o.only != "" && !slices.Contains(names, o.only) {
		return fmt.Errorf("-only %s: there is no such work; there are %s", o.only, strings.Join(names, ", "))
	}
	dir, err := os.MkdirTemp("", "detnas-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the weights: %w", err)
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	load := machine.Load()
	var rows [3][]row
	for i, group := range groups {
		for _, w := range group {
			if o.only != "" && o.only != w.name || o.cuda && w.hostOnly {
				continue
			}
			fmt.Fprintf(os.Stderr, "bench: %s: %s\n", w.name, w.title)
			r, err := o.measure(dir, w)
			if err != nil {
				return fmt.Errorf("%s: %w", w.title, err)
			}
			rows[i] = append(rows[i], r)
		}
	}
	r := report{
		machine: machine.Describe(), load: load, took: time.Since(began),
		rows: rows[0], parts: rows[1], calls: rows[2], peerDefault: o.peerDefault,
	}
	if _, err := io.WriteString(out, r.markdown()); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// named are the names of works, each once.
func named(groups [][]work) (names []string) {
	for _, w := range slices.Concat(groups...) {
		if !slices.Contains(names, w.name) {
			names = append(names, w.name)
		}
	}
	return names
}

// measure times one work on both sides.
func (o options) measure(dir string, w work) (row, error) {
	ours, theirs, err := o.commands(dir, w)
	if err != nil {
		return row{}, err
	}
	a, err := start(ours)
	if err != nil {
		return row{}, err
	}
	defer a.stop()
	b, err := start(theirs)
	if err != nil {
		return row{}, err
	}
	defer b.stop()
	limit := o.each
	if w.seconds > 0 {
		limit = min(limit, time.Duration(w.seconds)*time.Second)
	}
	r := row{work: w, sides: [2]string{a.says, b.says}}
	err = r.fill(a, b, limit)
	return r, err
}

// commands are the two sides of w; the networks' weights are written first.
func (o options) commands(dir string, w work) (ours, theirs *exec.Cmd, err error) {
	peer := w.peer
	if peer == "" {
		peer = w.name
		file := filepath.Join(dir, w.name+".safetensors")
		write := exec.Command(o.step, "-write", file, w.name)
		ours = exec.Command(o.step, "-load", file, w.name)
		theirs = exec.Command(o.python, o.peer, "--load", file, peer)
		if w.bf16 {
			ours.Args = slices.Insert(ours.Args, 1, "-bf16")
		}
		if o.cuda {
			write.Args, ours.Args = slices.Insert(write.Args, 1, "-cuda"), slices.Insert(ours.Args, 1, "-cuda")
			theirs.Args = slices.Insert(theirs.Args, 2, "--cuda")
		}
		write.Stderr = os.Stderr
		if err := write.Run(); err != nil {
			return nil, nil, fmt.Errorf("write the weights: %w", err)
		}
	} else {
		ours = exec.Command(o.step, w.name)
		theirs = exec.Command(o.python, o.peer, peer)
	}
	if w.gotch {
		theirs = exec.Command(o.step, peer)
	}
	ours.Env = os.Environ()
	theirs.Env = os.Environ()
	if o.peerDefault {
		theirs.Env = without(theirs.Env, "GOMP_SPINCOUNT", "OPENBLAS_THREAD_TIMEOUT")
	}
	return ours, theirs, nil
}
