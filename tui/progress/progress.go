// Package progress shows how a run goes on a terminal or in a log: one line that
// is redrawn, or plain lines where there is no terminal. The run is never made
// to wait: events change a small state, and a goroutine of its own draws it.
package progress

import (
	"bytes"
	"io"
	"sync"
	"time"

	"detnas/core/run"
)

const (
	redraw     = 200 * time.Millisecond // five times a second
	plainEvery = 5 * time.Second        // between the plain lines of a step
	logTime    = "2006-01-02 15:04:05 "
)

// Options say where and how progress is shown.
type Options struct {
	// Out gets the lines. Errors of writing to it are left alone: a run outlives
	// its terminal.
	Out io.Writer
	// Log, when not nil, gets every plain line with its time in front.
	Log io.Writer
	// Width, when not nil, is the terminal's columns now, and the progress is one
	// line that is redrawn. Without it the lines are plain.
	Width func() int
	// Colour allows colours and bold type. Nothing is told by colour alone.
	Colour bool
}

// Progress follows the events of a run. Its methods may be called from any
// goroutine.
type Progress struct {
	opts Options
	ink  ink
	quit chan struct{}
	done chan struct{}
	once sync.Once

	mu    sync.Mutex
	state state
	lines []line // not written yet

	drawn string // the live line on the screen; of the drawing goroutine
}

// New starts to show progress. Close ends it.
func New(opts Options) *Progress {
	p := &Progress{opts: opts, ink: ink(opts.Colour), quit: make(chan struct{}), done: make(chan struct{})}
	go p.loop()
	return p
}

// Watch takes in an event. It returns at once.
func (p *Progress) Watch(e run.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, p.state.apply(e, time.Now())...)
}

// Begin takes in what an earlier process had done of a run that is resumed.
func (p *Progress) Begin(s run.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.begin(s)
}

// Note shows a line that is no event.
func (p *Progress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line{at: time.Now(), text: text, weight: milestone})
}

// Close writes what is left, takes the live line off the screen and ends the
// goroutine.
func (p *Progress) Close() {
	p.once.Do(func() { close(p.quit) })
	<-p.done
}

func (p *Progress) loop() {
	defer close(p.done)
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.draw(false)
		case <-p.quit:
			p.draw(true)
			return
		}
	}
}

// draw writes the new lines and, on a terminal, the live line below them.
func (p *Progress) draw(last bool) {
	width := 0
	if p.opts.Width != nil {
		width = p.opts.Width()
	}
	p.mu.Lock()
	lines := p.lines
	p.lines = nil
	live := ""
	if width > 0 && !last {
		live = p.state.live(width, time.Now(), p.ink)
	}
	p.mu.Unlock()

	p.log(lines)
	var b bytes.Buffer
	for _, l := range lines {
		if l.weight == trace || l.weight == detail && p.opts.Width != nil {
			continue
		}
		if p.drawn != "" {
			b.WriteString("\r\x1b[K")
			p.drawn = ""
		}
		b.WriteString(l.fit(width, p.ink) + "\n")
	}
	if live != p.drawn {
		b.WriteString("\r" + live + "\x1b[K")
		p.drawn = live
	}
	if b.Len() > 0 {
		_, _ = p.opts.Out.Write(b.Bytes())
	}
}

func (p *Progress) log(lines []line) {
	if p.opts.Log == nil || len(lines) == 0 {
		return
	}
	var b bytes.Buffer
	for _, l := range lines {
		b.WriteString(l.at.Format(logTime) + clean(l.text) + "\n")
	}
	_, _ = p.opts.Log.Write(b.Bytes())
}
