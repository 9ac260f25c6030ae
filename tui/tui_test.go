package tui

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/looks"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// watch opens a run for viewing.
func watch(dir string) (steer.Viewer, error) {
	f, err := run.Find("", dir)
	if err != nil {
		return nil, err
	}
	return steer.Watch(f)
}

// options are those of a screen over a folder of sample runs.
func options(t *testing.T, l looks.Looks) Options {
	t.Helper()
	t.Chdir(t.TempDir()) // so that paths on the screen are always the same
	const runs = "runs"
	for _, place := range []string{uitest.Training, uitest.Searching, uitest.Paused, uitest.Finished, uitest.Failed} {
		uitest.WriteSample(t, filepath.Join(runs, place), place)
	}
	return Options{
		Runs: runs, Who: "ann", Looks: l, Watch: watch, Now: func() time.Time { return uitest.Now },
		Start:  func(common.StartRun) (steer.Viewer, error) { return nil, errors.New("not here") },
		Resume: func(string) (steer.Viewer, error) { return nil, errors.New("not here") },
		Delete: os.RemoveAll,
	}
}

// still is a screen without ticks, whose commands are done at once.
type still struct {
	t *testing.T
	*Model
}

func newStill(t *testing.T, o Options, width, height int) *still {
	t.Helper()
	m := New(o)
	m.still = true
	s := &still{t: t, Model: m}
	s.do(m.Init())
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

func (s *still) send(msg tea.Msg) {
	s.t.Helper()
	_, cmd := s.Update(msg)
	s.do(cmd)
}

func (s *still) do(cmd tea.Cmd) {
	s.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			s.do(c)
		}
	default:
		s.send(msg)
	}
}

func (s *still) press(keys ...string) {
	s.t.Helper()
	for _, k := range keys {
		s.send(uitest.Key(k))
	}
}

func (s *still) text() string {
	s.t.Helper()
	text, _ := uitest.Cells(s.View().Content, s.width, s.height)
	return text
}

// open opens a sample run.
func (s *still) open(place string) {
	s.t.Helper()
	s.send(common.OpenRun{Dir: filepath.Join(s.options.Runs, place)})
}

var colourful = looks.Looks{Theme: "dark", Mode: styles.Braille, Colour: true}

// TestPages photographs every page at the three sizes, with colours and without.
func TestPages(t *testing.T) {
	for _, shot := range []struct {
		name, place string
		keys        []string
	}{
		{"runs", "", nil},
		{"run", uitest.Training, []string{"2"}},
		{"run-finished", uitest.Finished, []string{"2"}},
		{"search", uitest.Paused, []string{"3"}},
		{"subnet", uitest.Finished, []string{"3", "enter"}},
		{"config", uitest.Training, []string{"5"}},
		{"help", uitest.Training, []string{"2", "?"}},
	} {
		for _, size := range [][2]int{{80, 24}, {120, 36}, {160, 50}} {
			for look, l := range map[string]looks.Looks{
				"colour": colourful,
				"plain":  {Theme: "dark", Mode: styles.ASCII},
			} {
				name := uitest.Name(shot.name+"-"+look, size[0], size[1])
				t.Run(name, func(t *testing.T) {
					s := newStill(t, options(t, l), size[0], size[1])
					if shot.place != "" {
						s.open(shot.place)
					}
					s.press(shot.keys...)
					view := s.View().Content
					uitest.Golden(t, name, view, size[0], size[1])
					if !l.Colour {
						uitest.Colourless(t, view)
						uitest.ASCII(t, view)
					}
				})
			}
		}
	}
}

// TestEveryWidth draws every page, and what lies over it, at every width.
func TestEveryWidth(t *testing.T) {
	s := newStill(t, options(t, colourful), 80, 24)
	for _, place := range []string{uitest.Training, uitest.Paused, uitest.Finished, uitest.Failed} {
		s.open(place)
		for _, keys := range [][]string{{"1"}, {"2"}, {"3"}, {"4"}, {"5"}, {"1", "?"}, {"2", ":"}} {
			s.press(keys...)
			for width := 24; width <= 200; width++ {
				height := []int{16, 24, 36, 50, 6}[width%5]
				s.send(tea.WindowSizeMsg{Width: width, Height: height})
				uitest.Exact(t, s.View().Content, width, height)
			}
			s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
			if s.modal != nil {
				s.press("esc")
			}
		}
	}
}

func TestHeadSaysWhatARunIsPausedBy(t *testing.T) {
	s := newStill(t, options(t, colourful), 160, 50)
	uitest.WriteSample(t, filepath.Join(s.options.Runs, uitest.Stuck), uitest.Stuck)
	s.open(uitest.Stuck)
	s.press("3")
	if head := strings.Split(s.text(), "\n")[1]; !strings.Contains(head, "step-1-300.safetensors cannot be written") {
		t.Errorf("the head is %q", head)
	}
}

func TestTooSmallSaysSo(t *testing.T) {
	s := newStill(t, options(t, colourful), 59, 30)
	if text := s.text(); !strings.Contains(text, "60x16") {
		t.Errorf("the screen shows\n%s", text)
	}
	s.send(tea.WindowSizeMsg{Width: 60, Height: 16})
	if text := s.text(); !strings.Contains(text, "1 Runs") {
		t.Errorf("the screen shows\n%s", text)
	}
}

func TestPagesNeedARun(t *testing.T) {
	s := newStill(t, options(t, colourful), 80, 24)
	for _, key := range []string{"2", "3", "4"} {
		s.press(key)
		if text := s.text(); s.at != placeRuns || !strings.Contains(text, "no run is open") {
			t.Errorf("after %s the screen shows\n%s", key, text)
		}
	}
}

func TestThemesAndGlyphsFromThePalette(t *testing.T) {
	o := options(t, colourful)
	var kept looks.Looks
	o.Keep = func(l looks.Looks) error { kept = l; return nil }
	s := newStill(t, o, 120, 36)
	s.open(uitest.Training)
	for _, typed := range []string{"theme light-cb", "glyphs ascii", "colour off"} {
		s.press(":")
		for _, r := range typed {
			s.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
		s.press("enter")
	}
	if want := (looks.Looks{Theme: "light-cb", Mode: styles.ASCII}); kept != want {
		t.Errorf("kept %+v", kept)
	}
	uitest.ASCII(t, s.View().Content)
	uitest.Colourless(t, s.View().Content)
}

func TestQuitAsksWhatIsToBecomeOfTheRun(t *testing.T) {
	for name, tt := range map[string]struct {
		place string // of the run that is open
		keys  []string
		want  Leaving
		acts  []string // that the run is asked for
		quits bool
	}{
		"nothing open":    {"", []string{"q"}, LeaveAlone, nil, true},
		"over":            {uitest.Finished, []string{"q"}, LeaveAlone, nil, true},
		"goes on":         {uitest.Training, []string{"q", "enter"}, LeaveAlone, nil, true},
		"detached":        {uitest.Training, []string{"q", "d"}, LeaveAlone, nil, true},
		"is paused":       {uitest.Training, []string{"q", "p"}, LeavePaused, []string{run.ActPause}, true},
		"is stopped":      {uitest.Training, []string{"q", "s"}, LeaveStopped, []string{run.ActStop}, true},
		"stays":           {uitest.Training, []string{"q", "esc"}, LeaveAlone, nil, false},
		"paused already":  {uitest.Paused, []string{"q", "p"}, LeaveAlone, nil, false},
		"ctrl+c asks too": {uitest.Training, []string{"ctrl+c", "enter"}, LeaveAlone, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, colourful)
			var v *uitest.Viewer
			if tt.place != "" {
				v = uitest.View(t, tt.place)
				o.Open = func() (steer.Viewer, error) { return v, nil }
			}
			m := New(o)
			d := uitest.Drive(t, m, 80, 24)
			d.See("1 Runs")
			if tt.place != "" {
				d.See("Losses")
			}
			d.Press(tt.keys[:1]...)
			if len(tt.keys) > 1 {
				d.See("Leave the screen").Press(tt.keys[1:]...)
			}
			if !tt.quits {
				d.Press("esc").Gone("Leave the screen")
				return
			}
			if err := d.Ended(); err != nil {
				t.Error(err)
			}
			left, f := m.Left()
			if left != tt.want || (f != nil) != (tt.place != "") {
				t.Errorf("left %v, folder %v", left, f)
			}
			var acts []string
			if v != nil {
				for _, c := range v.Did {
					acts = append(acts, c.Act)
				}
			}
			if !slices.Equal(acts, tt.acts) {
				t.Errorf("the run was asked for %v, want %v", acts, tt.acts)
			}
		})
	}
}

// TestQuitWhileARunIsStarted leaves the screen while a run is on its way: it asks
// once the run is there, leaves at the second time, and stays where the start fails.
func TestQuitWhileARunIsStarted(t *testing.T) {
	const waits = "a run is being started: you are asked once it runs; q again leaves it alone"
	for name, tt := range map[string]struct {
		first bool // it is the run that the screen was opened for
		keys  []string
		fails bool
		want  string // on the screen once the run has begun; empty where it has closed before
	}{
		"asks":             {true, []string{"q"}, false, "Leave the screen"},
		"asks, by ctrl+c":  {true, []string{"ctrl+c"}, false, "Leave the screen"},
		"the second time":  {true, []string{"q", "q"}, false, ""},
		"from the list":    {false, []string{"q"}, false, "Leave the screen"},
		"from it, twice":   {false, []string{"q", "ctrl+c"}, false, ""},
		"it does not come": {false, []string{"q"}, true, "no room"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, colourful)
			v, begins := uitest.View(t, uitest.Training), make(chan struct{})
			start := func() (steer.Viewer, error) {
				<-begins
				if tt.fails {
					return nil, errors.New("no room")
				}
				return v, nil
			}
			if tt.first {
				o.Starting, o.Open = true, start
			}
			o.Start = func(common.StartRun) (steer.Viewer, error) { return start() }
			d := uitest.Drive(t, New(o), 80, 24)
			if d.See("1 Runs"); !tt.first {
				d.Press("n").See("Start a run").Press("enter").Gone("Start a run")
			}
			for i, k := range tt.keys {
				if d.Press(k); i == 0 {
					d.See(waits)
				}
			}
			if tt.want == "" {
				if err := d.Ended(); err != nil {
					t.Error(err)
				}
				close(begins)
				return
			}
			close(begins)
			d.See(tt.want)
			if tt.fails {
				d.Press("q") // nothing is on its way any more
			} else {
				d.Press("enter")
			}
			if err := d.Ended(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestARunThatDoesNotOpenClosesTheScreen wants the error of the run that the
// screen was opened for to reach the command line.
func TestARunThatDoesNotOpenClosesTheScreen(t *testing.T) {
	o := options(t, colourful)
	o.Open = func() (steer.Viewer, error) { return nil, errors.New("no such device") }
	m := New(o)
	if err := uitest.Drive(t, m, 80, 24).Ended(); err != nil || m.Err() == nil || m.Err().Error() != "no such device" {
		t.Errorf("the screen says %v, ended with %v", m.Err(), err)
	}
}

// TestEnterPressedAgainOpensARunOnce presses it while the run is being read.
func TestEnterPressedAgainOpensARunOnce(t *testing.T) {
	o := options(t, colourful)
	opened := 0
	o.Watch = func(dir string) (steer.Viewer, error) { opened++; return watch(dir) }
	m := New(o)
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	_, first := m.Update(common.OpenRun{Dir: filepath.Join(o.Runs, uitest.Training)})
	_, second := m.Update(common.OpenRun{Dir: filepath.Join(o.Runs, uitest.Training)})
	if opened != 1 || first == nil || second != nil {
		t.Errorf("opened %d times, %v", opened, second != nil)
	}
	m.Update(first())
	m.Close()
}

// TestResizingNeverOverflows goes through sizes as a hand at a window's corner
// does.
func TestResizingNeverOverflows(t *testing.T) {
	d := uitest.Drive(t, New(options(t, colourful)), 80, 24)
	d.See("1 Runs").Press("enter").See("step")
	for step := range 40 {
		d.Resize(60+step*190/39, 16+step*54/39)
		if step%10 == 0 {
			d.Press([]string{"1", "2", "3", "5"}[step/10])
		}
	}
	for step := range 40 {
		d.Resize(250-step*190/39, 70-step*54/39)
	}
	d.Until("end at 60x16", func() bool { return strings.Contains(d.Text(), "Runs") && strings.Count(d.Text(), "\n") == 16 })
}

// TestQuitAsksForUnsavedText wants text that was typed and not saved to be
// asked for before it is lost.
func TestQuitAsksForUnsavedText(t *testing.T) {
	d := uitest.Drive(t, New(options(t, colourful)), 100, 30)
	d.See("1 Runs", "finished").Press("enter").See("Losses").Press("5").See("line 1").Press("e").Type("# mine").Press("esc").See("5 Config*")
	d.Press("q").See("not saved").Press("enter").Gone("not saved").See("# mine")
	if err := d.Press("q").See("not saved").Press("d").Ended(); err != nil {
		t.Error(err)
	}
}
