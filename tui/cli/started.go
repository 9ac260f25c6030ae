package cli

import (
	"context"
	"errors"
	"slices"
	"sync"

	"detnas/core/run"
	"detnas/tui"
)

// started are the runs that a screen has started or resumed, in order. A run may
// still be on its way when the screen closes.
type started struct {
	mu   sync.Mutex
	runs []*launched
}

// launched is one of them, and how that went, once done is closed.
type launched struct {
	done   chan struct{}
	folder *run.Folder
	err    error
}

// start prepares a run and launches it in the background.
func (s *started) start(ctx context.Context, prepare func() (*job, error)) (*run.Folder, error) {
	l := &launched{done: make(chan struct{})}
	s.mu.Lock()
	s.runs = append(s.runs, l)
	s.mu.Unlock()
	defer close(l.done)
	j, err := prepare()
	if err == nil {
		l.folder, err = j.folder, launch(ctx, j)
	}
	l.err = err
	return l.folder, err
}

// others says, once the screen has closed, how the runs stand that it started, save
// the one that was open on it last. It waits for those that are on their way; that
// others could not be started the screen has said.
func (a *App) others(ctx context.Context, open *run.Folder) error {
	a.started.mu.Lock()
	runs := slices.Clone(a.started.runs)
	a.started.mu.Unlock()
	said := map[string]bool{}
	if open != nil {
		said[open.Dir()] = true
	}
	var errs []error
	for _, l := range runs {
		late := false
		select {
		case <-l.done:
		default:
			late = true
			<-l.done // launch heeds ctx
		}
		switch {
		case l.err != nil && late:
			errs = append(errs, l.err)
		case l.err == nil && !said[l.folder.Dir()]:
			said[l.folder.Dir()] = true
			errs = append(errs, a.farewell(ctx, l.folder, tui.LeaveAlone))
		}
	}
	return errors.Join(errs...)
}
