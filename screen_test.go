package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/engine"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui"
	"detnas/tui/common"
	"detnas/tui/looks"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// stage is a screen over real engines in this process.
type stage struct {
	t    *testing.T
	runs string
	done chan error // of the engine that was started last
	desk *steer.Desk
}

// start starts a run of a config.
func (s *stage) start(c common.StartRun) (steer.Viewer, error) {
	cfg, err := config.Parse(c.Config, []byte(c.Text), nil)
	if err != nil {
		return nil, err
	}
	f, err := run.Create(s.runs, c.Name)
	if err != nil {
		return nil, err
	}
	if err := run.WriteFile(f.Config(), []byte(cfg.Resolved())); err != nil {
		return nil, err
	}
	s.desk, s.done = steer.NewDesk(f), make(chan error, 1)
	go func() {
		_, err := engine.Run(context.Background(), cfg, f, engine.Options{From: 1, To: 5, Desk: s.desk})
		s.done <- errors.Join(err, f.Unlock())
	}()
	return s.desk.Viewer(), nil
}

// TestSteerARunFromTheScreen is a whole evening at the screen, with the real
// engine: start, pause, edit the rate, resume, lock a layer, pin a subnet,
// finish.
func TestSteerARunFromTheScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	s := &stage{t: t, runs: filepath.Join(t.TempDir(), "runs")}
	cfg, err := config.Load("tiny", []string{
		"supernet-pretrain.iterations=200", "supernet-pretrain.log_every=5", "search.generations=4", "device=cpu",
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.runs, "evening")
	d := uitest.Drive(t, tui.New(tui.Options{
		Runs: s.runs, Who: "ann", Looks: looks.Looks{Theme: "dark", Mode: styles.Braille, Colour: true}, Open: func() (steer.Viewer, error) {
			return s.start(common.StartRun{Config: "tiny", Text: cfg.Resolved(), Name: "evening"})
		},
		Watch: func(string) (steer.Viewer, error) { return s.desk.Viewer(), nil },
	}), 160, 50)

	d.See("running", "step 1/5 supernet-pretrain").Press("p").See("‖ paused")
	d.Press("5").See("supernet-pretrain").Press("f", "/").Type("supernet-pretrain lr").Press("enter").See("supernet-pretrain.lr")
	d.Press("e", "ctrl+u").Type("0.0125").Press("enter").Press("ctrl+s").See("now").Press("enter")
	d.Until("see the edit in the config", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "config.toml"))
		return err == nil && strings.Contains(string(text), "lr = 0.0125") && strings.Contains(string(text), "#")
	})
	d.Press("2").See("‖ paused").Press("p").See("● running", "step 3/5 search")
	d.Press("3").See("Candidates").Until("see candidates", func() bool { return len(status(t, dir).Candidates) > 1 })
	d.Press("P").Until("see the pin in the journal", func() bool { return len(status(t, dir).Steering.Pins) == 1 })
	d.See("pinned")
	d.See("finished")
	if err := <-s.done; err != nil {
		t.Fatal(err)
	}
	st := status(t, dir)
	if st.State != run.StateFinished || len(st.Steering.Hashes) != 2 || len(st.Finished) != 5 {
		t.Errorf("%s with configs %v after steps %v", st.State, st.Steering.Hashes, st.Finished)
	}
	if err := d.Press("q").Ended(); err != nil {
		t.Error(err)
	}
	checkRates(t, dir)
}

// status is where a run stands by its journal.
func status(t *testing.T, dir string) run.State {
	t.Helper()
	f, err := run.Find("", dir)
	if err != nil {
		t.Fatal(err)
	}
	st, err := f.Status()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// checkRates wants the rate in the journal to be that of the edit after it.
func checkRates(t *testing.T, dir string) {
	t.Helper()
	changed, after := 0, 0
	err := run.ReadJournal(filepath.Join(dir, "events.jsonl"), func(e run.Entry) error {
		switch e := e.Event.(type) {
		case run.ConfigChanged:
			changed = e.Iteration
			if len(e.Changes) != 1 || e.Changes[0].Key != "supernet-pretrain.lr" || e.Who != "ann" {
				return fmt.Errorf("changed %+v", e)
			}
		case run.Train:
			if e.Step == 1 && changed > 0 {
				after++
				if e.LR > 0.0125 {
					return fmt.Errorf("iteration %d has the rate %v", e.Iteration, e.LR)
				}
			}
		}
		return nil
	})
	if err != nil || changed == 0 || after == 0 {
		t.Errorf("changed at %d, %d lines after it, %v", changed, after, err)
	}
}
