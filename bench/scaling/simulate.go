package main

import (
	"container/heap"
	"fmt"
	"slices"

	"detnas/nas"
	"detnas/nas/dispatch"
	"detnas/nas/search"
)

// Where a worker's time goes, beside measuring what counts.
type loss int

const (
	starting  loss = iota // it is not there yet
	atEnd                 // all that the search has proposed is handed out: the generation ends
	atBound               // candidates wait, but as many as dispatch allows are ahead of their turn
	wasted                // it measured what another one was done with first, or was lost with it
	gone                  // it was lost
	lossKinds             // how many there are
)

func (l loss) String() string {
	return [...]string{"starting", "the end of generations", "the bound of looking ahead", "measured in vain", "lost workers"}[l]
}

// crew are the workers of a search.
type crew struct {
	size   int
	speed  func(worker int) float64                 // 1 takes a candidate's own time; nil is 1 for all
	starts float64                                  // seconds until the workers but the first are there
	lost   func(worker int) (at float64, dies bool) // when one is lost; it is there again after starts. nil: none is
	backup bool                                     // dispatch.Queue's Backups
}

func (c crew) speedOf(worker int) float64 {
	if c.speed == nil {
		return 1
	}
	return c.speed(worker)
}

// judge says what measuring comes to.
type judge interface {
	// seconds is how long a worker of speed 1 takes to measure a subnet that it begins
	// with now, as the search stands.
	seconds(s *search.Search, sub nas.Subnet) (float64, error)
	// score is that of a subnet whose turn it is.
	score(s *search.Search, sub nas.Subnet) (float64, error)
}

// outcome is what a simulated search took.
type outcome struct {
	seconds float64
	useful  float64            // seconds of workers that measured what counts
	lost    [lossKinds]float64 // and those of the others
	found   []search.Candidate
}

// cause is where most of the workers' lost time went.
func (o outcome) cause() loss {
	most := loss(0)
	for l := range lossKinds {
		if o.lost[l] > o.lost[most] {
			most = l
		}
	}
	return most
}

// simulate lets a crew measure the candidates of a search, as dispatch hands them out.
// gap is how many seconds go by after each candidate's turn before the search has taken
// it in and stands before the next, while the workers go on.
func simulate(s *search.Search, j judge, c crew, gap float64) (outcome, error) {
	x := simulation{s: s, j: j, c: c, q: dispatch.New(), members: make([]member, c.size), of: map[dispatch.Worker]int{}, subs: map[string]nas.Subnet{}}
	x.q.Backups = c.backup
	for w := range x.members {
		x.members[w].state = starting
		at := 0.0
		if w > 0 {
			at = c.starts
		}
		x.at(at, event{kind: joins, member: w})
		if c.lost != nil && w > 0 {
			if at, dies := c.lost(w); dies {
				x.at(at, event{kind: leaves, member: w})
			}
		}
	}
	for {
		c, ok := s.Next()
		if !ok {
			return x.done(), nil
		}
		key := x.stand(c)
		x.hand()
		for !x.q.Done(key) && x.err == nil {
			x.step()
		}
		x.until(x.now + gap)
		x.q.Settle(key)
		if x.err != nil {
			return outcome{}, x.err
		}
		score, err := j.score(s, c.Subnet)
		if err != nil {
			return outcome{}, err
		}
		if err := s.Report(c.Index, score); err != nil {
			return outcome{}, err
		}
	}
}

// The events of a simulation.
type eventKind int

const (
	joins eventKind = iota
	finishes
	leaves
)

type event struct {
	kind   eventKind
	member int
	task   int // of finishes: which of the member's tasks
	time   float64
	seq    int
}

// events are a heap of them by time, and by age where times are equal.
type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].time < e[j].time || e[i].time == e[j].time && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// measuring is the state of a worker that measures; the others are losses.
const measuring loss = -1

// member is a place for a worker, who may be lost and come again.
type member struct {
	worker dispatch.Worker // 0 while there is none
	state  loss
	since  float64 // when it came to be in that state
	task   int     // tasks begun
}

type simulation struct {
	s       *search.Search
	j       judge
	c       crew
	q       *dispatch.Queue
	members []member
	of      map[dispatch.Worker]int // the member that a worker is
	subs    map[string]nas.Subnet
	stands  int // candidates that the search stands before
	coming  events
	now     float64
	seq     int
	out     outcome
	err     error
}

// at plans an event.
func (x *simulation) at(time float64, e event) {
	x.seq++
	e.time, e.seq = time, x.seq
	heap.Push(&x.coming, e)
}

// stand tells the queue what the search stands before, and returns the first one's key.
func (x *simulation) stand(turn search.Candidate) string {
	clear(x.subs)
	var keys []string
	for _, sub := range slices.Concat([]nas.Subnet{turn.Subnet}, x.s.Upcoming()) {
		if key := sub.Key(); x.subs[key] == nil {
			x.subs[key] = sub
			keys = append(keys, key)
		}
	}
	x.stands = len(keys)
	if dropped := x.q.Turn(keys[0], keys[1:]); len(dropped) > 0 && x.err == nil {
		x.err = fmt.Errorf("simulating a search that nobody steers: it comes no more to %v", dropped)
	}
	return keys[0]
}

// hand gives work to all who have none.
func (x *simulation) hand() {
	why := measuring // of those who get none; not known yet
	for i := range x.members {
		m := &x.members[i]
		if m.worker == 0 || m.state == measuring {
			continue
		}
		if why == measuring || x.c.backup { // without backups, what one is not given no other one is
			if key, ok := x.q.Take(m.worker); ok {
				x.begin(i, key)
				continue
			}
		}
		if why == measuring {
			why = atEnd
			if len(x.q.Out()) < x.stands {
				why = atBound
			}
		}
		x.turn(i, why)
	}
}

// begin has a member measure a candidate.
func (x *simulation) begin(i int, key string) {
	m := &x.members[i]
	took, err := x.j.seconds(x.s, x.subs[key])
	if err != nil {
		x.err = err
	}
	x.turn(i, measuring)
	m.task++
	x.at(x.now+took/x.c.speedOf(i), event{kind: finishes, member: i, task: m.task})
}

// turn has a member come to be in a state, and counts the time it was in the one before,
// but for measuring, of which finish knows what it was good for.
func (x *simulation) turn(i int, to loss) {
	m := &x.members[i]
	if m.state != measuring {
		x.out.lost[m.state] += x.now - m.since
	}
	m.state, m.since = to, x.now
}

// step has the next event happen.
func (x *simulation) step() {
	if len(x.coming) == 0 {
		x.err = fmt.Errorf("simulating a search: nobody is left to measure candidate %d", len(x.s.Evaluated()))
		return
	}
	e := heap.Pop(&x.coming).(event)
	x.now = max(x.now, e.time)
	m := &x.members[e.member]
	switch e.kind {
	case joins:
		m.worker = x.q.Join()
		x.of[m.worker] = e.member
		x.turn(e.member, atEnd)
	case finishes:
		if e.task != m.task || m.state != measuring {
			return // another one was first, or it was lost
		}
		x.finish(e.member)
	case leaves:
		if m.worker == 0 {
			return // before it came
		}
		if m.state == measuring {
			x.out.lost[wasted] += x.now - m.since
		}
		x.turn(e.member, gone)
		x.q.Leave(m.worker)
		delete(x.of, m.worker)
		m.worker = 0
		m.task++
		x.at(x.now+x.c.starts, event{kind: joins, member: e.member})
	}
	x.hand()
}

// finish has a member be done with its candidate, and those that are at it, too.
func (x *simulation) finish(i int) {
	m := &x.members[i]
	key, _ := x.q.Doing(m.worker)
	others := x.q.At(key)
	if _, counts := x.q.Finish(m.worker); !counts {
		x.out.lost[wasted] += x.now - m.since
		x.turn(i, atEnd)
		return
	}
	x.out.useful += x.now - m.since
	x.turn(i, atEnd)
	for _, w := range others {
		if o, there := x.of[w]; there && w != m.worker {
			x.q.Finish(w)
			x.out.lost[wasted] += x.now - x.members[o].since
			x.turn(o, atEnd)
			x.members[o].task++
		}
	}
}

// until lets all happen that happens until a time.
func (x *simulation) until(time float64) {
	for len(x.coming) > 0 && x.coming[0].time <= time && x.err == nil {
		x.step()
	}
	x.now = time
}

func (x *simulation) done() outcome {
	for i := range x.members {
		if x.members[i].state == measuring {
			x.out.lost[wasted] += x.now - x.members[i].since
		}
		x.turn(i, atEnd)
	}
	x.out.seconds, x.out.found = x.now, x.s.Evaluated()
	return x.out
}
