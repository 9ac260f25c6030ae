package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/tensor"
)

// assist measures candidates for rank 0 until there is another order. A rank that cannot
// says why, and waits.
func (e *engine) assist(o order) error {
	if err := e.adopt(o); err != nil {
		return err
	}
	b, c := boardOf(e.crew.at), e.crew
	e.note(run.StepStarted{Step: o.Step, Name: config.StepName(o.Step)})
	refuse := func(err error) error {
		if errors.Is(err, ErrRank) {
			return err
		}
		e.note(run.Warning{What: fmt.Sprintf("measures no candidates: %v", err)})
		return c.tellZero(b, message{Hello: &hello{Rank: c.place.Rank, Person: c.own, Refused: err.Error()}})
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	j, err := e.borrow(ctx, b, o)
	if err != nil {
		return refuse(err)
	}
	defer j.free()
	h := &helper{engine: e, j: j, b: b, team: o.Search.Team, found: make(chan finding)}
	tensor.SetTeam(h.team)
	defer func() { tensor.SetTeam(e.threads) }()
	if h.proof, err = j.proof(ctx); err != nil {
		return refuse(err)
	}
	if e.threads < h.team {
		e.note(run.Warning{What: fmt.Sprintf("a score is computed by %d threads, as rank 0 does, and this rank has %d cores for it", h.team, e.threads)})
	}
	defer h.start(ctx)()
	return h.serve()
}

// borrow makes the judge that rank 0 has: its data has to be here, the supernet comes from
// the store.
func (e *engine) borrow(ctx context.Context, b board, o order) (*judge, error) {
	if o.Search.Searched != "" {
		cfg, err := config.Parse("the config of rank 0's supernet", []byte(o.Search.Searched), nil)
		if err != nil {
			return nil, err
		}
		e.searched = cfg
	}
	if err := e.openGuide(ctx); err != nil {
		return nil, err
	}
	e.knowScoring()
	if err := e.sameSets(o); err != nil {
		return nil, err
	}
	weights, err := e.crew.takeWeights(b, o.Search)
	if err != nil {
		return nil, err
	}
	return e.newJudge(weights, "rank 0")
}

// takeWeights takes the supernet from the store.
func (c *crew) takeWeights(b board, l *lent) (weights []nn.Array, err error) {
	text, err := c.fetch(b.weights, l.parcel)
	switch {
	case errors.Is(err, errNoParcel):
		return nil, fmt.Errorf("the supernet of rank 0: %w, since the search has ended", err)
	case errors.Is(err, errDamaged):
		return nil, fmt.Errorf("the supernet of rank 0: %w", err)
	case err != nil:
		return nil, c.unreached(err)
	}
	return weights, decoded(text, &weights)
}

// serve takes errands and brings back what was found, until there is another order.
func (h *helper) serve() error {
	if err := h.offer(); err != nil {
		return err
	}
	p, looked := newPulse(0), time.Time{}
	for pause := askFirst; ; pause = min(2*pause, askLast) {
		if time.Since(looked) >= askLast {
			looked = time.Now()
			if _, over, err := h.crew.ask(orderKey(h.crew.at+1), h.crew.patience); err != nil || over {
				return h.crew.unreached(err)
			}
			if h.crew.interrupted.Load() && !h.asked {
				h.asked = true
				if err := h.crew.tellZero(h.b, message{Stop: true}); err != nil {
					return err
				}
			}
		}
		news, err := h.look()
		if err != nil {
			return err
		}
		if news {
			pause = askFirst
		}
		select {
		case f := <-h.found:
			if err := h.bring(f); err != nil {
				return err
			}
			pause = askFirst
		case err := <-h.broken:
			return err
		case <-time.After(pause):
		}
		if err := h.crew.feel(p); err != nil {
			return err
		}
	}
}

// unreached is the error of a call to the store that has failed, or nil.
func (c *crew) unreached(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s has ended or cannot be reached: %w", ErrRank, c.keeper(), err)
}
