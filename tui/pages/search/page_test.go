package search

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

var allPlaces = []string{uitest.Fresh, uitest.Training, uitest.Searching, uitest.Paused, uitest.Finished, uitest.Failed}

func TestEverySizeIsExact(t *testing.T) {
	for which := range panes {
		s := open(t, uitest.Paused, true, styles.Braille)
		s.show(which)
		uitest.Widths(t, func(width, height int) string { s.Resize(width, height); return s.View() })
	}
	for _, place := range []string{uitest.Fresh, uitest.Failed} {
		s := open(t, place, true, styles.Braille)
		uitest.Widths(t, func(width, height int) string { s.Resize(width, height); return s.View() })
	}
	s := open(t, uitest.Searching, true, styles.Braille)
	s.press("/", "g", "e", "n")
	uitest.Widths(t, func(width, height int) string { s.Resize(width, height); return s.View() })
}

func TestASCIIAndColourless(t *testing.T) {
	for _, place := range allPlaces {
		s := open(t, place, false, styles.ASCII)
		for which := range panes {
			s.show(which)
			for _, size := range uitest.Sizes {
				s.Resize(size[0], size[1])
				uitest.ASCII(t, s.View())
				uitest.Colourless(t, s.View())
			}
		}
	}
}

func TestGoldens(t *testing.T) {
	for _, colour := range []bool{true, false} {
		s := open(t, uitest.Paused, colour, styles.Braille)
		for _, size := range uitest.Sizes {
			s.Resize(size[0], size[1])
			for which := range panes {
				if size[0] > 80 && which != choicesPane {
					continue
				}
				s.show(which)
				name := uitest.Name("search", size[0], size[1])
				if size[0] == 80 {
					name += "-" + []string{"candidates", "pareto", "generations", "choices"}[which]
				}
				if !colour {
					name += "-plain"
				}
				uitest.Golden(t, name, s.View(), size[0], size[1])
			}
		}
	}
}

func TestUnchangedPageIsTheSame(t *testing.T) {
	s := open(t, uitest.Searching, true, styles.Braille)
	before := s.View()
	s.Update(common.Tick{})
	s.Update(follow.Updated{})
	if s.View() != before {
		t.Error("the page has changed with nothing new")
	}
	s.fake.Tell(run.Train{Step: 3, Iteration: 1}, run.Usage{CPU: 1})
	s.poll()
	if s.View() != before {
		t.Error("the page has changed with what it does not show")
	}
	s.fake.Tell(run.Candidate{Index: 27, Generation: 2, Origin: "mutation", Subnet: "0-0-00-0", Score: 0.9})
	s.poll()
	s.see("0.9000", "28 candidates")
}

func TestWithoutASearchItSaysWhy(t *testing.T) {
	for place, want := range map[string]string{
		uitest.Fresh: "being prepared", uitest.Training: "step 1 (supernet-pretrain) is under way", uitest.Failed: "the run failed before its search",
	} {
		s := open(t, place, false, styles.Braille)
		s.see(want, "2 generations of 4")
		if len(s.Bindings()) != 0 {
			t.Errorf("%s: keys without a search", place)
		}
	}
}

func TestFilterAndOpen(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("/").press(strings.Split("gen:2 origin:mut", "")...)
	if !s.Capturing() {
		t.Fatal("keys are not typed text")
	}
	s.press("enter").see("/gen:2 origin:mut")
	if n := len(s.rows); n != 4 || s.Capturing() {
		t.Fatalf("%d rows", n)
	}
	s.press("down", "enter")
	want := common.OpenSubnet{Subnet: s.rows[1].Key}
	if s.last != want {
		t.Errorf("opened %v, want %v", s.last, want)
	}
	s.press("esc")
	if len(s.rows) != 27 {
		t.Errorf("%d rows without the filter", len(s.rows))
	}
}

func TestCompareTakesTheMarkedOne(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	if s.off("d") == "" {
		t.Error("compare without a mark")
	}
	s.press("space", "down", "d") // a mark moves on by itself
	want := common.OpenSubnet{Subnet: s.rows[2].Key, With: s.rows[0].Key}
	if s.last != want {
		t.Errorf("opened %v, want %v", s.last, want)
	}
	s.press("space", "d")
	want = common.OpenSubnet{Subnet: s.rows[0].Key, With: s.rows[2].Key}
	if s.last != want {
		t.Errorf("opened %v, want %v", s.last, want)
	}
}

func TestWordsOfAFilter(t *testing.T) {
	e := entry{Candidate: run.Candidate{Generation: 2, Origin: "mutation", Subnet: "1023-3032"}, rank: 7, text: "1023-3032 mutation pinned"}
	for words, want := range map[string]bool{
		"": true, "gen:3": true, "gen:2": false, "gen:2-": true, "gen:-2": false, "gen:x": false, "rank:10": true, "rank:6": false,
		"rank:7-9": true, "origin:mut": true, "origin:random": false, "1?2": true, "1??3-3": true, "1???3": false, "?23": false,
		"*3032": true, "*30*2": true, "*5": false, "PINNED": true, "gen:3 pinned": true, "gen:3 chosen": false, "3": true,
	} {
		got := true
		for _, m := range parseFilter(words) {
			got = got && m(e)
		}
		if got != want {
			t.Errorf("%q matches: %v", words, got)
		}
	}
}

func TestPinAndUnpin(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	best := s.rows[0].Key
	s.press("P")
	want := steer.Command{Act: run.ActPin, Who: "ann", Subnet: best}
	if len(s.fake.Did) != 1 || s.fake.Did[0] != want {
		t.Fatalf("did %+v, want %+v", s.fake.Did, want)
	}
	ask := want.Control(run.PhaseRequested, 3, 27, "")
	s.fake.Tell(ask)
	s.poll()
	s.see("requested: pin "+best+", by ann", "pin?")
	if s.off("P") == "" || s.off("W") != "" {
		t.Errorf("pin off %q, withdraw off %q", s.off("P"), s.off("W"))
	}
	s.press("W")
	if got, want := s.fake.Did[1], (steer.Command{Act: steer.ActWithdraw, Who: "ann", Of: run.ActPin, Subnet: best}); got != want {
		t.Errorf("did %+v, want %+v", got, want)
	}
	ask.Phase = run.PhaseDone
	s.fake.Tell(ask)
	s.poll()
	s.see("◆ pinned", "1 pinned")
	s.press("U")
	if got, want := s.fake.Did[2], (steer.Command{Act: run.ActUnpin, Who: "ann", Subnet: best}); got != want {
		t.Errorf("did %+v, want %+v", got, want)
	}
}

func TestPinnedButNotEvaluatedWaitsInTheTable(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.fake.Tell(run.Control{What: run.ActPin, Who: "bob", Phase: run.PhaseDone, Step: 3, Subnet: "0-0-00-0"})
	s.poll()
	s.see("waits")
	if s.rows[0].Key != "0-0-00-0" {
		t.Errorf("first is %s", s.rows[0].Key)
	}
	s.fake.Tell(run.Candidate{Index: 27, Generation: 2, Origin: "pinned", Subnet: "0-0-00-0", Score: 0.01})
	s.poll()
	if strings.Contains(s.text(), "waits") || len(s.rows) != 28 {
		t.Errorf("it still waits:\n%s", s.text())
	}
}

func TestBuildOnTheMap(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("shift+tab")
	start := s.rows[0].Key // 2-3-21-2
	s.press("down", "enter", "right", "space")
	built := "1-1-21-2"
	if start != "2-3-21-2" || s.built.Short(s.space) != built {
		t.Fatalf("built %s from %s", s.built.Short(s.space), start)
	}
	s.see("Built "+built, "conv_macs", "allowed", "not evaluated")
	s.press("P")
	if got := s.fake.Did[0]; got.Subnet != built || got.Act != run.ActPin {
		t.Errorf("did %+v", got)
	}
	s.press("o")
	if want := (common.OpenSubnet{Subnet: built, With: start}); s.last != want {
		t.Errorf("opened %v", s.last)
	}
	s.press("esc").see("Selected " + start)
	if s.built != nil || s.off("esc") == "" {
		t.Error("it is not dropped")
	}
	s.press("left", "enter", "down", "enter") // there and back
	if s.built != nil {
		t.Errorf("built %v, which is where it began", s.built)
	}
}

func TestAConstraintForbids(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	cfg := *s.run.Config
	cfg.Search.Constraint.Max = 1_600_000
	s.run.Config = &cfg
	s.Update(follow.Updated{})
	s.see("1.60M", "not allowed")
	if got := s.off("P"); !strings.Contains(got, "constraint") {
		t.Errorf("pin is off because %q", got)
	}
}

func TestALatencyForbidsOnceItIsMeasured(t *testing.T) {
	for ms, words := range map[float64]string{0: "allowed by its counts", 4: "allowed  ", 6: "not allowed by its latency"} {
		s := open(t, uitest.Searching, false, styles.Braille)
		cfg := *s.run.Config
		cfg.Search.Constraint.LatencyMax = 5
		s.run.Config = &cfg
		if ms > 0 {
			s.run.History.State.Latencies = map[string]run.Latency{s.rows[0].Key: {MS: ms}}
		}
		s.Update(follow.Updated{})
		s.see(words)
	}
}

func TestLockAndUnlock(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("shift+tab", "right", "down", "L")
	want := steer.Command{Act: run.ActLock, Who: "ann", Block: 2, Choice: "1"}
	if len(s.fake.Did) != 1 || s.fake.Did[0] != want {
		t.Fatalf("did %+v, want %+v", s.fake.Did, want)
	}
	s.fake.Tell(want.Control(run.PhaseRequested, 3, 27, ""))
	s.poll()
	s.see("requested: lock block 2 to 5x5, by ann")
	if s.off("L") == "" {
		t.Error("it can be asked for twice")
	}
	s.fake.Tell(want.Control(run.PhaseDone, 3, 27, ""))
	s.poll()
	s.see("block 2 locked to 5x5", "locked to 5x5")
	s.press("L")
	if got, want := s.fake.Did[1], (steer.Command{Act: run.ActUnlock, Who: "ann", Block: 2}); got != want {
		t.Errorf("did %+v, want %+v", got, want)
	}
	s.press("up", "L") // another choice in the same block
	if got := s.fake.Did[2]; got.Act != run.ActLock || got.Choice != "0" {
		t.Errorf("did %+v", got)
	}
}

func TestChooseAsks(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("T")
	ask, ok := s.last.(common.Ask)
	if !ok || !strings.Contains(ask.Title, s.rows[0].Key) || len(ask.Choices) != 2 {
		t.Fatalf("asked %+v", s.last)
	}
	ask.Choices[0].Do()
	if got, want := s.fake.Did[0], (steer.Command{Act: run.ActChoose, Who: "ann", Subnet: s.rows[0].Key}); got != want {
		t.Errorf("did %+v, want %+v", got, want)
	}
	s.fake.Tell(s.fake.Did[0].Control(run.PhaseDone, 3, 27, ""))
	s.poll()
	s.see("chosen " + s.rows[0].Key)
	s.press("T")
	ask, _ = s.last.(common.Ask)
	ask.Choices[len(ask.Choices)-1].Do()
	if got := s.fake.Did[1]; got.Act != run.ActChoose || got.Subnet != "" {
		t.Errorf("it is not left to the search: %+v", got)
	}
}

func TestSteeringIsOffWithAReason(t *testing.T) {
	s := open(t, uitest.Finished, false, styles.Braille)
	for key, want := range map[string]string{"P": "over", "T": "step 4 has begun"} {
		if got := s.off(key); !strings.Contains(got, want) {
			t.Errorf("%s is off because %q", key, got)
		}
	}
	s.see("found")
	s = open(t, uitest.Searching, false, styles.Braille)
	s.fake.Away = errors.New("another process runs it")
	s.poll()
	s.show(choicesPane)
	for _, key := range []string{"P", "U", "T", "L", "W"} {
		if got := s.off(key); got != "another process runs it" {
			t.Errorf("%s is off because %q", key, got)
		}
	}
}

func TestSliderAndMeasure(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("shift+tab").see("all 3 generations", "% of 27 with")
	s.press(",").see("generation 3 of 3", "% of 7 with")
	s.press("g").see("generation 1 of 3", "% of 10 with")
	s.press(",", "m").see("up to generation 1 of 3", "of the 10 best")
	s.press("m", "G").see("mean score", "all 3 generations")
	s.press("m").see("how often in the population")
}

func TestGenerationLeadsToItsCandidates(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("tab", "tab")
	if s.off("enter") == "" {
		t.Error("a list of no generation")
	}
	s.press("up", "up", "enter")
	if s.focus != candidatesPane || s.filter != "gen:2" || len(s.rows) != 10 {
		t.Errorf("pane %d, filter %q, %d rows", s.focus, s.filter, len(s.rows))
	}
}

func TestParetoWalksByCost(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("tab")
	for range 40 {
		s.press("left")
	}
	cheapest, _ := s.selected()
	for _, c := range s.ranking.Candidates {
		if c.MACs < cheapest.MACs {
			t.Fatalf("%s is cheaper than %s", c.Subnet, cheapest.Subnet)
		}
	}
	s.press("right")
	if e, _ := s.selected(); e.MACs < cheapest.MACs || e.Subnet == cheapest.Subnet {
		t.Errorf("went to %s", e.Subnet)
	}
	s.press("x").see("score against parameters")
}

// What NSGA-II has on its front is marked, by the cost that it weighs.
func TestFrontIsMarked(t *testing.T) {
	s := open(t, uitest.Finished, false, styles.Braille)
	if strings.Contains(s.text(), " front") {
		t.Error("the evolution has no front")
	}
	cfg, err := config.Load("tiny", []string{"search.method=nsga2", "search.cost=conv_relu_bn"})
	if err != nil {
		t.Fatal(err)
	}
	s.run.Config = cfg
	s.Update(follow.Updated{})
	s.see("score against conv_relu_bn", "front", "found")
	for _, c := range s.ranking.Candidates {
		dominated := false
		for _, o := range s.ranking.Candidates {
			no := o.Score < c.Score || s.costOf(o) > s.costOf(c)
			dominated = dominated || !no && (o.Score > c.Score || s.costOf(o) < s.costOf(c))
		}
		if dominated == s.front[c.Subnet] {
			t.Errorf("%s of score %v at %v is on the front: %v", c.Subnet, c.Score, s.costOf(c), s.front[c.Subnet])
		}
	}
}

func TestMouse(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	click := func(x, y int) { s.Update(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft}) }
	click(10, 4) // third row of the table
	if e, _ := s.selected(); e.Subnet != s.rows[2].Key {
		t.Errorf("selected %s", e.Subnet)
	}
	for _, r := range s.places {
		click(r.x+1, r.y)
		if s.focus != r.pane {
			t.Errorf("pane %d is in focus, not %d", s.focus, r.pane)
		}
	}
	lines := strings.Split(s.text(), "\n")
	for y, line := range lines {
		if strings.HasPrefix(line, " 3 xception") {
			click(16, y)
			if s.row != 3 || s.block != 0 {
				t.Errorf("the cursor is at %d, %d", s.row, s.block)
			}
		}
	}
	if s.row != 3 {
		t.Error("no row of xception")
	}
	s.Resize(80, 20)
	click(s.tabs()[1].start+2, 0)
	if s.focus != paretoPane {
		t.Errorf("pane %d is in focus", s.focus)
	}
}

func TestAResumedSearchBeginsAnew(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.fake.Tell(
		run.StepStarted{Step: 3, Name: "search", Iteration: 2, Iterations: 40},
		run.Candidate{Index: 2, Generation: 0, Origin: "random", Subnet: "0-0-00-0", Score: 0.8},
	)
	s.poll()
	s.see("3 candidates", "0.8000")
	if len(s.stats) != 1 || s.ranking.Len() != 3 {
		t.Errorf("%d generations of %d", len(s.stats), s.ranking.Len())
	}
}

func TestOtherSpaces(t *testing.T) {
	for _, name := range nas.PresetNames() {
		space, err := nas.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		s := filled(t, space, 60)
		for which := range panes {
			s.show(which)
			for _, size := range uitest.Sizes {
				s.Resize(size[0], size[1])
				uitest.Exact(t, s.View(), size[0], size[1])
			}
		}
		s.Resize(80, 20)
		for range space.Len() {
			s.press("right")
		}
		s.see(fmt.Sprintf("Block %d as", space.Len()))
		s.show(candidatesPane)
		s.Resize(80, 20)
		s.see(s.rows[0].Key, "score", "MACs")
	}
}

// filled is a page with so many candidates of a space.
func filled(t testing.TB, space nas.Space, n int) *screen {
	t.Helper()
	s := open(t, uitest.Training, true, styles.Braille)
	s.run.Space = space
	rng := rand.New(rand.NewPCG(3, 4))
	s.fake.Tell(run.StepStarted{Step: 3, Name: "search", Iterations: n})
	for i := range n {
		s.fake.Tell(made(space, rng, i))
	}
	s.poll()
	return s
}

func made(space nas.Space, rng *rand.Rand, i int) run.Candidate {
	sub := nas.Random(space, rng)
	cost, err := space.SubnetCost(sub, nas.ScopeBody, nas.Square(224))
	if err != nil {
		panic(err)
	}
	return run.Candidate{
		Index: i, Generation: i / 50, Origin: origins[i%3], Subnet: sub.Short(space), Params: cost.Params, MACs: cost.ConvMACs(),
		Score: 0.3 + 0.1*rng.Float64(), Seconds: 9,
	}
}

func BenchmarkView(b *testing.B) {
	space, err := nas.Preset("300m")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("cached", func(b *testing.B) {
		s := filled(b, space, 1000)
		for b.Loop() {
			_ = s.View()
		}
	})
	b.Run("key", func(b *testing.B) {
		s := filled(b, space, 1000)
		s.press("shift+tab")
		for b.Loop() {
			s.press("right", "left")
			_ = s.View()
		}
	})
	b.Run("candidate", func(b *testing.B) {
		s := filled(b, space, 1000)
		rng := rand.New(rand.NewPCG(5, 6))
		for i := 1000; b.Loop(); i++ {
			s.run.History.State.Candidates = append(s.run.History.State.Candidates[:1000], made(space, rng, i))
			s.Update(follow.Updated{})
			_ = s.View()
		}
	})
}
