package subnet

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// screen is a page with the run that it shows.
type screen struct {
	*Page
	t    testing.TB
	fake *uitest.Viewer
	last []tea.Msg // what the last key brought
}

func open(t testing.TB, place string, colour bool, mode styles.Mode) *screen {
	t.Helper()
	f := uitest.View(t, place)
	r := follow.Read(f)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	s := &screen{Page: New(uitest.Common(colour, mode), r), t: t, fake: f}
	s.Resize(160, 46)
	s.take(follow.Updated{})
	return s
}

// take gives the page a message, and what its commands bring.
func (s *screen) take(msg tea.Msg) {
	s.last = nil
	s.run(s.Update(msg))
}

func (s *screen) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			s.run(c)
		}
	case follow.Preview:
		s.run(s.Update(msg))
	default:
		s.last = append(s.last, msg)
	}
}

func (s *screen) tell(events ...run.Event) {
	s.t.Helper()
	s.fake.Tell(events...)
	p, ok := s.Page.run.Poll()().(follow.Polled)
	if !ok {
		s.t.Fatal("no poll")
	}
	s.Page.run.Take(p)
	s.take(follow.Updated{})
}

func (s *screen) press(keys ...string) *screen {
	s.t.Helper()
	for _, k := range keys {
		msg := uitest.Key(k)
		b, ok := keymap.Find(s.Bindings(), msg.String())
		switch {
		case !ok:
			s.take(msg)
		case b.Off == "":
			s.last = nil
			s.run(b.Do())
		}
	}
	return s
}

func (s *screen) off(key string) string { s.t.Helper(); return uitest.Off(s.t, s.Bindings(), key) }

func (s *screen) text() string {
	text, _ := uitest.Cells(s.View(), s.width, s.height)
	return text
}

func (s *screen) see(words ...string) {
	s.t.Helper()
	uitest.See(s.t, s.View(), s.width, s.height, words...)
}

const bestOne = "2-3-21-2" // of the sample search, a mutation of an early candidate

// keepPreviews writes two preview images, of which one has gone, and what the
// best subnet found on them.
func (s *screen) keepPreviews() {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "000007.png")
	m := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			m.Set(x, y, color.NRGBA{R: uint8(4 * x), G: uint8(5 * y), B: 90, A: 255}) //nolint:gosec // below 256
		}
	}
	f, err := os.Create(path) //nolint:gosec // of the test
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, m); err != nil {
		s.t.Fatal(err)
	}
	images := run.PreviewImages{Classes: []string{"ring", "star"}, Images: []run.PreviewImage{
		{ID: 7, Path: path, Width: 64, Height: 48, Boxes: []run.PreviewBox{{Label: 0, Box: [4]float64{4, 4, 20, 20}}, {Label: 1, Box: [4]float64{40, 20, 20, 20}}}},
		{ID: 8, Path: "/no/such/folder/000008.png", Width: 64, Height: 48},
	}}
	if err := s.fake.At.WritePreviewImages(images); err != nil {
		s.t.Fatal(err)
	}
	for _, step := range []int{3, 5} {
		found := run.Preview{Subnet: bestOne, Step: step, Found: map[int64][]run.PreviewBox{7: {
			{Label: 0, Box: [4]float64{5, 5, 20, 20}, Score: 0.91},
			{Label: 1, Box: [4]float64{2, 30, 9, 9}, Score: 0.42},
			{Label: 9, Box: [4]float64{30, 2, 9, 9}, Score: 0.12},
		}}}
		if err := s.fake.At.WritePreview(found); err != nil {
			s.t.Fatal(err)
		}
	}
	s.asked = ""
	s.take(follow.Updated{})
}

func TestEverySizeIsExact(t *testing.T) {
	for _, place := range []string{uitest.Fresh, uitest.Paused} {
		s := open(t, place, true, styles.Braille)
		for _, keys := range [][]string{nil, {"tab"}, {"d"}, {"tab", "c", "end"}} {
			s.press(keys...)
			uitest.Widths(t, func(width, height int) string { s.Resize(width, height); return s.View() })
		}
	}
	s := open(t, uitest.Finished, true, styles.Braille)
	s.keepPreviews()
	s.press("tab")
	for range 2 {
		uitest.Widths(t, func(width, height int) string { s.Resize(width, height); return s.View() })
		s.press("right")
	}
}

func TestASCIIAndColourless(t *testing.T) {
	s := open(t, uitest.Paused, false, styles.ASCII)
	s.keepPreviews()
	for _, keys := range [][]string{nil, {"d"}, {"tab"}, {"right"}} {
		s.press(keys...)
		for _, size := range uitest.Sizes {
			s.Resize(size[0], size[1])
			uitest.ASCII(t, s.View())
			uitest.Colourless(t, s.View())
		}
	}
	empty := open(t, uitest.Fresh, false, styles.ASCII)
	uitest.ASCII(t, empty.View())
}

func TestGoldens(t *testing.T) {
	for _, colour := range []bool{true, false} {
		s := open(t, uitest.Paused, colour, styles.Braille)
		s.keepPreviews()
		s.press("d")
		for _, size := range uitest.Sizes {
			s.Resize(size[0], size[1])
			name := uitest.Name("subnet", size[0], size[1])
			if !colour {
				name += "-plain"
			}
			uitest.Golden(t, name, s.View(), size[0], size[1])
		}
		s.press("tab")
		s.Resize(80, 20)
		name := uitest.Name("subnet-detections", 80, 20)
		if !colour {
			name += "-plain"
		}
		uitest.Golden(t, name, s.View(), 80, 20)
	}
}

func TestUnchangedPageIsTheSame(t *testing.T) {
	s := open(t, uitest.Searching, true, styles.Braille)
	before := s.View()
	s.take(common.Tick{})
	s.tell(run.Train{Step: 3, Iteration: 1}, run.Usage{CPU: 1})
	if s.View() != before {
		t.Error("the page has changed with what it does not show")
	}
}

func TestItBeginsWithTheBestAndStaysThere(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.see(bestOne+"  rank 1= of 27, score 0.3224", "generation 3, mutation of 1-3-11-3 (rank 23)")
	s.tell(run.Candidate{Index: 27, Generation: 2, Origin: "mutation", Subnet: "0-0-00-0", Score: 0.9})
	s.see(bestOne + "  rank 2= of 28")
	open(t, uitest.Fresh, false, styles.Braille).see("No subnet yet", "Enter on a candidate")
}

func TestBlocksAddUp(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	sum := s.share(s.subnet.parts.Stem)
	for _, b := range s.subnet.parts.Blocks {
		sum += s.share(b.Cost)
	}
	if sum < 0.9999 || sum > 1.0001 {
		t.Errorf("the shares add up to %v", sum)
	}
	c, _ := s.candidate(bestOne)
	if got := s.subnet.parts.Body(); got.ConvMACs() != c.MACs || got.Params != c.Params {
		t.Errorf("counted %d MACs and %d params, the search %d and %d", got.ConvMACs(), got.Params, c.MACs, c.Params)
	}
	s.see("stem", "stage 3  2 blocks", "for ImageNet", "2.12M", "no constraint")
}

func TestParentsOpenAndBack(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	parent := s.parents(bestOne)[0].Subnet
	if s.off("backspace") == "" || s.off("o") == "" {
		t.Error("a way back, or a second parent of a mutation")
	}
	s.press("p").see(" " + parent + "  rank")
	s.press("backspace").see(" " + bestOne + "  rank")
	at := strings.Index(strings.Split(s.text(), "\n")[1], parent)
	s.take(tea.MouseClickMsg{X: at + 2, Y: 1, Button: tea.MouseLeft})
	s.see(" " + parent + "  rank")
}

func TestCompare(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	all := s.companions()
	if want := s.parents(bestOne)[0].Subnet; all[0] != want || slices.Contains(all, bestOne) {
		t.Fatalf("companions %v", all)
	}
	s.run(s.Open(bestOne, "1-1-10-3"))
	s.see("beside 1-1-10-3", "5 of 5 blocks differ, score +0.0000", "change", "+298k")
	s.press("x").see(" 1-1-10-3  rank", "beside "+bestOne, "-298k")
	s.press("esc").see("d lays another one beside it")
	for range len(s.companions()) {
		s.press("d")
	}
	if last := s.companions()[len(s.companions())-1]; s.with.short != last {
		t.Errorf("beside it lies %q, want %q", s.with.short, last)
	}
	if s.press("d"); s.with.short != "" {
		t.Errorf("after the last one comes %q", s.with.short)
	}
	s.run(s.Open(bestOne, "9-9"))
	s.see("beside 9-9", "stages")
	s.run(s.Open(bestOne, bestOne))
	if s.with.short != "" {
		t.Error("it lies beside itself")
	}
}

func TestWhatDoesNotFitIsSaid(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.run(s.Open("0123", ""))
	s.see(" 0123  not evaluated", "no candidate of the search", "stages")
	s.Page.run.Config = nil
	s.run(s.Open(bestOne, ""))
	s.see("config cannot be read")
}

func TestDetections(t *testing.T) {
	s := open(t, uitest.Finished, false, styles.Braille)
	s.run(s.Open(bestOne, ""))
	s.see("search kept none")
	s.keepPreviews()
	s.see("image 1 of 2", "000007.png, 64x48 px", "after its own training", "2 of 3 boxes from score 0.30 on", "ring 0.91, star 0.42 (wrong)", "truth: 2", "found: 2")
	s.press("tab", "-", "-", "-", "-").see("3 of 3 boxes from score 0.10 on", "class 9 0.12")
	s.press("+", "+", "+", "+", "+", "+", "+").see("1 of 3 boxes from score 0.45 on")
	s.press("v").see("with the supernet's weights")
	s.press("right").see("image 2 of 2", "has gone: /no/such/folder/000008.png")
	s.press("right").see("image 1 of 2")
	s.run(s.Open("0-1-11-3", ""))
	s.see("what this candidate found was not kept", "truth: 2")
	s.run(s.Open("0-0-00-0", ""))
	s.see("not evaluated yet, so nothing is found")
}

func TestDetectionsComeWithTheCandidate(t *testing.T) {
	s := open(t, uitest.Training, false, styles.Braille)
	s.run(s.Open("0-0-00-0", ""))
	s.see("kept from the search, step 3, on")
	s.keepPreviews()
	found := run.Preview{Subnet: "0-0-00-0", Step: 3, Found: map[int64][]run.PreviewBox{7: {{Score: 0.77, Box: [4]float64{4, 4, 20, 20}}}}}
	if err := s.fake.At.WritePreview(found); err != nil {
		t.Fatal(err)
	}
	s.tell(run.StepStarted{Step: 3, Iterations: 4}, run.Candidate{Subnet: "0-0-00-0", Origin: "random", Score: 0.1})
	s.see("ring 0.77")
}

func TestPairing(t *testing.T) {
	box := func(label int, x, y, w, h float64) run.PreviewBox {
		return run.PreviewBox{Label: label, Box: [4]float64{x, y, w, h}}
	}
	truth := []run.PreviewBox{box(0, 0, 0, 10, 10), box(1, 20, 20, 10, 10), box(0, 50, 50, 10, 10)}
	found := []run.PreviewBox{
		box(0, 1, 1, 10, 10),   // overlap 0.68
		box(0, 0, 0, 10, 10),   // the same one again
		box(0, 20, 20, 10, 10), // another class
		box(0, 55, 50, 10, 10), // overlap 0.33
		box(0, 0, 0, 0, 0),     // nothing
	}
	got := pair(truth, found)
	want := matching{truth: []bool{true, false, false}, found: []bool{true, false, false, false, false}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("paired %+v, want %+v", got, want)
	}
}

func TestSteering(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("P")
	if want := (steer.Command{Act: run.ActPin, Who: "ann", Subnet: bestOne}); len(s.fake.Did) != 1 || s.fake.Did[0] != want {
		t.Fatalf("did %+v", s.fake.Did)
	}
	s.tell(s.fake.Did[0].Control(run.PhaseDone, 3, 27, ""))
	s.see("◆ pinned")
	s.press("T")
	ask, ok := s.last[0].(common.Ask)
	if !ok {
		t.Fatalf("asked %v", s.last)
	}
	ask.Choices[0].Do()
	if got := s.fake.Did[1]; got.Act != run.ActChoose || got.Subnet != bestOne {
		t.Errorf("did %+v", got)
	}
	cfg := *s.Page.run.Config
	cfg.Search.Constraint.Max = 1_000_000
	s.Page.run.Config = &cfg
	s.run(s.Open("0-0-00-0", ""))
	s.see("at most 1.00M conv_macs: not allowed")
	if got := s.off("P"); !strings.Contains(got, "constraint") {
		t.Errorf("pin is off because %q", got)
	}
	cfg.Search.Constraint.LatencyMax = 5
	cfg.Search.Constraint.Max = 0
	s.run(s.Open("0-0-00-0", ""))
	s.see("at most 5 ms: not measured yet")
	s.Page.run.History.State.Latencies = map[string]run.Latency{bestOne: {MS: 6.25}}
	s.run(s.Open(bestOne, ""))
	s.see("at most 5 ms (6.25): not allowed")
	s.fake.Away = errors.New("nobody runs it")
	s.tell()
	if got := s.off("T"); got != "nobody runs it" {
		t.Errorf("choose is off because %q", got)
	}
}

func TestCopyAndSearch(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	s.press("y")
	if len(s.last) != 2 || s.last[1] != (common.Notice{Text: bestOne + " is sent to the terminal's clipboard"}) {
		t.Errorf("brought %v", s.last)
	}
	if s.press("s"); len(s.last) != 1 || s.last[0] != (common.OpenSearch{}) {
		t.Errorf("brought %v", s.last)
	}
}

func TestOtherSpaces(t *testing.T) {
	for _, name := range nas.PresetNames() {
		space, err := nas.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, uitest.Training, true, styles.Braille)
		s.Page.run.Space = space
		sub := make(nas.Subnet, space.Len())
		other := sub.Clone()
		other[3] = nas.Xception
		s.run(s.Open(sub.Short(space), other.Short(space)))
		for _, size := range uitest.Sizes {
			s.Resize(size[0], size[1])
			uitest.Exact(t, s.View(), size[0], size[1])
			s.see("space " + name)
		}
		s.Resize(80, 20)
		s.press("end").see("stage 4")
		s.press("home", "down", "down", "down").see("xception")
	}
}

func BenchmarkView(b *testing.B) {
	s := open(b, uitest.Paused, true, styles.Braille)
	s.keepPreviews()
	for b.Loop() {
		s.press("down", "up")
		_ = s.View()
	}
}
