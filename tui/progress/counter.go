package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Counter shows how far a short piece of work is, such as drawing images, on one
// line of a terminal.
type Counter struct {
	out   io.Writer
	label string

	mu   sync.Mutex
	last time.Time
}

// NewCounter counts on out, which may be nil to show nothing.
func NewCounter(out io.Writer, label string) *Counter {
	return &Counter{out: out, label: label}
}

// Set shows that done of total are done, at most five times a second.
func (c *Counter) Set(done, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.out == nil || now.Sub(c.last) < redraw {
		return
	}
	c.last = now
	_, _ = fmt.Fprintf(c.out, "\r%s %d/%d\x1b[K", c.label, done, total)
}

// Close takes the line off the screen.
func (c *Counter) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil && !c.last.IsZero() {
		_, _ = io.WriteString(c.out, "\r\x1b[K")
	}
}
