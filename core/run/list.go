package run

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// recentLosses is how many of a step's last losses a listing holds.
const recentLosses = 64

// steps is the number of steps that a run has.
const steps = 5

// Listed is a run in a folder of runs.
type Listed struct {
	Folder    *Folder
	State     State     // as Status tells it, without candidates and warnings
	Progress  float64   // of the steps that the run is to do, 0 to 1
	Score     float64   // the final figure, else the best candidate's score; NaN without either
	ScoreName string    // "AP", or "best" for a candidate's
	Loss      []float64 // the last losses of the step, the newest last
	Err       error     // why the run cannot be read; the rest may be of earlier
}

// Lister lists the runs in a folder again and again. It reads of each journal
// only what came since the last time. It is safe for concurrent use.
type Lister struct {
	dir string

	mu   sync.Mutex
	runs map[string]*listing // by the folder's name
}

// listing is what a lister keeps of a run.
type listing struct {
	folder *Folder
	file   os.FileInfo // of the journal that was read
	reader *Reader
	state  State
	from   int // steps that the run is to do
	to     int
	best   float64
	loss   []float64
	err    error
}

// NewLister makes a lister of the runs in a folder, which need not be there yet.
func NewLister(runs string) *Lister { return &Lister{dir: runs, runs: map[string]*listing{}} }

// List lists the runs by name. What is no run is left out; a run that cannot be
// read is listed with its error.
func (l *Lister) List() ([]Listed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	var out []Listed
	seen := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		f, err := Find("", filepath.Join(l.dir, name))
		if err != nil {
			continue // no run
		}
		seen[name] = true
		out = append(out, l.one(name, f))
	}
	for name := range l.runs {
		if !seen[name] {
			delete(l.runs, name)
		}
	}
	return out, nil
}

// one brings what is known of a run up to date.
func (l *Lister) one(name string, f *Folder) Listed {
	x := l.runs[name]
	if x == nil {
		x = newListing(f)
		l.runs[name] = x
	}
	locked, err := f.Locked() // before the journal, as Status does
	if err == nil {
		err = x.update()
	}
	if x.err = err; x.err != nil {
		x.file = nil // read it anew the next time
	}
	return x.listed(locked)
}

func newListing(f *Folder) *listing {
	return &listing{folder: f, state: State{Name: f.Name()}, from: 1, to: steps, best: math.NaN()}
}

// update reads what the journal has grown by. A journal that is another file
// than before, or has shrunk, is read from its start.
func (x *listing) update() error {
	path := x.folder.JournalPath()
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		*x = *newListing(x.folder)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	if x.file != nil && os.SameFile(x.file, info) && x.file.Size() == info.Size() && x.file.ModTime().Equal(info.ModTime()) {
		return nil
	}
	if x.file == nil || !os.SameFile(x.file, info) || info.Size() < x.file.Size() {
		*x = *newListing(x.folder)
	}
	file, err := os.Open(path) //nolint:gosec // a run's journal
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	defer file.Close()
	if x.reader == nil {
		x.reader = NewReader(path, file)
	}
	x.reader.src = file
	for {
		entry, err := x.reader.Next()
		if errors.Is(err, io.EOF) {
			x.file, x.reader.src = info, nil
			return nil
		}
		if err != nil {
			return err
		}
		x.apply(entry)
	}
}

func (x *listing) apply(entry Entry) {
	switch e := entry.Event.(type) {
	case RunStarted:
		x.from, x.to = e.From, e.To
	case RunResumed:
		x.from, x.to = e.From, e.To
	case StepStarted:
		x.loss = x.loss[:0]
	case Train:
		if v, ok := e.Losses["loss"]; ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			x.loss = append(x.loss, v)
		}
		if len(x.loss) > 2*recentLosses {
			x.loss = slices.Clone(x.loss[len(x.loss)-recentLosses:])
		}
	case Candidate:
		if math.IsNaN(x.best) || e.Score > x.best {
			x.best = e.Score
		}
	}
	x.state.Apply(entry)
	if len(x.state.Candidates) == 0 {
		x.best = math.NaN()
	}
}

// listed is the run as it is shown.
func (x *listing) listed(locked bool) Listed {
	out := Listed{
		Folder: x.folder, State: x.state, Score: x.best, ScoreName: "best", Err: x.err,
		Loss: slices.Clone(x.loss[max(0, len(x.loss)-recentLosses):]),
	}
	out.State.Candidates, out.State.Warnings = nil, nil // the caller's own from here on
	out.State.Finished, out.State.Steering = maps.Clone(x.state.Finished), Steering{Requests: slices.Clone(x.state.Steering.Requests)}
	out.State.settle(locked)
	if done, ok := x.state.Finished[steps]; ok {
		if ap, ok := done.Metrics["AP"]; ok {
			out.Score, out.ScoreName = ap, "AP"
		}
	}
	out.Progress = x.progress()
	return out
}

// progress is the share of the run's steps that is done, each counted alike.
func (x *listing) progress() float64 {
	if x.state.State == StateFinished {
		return 1
	}
	done := 0.0
	for step := x.from; step <= x.to; step++ {
		if _, ok := x.state.Finished[step]; ok {
			done++
		} else if step == x.state.Step && x.state.Iterations > 0 {
			done += min(1, float64(x.state.Iteration)/float64(x.state.Iterations))
		}
	}
	return done / float64(max(1, x.to-x.from+1))
}
