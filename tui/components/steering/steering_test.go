package steering

import (
	"errors"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/history"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// viewer takes commands and keeps them.
type viewer struct {
	steer.Viewer
	did []steer.Command
}

func (v *viewer) Do(c steer.Command) error { v.did = append(v.did, c); return nil }

func wheel() (Wheel, *viewer) {
	v := &viewer{}
	r := &follow.Run{Viewer: v, History: history.New("a")}
	r.History.State.Step = config.StepSearch
	return Wheel{Common: uitest.Common(false, styles.ASCII), Run: r}, v
}

func TestWhyActsAreOff(t *testing.T) {
	for name, test := range map[string]struct {
		change             func(*follow.Run)
		pin, unpin, choose string
	}{
		"in the search": {func(*follow.Run) {}, "", "it is not pinned", ""},
		"not steerable": {func(r *follow.Run) { r.Steerable = errors.New("away") }, "away", "away", "away"},
		"search done": {
			func(r *follow.Run) { r.History.State.Finished = map[int]run.StepFinished{3: {}} },
			"the search is over", "the search is over", "",
		},
		"step 4": {func(r *follow.Run) { r.History.State.Step = 4 }, "the search is over", "the search is over", "step 4 has begun"},
		"before": {func(r *follow.Run) { r.History.State.Step = 1 }, "", "it is not pinned", ""},
		"given": {
			func(r *follow.Run) { r.Config = &config.Config{Search: config.Search{Subnet: "00"}} },
			"the config gives the subnet", "it is not pinned", "the config gives the subnet",
		},
		"pinned":  {func(r *follow.Run) { r.History.State.Steering.Pins = []string{"00"} }, "it is pinned already", "", ""},
		"pinning": {func(r *follow.Run) { request(r, run.ActPin) }, "it is asked for already", "it is not pinned", ""},
		"chosen":  {func(r *follow.Run) { request(r, run.ActChoose) }, "", "it is not pinned", "it is asked for already"},
	} {
		w, _ := wheel()
		test.change(w.Run)
		if a, b, c := w.Pin("00", "").Off, w.Unpin("00").Off, w.Choose("00", "").Off; a != test.pin || b != test.unpin || c != test.choose {
			t.Errorf("%s: pin %q, unpin %q, choose %q", name, a, b, c)
		}
	}
	w, _ := wheel()
	if w.Pin("", "").Off == "" || w.Choose("", "").Off == "" || w.Pin("00", "too dear").Off != "too dear" || w.Choose("00", "too dear").Off != "too dear" {
		t.Error("an act on no subnet, or on one that is not allowed")
	}
}

func request(r *follow.Run, act string) {
	r.History.State.Steering.Requests = append(r.History.State.Steering.Requests, run.Control{What: act, Phase: run.PhaseRequested, Subnet: "00"})
}

func TestActsAreInTheUsersName(t *testing.T) {
	w, v := wheel()
	w.Pin("00", "").Do()()
	w.Unpin("00").Do()()
	ask, ok := w.Choose("00", "").Do()().(common.Ask)
	if !ok || len(ask.Choices) != 2 || len(v.did) != 2 {
		t.Fatalf("asked %+v after %+v", ask, v.did)
	}
	ask.Choices[0].Do()
	for i, act := range []string{run.ActPin, run.ActUnpin, run.ActChoose} {
		if want := (steer.Command{Act: act, Who: "ann", Subnet: "00"}); v.did[i] != want {
			t.Errorf("did %+v, want %+v", v.did[i], want)
		}
	}
}

func TestAskKnowsWhatIsChosen(t *testing.T) {
	for chosen, want := range map[string][]string{
		"": {"train it", "no"}, "00": {"no", "leave it to the search"}, "11": {"train it", "leave it to the search", "no"},
	} {
		w, v := wheel()
		w.Run.History.State.Steering.Chosen = chosen
		ask := w.ask("00")
		for i, c := range ask.Choices {
			if c.Name != want[i] || len(ask.Choices) != len(want) {
				t.Errorf("with %q chosen: %q, want %q", chosen, c.Name, want[i])
			}
			if c.Name == "leave it to the search" {
				c.Do()
				if v.did[0] != (steer.Command{Act: run.ActChoose, Who: "ann"}) {
					t.Errorf("did %+v", v.did)
				}
			}
		}
	}
}

func TestWhatTheSearchFoundCannotBeLeftToItAgain(t *testing.T) {
	w, _ := wheel()
	w.Run.History.State.Steering.Chosen = "11"
	w.Run.History.State.Finished = map[int]run.StepFinished{3: {}}
	if ask := w.ask("00"); len(ask.Choices) != 2 || ask.Choices[1].Name != "no" {
		t.Errorf("choices %+v", ask.Choices)
	}
}

func TestNote(t *testing.T) {
	for want, change := range map[string]func(*run.Steering){
		"":         func(*run.Steering) {},
		"^ pinned": func(s *run.Steering) { s.Pins = []string{"00"} },
		"chosen":   func(s *run.Steering) { s.Chosen = "00" },
		"^ chosen": func(s *run.Steering) { s.Pins, s.Chosen = []string{"00"}, "00" },
		"pin?":     func(s *run.Steering) { s.Requests = []run.Control{{What: run.ActPin, Subnet: "00"}} },
		"^ unpin?": func(s *run.Steering) {
			s.Pins, s.Requests = []string{"00"}, []run.Control{{What: run.ActUnpin, Subnet: "00"}}
		},
		"^ choose?": func(s *run.Steering) {
			s.Pins, s.Requests = []string{"00"}, []run.Control{{What: run.ActChoose, Subnet: "00"}}
		},
	} {
		w, _ := wheel()
		change(&w.Run.History.State.Steering)
		if got := w.Note("00"); got != want {
			t.Errorf("noted %q, want %q", got, want)
		}
	}
}
