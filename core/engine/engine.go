// Package engine runs an experiment: the five steps of DetNAS, from a config to
// a result, in a run's folder. It knows no screen; whoever watches follows the
// events that it writes to the journal.
package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/core/tensor"
	"detnas/nas"
)

// Options are how a run is done, apart from what its config says.
type Options struct {
	Version string // of the program, for the journal
	From    int    // first step, 1 to 5
	To      int    // last step
	Redo    bool   // do From anew, and later steps that the folder's run has finished

	// Watch, when not nil, is told of each event after it was written, one at
	// a time and in order, on whichever goroutine. It must not block: training
	// waits for it. It may give commands to the desk.
	Watch func(run.Event)

	// Desk, when not nil, is where people steer the run while it goes on. It is
	// open from the run's first event to before its last.
	Desk *steer.Desk

	// Ranks is this process's place among those that train the run together; the zero
	// value is alone. Who is not rank 0 calls Follow. Patience is how long it waits
	// for a rank of which nothing is heard; 0 is ranks.Patience.
	Ranks    ranks.Place
	Patience time.Duration

	usageEvery time.Duration                     // 0 is the usual
	latency    func(nas.Subnet) (float64, error) // in place of measuring, for tests; nil measures
}

// Run does the steps opts.From to opts.To of cfg in the locked folder f and
// returns the result, which is also in its result.json. When ctx is cancelled, or
// somebody stops the run at its desk, it writes a checkpoint, notes in the journal
// that the run was stopped, and returns an error that wraps ErrStopped.
func Run(ctx context.Context, cfg *config.Config, f *run.Folder, opts Options) (run.Result, error) {
	var result run.Result
	e := &engine{cfg: cfg, folder: f, opts: opts, place: opts.Ranks}
	e.threads, e.workers, e.atOnce = plan(cfg, e.place)
	err := tensor.OnThread(e.threads, func() (err error) {
		if !e.place.Alone() {
			if e.crew, err = join(ctx, e.place, opts.Version, opts.Patience); err != nil {
				return fmt.Errorf("rank 0 of %d: %w", e.place.World, err)
			}
			defer e.crew.beat()()
			defer func() { e.crew.part(ctx, err) }()
		}
		result, err = e.run(ctx)
		return err
	})
	return result, err
}

// ErrStopped is wrapped by the error of a run that was told to stop.
var ErrStopped = errors.New("the run was stopped")

// errNotSaved is wrapped by the error of a checkpoint that could not be written
// as the run was told to stop.
var errNotSaved = errors.New("its last checkpoint could not be written")

// engine is one run under way.
type engine struct {
	cfg     *config.Config // written with mu held, by the training thread alone
	folder  *run.Folder
	opts    Options
	place   ranks.Place // among the processes that train together
	crew    *crew       // those processes; nil for one alone
	order   order       // of rank 0, where this is another
	device  tensor.Device
	threads int // cores that the run may use
	workers int // goroutines that make batches
	atOnce  int // candidates that are measured at a time, at most
	journal *run.Journal
	before  run.State // what an earlier process had done
	data    *data
	subnet  nas.Subnet // chosen by step 3 or given by hand
	past    past       // of the weights that the training step under way has started from

	searched    *config.Config // of the checkpoint whose supernet is searched; nil for this run's own
	startsKnown bool           // startsUnseen has looked
	warned      []string       // what warnOnce has said
	clock       clock
	previews
	result run.Result

	mu      sync.Mutex
	live    run.State   // the fold of the journal so far
	untold  []run.Event // that Watch has not been told of
	telling *sync.Cond  // not nil while some goroutine tells Watch
}

func (e *engine) run(ctx context.Context) (result run.Result, err error) {
	defer func() {
		if err != nil { // where it began, the desk is closed already
			e.leave(fmt.Errorf("the run did not begin: %w", err))
		}
	}()
	device, err := pickDevice(e.cfg.Device, e.place)
	if err != nil {
		return run.Result{}, err
	}
	e.device = device
	e.before, e.live = run.State{Name: e.folder.Name()}, run.State{Name: e.folder.Name()}
	board := e.newBoard()
	e.journal, err = e.folder.OpenJournal(func(entry run.Entry) error {
		if board != nil {
			board.Recall(entry)
		}
		e.before.Apply(entry)
		e.live.Apply(entry)
		return nil
	})
	if err != nil {
		return run.Result{}, err
	}
	defer e.journal.Close()
	defer e.told()
	if board != nil {
		board.Start()
		defer func() { e.told(); board.Close() }()
	}
	e.data = newData(e.cfg, e.folder.Data(), e.note)
	e.data.keep = func(ctx context.Context, write func() error) error { return e.keep(ctx, e.here(), write) }
	if err := e.begin(ctx); err != nil {
		return run.Result{}, err
	}
	if e.place.Opens() {
		e.note(run.Warning{What: opened(e.place)})
	}
	if tensor.Describe().Slow {
		e.note(run.Warning{What: "matrix products run in the reference BLAS, some 30 times slower than OpenBLAS; cure: apt install libopenblas0"})
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !e.crew.alone() {
		e.crew.stop = stop
	}
	e.open(stop)
	e.clock.begin(0)
	stopSampling, stopGuarding := e.sample(), e.guard(stop)
	err = e.crew.blamed(e.steps(ctx))
	stopSampling()
	stopGuarding()
	if err != nil {
		return e.result, e.ended(ctx, err)
	}
	e.leave(errors.New("the run has finished; start another, or go on with --resume and --from"))
	if err := e.emit(run.RunFinished{Seconds: e.clock.total()}); err != nil {
		return e.result, err
	}
	return e.result, nil
}

// begin writes the first event and takes over what an earlier process left.
func (e *engine) begin(ctx context.Context) error {
	e.result = run.Result{Run: e.folder.Name(), ConfigHash: e.cfg.Hash(), Seed: e.cfg.Seed}
	if e.before.Started == nil || len(e.before.Steering.Hashes) == 0 {
		if err := e.emit(run.RunStarted{
			Run: e.folder.Name(), Version: e.opts.Version, ConfigHash: e.cfg.Hash(), Seed: e.cfg.Seed,
			From: e.opts.From, To: e.opts.To, Device: e.device.String(), Threads: e.threads, JPEG: decoder(), Ranks: e.crew.ranks(),
		}); err != nil {
			return err
		}
		return e.folder.EndAsk()
	}
	edit, err := e.brokenEdit()
	if err != nil {
		return err
	}
	hashes := e.before.Steering.Hashes // the first is that of the run's first event
	if last := hashes[len(hashes)-1]; edit == nil && last != e.cfg.Hash() {
		return fmt.Errorf("%s was changed since the run began (config %s, now %s); restore it, and change what can change with --set KEY=VALUE or on the Config page; or start a new run",
			e.folder.Config(), last, e.cfg.Hash())
	}
	if err := e.recall(ctx); err != nil {
		return err
	}
	if err := e.emit(run.RunResumed{
		Version: e.opts.Version, ConfigHash: e.cfg.Hash(), From: e.opts.From, To: e.opts.To, Redo: e.opts.Redo,
		Healed: e.journal.Healed(), Ranks: e.crew.ranks(),
	}); err != nil {
		return err
	}
	if err := e.folder.EndAsk(); err != nil {
		return err
	}
	if edit != nil {
		if err := e.emit(edit.Changed); err != nil {
			return err
		}
	}
	if err := e.folder.EndEdit(); err != nil {
		return err
	}
	return e.movedFrom(e.before.Started)
}

// movedFrom warns where a run goes on with other means than it began with.
func (e *engine) movedFrom(began *run.RunStarted) error {
	if began.Ranks != e.crew.ranks() {
		if err := e.emit(run.Warning{What: fmt.Sprintf("the run began with %s and goes on with %s: sums are rounded otherwise, so the last digits of the result may differ",
			counted(began.Ranks), counted(e.crew.ranks()))}); err != nil {
			return err
		}
	}
	if began.Threads != e.threads || began.Device != e.device.String() {
		if err := e.emit(run.Warning{What: fmt.Sprintf(
			"the run began on %s with %d threads and goes on on %s with %d: sums are rounded otherwise, so the last digits of the result may differ",
			began.Device, began.Threads, e.device, e.threads)}); err != nil {
			return err
		}
	}
	if began.JPEG != "" && began.JPEG != decoder() {
		return e.emit(run.Warning{What: fmt.Sprintf(
			"the run began with JPEGs decoded by %s and goes on with %s, whose pixels differ, most of all on edges of colours: the result will differ; libjpeg-turbo comes with apt install libturbojpeg0",
			began.JPEG, decoder())})
	}
	return nil
}

// counted says how many processes there are, 0 being one alone.
func counted(ranks int) string {
	if ranks <= 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", ranks)
}

// recall takes over what a finished search of an earlier process found.
func (e *engine) recall(ctx context.Context) error {
	if _, done := e.before.Finished[config.StepSearch]; !done {
		return nil
	}
	if _, err := e.chosen(ctx); err != nil {
		return err
	}
	return e.foundBefore()
}

// steps does what is asked, leaving out steps that an earlier process finished.
func (e *engine) steps(ctx context.Context) error {
	do := map[int]func(context.Context, int) (run.Values, error){
		config.StepSupernetPretrain: e.classify,
		config.StepSupernetFinetune: e.detect,
		config.StepSearch:           e.search,
		config.StepSubnetRetrain:    e.classify,
		config.StepSubnetFinetune:   e.detect,
	}
	for step := config.StepSupernetPretrain; step <= config.StepSubnetFinetune; step++ {
		asked := e.opts.From <= step && step <= e.opts.To
		if done, ok := e.before.Finished[step]; ok && (!asked || !e.opts.Redo) {
			e.addStep(step, done.Seconds, done.Metrics)
			continue
		}
		if !asked {
			continue
		}
		if e.cfg.Skips(step) {
			e.leftOut(step)
			continue
		}
		if err := e.openData(ctx, step); err != nil {
			return err
		}
		if err := e.between(ctx); err != nil {
			return err
		}
		e.clock.begin(0)
		metrics, err := do[step](ctx, step)
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", step, config.StepName(step), e.cured(step, err))
		}
		seconds := e.clock.seconds()
		if err := e.record(ctx, e.here(), run.StepFinished{Step: step, Seconds: seconds, Metrics: metrics}); err != nil {
			return err
		}
		e.addStep(step, seconds, metrics)
		if err := e.keepResult(ctx); err != nil {
			return err
		}
	}
	return e.keepResult(ctx) // whole, too, after a crash between a step's end and its result
}

// leftOut notes once that a step that was asked for is not done.
func (e *engine) leftOut(step int) {
	if e.before.Started == nil && !e.given() {
		e.note(run.Warning{What: fmt.Sprintf("step %d (%s) is left out: %s", step, config.StepName(step), e.cfg.Skipped(step))})
	}
}

// keepResult writes down what the run has come to.
func (e *engine) keepResult(ctx context.Context) error {
	return e.keep(ctx, e.here(), func() error { return e.folder.WriteResult(e.result) })
}

// forget drops what a run holds of a step that begins anew, and of all later
// ones, which rest on it.
func (e *engine) forget(step int) error {
	for s := step; s <= config.StepSubnetFinetune; s++ {
		if err := e.folder.RemoveCheckpoints(s); err != nil {
			return err
		}
		delete(e.before.Finished, s)
		delete(e.before.Data, s)
		delete(e.before.Saved, s)
	}
	if step <= config.StepSearch {
		e.before.Candidates = nil
		e.result.Search, e.result.Subnet, e.subnet = run.SearchResult{}, "", nil
	}
	return nil
}

// openData opens, before the first step that is done, the data of all of them,
// so that what is wrong with it shows before anything is trained.
func (e *engine) openData(ctx context.Context, first int) error {
	for step := first; step <= e.opts.To; step++ {
		if e.cfg.Skips(step) {
			continue
		}
		var err error
		switch step {
		case config.StepSupernetPretrain, config.StepSubnetRetrain:
			if _, _, err = e.data.classification(ctx); err == nil {
				err = errors.Join(e.pathsThere(step), e.enough(step))
			}
		case config.StepSearch:
			err = e.openSearch(ctx)
		default:
			if err = e.data.detection(ctx); err == nil {
				err = errors.Join(e.pathsThere(step), e.enough(step))
			}
		}
		if err != nil {
			return fmt.Errorf("the data of step %d (%s): %w", step, config.StepName(step), err)
		}
	}
	return nil
}

// openSearch makes sure that there is something to search and to be guided by.
func (e *engine) openSearch(ctx context.Context) error {
	if e.given() {
		return nil
	}
	if err := e.openGuide(ctx); err != nil {
		return err
	}
	if e.byClasses() {
		if err := e.data.apart(); err != nil {
			return err
		}
	} else if guide := e.guide(); !hasBoxes(guide) {
		return fmt.Errorf("the %d images of %s that guide the search have no boxes, so no candidate would have a score; raise data.detection.hold_out or search.images",
			guide.Len(), guide.Source)
	}
	space, err := e.cfg.Space.NAS(1)
	if err != nil {
		return err
	}
	if _, err = e.newSearch(e.cfg, space, nil); err != nil {
		return err
	}
	if e.cfg.Search.LoadFrom == "" {
		return e.startsUnseen()
	}
	_, err = e.elsewhere()
	return err
}

// given reports whether the config names the subnet, so that none is searched.
func (e *engine) given() bool { return e.cfg.Search.Subnet != "" }

func (e *engine) addStep(step int, seconds float64, metrics run.Values) {
	e.result.Steps = append(e.result.Steps, run.StepResult{
		Step: step, Name: config.StepName(step), Seconds: seconds, Metrics: metrics,
	})
	if step == config.StepSubnetFinetune {
		e.result.Final = only(metrics, run.FinalFigures()...)
	}
}

// ended notes how a run came to an early end and says how to go on.
func (e *engine) ended(ctx context.Context, err error) error {
	if lost := e.folder.Ours(); lost != nil {
		e.leave(lost)
		return lost
	}
	resume := e.resuming()
	if ctx.Err() != nil {
		why := context.Cause(ctx).Error()
		jerr := e.stopped()
		e.leave(fmt.Errorf("the run has stopped (%s); resume it to steer it", why))
		if jerr = errors.Join(jerr, e.emit(run.RunStopped{Why: why})); jerr != nil {
			return errors.Join(err, jerr)
		}
		if errors.Is(err, errNotSaved) {
			return fmt.Errorf("%w (%s), but %w; go on from the checkpoint before with: %s", ErrStopped, why, err, resume)
		}
		return fmt.Errorf("%w (%s); go on with: %s", ErrStopped, why, resume)
	}
	e.leave(fmt.Errorf("the run has failed (%w); mend that and resume it", err))
	if jerr := e.emit(run.RunFailed{Error: err.Error(), Cure: cureOf(err)}); jerr != nil {
		return errors.Join(err, jerr)
	}
	return err
}

// resuming is the command that goes on with the run, with what else it is to be told.
func (e *engine) resuming(more ...string) string {
	return input.CommandLine(slices.Concat(e.place.Command(), []string{"--resume", e.folder.Handle()}, more)...)
}

// plan is the number of cores that a run uses, of those of the machine the share of
// this process, and of the goroutines that make batches. Training leaves half of the
// cores' idle moments to those; the rest of the time they wait.
func plan(cfg *config.Config, place ranks.Place) (threads, workers, atOnce int) {
	if threads = cfg.Threads; threads <= 0 {
		threads = place.Share(runtime.GOMAXPROCS(0))
	}
	if workers = cfg.LoaderWorkers; workers <= 0 {
		workers = max(1, threads/2)
	}
	if atOnce = min(cfg.Search.Workers, threads); atOnce <= 0 {
		atOnce = threads
	}
	return threads, workers, atOnce
}

// pickDevice turns the config's word into a device that is there, whose results will be
// the same each time, and on which one of several ranks can compute. Of several GPUs each
// process of a machine takes its own. The thread that trains calls it.
func pickDevice(name string, place ranks.Place) (tensor.Device, error) {
	d, err := namedDevice(name, place)
	if err == nil && !place.Alone() {
		err = tensor.GroupReady(d)
	}
	return d, err
}

func namedDevice(name string, place ranks.Place) (tensor.Device, error) {
	devices := tensor.Describe().CUDA
	if name == "auto" {
		switch {
		case devices == 0:
			return tensor.CPU, nil
		case place.LocalRank >= devices:
			return tensor.CPU, fmt.Errorf("local rank %d has no GPU: libtorch sees %d here; start as many processes on a machine as it has GPUs, or name one (device = \"cuda\", where each process sees its own alone)", place.LocalRank, devices)
		}
		d := tensor.Device(place.LocalRank)
		return d, tensor.Repeatable(d)
	}
	if name == "cpu" {
		return tensor.CPU, nil
	}
	var n int
	if _, err := fmt.Sscanf(name, "cuda:%d", &n); name != "cuda" && err != nil {
		return tensor.CPU, fmt.Errorf("device %q: write auto, cpu, cuda or cuda:N", name)
	}
	if n < 0 || n >= devices {
		return tensor.CPU, fmt.Errorf("device %s: libtorch sees %d CUDA devices here; set device = \"auto\" or \"cpu\"", name, devices)
	}
	return tensor.Device(n), tensor.Repeatable(tensor.Device(n))
}
