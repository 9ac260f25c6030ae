package engine

import (
	"fmt"
	"time"

	"detnas/core/input"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/nas/dispatch"
)

// lender is rank 0's side of a search by several ranks. It hands their scorers candidates
// as package dispatch has it, and takes in what they find. It computes nothing, and is a
// goroutine of its own.
type lender struct {
	*engine
	a     *ahead
	b     board
	proof string

	heard   int64   // what was told so far, by number
	holes   []int64 // numbers below that, under which nothing is yet
	members map[int]*member
	quit    chan struct{}
	ended   chan struct{}
}

// member is a rank that measures.
type member struct {
	hello
	workers []dispatch.Worker
	box     errands
	number  int  // errands so far
	changed bool // box is other than the rank knows

	beats int64
	at    time.Time // of the last sign of life
}

// How often rank 0 looks for what the others have found, where there are any, and where
// there are none; and for how long it goes by nothing from one of them.
const (
	lookOften  = 4 * time.Millisecond
	lookSeldom = 50 * time.Millisecond
	silentFor  = 10 * beatEvery
)

// run lends until it is told to end, or until the store is gone: then this rank goes on by
// itself.
func (l *lender) run() {
	defer close(l.ended)
	l.members = map[int]*member{}
	felt := time.Now()
	for {
		err := l.listen()
		if now := time.Now(); err == nil && now.Sub(felt) >= beatEvery {
			felt = now
			err = l.feel(now)
		}
		if err == nil {
			err = l.handOut()
		}
		if err != nil {
			for _, m := range l.members {
				l.leave(m, "the store does not answer: "+err.Error(), "")
			}
			return
		}
		pause := lookOften
		if len(l.members) == 0 {
			pause = lookSeldom
		}
		select {
		case <-l.quit:
			return
		case <-l.a.news:
		case <-time.After(pause):
		}
	}
}

// listen takes in what the ranks have told. Who takes a number and dies before it says
// something leaves a hole.
func (l *lender) listen() error {
	n, err := l.crew.store.Add(l.b.count(), 0)
	if err != nil {
		return err
	}
	for ; l.heard < n; l.heard++ {
		l.holes = append(l.holes, l.heard+1)
	}
	left := l.holes[:0]
	for _, number := range l.holes {
		key := l.b.told(number)
		text, ok, err := l.crew.store.Get(key)
		if err != nil {
			return err
		}
		if !ok {
			left = append(left, number)
			continue
		}
		if err := l.crew.store.Remove(key); err != nil {
			return err
		}
		var t message
		if err := decoded(text, &t); err != nil {
			return err
		}
		l.hear(t)
	}
	l.holes = left
	return nil
}

func (l *lender) hear(t message) {
	switch m := l.members[t.Rank]; {
	case t.Stop:
		l.crew.stop(fmt.Errorf("rank %d was told to", t.Rank))
	case t.Hello != nil:
		if m != nil {
			l.leave(m, "it was started again", "")
		}
		l.welcome(*t.Hello)
	case t.Finding != nil && m != nil && m.Who == t.Finding.Who:
		l.takeIn(m, *t.Finding)
	}
}

// welcome has a rank measure, unless it has said that it cannot or computes something
// else.
func (l *lender) welcome(h hello) {
	m := &member{hello: h, at: time.Now(), changed: true}
	why := h.Refused
	switch {
	case why != "":
	case h.Person.Version != l.crew.version:
		why = fmt.Sprintf("it runs detnas %s and rank 0 %s; install one version everywhere", h.Person.Version, l.crew.version)
	case h.Proof != l.proof:
		why = "it computes other bits than rank 0, so that scores would not be comparable: another kind of processor or device, or another libtorch or BLAS; " +
			"use machines of one kind, or have all choose the kernels of the weakest one (ATEN_CPU_CAPABILITY=avx2, or default)"
	}
	if why != "" {
		l.note(run.Warning{What: fmt.Sprintf("rank %d (process %d on %s) measures no candidates: %s", h.Rank, h.Person.PID, h.Person.Host, input.Line(why))})
		m.box = errands{Gone: true, Why: why}
		_ = l.say(m) // it waits for the end of the search either way
		return
	}
	m.box.Each = make([]errand, h.Scorers)
	l.a.mu.Lock()
	for range h.Scorers {
		m.workers = append(m.workers, l.a.queue.Join())
	}
	l.a.mu.Unlock()
	l.members[h.Rank] = m
	delete(l.crew.gone, h.Rank)
	l.note(run.RankJoined{Rank: h.Rank, Host: h.Person.Host, PID: h.Person.PID, Scorers: h.Scorers, Cores: h.Cores})
}

// takeIn takes in what a scorer has found, unless that is wanted no more.
func (l *lender) takeIn(m *member, f finding) {
	if f.Scorer < 0 || f.Scorer >= len(m.workers) || m.box.Each[f.Scorer].Number != f.Number {
		return
	}
	w := m.workers[f.Scorer]
	l.a.mu.Lock()
	t := l.a.at[w]
	l.a.mu.Unlock()
	if t == nil {
		return
	}
	if err := t.receive(l.a.j, f); err != nil {
		l.leave(m, err.Error(), err.Error())
		return
	}
	l.a.mu.Lock()
	l.a.finish(w)
	l.a.mu.Unlock()
	m.box.Each[f.Scorer] = errand{}
}

// feel has ranks leave that show no sign of life.
func (l *lender) feel(now time.Time) error {
	for rank, m := range l.members {
		beats, err := l.crew.store.Add(beatKey(rank), 0)
		if err != nil {
			return err
		}
		why, died, err := l.crew.store.Get(ranks.DiedKey(rank, m.Person.PID)) // launch tells
		switch {
		case err != nil:
			return err
		case died:
			l.leave(m, "it has died: "+string(why), "")
		case beats != m.beats:
			m.beats, m.at = beats, now
		case now.Sub(m.at) > silentFor:
			l.leave(m, fmt.Sprintf("nothing was heard of it for %v", silentFor), "")
		}
	}
	return nil
}

// leave goes on without a rank. What it was at is measured by others. Unless it is
// refused, for some reason, it may come again.
func (l *lender) leave(m *member, why, refused string) {
	l.a.mu.Lock()
	for _, w := range m.workers {
		t := l.a.at[w]
		delete(l.a.at, w)
		l.a.queue.Leave(w)
		if t != nil {
			t.free()
		}
	}
	l.a.changed()
	l.a.mu.Unlock()
	delete(l.members, m.Rank)
	l.crew.gone[m.Rank] = absent{m.Person, m.beats}
	l.note(run.Warning{What: fmt.Sprintf("rank %d (process %d on %s) was lost: %s; what it was measuring is measured by others, and the search goes on without it",
		m.Rank, m.Person.PID, m.Person.Host, input.Line(why))})
	m.box = errands{Gone: true, Why: refused}
	_ = l.say(m) // should it live after all
}

// handOut gives idle scorers something to do, and has those end that are at something
// which is wanted no more.
func (l *lender) handOut() error {
	for _, m := range l.members {
		l.fill(m)
		if m.changed {
			if err := l.say(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lender) fill(m *member) {
	for i, w := range m.workers {
		l.a.mu.Lock()
		if t := l.a.at[w]; t != nil && t.ctx.Err() != nil {
			t.err = t.ctx.Err() // of the whole search, if it counts
			l.a.finish(w)
			m.box.Each[i], m.changed = errand{}, true
		}
		t := l.a.begin(w)
		l.a.mu.Unlock()
		if t == nil {
			continue
		}
		t.rank = m.Rank
		m.number++
		m.box.Each[i], m.changed = errand{Number: m.number, Subnet: t.of.sub.Short(l.a.j.space)}, true
		if s := l.a.j.scorer; s != nil && s.race != nil {
			m.box.Each[i].Bars = s.race.bars(t.rivals)
		}
	}
}

// say tells a rank what it is to do.
func (l *lender) say(m *member) error {
	text, err := encoded(m.box)
	if err != nil {
		return err
	}
	m.changed = false
	return l.crew.store.Set(l.b.errands(m.Who), text)
}
