package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// exitSignal is the exit code of a program that a signal ended at once: 128 +
// SIGINT, as shells have it.
const exitSignal = 130

// gracefully returns a context that the first Ctrl-C or SIGTERM cancels, so that
// work can be brought to an end. The second one exits at once. The function
// returned gives the signals their usual meaning back.
func gracefully(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case s := <-signals:
				if !first {
					os.Exit(exitSignal)
				}
				cancel(errors.New(s.String()))
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
