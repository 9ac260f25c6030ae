// Screen measures the screen as a person meets it: the program runs on a
// pseudo-terminal that answers no query, keys are typed into it, and what it
// writes is counted and read by a terminal emulator.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"detnas/core/run"
	"detnas/tui/uitest/pty"
)

const (
	width, height = 160, 50
	patience      = 2 * time.Minute
)

// args are what is measured, and with what.
type args struct {
	binary, config, runs string
	starts, keys, pairs  int
	seconds              time.Duration
	step                 string
	only                 string
}

func main() {
	var a args
	flag.StringVar(&a.binary, "detnas", "bin/detnas", "the program")
	flag.StringVar(&a.config, "config", "demo", "the experiment to train meanwhile")
	flag.StringVar(&a.only, "only", "", "one of start, bytes, keys, cost")
	flag.IntVar(&a.starts, "starts", 11, "times that the first frame is timed")
	flag.IntVar(&a.keys, "keys", 60, "keys whose effect is timed")
	flag.IntVar(&a.pairs, "pairs", 5, "pairs of runs with and without the screen")
	flag.DurationVar(&a.seconds, "for", 20*time.Second, "time that bytes are counted for")
	flag.StringVar(&a.step, "to", "2", "last step of the paired runs")
	flag.Parse()
	if err := measure(a); err != nil {
		fmt.Fprintln(os.Stderr, "bench/screen:", err)
		os.Exit(1)
	}
}

func measure(a args) error {
	dir, err := os.MkdirTemp("", "detnas-screen-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	a.runs = dir
	for _, part := range []struct {
		name string
		do   func(args) error
	}{{"start", start}, {"bytes", idleBytes}, {"keys", training}, {"cost", cost}} {
		if a.only != "" && a.only != part.name {
			continue
		}
		if err := part.do(a); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// open starts the program on a terminal.
func open(name string, list ...string) (*pty.Terminal, error) {
	return pty.Open(exec.Command(name, list...), width, height) //nolint:gosec // the program under test
}

// start times from the start of the process to its first frame.
func start(a args) error {
	var took []time.Duration
	for range a.starts {
		t, err := open(a.binary)
		if err != nil {
			return err
		}
		_, err = t.See("1 Runs", patience)
		took = append(took, time.Since(t.Began))
		t.Close()
		if err != nil {
			return err
		}
	}
	report("first frame, from the start of the process", took)
	return nil
}

// idleBytes counts what is written while nothing changes.
func idleBytes(a args) error {
	t, err := open(a.binary)
	if err != nil {
		return err
	}
	defer t.Close()
	if _, err := t.See("1 Runs", patience); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	before := t.Bytes()
	time.Sleep(a.seconds)
	fmt.Printf("bytes a second, nothing changes: %.0f\n", float64(t.Bytes()-before)/a.seconds.Seconds())
	return nil
}

// training counts what is written while the config trains, on each page, and
// times keys.
func training(a args) error {
	t, err := open(a.binary, "run", a.config, "--runs", a.runs, "--name", "keys")
	if err != nil {
		return err
	}
	defer stop(a, "keys") // which goes on without its screen
	defer t.Close()
	if _, err := t.See("running", patience); err != nil {
		return err
	}
	if _, err := t.See("step 2/5", 10*time.Minute); err != nil {
		return err
	}
	if err := keys(t, a.keys); err != nil {
		return err
	}
	if err := count(t, a, "step 2, Run page"); err != nil {
		return err
	}
	if _, err := t.See("step 3/5", 10*time.Minute); err != nil {
		return err
	}
	if err := t.Press("3"); err != nil {
		return err
	}
	return count(t, a, "step 3, Search page")
}

// stop stops a run and waits for its end.
func stop(a args, name string) {
	f, err := run.Find(a.runs, name)
	if err != nil {
		return
	}
	_ = exec.Command(a.binary, "stop", f.Dir()).Run() //nolint:gosec // the program under test; it may have ended by itself
	for locked := true; locked && err == nil; locked, err = f.Locked() {
		time.Sleep(100 * time.Millisecond)
	}
}

// count counts the bytes that are written while a run trains.
func count(t *pty.Terminal, a args, where string) error {
	time.Sleep(time.Second)
	before, began := t.Bytes(), time.Now()
	time.Sleep(a.seconds)
	fmt.Printf("bytes a second, training, %s: %.0f\n", where, float64(t.Bytes()-before)/time.Since(began).Seconds())
	return nil
}

// keys times how long it takes until a key's effect is on the screen: the help
// opens and closes.
func keys(t *pty.Terminal, n int) error {
	var took []time.Duration
	for range n {
		if err := t.Press("?"); err != nil {
			return err
		}
		d, err := t.See("Keys:", patience)
		if err != nil {
			return err
		}
		took = append(took, d)
		if err := t.Press("x"); err != nil {
			return err
		}
		for t.Shows("Keys:") {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(137 * time.Millisecond) // out of step with the screen's own ticks
	}
	report("a key's effect, while training", took)
	return nil
}

// cost trains the same steps without and with the screen, in turn, and compares
// the time that the steps took by the journal.
func cost(a args) error {
	var ratios []float64
	for i := range a.pairs {
		var seconds [2]float64
		for _, with := range []bool{i%2 == 0, i%2 == 1} {
			name := fmt.Sprintf("pair-%d-%v", i, with)
			s, err := trained(a, name, with)
			if err != nil {
				return err
			}
			seconds[map[bool]int{false: 0, true: 1}[with]] = s
		}
		ratios = append(ratios, seconds[1]/seconds[0])
		fmt.Printf("pair %d: %.2f s without the screen, %.2f s with it, ratio %.4f\n", i+1, seconds[0], seconds[1], seconds[1]/seconds[0])
	}
	slices.Sort(ratios)
	fmt.Printf("time of training with the screen open / without: median %.4f, from %.4f to %.4f (%d pairs)\n",
		ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], len(ratios))
	return nil
}

// trained runs the steps and returns the seconds that they took.
func trained(a args, name string, screen bool) (float64, error) {
	list := []string{"run", a.config, "--runs", a.runs, "--name", name, "--to", a.step}
	if !screen {
		list = append(list, "--headless")
	}
	t, err := open(a.binary, list...)
	if err != nil {
		return 0, err
	}
	defer t.Close()
	path := filepath.Join(a.runs, name, "events.jsonl")
	for {
		seconds, done, err := steps(path)
		if err != nil || done {
			return seconds, err
		}
		select {
		case <-t.Ended():
			if seconds, done, err = steps(path); err == nil && !done {
				err = errors.New("the run has ended before its steps")
			}
			return seconds, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// steps adds the time of a journal's steps, and reports whether the run is done.
func steps(path string) (seconds float64, done bool, err error) {
	file, err := os.Open(path) //nolint:gosec // of a run made here
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading the journal: %w", err)
	}
	defer file.Close()
	d := json.NewDecoder(file)
	for {
		var e struct {
			Type    string  `json:"type"`
			Seconds float64 `json:"seconds"`
			Error   string  `json:"error"`
		}
		if d.Decode(&e) != nil {
			return seconds, done, nil // the end, or a line that is being written
		}
		switch e.Type {
		case "step_finished":
			seconds += e.Seconds
		case "run_finished":
			done = true
		case "run_failed":
			return 0, false, errors.New(e.Error)
		}
	}
}

func report(what string, took []time.Duration) {
	slices.Sort(took)
	fmt.Printf("%s: median %.1f ms, from %.1f to %.1f (%d times)\n", what,
		ms(took[len(took)/2]), ms(took[0]), ms(took[len(took)-1]), len(took))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
