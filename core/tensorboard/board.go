package tensorboard

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/core/run"
)

// Choice is a row of the map of choices.
type Choice struct {
	Name  string
	Digit byte // in a subnet's short form
}

// Options say what a board is of.
type Options struct {
	Folder  *run.Folder
	Choices []Choice
	// Decode is how the images are read that detections are drawn on.
	Decode dataset.DecodeOptions
	// Warn is told, once at most and on any goroutine, why there will be no more
	// events, or that some are left out.
	Warn func(string)
}

const (
	queued   = 4096             // events that wait to be written; more are left out
	patience = 10 * time.Second // for what waits at the end
	textMost = 256 << 10        // bytes of a config
)

// Board writes the event files of a run. Recall is called before Start; Watch may
// then be called from any goroutine.
type Board struct {
	opts    Options
	queue   chan moment
	stop    chan struct{}
	done    chan struct{}
	closed  atomic.Bool
	lost    atomic.Bool // an event was left out
	warned  atomic.Bool
	state   run.State
	edits   int64         // of the config in this process
	files   map[int]*file // of the step under way; 0 is that of the run
	drawn   string        // the subnet whose detections were drawn last
	stopped bool          // nothing is written any more
}

// moment is an event and when it was told.
type moment struct {
	at time.Time
	ev run.Event
}

// New is a board of the run in a folder.
func New(o Options) *Board {
	return &Board{opts: o, queue: make(chan moment, queued), stop: make(chan struct{}), done: make(chan struct{}), files: map[int]*file{}}
}

// Recall takes in what the journal has of earlier processes, whose files are there.
func (b *Board) Recall(e run.Entry) { b.state.Apply(e) }

// Start begins to write.
func (b *Board) Start() { go b.work() }

// Watch takes in an event and returns at once.
func (b *Board) Watch(ev run.Event) {
	if b.closed.Load() {
		return
	}
	select {
	case b.queue <- moment{time.Now(), ev}:
	default:
		if !b.lost.Swap(true) {
			b.warn("the storage is slower than the run, so that TensorBoard's files lack some events; the journal has all")
		}
	}
}

// Close writes what waits, for ten seconds at most, and ends the files.
func (b *Board) Close() {
	if b.closed.Swap(true) {
		return
	}
	close(b.stop)
	select {
	case <-b.done:
	case <-time.After(patience):
		b.warn("TensorBoard's files lack the end, since the storage took too long")
	}
}

func (b *Board) warn(what string) {
	if !b.warned.Swap(true) {
		b.opts.Warn(what)
	}
}

// work writes events as they come; whenever none waits, readers are shown them.
func (b *Board) work() {
	defer close(b.done)
	defer func() { b.try(b.end()) }()
	for {
		select {
		case m := <-b.queue:
			b.take(m)
			continue
		default:
			b.try(b.flush())
		}
		select {
		case m := <-b.queue:
			b.take(m)
		case <-b.stop:
			for len(b.queue) > 0 {
				b.take(<-b.queue)
			}
			return
		}
	}
}

// take folds an event. An error ends the board, and nothing else.
func (b *Board) take(m moment) {
	b.state.Apply(run.Entry{Header: run.Header{Seq: b.state.Seq + 1, Time: m.at}, Event: m.ev})
	if !b.stopped {
		b.try(b.fold(m.at, m.ev))
	}
}

// try stops the board at an error.
func (b *Board) try(err error) {
	if err == nil || b.stopped {
		return
	}
	b.stopped = true
	b.warn(fmt.Sprintf("no more events for TensorBoard until the run is taken up again: %v", err))
}

func (b *Board) fold(at time.Time, ev run.Event) error {
	switch e := ev.(type) {
	case run.RunStarted, run.RunResumed:
		return b.config(at)
	case run.ConfigChanged:
		b.edits++
		return b.config(at)
	case run.StepStarted:
		return b.begin(at, e)
	case run.Train:
		values := [][]byte{scalar("train/lr", e.LR), scalar("speed/images_per_s", e.ImagesPerS), scalar("speed/data_s", e.DataS), scalar("speed/step_s", e.StepS)}
		return b.add(e.Step, summaryEvent(at, int64(e.Iteration), append(scalars("loss/", e.Losses), values...)...))
	case run.Eval:
		return b.add(e.Step, summaryEvent(at, int64(e.Iteration), scalars("metrics/", e.Metrics)...))
	case run.Candidate:
		return b.candidate(at, e)
	case run.Generation:
		return b.generation(at, e)
	case run.StepFinished:
		return b.add(e.Step, summaryEvent(at, int64(b.state.Iteration), scalars("final/", e.Metrics)...))
	case run.RunFinished:
		return b.finish(at)
	}
	return nil
}

// scalars are values by name, sorted.
func scalars(prefix string, values run.Values) [][]byte {
	out := make([][]byte, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, scalar(prefix+name, values[name]))
	}
	return out
}

// begin starts a file of a step, which takes the place of all that older ones have
// after the iteration.
func (b *Board) begin(at time.Time, e run.StepStarted) error {
	for step, f := range b.files {
		if step != 0 {
			delete(b.files, step)
			if err := f.close(); err != nil {
				return err
			}
		}
	}
	b.drawn = ""
	return b.open(at, e.Step, fmt.Sprintf("%d-%s", e.Step, e.Name), int64(e.Iteration)+1)
}

func (b *Board) open(at time.Time, step int, name string, from int64) error {
	dir, err := b.opts.Folder.EventFiles(name)
	if err != nil {
		return err //nolint:wrapcheck // it says what was done
	}
	f, err := newFile(dir, at, from)
	if err == nil {
		b.files[step] = f
	}
	return err
}

// add writes an event of a step that has begun.
func (b *Board) add(step int, event []byte) error {
	if f := b.files[step]; f != nil {
		return f.add(event)
	}
	return nil
}

// config writes the config as it is now.
func (b *Board) config(at time.Time) error {
	if b.files[0] == nil {
		if err := b.open(at, 0, "", 0); err != nil {
			return err
		}
	}
	toml, err := input.File(b.opts.Folder.Config(), textMost)
	if err != nil {
		return nil //nolint:nilerr // a text less
	}
	// four spaces are code in Markdown, whatever stands in it
	code := "    " + strings.ReplaceAll(strings.TrimRight(string(toml), "\n"), "\n", "\n    ")
	return b.add(0, summaryEvent(at, b.edits, text("config", code)))
}

// candidate writes a candidate at the number of those that were evaluated with it. One
// without a score, as it diverged or was stopped, has no point on that curve.
func (b *Board) candidate(at time.Time, c run.Candidate) error {
	values := [][]byte{scalar("candidate/conv_macs", float64(c.MACs)), scalar("candidate/params", float64(c.Params)), scalar("candidate/seconds", c.Seconds)}
	if !math.IsNaN(c.Score) {
		values = append(values, scalar("candidate/score", c.Score))
	}
	return b.add(b.state.Step, summaryEvent(at, int64(c.Index)+1, values...))
}

// generation writes the best so far, the map of choices and, where the best is
// another, what it detects.
func (b *Board) generation(at time.Time, g run.Generation) error {
	step := int64(g.Evaluated)
	values := [][]byte{scalar("search/best_score", g.Score), scalar("search/generation", float64(g.Generation))}
	if v := b.choices(g.Generation); v != nil {
		values = append(values, v)
	}
	if g.Best != b.drawn {
		b.drawn = g.Best
		values = append(values, b.detections(b.state.Step, g.Best)...)
	}
	return b.add(b.state.Step, summaryEvent(at, step, values...))
}

// finish draws what the run's subnet finds after the last step, where that was kept.
func (b *Board) finish(at time.Time) error {
	result, err := b.opts.Folder.ReadResult()
	if err != nil || b.state.Step == searchStep {
		return nil //nolint:nilerr // a picture less
	}
	pictures := b.detections(b.state.Step, result.Subnet)
	if len(pictures) == 0 {
		return nil
	}
	return b.add(b.state.Step, summaryEvent(at, int64(b.state.Iterations), pictures...))
}

// searchStep is the step whose pictures come with its generations.
const searchStep = 3

// flush shows readers what was written.
func (b *Board) flush() error {
	if b.stopped {
		return nil
	}
	for _, f := range b.files {
		if err := f.flush(); err != nil {
			return err
		}
	}
	return nil
}

// end ends the files.
func (b *Board) end() error {
	var first error
	for _, f := range b.files {
		if err := f.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
