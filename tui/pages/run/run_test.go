package run

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// made is the page of a sample run, which takes commands where it goes on.
func made(t testing.TB, place string, colour bool, mode styles.Mode) (*Page, *uitest.Viewer) {
	t.Helper()
	v := uitest.View(t, place)
	p := New(uitest.Common(colour, mode), follow.Read(v))
	p.Resize(80, 20)
	send(p, follow.Updated{})
	return p, v
}

func send(p *Page, msg tea.Msg) []tea.Msg { return do(p, p.Update(msg)) }

// do does what the page asks for; what is for the program is returned.
func do(p *Page, cmd tea.Cmd) (out []tea.Msg) {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			out = append(out, do(p, c)...)
		}
	case common.Ask, common.Notice, common.ResumeRun, follow.Done:
		out = append(out, msg)
	default:
		out = append(out, send(p, msg)...)
	}
	return out
}

func press(t testing.TB, p *Page, keys ...string) (out []tea.Msg) {
	t.Helper()
	for _, k := range keys {
		if p.Capturing() {
			out = send(p, uitest.Key(k))
			continue
		}
		b, ok := keymap.Find(p.Bindings(), k)
		switch {
		case !ok:
			t.Fatalf("%q is not bound", k)
		case b.Off != "":
			out = []tea.Msg{common.Notice{Text: b.Off}}
		default:
			out = do(p, b.Do())
		}
	}
	return out
}

func shown(p *Page) string { return ansi.Strip(p.View()) }

func wants(t *testing.T, p *Page, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(shown(p), want) {
			t.Errorf("the page lacks %q:\n%s", want, shown(p))
		}
	}
}

var places = []string{uitest.Fresh, uitest.Training, uitest.Searching, uitest.Paused, uitest.Finished, uitest.Failed, uitest.Stuck, uitest.Ranks, uitest.Many}

func TestEveryWidthIsExact(t *testing.T) {
	for _, place := range []string{uitest.Paused, uitest.Ranks} {
		p, _ := made(t, place, true, styles.Braille)
		for range p.panes() {
			uitest.Widths(t, func(w, h int) string {
				p.Resize(w, h)
				if p.pane == paneLog {
					do(p, p.poll())
				}
				return p.View()
			})
			p.Resize(80, 20)
			press(t, p, "tab")
		}
	}
}

func TestEverySizeIsExact(t *testing.T) {
	for _, place := range places {
		p, _ := made(t, place, true, styles.Braille)
		for range p.panes() {
			for _, keys := range [][]string{{"f"}, {"f"}, {"v"}} {
				p.Resize(80, 20)
				press(t, p, keys...)
				for w := 24; w <= 200; w += 43 {
					for h := 4; h <= 70; h += 11 {
						p.Resize(w, h)
						uitest.Exact(t, p.View(), w, h)
						was := p.pane
						p.click(tea.MouseClickMsg{X: w / 2, Y: h / 2, Button: tea.MouseLeft})
						p.wheel(tea.MouseWheelMsg{X: w / 2, Y: h / 2, Button: tea.MouseWheelUp})
						uitest.Exact(t, p.View(), w, h)
						p.pane = was
					}
				}
			}
			p.Resize(80, 20)
			press(t, p, "tab")
		}
	}
	for w := range 24 {
		p, _ := made(t, uitest.Training, true, styles.Braille)
		for h := range 12 {
			p.Resize(w, h)
			p.View() // must not panic
		}
	}
}

func TestGoldens(t *testing.T) {
	for _, place := range []string{uitest.Training, uitest.Paused, uitest.Finished, uitest.Failed} {
		for _, colour := range []bool{true, false} {
			p, _ := made(t, place, colour, styles.Braille)
			if place == uitest.Training {
				press(t, p, "x")
			}
			for _, size := range uitest.Sizes {
				p.Resize(size[0], size[1])
				do(p, p.poll())
				name := place
				if !colour {
					name += "-plain"
				}
				uitest.Golden(t, uitest.Name(name, size[0], size[1]), p.View(), size[0], size[1])
			}
		}
	}
	p, _ := made(t, uitest.Finished, true, styles.Braille)
	for i := range p.panes() {
		uitest.Golden(t, "pane-"+strings.ToLower(paneNames[i]), p.View(), 80, 20)
		press(t, p, "tab")
	}
}

func TestASCIIAndNoColour(t *testing.T) {
	for _, place := range places {
		p, _ := made(t, place, false, styles.ASCII)
		for range p.panes() {
			p.Resize(160, 46)
			do(p, p.poll())
			uitest.ASCII(t, p.View())
			uitest.Colourless(t, p.View())
			press(t, p, "tab")
		}
	}
}

func TestUnchangedPageIsTheSame(t *testing.T) {
	for _, place := range places {
		p, _ := made(t, place, true, styles.Braille)
		p.Resize(160, 46)
		do(p, p.poll())
		before := p.View()
		send(p, common.Tick{})
		send(p, follow.Updated{})
		if p.View() != before {
			t.Errorf("%s: nothing has changed, and the page looks different", place)
		}
	}
}

func TestSteps(t *testing.T) {
	p, _ := made(t, uitest.Searching, true, styles.Braille)
	wants(t, p, "▸● 3 search", "best so far", "candidate")
	press(t, p, "[")
	wants(t, p, "▸✓ 2 finetune", "rpn_cls", "iteration")
	press(t, p, "[", "[", "[")
	wants(t, p, "▸✓ 1 pretrain")
	press(t, p, "]", "]")
	if p.picked != 0 {
		t.Error("back at the step that runs, the page does not follow the run")
	}
	send(p, tea.MouseClickMsg{X: 70, Y: 0, Button: tea.MouseLeft})
	wants(t, p, "▸• 5 finetune", "no data yet")
}

func TestChartKeys(t *testing.T) {
	p, _ := made(t, uitest.Finished, true, styles.Braille)
	wants(t, p, "smooth 0.6", "roi_box")
	press(t, p, "s", "L", "X")
	wants(t, p, "smooth 0.9", "log x", "log y")
	press(t, p, "s", "s", "L", "X", "l")
	if len(p.lines()) != 1 || p.lines()[0].Name != "loss" || strings.Contains(shown(p), "smooth") {
		t.Errorf("one press of l shows %v", p.lines())
	}
	press(t, p, "l")
	if n := p.lines(); len(n) != 1 || n[0].Name == "loss" {
		t.Errorf("two presses of l show %v", n)
	}
	for range 4 {
		press(t, p, "l")
	}
	if len(p.lines()) != 5 {
		t.Errorf("%d lines after a whole round", len(p.lines()))
	}
	press(t, p, "s", "s")
	before := p.View()
	press(t, p, "e")
	if p.View() == before {
		t.Error("the envelope is the same on and off")
	}
}

func TestZoomAndCrosshair(t *testing.T) {
	p, _ := made(t, uitest.Finished, true, styles.Braille)
	press(t, p, "+", "+")
	if p.chart.x1-p.chart.x0 != 125 || p.chart.x1 != 500 {
		t.Errorf("two zooms show %v to %v of 500", p.chart.x0, p.chart.x1)
	}
	wants(t, p, "zoom")
	press(t, p, "left")
	if p.chart.x1 >= 500 || p.chart.x1-p.chart.x0 != 125 {
		t.Errorf("moved, it shows %v to %v", p.chart.x0, p.chart.x1)
	}
	press(t, p, "0")
	if p.chart.zoomed() {
		t.Error("0 does not show all")
	}
	if m := press(t, p, "-"); len(m) != 1 {
		t.Error("zooming out of the whole is not off")
	}
	press(t, p, "x")
	wants(t, p, "iteration 500")
	press(t, p, "left")
	one := p.chart.cursor
	press(t, p, "shift+left")
	if one >= 500 || one-p.chart.cursor < 60 {
		t.Errorf("one column is at %v, eleven at %v", one, p.chart.cursor)
	}
	press(t, p, "+")
	if p.chart.x0 > p.chart.cursor || p.chart.x1 < p.chart.cursor {
		t.Error("the zoom loses the crosshair")
	}
	press(t, p, "x", "0")
	if p.chart.crosshair {
		t.Error("x does not take the crosshair off")
	}
	send(p, tea.MouseClickMsg{X: 40, Y: 8, Button: tea.MouseLeft})
	if !p.chart.crosshair || p.chart.cursor < 150 || p.chart.cursor > 350 {
		t.Errorf("a click in the middle sets it to %v", p.chart.cursor)
	}
	send(p, tea.MouseWheelMsg{X: 40, Y: 8, Button: tea.MouseWheelUp})
	if x0, x1 := p.chart.x0, p.chart.x1; !p.chart.zoomed() || x0 > p.chart.cursor || x1 < p.chart.cursor {
		t.Errorf("the wheel shows %v to %v", x0, x1)
	}
}

func TestSteering(t *testing.T) {
	p, v := made(t, uitest.Training, true, styles.Braille)
	press(t, p, "p")
	press(t, p, "K")
	if got := fmt.Sprint(v.Did); got != fmt.Sprint([]steer.Command{{Act: run.ActPause, Who: "ann"}, {Act: run.ActCheckpoint, Who: "ann"}}) {
		t.Errorf("did %s", got)
	}
	if strings.Contains(shown(p), "requested") || strings.Contains(shown(p), "pausing") {
		t.Error("the page says what the journal does not")
	}
	msgs := press(t, p, "S")
	ask, ok := msgs[0].(common.Ask)
	if !ok || len(v.Did) != 2 || ask.Choices[0].Do != nil {
		t.Fatalf("S asks %+v", msgs)
	}
	ask.Choices[1].Do()
	if v.Did[2].Act != run.ActStop {
		t.Errorf("did %+v", v.Did)
	}
}

// take adds events to the journal and has the page take them in.
func take(p *Page, v *uitest.Viewer, events ...run.Event) {
	for i, e := range events {
		seq := p.run.History.State.Seq + int64(i) + 1
		v.Entries = append(v.Entries, run.Entry{Header: run.Header{V: 1, Seq: seq, Time: uitest.Now, Type: e.Kind()}, Event: e})
	}
	if polled, ok := p.run.Poll()().(follow.Polled); ok {
		p.run.Take(polled)
	}
	send(p, follow.Updated{})
}

func TestAPauseIsShownAsItGoes(t *testing.T) {
	p, v := made(t, uitest.Training, true, styles.Braille)
	c := run.Control{What: run.ActPause, Who: "bob", Phase: run.PhaseRequested, Step: 1, Iteration: 300}
	take(p, v, c)
	wants(t, p, "pause requested by bob at step 1, iteration 300; w withdraws it", "● 1 pretrain")
	press(t, p, "p") // a second one takes the first back
	press(t, p, "w")
	for i := range 2 {
		if len(v.Did) != 2 || v.Did[i].Act != steer.ActWithdraw || v.Did[i].Of != run.ActPause {
			t.Errorf("p and w do %+v", v.Did)
		}
	}
	c.Phase = run.PhaseBegun
	take(p, v, c)
	wants(t, p, "pausing for bob", "● 1 pretrain")
	if m := press(t, p, "w"); !strings.Contains(fmt.Sprint(m), "has begun") {
		t.Errorf("withdrawing what has begun: %v", m)
	}
	c.Phase = run.PhaseDone
	take(p, v, c)
	wants(t, p, "‖ paused at step 1, iteration 300; p goes on", "‖ 1 pretrain")
	press(t, p, "p")
	if v.Did[len(v.Did)-1].Act != run.ActResume {
		t.Errorf("p does %+v", v.Did)
	}
}

func TestAPauseOfTheRunsOwnSaysWhy(t *testing.T) {
	p, v := made(t, uitest.Stuck, true, styles.Braille)
	wants(t, p, "‖ paused: /data/runs/stuck/checkpoints/step-1-300.safetensors cannot be", "12.5 MiB", "then resume the run (p)")
	p.Resize(80, 12)
	wants(t, p, "‖ paused: /data/runs/stuck/")
	if n := len(p.note(80)); n != 1 {
		t.Errorf("the note takes %d of 12 lines", n)
	}
	p.Resize(80, 20)
	press(t, p, "p")
	if v.Did[0].Act != run.ActResume {
		t.Errorf("p does %+v", v.Did)
	}
	take(p, v, run.Control{What: run.ActResume, Who: "ann", Phase: run.PhaseDone, Step: 1, Iteration: 300})
	if strings.Contains(shown(p), "(p)") {
		t.Errorf("resumed, it is paused still:\n%s", shown(p))
	}
}

func TestResultsNameTheBestCheckpoint(t *testing.T) {
	p, v := made(t, uitest.Training, true, styles.Braille)
	take(p, v, run.CheckpointWritten{Step: 1, Iteration: 300, Path: "checkpoints/step-1-300.safetensors", Best: "checkpoints/step-1-best.safetensors"})
	p.Resize(120, 60)
	press(t, p, "tab", "tab", "tab")
	wants(t, p, "checkpoints/step-1-300.safetensors", "checkpoints/step-1-best.safetensors  step 1, iteration 300")
}

func TestARunThatNobodyRuns(t *testing.T) {
	p, v := made(t, uitest.Training, true, styles.Braille)
	v.Away = errors.New("nothing runs it; resume it first")
	take(p, v)
	wants(t, p, "! interrupted: its process is gone", "! 1 pretrain")
	if m := press(t, p, "p"); !strings.Contains(fmt.Sprint(m), "interrupted") {
		t.Errorf("p says %v", m)
	}
	m, ok := press(t, p, "r")[0].(common.ResumeRun)
	if !ok || m.Dir != v.At.Dir() {
		t.Errorf("r asks for %+v", m)
	}
	if err := v.At.Lock(); err != nil { // another process takes it up
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.At.Unlock() })
	send(p, common.Tick{})
	if strings.Contains(shown(p), "interrupted") {
		t.Errorf("a run that is held is interrupted:\n%s", shown(p))
	}
	if m := press(t, p, "p"); !strings.Contains(fmt.Sprint(m), "nothing runs it") {
		t.Errorf("p says %v", m)
	}
}

func TestFinishedAndFailed(t *testing.T) {
	p, _ := made(t, uitest.Finished, true, styles.Braille)
	press(t, p, "tab", "tab", "tab")
	wants(t, p, "Final result", "AP50", "0.741", "Steps")
	for _, l := range append(p.final(p.step().Result), p.stepTable()...) {
		if strings.Contains(ansi.Strip(l), " -1") {
			t.Errorf("what is not defined is -1: %s", l)
		}
	}
	voc := ansi.Strip(strings.Join(p.final(run.Values{"AP": 0.4, "mAP07": 0.7034, "mAP": -1}), "\n"))
	if !strings.Contains(voc, "   mAP07     mAP\n   0.703       -") {
		t.Errorf("VOC's figures are not below COCO's:\n%s", voc)
	}
	if line := figures(run.Values{"AP": 0.4, "mAP07": -1, "mAP": 0.5}); line != "AP 0.4, mAP 0.5" {
		t.Errorf("a step's figures are %q", line)
	}
	before := shown(p)
	press(t, p, "pgdown")
	if shown(p) == before {
		t.Error("the results do not scroll")
	}
	press(t, p, "home")
	if shown(p) != before {
		t.Error("and back")
	}
	for key, want := range map[string]string{"p": "finished", "S": "finished", "r": "finished", "w": "nothing is requested"} {
		if m := fmt.Sprint(press(t, p, key)); !strings.Contains(m, want) {
			t.Errorf("%s on a finished run: %s", key, m)
		}
	}
	p, _ = made(t, uitest.Failed, true, styles.Braille)
	wants(t, p, "✗ 2 finetune", "failed: step 2 (supernet-finetune): iteration 121")
}

func TestLogs(t *testing.T) {
	p, _ := made(t, uitest.Training, true, styles.Braille)
	wants(t, p, "journal", "following", "step 1, iteration 300")
	press(t, p, "v")
	wants(t, p, "log.txt", "libtorch 1.13.0")
	press(t, p, "v", "/", "c", "h", "e", "c", "k", "enter")
	wants(t, p, "checkpoint checkpoints/step-1-300")
	press(t, p, "shift+tab")
	wants(t, p, "checkpoints/step-1-200", "checkpoints/step-1-300")
	if strings.Contains(shown(p), "│") {
		t.Error("the log does not have the middle of the page")
	}
}

func TestOverlay(t *testing.T) {
	p, _ := made(t, uitest.Finished, true, styles.Braille)
	if m := press(t, p, "o"); len(m) != 1 {
		t.Error("o is not off without other runs")
	}
	other := uitest.Sample(t, uitest.Failed)
	press(t, p, "[", "[", "[")
	missing := filepath.Join(t.TempDir(), "none")
	send(p, common.Compare{Dirs: []string{other, missing}})
	wants(t, p, "failed", "over 1")
	if n := len(p.lines()); n != 6 {
		t.Errorf("%d lines", n)
	}
	press(t, p, "o")
	if len(p.lines()) != 5 {
		t.Error("o does not take it off")
	}
	press(t, p, "o", "l")
	if l := p.lines(); len(l) != 2 || l[0].Style == l[1].Style {
		t.Errorf("the sum alone, over: %+v", l)
	}
	send(p, common.Tick{})
	p.Close()
	if len(p.lines()) != 1 {
		t.Error("closed, it is still there")
	}
}

func TestACrowdedLineOfFigures(t *testing.T) {
	p, _ := made(t, uitest.Training, true, styles.Braille)
	wants(t, p, "img/s", "loss", "lr 0.05")
	p.Resize(160, 46)
	wants(t, p, "cores", "mem", "images/s", "learning rate", "cores busy", "memory MiB", "journal", "results")
}

func TestOverlayOfASearch(t *testing.T) {
	p, _ := made(t, uitest.Searching, true, styles.Braille)
	send(p, common.Compare{Dirs: []string{uitest.Sample(t, uitest.Finished)}})
	if l := p.lines(); len(l) != 3 || l[2].Name != "finished" || l[2].Series.Len() != 40 {
		t.Errorf("the lines are %+v", l)
	}
}

// BenchmarkLongRun draws a run of 200,000 logged iterations with six losses.
func BenchmarkLongRun(b *testing.B) {
	p, _ := made(b, uitest.Fresh, true, styles.Braille)
	tell := func(e run.Event) {
		p.run.History.Apply(run.Entry{Header: run.Header{V: 1, Time: uitest.Now, Type: e.Kind()}, Event: e})
	}
	tell(run.StepStarted{Step: 2, Name: "supernet-finetune", Iterations: 400_000})
	for i := range 200_000 {
		v := float64(i%97) / 97
		tell(run.Train{Step: 2, Iteration: i + 1, LR: 0.1, ImagesPerS: 40 + v, StepS: 0.1, DataS: 0.01, Losses: run.Values{
			"loss": 2 + v, "loss_cls": v, "loss_bbox": v / 2, "loss_rpn_cls": v / 3, "loss_rpn_bbox": v / 4, "acc": v,
		}})
	}
	p.Resize(160, 46)
	for b.Loop() {
		p.refresh()
		p.View()
	}
}

func BenchmarkView(b *testing.B) {
	p, _ := made(b, uitest.Finished, true, styles.Braille)
	p.Resize(160, 46)
	do(p, p.poll())
	for b.Loop() {
		p.refresh()
		p.View()
	}
}
