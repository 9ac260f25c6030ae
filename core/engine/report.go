package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
)

// How often a rank tells rank 0 what it does: usually, and at most, where there is
// something that should not wait.
const (
	reportEvery = 2 * time.Second
	reportLeast = 250 * time.Millisecond
)

// idleFrom is how long a rank waits for an order before it says that it is idle: a line
// of the journal takes rank 0 less.
const idleFrom = time.Second

func reportKey(rank int) string { return fmt.Sprintf("report/%d", rank) }

// report is what a rank tells of itself, under one key of the store: in sums since its
// process began, so that nothing is lost where a report replaces one that was not read.
type report struct {
	Number    int64   `json:"number"` // of the report; of a rank that is silent it stands still
	Host      string  `json:"host"`
	PID       int     `json:"pid"`
	Step      int     `json:"step"`      // that it trains, or has trained last
	Iteration int64   `json:"iteration"` // done in it
	Idle      bool    `json:"idle"`      // it waits for an order
	Totals    totals  `json:"totals"`
	Up        float64 `json:"up"`               // seconds for which it tells
	Busy      float64 `json:"busy"`             // seconds of processors that its process has taken
	Pieces    int64   `json:"pieces,omitempty"` // of its log that it has put into the store

	Usage run.Usage `json:"usage"` // but for the cores
}

// totals are sums over the iterations of a step that the rank's process has made.
type totals struct {
	Made    int64   `json:"made"`
	Images  int64   `json:"images"`  // of the rank's share
	Compute float64 `json:"compute"` // seconds, as in run.Rank
	Data    float64 `json:"data"`
	Wait    float64 `json:"wait"`
	Order   float64 `json:"order"`
}

// minus is what has come since other.
func (t totals) minus(other totals) totals {
	return totals{
		Made: t.Made - other.Made, Images: t.Images - other.Images, Compute: t.Compute - other.Compute,
		Data: t.Data - other.Data, Wait: t.Wait - other.Wait, Order: t.Order - other.Order,
	}
}

// reporter gathers what its rank does. The training thread tells it, and other
// goroutines ask.
type reporter struct {
	began time.Time
	news  chan struct{} // has one where a report should not wait
	log   farLog        // what is to be told of its log

	mu      sync.Mutex
	now     report
	waiting time.Time // since when it waits for an order; zero where it does not
	device  tensor.Device
}

func newReporter() *reporter {
	host, _ := os.Hostname()
	return &reporter{
		began: time.Now(), news: make(chan struct{}, 1),
		now: report{Host: host, PID: os.Getpid()}, device: tensor.CPU,
	}
}

// begins takes in that iterations of a step are to be made on a device, from one on.
func (r *reporter) begins(step int, iteration int64, device tensor.Device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.Step != step {
		r.now.Totals = totals{}
	}
	r.now.Step, r.now.Iteration, r.device = step, iteration, device
}

// made takes in an iteration.
func (r *reporter) made(it train.Iteration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Iteration = it.Index + 1
	t := &r.now.Totals
	t.Made, t.Images = t.Made+1, t.Images+int64(it.Share)
	t.Compute += it.Compute.Seconds()
	t.Data += it.Data.Seconds()
	t.Wait += it.Wait.Seconds()
}

// waits takes in that the rank waits for rank 0's orders, until end is called.
func (r *reporter) waits() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = time.Now()
	select {
	case r.news <- struct{}{}: // it may be for long, or for good
	default:
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now.Totals.Order += time.Since(r.waiting).Seconds()
		r.waiting = time.Time{}
	}
}

// begins takes in what reporter.begins does, where there are several ranks.
func (c *crew) begins(step int, iteration int64, device tensor.Device) {
	if c != nil {
		c.report.begins(step, iteration, device)
	}
}

// made takes in an iteration, where there are several ranks.
func (c *crew) made(it train.Iteration) {
	if c != nil {
		c.report.made(it)
	}
}

// tell is the next report, with what m measures of the process.
func (r *reporter) tell(m *meter) report {
	r.mu.Lock()
	device := r.device
	r.mu.Unlock()
	busy, usage := m.read(device)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Number++
	r.now.Up, r.now.Busy, r.now.Usage = time.Since(r.began).Seconds(), busy, usage
	r.now.Idle = !r.waiting.IsZero() && time.Since(r.waiting) > idleFrom
	return r.now
}

// tellRank0 puts this rank's reports into the store until the function that it returns
// is called. A store that does not answer keeps nobody but this.
func (c *crew) tellRank0() (stop func()) {
	m, err := newMeter()
	if err != nil {
		return func() {} // the system does not tell of processes
	}
	quit := make(chan struct{})
	go func() {
		defer m.close()
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		for {
			told := c.report.tell(m)
			told.Pieces = c.report.log.send(c.place.Rank, c.store.Set)
			if text, err := json.Marshal(told); err == nil {
				_ = c.store.Set(reportKey(c.place.Rank), text) // the training thread will notice
			}
			select {
			case <-quit:
				return
			case <-time.After(reportLeast):
			}
			select {
			case <-quit:
				return
			case <-c.report.news:
			case <-ticker.C:
			}
		}
	}()
	return func() { close(quit) }
}
