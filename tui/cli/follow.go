package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/tui/progress"
)

// follow does the part of a rank other than 0. It has no folder and no screen; how it
// goes is in the run's folder, where this machine has that, as ranks/<rank>.txt.
func (a *App) follow(ctx context.Context, r runArgs, place ranks.Place) error {
	ctx, stop := a.savingly(ctx)
	defer stop()
	var log *rankLog
	defer func() { log.close(nil) }()
	err := a.Follow(ctx, place, FollowOptions{
		Patience: r.patience,
		Where: func(folder string) {
			var err error
			if log, err = openRankLog(folder, place); err != nil {
				a.warn("rank %d: %v", place.Rank, err)
			}
		},
		Watch: func(e run.Event) { log.watch(e) },
	})
	if err != nil {
		log.close(err)
		log = nil
		return fmt.Errorf("rank %d: %w", place.Rank, err)
	}
	return nil
}

// rankLog is the log of a rank other than 0; nil is none.
type rankLog struct {
	file  *os.File
	lines *progress.Progress
}

// openRankLog opens a rank's log, where the run's folder is on this machine.
func openRankLog(folder string, place ranks.Place) (*rankLog, error) {
	if _, err := os.Stat(folder); err != nil {
		return nil, fmt.Errorf("its log is not kept, since the run's folder is not here: %w", err)
	}
	dir := filepath.Join(folder, "ranks")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as the run's folder
		return nil, fmt.Errorf("its log is not kept: %w", err)
	}
	file, err := openLog(filepath.Join(dir, strconv.Itoa(place.Rank)+".txt"))
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	_, _ = fmt.Fprintf(file, "%s rank %d of %d, process %d on %s\n", time.Now().Format(time.TimeOnly), place.Rank, place.World, os.Getpid(), host)
	return &rankLog{file: file, lines: progress.New(progress.Options{Out: file})}, nil
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
		_, _ = fmt.Fprintf(l.file, "%s %s\n", time.Now().Format(time.TimeOnly), oneLine(err))
	}
	_ = l.file.Close()
}
