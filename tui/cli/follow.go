package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/tui/progress"
)

// follow does the part of a rank other than 0. It has no folder and no screen; how it
// goes is in the run's folder, as ranks/<rank>.txt. Where this machine has not that
// folder, rank 0 writes it. What rank 0 says as well, for all, is only there.
func (a *App) follow(ctx context.Context, r runArgs, place ranks.Place) error {
	ctx, stop := a.savingly(ctx)
	defer stop()
	var log *rankLog
	defer func() { log.close(nil) }()
	err := a.Follow(ctx, place, FollowOptions{
		Patience: r.patience,
		Where: func(folder string, far io.Writer) {
			var err error
			if log, err = openRankLog(folder, far, place); err != nil {
				a.warn("rank %d: %v", place.Rank, err)
			}
		},
		Watch: func(e run.Event) { log.watch(e) },
	})
	if err == nil {
		return nil
	}
	kept := log != nil && log.file != nil // rank 0 may write no more
	log.close(err)
	log = nil
	var elsewhere *ranks.ElsewhereError
	if other := errors.As(err, &elsewhere); kept && other || place.Launched && (kept || other) {
		return errSaid // launch, or rank 0, says what was wrong
	}
	return fmt.Errorf("rank %d: %w", place.Rank, err)
}

// rankLog is the log of a rank other than 0; nil is none.
type rankLog struct {
	out   io.Writer
	file  *os.File // that it goes to; nil where rank 0 writes it
	lines *progress.Progress
}

// openRankLog opens a rank's log: in the run's folder, or far, where that is not on this
// machine.
func openRankLog(folder string, far io.Writer, place ranks.Place) (*rankLog, error) {
	l := &rankLog{out: far}
	if _, err := os.Stat(folder); err == nil {
		path := run.RankLog(folder, place.Rank)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as the run's folder
			return nil, fmt.Errorf("its log is not kept: %w", err)
		}
		if l.file, err = openLog(path); err != nil {
			return nil, err
		}
		l.out = l.file
	}
	host, _ := os.Hostname()
	_, _ = fmt.Fprintf(l.out, "%s rank %d of %d, process %d on %s\n", time.Now().Format(time.TimeOnly), place.Rank, place.World, os.Getpid(), host)
	l.lines = progress.New(progress.Options{Out: l.out})
	return l, nil
}

func (l *rankLog) watch(e run.Event) {
	if l != nil {
		l.lines.Watch(e)
	}
}

// close closes the log, with the error that the rank has ended with, if any.
func (l *rankLog) close(err error) {
	if l == nil {
		return
	}
	l.lines.Close()
	if err != nil {
		_, _ = fmt.Fprintf(l.out, "%s %s\n", time.Now().Format(time.TimeOnly), oneLine(err))
	}
	if l.file != nil {
		_ = l.file.Close()
	}
}
