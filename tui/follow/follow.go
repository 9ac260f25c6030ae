// Package follow keeps a run that is open on the screen up with its journal as
// that grows.
package follow

import (
	"bytes"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas"
	"detnas/tui/common"
	"detnas/tui/history"
)

// atOnce bounds the entries that one poll takes in, so that the screen's event
// loop never stands still over a journal that grows fast.
const atOnce = 2000

// Run is an open run: its viewer and what is known of it. It belongs to the
// screen's event loop; what its commands return is taken in there.
type Run struct {
	Viewer    steer.Viewer
	History   *history.History
	Config    *config.Config // of the run's folder; nil where it cannot be read
	Space     nas.Space      // of the config
	Err       error          // of reading the journal
	ConfigErr error          // of reading the config as it is now
	Steerable error          // nil, or why the run takes no commands, as of the last poll

	text    []byte // of the config
	stamp   stamp
	polling bool

	pictures []Picture // preview images, once they have been read
	classes  []string  // of their boxes, by label
}

// InTime reports whether a subnet (short form) takes as long as the search's bounds on
// the latency allow, by what was measured in this run; known is false where it was not
// measured.
func (r *Run) InTime(short string) (in, known bool) {
	if r.Config == nil || !r.Config.Search.Constraint.BoundsLatency() {
		return true, true
	}
	l, known := r.History.State.Latencies[short]
	return r.Config.Search.Constraint.InTime(l.MS), known
}

// Updated says that the run of the page has taken in new events, or another text
// of the config, or takes commands when it did not, or the other way round.
type Updated struct{}

// Opened brings a run whose journal has been read to its end.
type Opened struct{ Run *Run }

// Open is the command that reads a run's journal so far. bins bounds what its
// curves keep, as in History.Coarse.
func Open(v steer.Viewer, bins int) tea.Cmd {
	return func() tea.Msg { return Opened{Run: read(v, bins)} }
}

// Read reads a run's journal so far. What fails is in the run's Err.
func Read(v steer.Viewer) *Run { return read(v, 0) }

func read(v steer.Viewer, bins int) *Run {
	r := &Run{Viewer: v, History: history.New(v.Folder().Name()).Coarse(bins)}
	for {
		entries, err := v.Next(atOnce)
		for _, e := range entries {
			r.History.Apply(e)
		}
		if err != nil || len(entries) == 0 {
			r.Err = err
			break
		}
	}
	r.take(readConfig(v.Folder()))
	r.Steerable = v.Steerable()
	return r
}

// Polled is what a poll brought. The program gives it to the run's Take.
type Polled struct {
	Run       *Run
	entries   []run.Entry
	config    parsed
	steerable error
	err       error
}

// Poll is the command that looks for what is new; nil while one is under way.
func (r *Run) Poll() tea.Cmd {
	if r.polling {
		return nil
	}
	r.polling = true
	v, text, stamp := r.Viewer, r.text, r.stamp
	return func() tea.Msg {
		p := Polled{Run: r, steerable: v.Steerable()}
		p.entries, p.err = v.Next(atOnce)
		if at := stampOf(v.Folder()); at == stamp {
			p.config.same = true
		} else {
			p.config = readConfig(v.Folder())
			p.config.same = p.config.err == nil && bytes.Equal(p.config.text, text)
		}
		return p
	}
}

// Take takes in what a poll brought and reports whether there was anything, and
// whether there is more to fetch at once.
func (r *Run) Take(p Polled) (news, more bool) {
	r.polling = false
	for _, e := range p.entries {
		r.History.Apply(e)
	}
	news = len(p.entries) > 0 || differ(r.Steerable, p.steerable) || differ(r.Err, p.err) && p.err != nil
	r.Steerable = p.steerable
	if p.err != nil {
		r.Err = p.err
	}
	if !p.config.same && (p.config.err == nil || r.text != nil) {
		r.take(p.config)
		news = true
	}
	return news, len(p.entries) == atOnce
}

func differ(a, b error) bool {
	if a == nil || b == nil {
		return (a == nil) != (b == nil)
	}
	return a.Error() != b.Error()
}

// stamp is by what a file that was written anew is known.
type stamp struct {
	at   time.Time
	size int64
}

func stampOf(f *run.Folder) stamp {
	info, err := os.Stat(f.Config())
	if err != nil {
		return stamp{}
	}
	return stamp{at: info.ModTime(), size: info.Size()}
}

// parsed is a run's config as it was read.
type parsed struct {
	stamp
	text []byte
	cfg  *config.Config
	err  error
	same bool // as the one that is known
}

func readConfig(f *run.Folder) parsed {
	p := parsed{stamp: stampOf(f)}
	if p.text, p.err = config.ReadFile(f.Config()); p.err == nil {
		p.cfg, p.err = config.Parse(f.Config(), p.text, nil)
	}
	return p
}

func (r *Run) take(p parsed) {
	r.text, r.stamp = p.text, p.stamp
	if r.ConfigErr = p.err; p.err != nil {
		return
	}
	r.Config = p.cfg
	if space, err := p.cfg.Space.NAS(1); err == nil {
		r.Space = space
	}
}

// Text is the text of the run's config.
func (r *Run) Text() string { return string(r.text) }

// Dir is the run's folder.
func (r *Run) Dir() string { return r.Viewer.Folder().Dir() }

// Done says that the run has taken a command down. What becomes of it is in the
// journal.
type Done struct{ Command steer.Command }

// Do is the command that asks the run for something and tells the user when it
// is refused.
func (r *Run) Do(c steer.Command) tea.Cmd {
	return func() tea.Msg {
		if err := r.Viewer.Do(c); err != nil {
			return common.Notice{Text: err.Error(), Bad: true}
		}
		return Done{Command: c}
	}
}
