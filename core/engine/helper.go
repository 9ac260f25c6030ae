package engine

import (
	"context"
	"fmt"
	"sync"

	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/nas"
)

// helper is a rank that measures candidates for rank 0, by scorers on threads of their own.
// What it tells and is told goes over the thread that follows orders.
type helper struct {
	*engine
	j     *judge
	b     board
	team  int
	proof string

	ctx     context.Context
	broken  chan error // of a scorer that could not start
	last    string     // what rank 0 has said last
	who     string     // as which rank 0 knows it; empty where it measures no more
	offers  int
	asked   bool // for an end of the run
	scorers []*remoteScorer
	found   chan finding
	shown   map[int]bool // images that candidates are shown on
}

// remoteScorer measures for rank 0.
type remoteScorer struct {
	number int       // of the errand that it has
	todo   chan work // holds one
	stop   context.CancelFunc
}

// work is an errand until it is called off.
type work struct {
	errand
	ctx context.Context
}

// start starts the scorers. The function that it returns ends them.
func (h *helper) start(ctx context.Context) (end func()) {
	h.shown = map[int]bool{}
	if h.j.scorer != nil {
		for _, image := range h.toShow().Images {
			h.shown[int(image.ID)] = true
		}
	}
	n := 1
	if h.device == tensor.CPU {
		n = max(1, h.threads/h.team)
	}
	ctx, stop := context.WithCancel(ctx)
	h.ctx, h.broken = ctx, make(chan error, n)
	var threads sync.WaitGroup
	for i := range n {
		s := &remoteScorer{todo: make(chan work, 1), stop: func() {}}
		h.scorers = append(h.scorers, s)
		threads.Add(1)
		go func() {
			defer threads.Done()
			err := tensor.OnThread(h.team, func() error { h.score(ctx, i, s); return nil })
			if err != nil {
				h.broken <- err
			}
		}()
	}
	return func() {
		stop()
		threads.Wait()
	}
}

// offer offers rank 0 to measure, as somebody it does not know yet.
func (h *helper) offer() error {
	h.offers++
	h.who = fmt.Sprintf("%d.%d.%d", h.crew.place.Rank, h.crew.own.Came, h.offers)
	for _, s := range h.scorers {
		s.stop()
		s.number = 0
	}
	return h.crew.tellZero(h.b, message{Hello: &hello{
		Who: h.who, Rank: h.crew.place.Rank, Person: h.crew.own, Scorers: len(h.scorers), Proof: h.proof, Cores: h.threads,
	}})
}

// look looks what there is to do, and reports whether that has changed.
func (h *helper) look() (changed bool, err error) {
	if h.who == "" {
		return false, nil
	}
	text, ok, err := h.crew.ask(h.b.errands(h.who), h.crew.patience)
	if err != nil || !ok {
		return false, h.crew.unreached(err)
	}
	if string(text) == h.last {
		return false, nil
	}
	h.last = string(text)
	var box errands
	if err := decoded(text, &box); err != nil {
		return false, err
	}
	if box.Gone {
		return true, h.dismissed(box.Why)
	}
	for i, er := range box.Each {
		if i < len(h.scorers) && h.scorers[i].number != er.Number {
			h.scorers[i].take(h.ctx, er)
		}
	}
	return true, nil
}

// dismissed goes on where rank 0 measures without this rank: it offers anew, unless it was
// told why not.
func (h *helper) dismissed(why string) error {
	if why == "" {
		return h.offer()
	}
	h.note(run.Warning{What: "measures no candidates: " + why})
	h.who = ""
	for _, s := range h.scorers {
		s.take(h.ctx, errand{})
	}
	return nil
}

// take has a scorer leave what it is at, and measure something else.
func (s *remoteScorer) take(ctx context.Context, er errand) {
	s.stop()
	select {
	case <-s.todo:
	default:
	}
	s.number = er.Number
	if er.Number > 0 {
		w := work{errand: er}
		w.ctx, s.stop = context.WithCancel(ctx)
		s.todo <- w
	}
}

// bring tells rank 0 what was found, unless that was called off.
func (h *helper) bring(f finding) error {
	s := h.scorers[f.Scorer]
	if h.who == "" || f.Number != s.number {
		return nil
	}
	s.stop()
	f.Who = h.who
	return h.crew.tellZero(h.b, message{Finding: &f})
}

// score is a scorer.
func (h *helper) score(ctx context.Context, i int, s *remoteScorer) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-s.todo:
			f := h.measure(w)
			f.Scorer, f.Number = i, w.Number
			select {
			case h.found <- f:
			case <-ctx.Done():
				return
			}
		}
	}
}

// measure measures a candidate, as far as the bars that it came with have it.
func (h *helper) measure(w work) (f finding) {
	sub, err := nas.ParseSubnet(w.Subnet, h.j.space)
	if err != nil {
		f.fail(err)
		return f
	}
	t := &attempt{of: &early{sub: sub}, bars: w.barsAt(), ctx: w.ctx, stop: func() {}}
	defer t.free()
	t.measure(h.j)
	return t.reported(h.j, h.shown)
}
