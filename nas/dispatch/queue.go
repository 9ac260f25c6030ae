package dispatch

import "slices"

// Worker is one that measures candidates, one at a time. No two have the same number,
// also where one comes after another one has left.
type Worker int

// ahead is how many candidates are handed out for each worker at most, of which the
// search has not taken in the score: the one it is at, and one that waits for its turn.
const ahead = 2

// Queue are the candidates that a search stands before, by their keys, and who measures
// them. It is not safe for concurrent use.
type Queue struct {
	// Backups has a second worker measure what a slow one is at, where it would idle. It
	// is of no use where all workers are threads of one machine.
	Backups bool

	order   []string         // the candidate whose turn it is, and those that follow
	tasks   map[string]*task // those of order that were handed out
	workers map[Worker]*worker
	came    Worker // workers so far
	given   int    // candidates handed out so far
	held    bool
}

// task is a candidate that was handed out.
type task struct {
	by    []Worker // who measure it
	since int      // the count of candidates when it was handed out first
	done  bool
}

// worker is what one is at.
type worker struct {
	key  string // empty where it is at nothing
	at   *task  // which the queue may have dropped meanwhile
	took int    // the count of candidates when it was given this one
	last [2]int // and when it was given those that it has measured last, the newest first
}

// New makes a queue without candidates and workers.
func New() *Queue {
	return &Queue{tasks: map[string]*task{}, workers: map[Worker]*worker{}}
}

// Join takes in a worker.
func (q *Queue) Join() Worker {
	q.came++
	q.workers[q.came] = &worker{}
	return q.came
}

// Leave gives up a worker. What it was at is handed out again, unless somebody else is
// at it, too.
func (q *Queue) Leave(w Worker) {
	one := q.workers[w]
	if one == nil {
		return
	}
	q.unhand(w, one)
	if t := one.at; t != nil && len(t.by) == 0 && !t.done && q.tasks[one.key] == t {
		delete(q.tasks, one.key)
	}
	delete(q.workers, w)
}

// Workers is how many there are.
func (q *Queue) Workers() int { return len(q.workers) }

// Turn says what the search stands before: the candidate whose turn it is and those that
// follow, which may have it among them. It returns what was handed out and is no longer
// to be measured, as the search comes to it no more; whoever is at one of these is to
// finish it at once.
func (q *Queue) Turn(key string, upcoming []string) (dropped []string) {
	q.order = q.order[:0]
	stands := make(map[string]bool, len(upcoming)+1)
	for _, k := range slices.Concat([]string{key}, upcoming) {
		if !stands[k] {
			stands[k] = true
			q.order = append(q.order, k)
		}
	}
	for k := range q.tasks {
		if !stands[k] {
			dropped = append(dropped, k)
			delete(q.tasks, k)
		}
	}
	slices.Sort(dropped)
	return dropped
}

// Settle takes the candidate whose turn it was off the queue.
func (q *Queue) Settle(key string) {
	delete(q.tasks, key)
	q.order = slices.DeleteFunc(q.order, func(k string) bool { return k == key })
}

// Hold has no candidate handed out until Release.
func (q *Queue) Hold() { q.held = true }

// Release ends Hold.
func (q *Queue) Release() { q.held = false }

// Take hands out a candidate to a worker that is at none, and says false where there is
// nothing for it to do now.
func (q *Queue) Take(w Worker) (key string, ok bool) {
	one := q.workers[w]
	if one == nil || one.at != nil || q.held {
		return "", false
	}
	if key, ok = q.fresh(); !ok {
		if key, ok = q.late(one); !ok {
			return "", false
		}
	}
	q.given++
	t := q.tasks[key]
	if t == nil {
		t = &task{since: q.given}
		q.tasks[key] = t
	}
	t.by = append(t.by, w)
	one.key, one.at, one.took = key, t, q.given
	return key, true
}

// fresh is the next candidate that nobody has, so far as is handed out ahead. The one
// whose turn it is always is.
func (q *Queue) fresh() (string, bool) {
	for i, key := range q.order {
		if i > 0 && len(q.tasks) >= ahead*len(q.workers) {
			return "", false
		}
		if q.tasks[key] == nil {
			return key, true
		}
	}
	return "", false
}

// late is the next candidate that one worker alone is at for longer than this one has
// needed for two.
func (q *Queue) late(w *worker) (string, bool) {
	if !q.Backups {
		return "", false
	}
	for _, key := range q.order {
		if t := q.tasks[key]; t != nil && !t.done && len(t.by) == 1 && w.last[1] > t.since {
			return key, true
		}
	}
	return "", false
}

// Finish says that a worker is at nothing any more, and returns what it was at. It
// counts if it is to be measured still and nobody was done with it before; others that
// are At it then are to finish at once, too.
func (q *Queue) Finish(w Worker) (key string, counts bool) {
	one := q.workers[w]
	if one == nil || one.at == nil {
		return "", false
	}
	t := one.at
	key, counts = one.key, q.tasks[one.key] == t && !t.done
	if counts {
		t.done = true
		one.last = [2]int{one.took, one.last[0]}
	}
	q.unhand(w, one)
	one.key, one.at = "", nil
	return key, counts
}

func (q *Queue) unhand(w Worker, one *worker) {
	if one.at != nil {
		one.at.by = slices.DeleteFunc(one.at.by, func(o Worker) bool { return o == w })
	}
}

// At are the workers that measure a candidate, in the order in which they were given it.
func (q *Queue) At(key string) []Worker {
	if t := q.tasks[key]; t != nil {
		return slices.Clone(t.by)
	}
	return nil
}

// Doing is what a worker is at, false where that is nothing.
func (q *Queue) Doing(w Worker) (key string, ok bool) {
	one := q.workers[w]
	if one == nil || one.at == nil {
		return "", false
	}
	return one.key, true
}

// Busy is how many workers measure.
func (q *Queue) Busy() int {
	n := 0
	for _, one := range q.workers {
		if one.at != nil {
			n++
		}
	}
	return n
}

// Out are the candidates that were handed out and that the search has not taken in, in
// the order of their turns.
func (q *Queue) Out() []string {
	var out []string
	for _, key := range q.order {
		if q.tasks[key] != nil {
			out = append(out, key)
		}
	}
	return out
}

// Done reports whether a candidate was measured.
func (q *Queue) Done(key string) bool {
	t := q.tasks[key]
	return t != nil && t.done
}
