package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// exitSignal is the exit code of a program that a signal ended at once: 128 +
// SIGINT, as shells have it.
const exitSignal = 130

// echo is how long after the first signal others are the same one: a supervisor
// may send it to the process and then to its group, as timeout does.
const echo = 20 * time.Millisecond

// gracefully returns a context that the first Ctrl-C or SIGTERM cancels, so that
// work can be brought to an end. The second one exits at once. The function
// returned gives the signals their usual meaning back.
func gracefully(ctx context.Context) (context.Context, func()) { return orAtOnce(ctx, func() {}) }

// savingly is gracefully for work that is lost where it is not brought to an end:
// the second signal says so.
func (a *App) savingly(ctx context.Context) (context.Context, func()) {
	return orAtOnce(ctx, func() { a.warn("ends at once: what was done since the last checkpoint is lost") })
}

// orAtOnce is gracefully with what to do before it exits at the second signal.
func orAtOnce(ctx context.Context, last func()) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	spareThreads()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case s := <-signals:
				switch {
				case first.IsZero():
					first = time.Now()
					cancel(errors.New(s.String()))
				case time.Since(first) >= echo:
					last()
					os.Exit(exitSignal)
				}
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

// spare is how many threads are made before they are needed.
const spare = 4

// spareThreads makes some threads that Go's scheduler then has at hand. While
// libtorch is being loaded, half a second and more, the loader's lock lets no thread
// be made; a goroutine that a signal has woken would stand still for as long, and a
// second signal with it.
func spareThreads() {
	var made sync.WaitGroup
	done := make(chan struct{})
	for range spare {
		made.Add(1)
		go func() {
			runtime.LockOSThread() // all at once: each its own
			defer runtime.UnlockOSThread()
			made.Done()
			<-done
		}()
	}
	made.Wait()
	close(done)
}
