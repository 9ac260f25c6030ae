package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/ranks"
	"detnas/core/ranks/local"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/core/tensor"
)

// Batches come into their places whatever the numbers of ranks and batches.
func TestInOrder(t *testing.T) {
	for _, tt := range []struct {
		world int
		n     int64
	}{{1, 4}, {2, 4}, {2, 5}, {3, 7}, {3, 1}, {4, 0}} {
		all, parts := make([][]int64, tt.world), make([]int64, tt.n)
		for rank := range all {
			all[rank] = ranks.Turns(rank, tt.world, tt.n)
		}
		if err := inOrder(all, parts); err != nil || !slices.Equal(parts, batches{count: tt.n}.inOrder()) {
			t.Errorf("%d batches by %d ranks: %v (%v)", tt.n, tt.world, parts, err)
		}
	}
	if err := inOrder([][]int{{1, 2}, {3, 4}}, make([]int, 3)); err == nil || !strings.Contains(err.Error(), "rank 1 has evaluated 2 batches, of 1") {
		t.Errorf("too many batches: %v", err)
	}
}

// pair are two ranks that meet at a store, without what else there is of a run. Both have been
// given an order.
func pair(t *testing.T) (zero, one *engine, events *[]run.Event) {
	t.Helper()
	place := ranks.Place{World: 2, LocalWorld: 2, Store: fmt.Sprintf("test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))}
	events = &[]run.Event{}
	engineOf := func(rank int) *engine {
		place := place
		place.Rank, place.LocalRank = rank, rank
		c, err := join(context.Background(), place, "", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		c.at = 7
		e := &engine{crew: c, place: place}
		e.data = &data{told: map[string]bool{}, note: func(ev run.Event) { *events = append(*events, ev) }}
		return e
	}
	zero, one = engineOf(0), engineOf(1)
	zero.crew.members = []person{zero.crew.own, one.crew.own}
	return zero, one, events
}

// What the ranks have found comes to rank 0 whole, be it nothing or more than a value of the
// store may be long, and with it what they could not read.
func TestPooled(t *testing.T) {
	zero, one, events := pair(t)
	network := nn.NewStore(tensor.CPU, 0)
	long := strings.Repeat("0123456789abcdef", partBytes/16) + "the rest"
	for _, tt := range []struct{ zero, one []string }{
		{[]string{"a", "c"}, []string{"b"}},
		{[]string{"a"}, nil},
		{nil, nil},
		{[]string{"a"}, []string{long, "d"}},
	} {
		one.data.unread(dataset.Problem{Where: "broken.jpg"})
		if _, err := pooled(t.Context(), one, network, nil, tt.one); err != nil {
			t.Fatal(err)
		}
		all, err := pooled(t.Context(), zero, network, nil, tt.zero)
		if err != nil || len(all) != 2 || !slices.Equal(all[0], tt.zero) || !slices.Equal(all[1], tt.one) {
			t.Errorf("ranks with %d and %d: %d (%v)", len(tt.zero), len(tt.one), len(all), err)
		}
		zero.crew.at++
		one.crew.at++
	}
	if n := len(*events); n != 2 { // once by each rank
		t.Errorf("the image that cannot be read is in %d events", n)
	}
	if text, there, err := zero.crew.store.Get(portionKey(1)); there || err != nil {
		t.Errorf("%d bytes are left in the store (%v)", len(text), err)
	}
}

// What was brought to an evaluation that was called off is none of the next one's, and a
// network that gives no numbers elsewhere is an error as it is here.
func TestPooledWithoutEnd(t *testing.T) {
	zero, one, _ := pair(t)
	network := nn.NewStore(tensor.CPU, 0)
	if _, err := pooled(t.Context(), one, network, nil, "of before"); err != nil {
		t.Fatal(err)
	}
	zero.crew.at++
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if all, err := pooled(ctx, zero, network, nil, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q (%v), want to wait for rank 1", all, err)
	}
	one.crew.at++
	if err := one.crew.bring(portion{NotFinite: "the logits of x.png are not finite"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := pooled(t.Context(), zero, network, nil, ""); !errors.Is(err, nn.ErrNotFinite) || !strings.Contains(err.Error(), "x.png") {
		t.Errorf("%v, want what rank 1 has said", err)
	}
}

// An evaluation ends when one of the ranks is another process than began it, is silent or has
// failed, and on another rank when there is a next order.
func TestWatch(t *testing.T) {
	zero, one, _ := pair(t)
	causeOf := func(watch func(context.CancelCauseFunc) func(), then func()) error {
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		defer watch(stop)()
		then()
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
			t.Fatal("it does not end")
		}
		return context.Cause(ctx)
	}
	if err := causeOf(one.crew.watchOrders, func() { _ = zero.crew.put(order{Do: doBack}) }); !errors.Is(err, errCalledOff) {
		t.Errorf("another order: %v", err)
	}
	if err := causeOf(zero.crew.watchOthers, func() { _ = one.crew.come() }); !errors.Is(err, ErrRank) || !strings.Contains(err.Error(), "rank 1 (process") {
		t.Errorf("started again: %v", err)
	}
	zero.crew.members[1] = one.crew.own
	zero.crew.patience = time.Millisecond
	if err := causeOf(zero.crew.watchOthers, func() {}); !errors.Is(err, ErrRank) || !strings.Contains(err.Error(), "nothing was heard of it for 1ms") {
		t.Errorf("silent: %v", err)
	}
	zero.crew.patience = time.Minute
	if err := causeOf(zero.crew.watchOthers, func() { _ = one.crew.say(failedKey(1), "no memory") }); !errors.Is(err, ErrRank) || !strings.Contains(err.Error(), "rank 1 has failed: no memory") {
		t.Errorf("failed: %v", err)
	}
	if err := one.crew.come(); err != nil { // started again, before a group has it
		t.Fatal(err)
	}
	if err := zero.crew.missing(newPulse(1), one.crew.own); err != nil {
		t.Errorf("a process is to blame for what the one before it has failed by: %v", err)
	}
}

// A store that takes nothing more, since the link to it is cut, keeps who brings something no
// longer than a rank has patience.
func TestAStoreThatTakesNothing(t *testing.T) {
	name := fmt.Sprintf("takes-nothing-%d", os.Getpid())
	l, err := net.Listen("unix", local.Address(name)) // whose connections nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	store, err := tensor.OpenLocalStore(name, "p", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	c := &crew{store: store, patience: 10 * time.Millisecond}
	if err := c.bring(portion{}, make([]byte, 2*partBytes)); !errors.Is(err, ErrRank) || !errors.Is(err, errMute) {
		t.Errorf("%v, want that there is no answer", err)
	}
}

// Other recalibrated statistics are another network, and the same are the same.
func TestDigestOf(t *testing.T) {
	network := nn.NewStore(tensor.CPU, 0)
	norm := nn.NewBatchNorm(network.Root(), 2, 0)
	digest := func(values ...float32) (sum uint64) {
		t.Helper()
		stats := nn.NewStats(0)
		defer stats.Free()
		err := tensor.Run("calibrate", func(s *tensor.Scope) error {
			norm.Forward(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, s.FromFloats(values, tensor.CPU, 2, 2))
			return nil
		})
		if err == nil {
			sum, err = digestOf(network, stats)
		}
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if a, b, other := digest(1, 2, 3, 4), digest(1, 2, 3, 4), digest(1, 2, 3, 5); a != b || a == other {
		t.Errorf("the digests are %x, the same again %x, and of other images %x", a, b, other)
	}
}

// evaluations are those of step 2, by iteration.
func evaluations(events []run.Event) map[int]run.Values {
	out := map[int]run.Values{}
	for _, e := range events {
		if e, ok := e.(run.Eval); ok && e.Step == config.StepSupernetFinetune {
			out[e.Iteration] = e.Metrics
		}
	}
	return out
}

// Two ranks that take up a run which owes an evaluation come to the figures of one process, and
// make those that follow together, too.
func TestRanksEvaluateWhatIsOwed(t *testing.T) {
	const step, name = config.StepSupernetFinetune, "owing"
	images, runs, copied := filepath.Join(t.TempDir(), "images"), t.TempDir(), t.TempDir()
	s := &steered{t: t, images: images, runs: runs, name: name, sets: []string{
		"threads=1", "supernet-pretrain.iterations=2", "supernet-finetune.iterations=6", "supernet-finetune.eval_every=2", "supernet-finetune.checkpoint_every=2",
		"search.batch=1", "detector.test.score_thr=0",
	}}
	s.on = func(s *steered, e run.Event) {
		if c, ok := e.(run.CheckpointWritten); ok && c.Step == step && c.Iteration == 2 {
			s.do(steer.Command{Act: run.ActStop})
		}
	}
	if _, err := s.run(step); !errors.Is(err, ErrStopped) || len(evaluations(s.events)) > 0 {
		t.Fatalf("%v, with the evaluations %v; want a stop before the first", err, evaluations(s.events))
	}
	if err := os.CopyFS(copied, os.DirFS(runs)); err != nil {
		t.Fatal(err)
	}
	s.on = nil
	if _, err := s.run(step); err != nil {
		t.Fatal(err)
	}
	want := evaluations(s.events)
	two := &steered{t: t, images: images, runs: copied, name: name}
	var followed func() []run.Event
	two.place, followed = inTwo(t)
	if _, err := two.run(step); err != nil {
		t.Fatal(err)
	}
	got, shares := evaluations(two.events), evaluations(followed())
	if len(want) != 2 || len(got) != 2 || want[2]["AP"] == 0 || !maps.Equal(want[2], got[2]) {
		t.Errorf("two ranks evaluate %v, one process %v", got, want)
	}
	for _, iteration := range []int{2, 4, 6} {
		if n := shares[iteration]["batches"]; n < 1 {
			t.Errorf("iteration %d: rank 1 has evaluated %v batches", iteration, n)
		}
	}
}
