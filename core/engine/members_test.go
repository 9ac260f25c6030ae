package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"detnas/core/ranks"
	"detnas/core/ranks/local"
	"detnas/core/run"
)

// Rank 0 of processes that launch looks after neither takes one for there that has died,
// nor waits for one that is started no more.
func TestAssembleHearsLaunch(t *testing.T) {
	place := ranks.Place{World: 2, Launched: true, Store: fmt.Sprintf("members-%d", os.Getpid()), Attempt: ranks.FirstAttempt}
	c, err := join(t.Context(), place, "v", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	one := place
	one.Rank = 1
	other, err := join(t.Context(), one, "v", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	members, err := c.assemble(t.Context(), func(run.Event) {})
	if err != nil || len(members) != 2 || members[1] != other.own {
		t.Fatalf("%+v (%v)", members, err)
	}
	tell := func(key, text string) {
		t.Helper()
		if err := local.Set(place.Store, place.Prefix()+"/"+key, text); err != nil {
			t.Fatal(err)
		}
	}
	tell(ranks.DiedKey(1, other.own.PID), "signal: killed")
	ctx, stop := context.WithTimeoutCause(t.Context(), 4*joinEvery, errors.New("it waits"))
	defer stop()
	if _, err := c.assemble(ctx, func(run.Event) {}); err == nil || err.Error() != "it waits" {
		t.Errorf("where rank 1 has died: %v", err)
	}
	tell(ranks.OverKey(1), "signal: killed")
	_, err = c.assemble(t.Context(), func(run.Event) {})
	if !errors.Is(err, ErrRank) || !strings.Contains(err.Error(), "rank 1 has died again and again (signal: killed)") {
		t.Errorf("where rank 1 is over: %v", err)
	}
}
