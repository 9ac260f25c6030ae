package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui"
	"detnas/tui/common"
	"detnas/tui/looks"
	"detnas/tui/serve"
)

// noFiles is why no screen and no command over SSH takes a path.
const noFiles = "files of the server are not reached over SSH"

// remoteBins is what a curve keeps on a screen over SSH: 128 kB at most, with
// more than a point for each column that such a screen can have.
const remoteBins = 2048

// house is what guests over SSH can reach: the runs of one folder, and nothing
// beside it.
type house struct {
	app     *App
	runs    string
	ctx     context.Context // of the server
	lookout *steer.Lookout
	readers chan struct{} // who decodes journals now
	hosted  *hosted       // the engine in this process; nil where there is none
	told    chan struct{} // closed when its end has been told
}

func newHouse(a *App, runs string) *house {
	return &house{app: a, runs: runs, lookout: steer.NewLookout(), readers: make(chan struct{}, mostReaders)}
}

// begin starts the engine that is to run in the server; it may be none.
func (h *house) begin(s serveArgs) error {
	if !s.engine() {
		return nil
	}
	j, err := prepare(s.runArgs)
	if err != nil {
		return err
	}
	if j.said != "" {
		h.app.warn("%s", j.said)
	}
	h.runs = filepath.Dir(j.folder.Dir())
	if j.nothingLeft() {
		h.app.warn("run %s has finished its steps already; it is served as it is", j.folder.Name())
		return j.folder.Unlock()
	}
	if h.hosted, err = h.app.host(h.ctx, j, hosting{out: h.app.Out}); err != nil {
		return err
	}
	h.told = make(chan struct{})
	go h.tell()
	return nil
}

// tell says what the engine in the server has come to, which goes on serving.
func (h *house) tell() {
	defer close(h.told)
	<-h.hosted.done
	switch j := h.hosted.job; {
	case h.ctx.Err() != nil:
		h.app.warn("run %s: %v", j.folder.Name(), h.hosted.err)
	case h.hosted.err != nil:
		h.app.warn("run %s has ended: %s; the server goes on", j.folder.Name(), oneLine(h.hosted.err))
	default:
		h.app.warn("run %s has finished; the server goes on", j.folder.Name())
	}
}

// end ends the engine in the server with a checkpoint, and waits for it.
func (h *house) end() error {
	if h.hosted == nil {
		return nil
	}
	h.hosted.cancel(errors.New("the server is stopped"))
	<-h.told
	if status, err := h.hosted.job.folder.Status(); err != nil || status.State == run.StateFailed {
		return errors.Join(err, h.hosted.err)
	}
	return nil
}

// folder is the run that a guest names: by its name alone.
func (h *house) folder(name string) (*run.Folder, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("%q is no run's name; the command runs lists them", name)
	}
	f, err := run.Find("", filepath.Join(h.runs, name))
	if err != nil {
		return nil, fmt.Errorf("there is no run %s; the command runs lists those there are", name)
	}
	return f, nil
}

// within is the folder of a run that a page of a guest's screen names.
func (h *house) within(dir string) (*run.Folder, error) {
	if filepath.Dir(dir) != filepath.Clean(h.runs) {
		return nil, errors.New(noFiles)
	}
	return h.folder(filepath.Base(dir))
}

// viewer is a viewer of a run for a guest.
func (h *house) viewer(g *serve.Guest, f *run.Folder) steer.Viewer {
	var v steer.Viewer
	if h.hosted != nil && h.hosted.job.folder.Dir() == f.Dir() {
		v = h.hosted.desk.Viewer()
	} else {
		v = h.lookout.Watch(f)
	}
	return &modest{Viewer: g.Viewer(v), readers: h.readers}
}

// What is decoded of journals at once, for all guests: a run that fifty of them
// open in the same second is then no more in memory than what they keep of it.
const (
	mostReaders = 2
	mostEntries = 256
)

// modest is a viewer that reads little at once, and waits for others that read.
type modest struct {
	steer.Viewer
	readers chan struct{}
}

// Next returns what is new in the journal.
func (m *modest) Next(limit int) ([]run.Entry, error) {
	m.readers <- struct{}{}
	defer func() { <-m.readers }()
	return m.Viewer.Next(min(limit, mostEntries)) //nolint:wrapcheck // a viewer around a viewer
}

// visit is a guest's screen, with what it has open.
type visit struct {
	*tui.Model

	mu     sync.Mutex
	opened map[*lent]bool // nil once it is closed
}

// screen makes a guest's screen.
func (h *house) screen(g *serve.Guest) serve.Screen {
	v := &visit{opened: map[*lent]bool{}}
	o := tui.Options{
		Runs: h.runs, Who: g.Who(), Watching: g.OnlyWatches(), NoFiles: noFiles, Bins: remoteBins, Looks: looks.Guess(g.Env),
		Watch: func(dir string) (steer.Viewer, error) {
			f, err := h.within(dir)
			if err != nil {
				return nil, err
			}
			return v.lend(h.viewer(g, f))
		},
		Start: func(s common.StartRun) (steer.Viewer, error) {
			return h.start(v, g, "start", s.Name, func() (*job, error) { return h.create(s) })
		},
		Resume: func(dir string) (steer.Viewer, error) {
			return h.start(v, g, "resume", filepath.Base(dir), func() (*job, error) { return h.reopen(dir) })
		},
		Delete: func(dir string) error { return h.delete(g, dir) },
	}
	v.Model = tui.New(o)
	return v
}

// lent is a viewer that is closed with its screen at the latest: one may be opened
// by a command of the screen that outlives it.
type lent struct {
	steer.Viewer
	to *visit
}

// lend notes a viewer.
func (v *visit) lend(w steer.Viewer) (steer.Viewer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.opened == nil {
		return nil, errors.Join(errors.New("the session has ended"), w.Close())
	}
	l := &lent{Viewer: w, to: v}
	v.opened[l] = true
	return l, nil
}

// Close ends the viewing.
func (l *lent) Close() error {
	l.to.mu.Lock()
	delete(l.to.opened, l)
	l.to.mu.Unlock()
	return l.Viewer.Close() //nolint:wrapcheck // a viewer around a viewer
}

// Close lets go of what the screen has open.
func (v *visit) Close() {
	v.Model.Close()
	v.mu.Lock()
	opened := v.opened
	v.opened = nil
	v.mu.Unlock()
	for l := range opened {
		_ = l.Viewer.Close() // it was only read
	}
}

// start starts a run in a process of its own, in a guest's name.
func (h *house) start(v *visit, g *serve.Guest, act, name string, prepare func() (*job, error)) (steer.Viewer, error) {
	if why := g.OnlyWatches(); why != "" {
		err := errors.New(why)
		g.Acted(act, err, "run", name)
		return nil, err
	}
	j, err := prepare()
	if err == nil {
		name = j.folder.Name()
		err = launch(h.ctx, j)
	}
	g.Acted(act, err, "run", name)
	if err != nil {
		return nil, err
	}
	return v.lend(h.viewer(g, j.folder))
}

// create makes a run from a preset, or from text that began as one.
func (h *house) create(s common.StartRun) (*job, error) {
	if s.Text == "" && !slices.Contains(config.Presets(), s.Config) {
		return nil, errors.New(noFiles)
	}
	return create(runArgs{config: s.Config, text: s.Text, name: s.Name, runs: h.runs, runsBy: true})
}

// reopen takes up a run.
func (h *house) reopen(dir string) (*job, error) {
	f, err := h.within(dir)
	if err != nil {
		return nil, err
	}
	j, err := reopen(runArgs{resume: f.Dir()})
	if err == nil && j.nothingLeft() {
		err = errors.Join(fmt.Errorf("run %s has finished its steps", f.Name()), j.folder.Unlock())
	}
	return j, err
}

// delete removes a run that nothing runs, in a guest's name.
func (h *house) delete(g *serve.Guest, dir string) error {
	f, err := h.within(dir)
	if why := g.OnlyWatches(); err == nil && why != "" {
		err = errors.New(why)
	}
	if err == nil {
		err = remove(f.Dir())
	}
	g.Acted("delete", err, "run", filepath.Base(dir))
	return err
}
