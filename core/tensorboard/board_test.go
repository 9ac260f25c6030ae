package tensorboard

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
)

// boardOf is a board of a folder that warns into the list.
func boardOf(f *run.Folder, warned *[]string) *Board {
	return New(Options{
		Folder: f, Choices: []Choice{{"3x3", '0'}, {"5x5", '1'}},
		Warn: func(what string) { *warned = append(*warned, what) },
	})
}

// folderOf is a run's folder with a config.
func folderOf(t *testing.T) (f *run.Folder, dir string) {
	t.Helper()
	runs := t.TempDir()
	f, err := run.Create(runs, "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Unlock() })
	if err := os.WriteFile(f.Config(), []byte("seed = 1\n[space]\npreset = \"300m\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return f, filepath.Join(runs, "r", "tensorboard")
}

// tell runs a board over events, after those of earlier processes.
func tell(t *testing.T, f *run.Folder, before, events []run.Event) (warned []string) {
	t.Helper()
	b := boardOf(f, &warned)
	for i, ev := range before {
		b.Recall(run.Entry{Header: run.Header{Seq: int64(i + 1)}, Event: ev})
	}
	b.Start()
	for _, ev := range events {
		b.Watch(ev)
	}
	b.Close()
	return warned
}

// TestBytes holds the first record of a file against that of TensorFlow's own files,
// which begin with the length 24, its checksum, and an event of the version: a field
// 1 of 8 bytes, the time, and a field 3 of 13 bytes.
func TestBytes(t *testing.T) {
	dir := t.TempDir()
	f, err := newFile(dir, time.Unix(1_700_000_000, 500_000_000), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "events.out.tfevents.1700000000.detnas"))
	if err != nil {
		t.Fatal(err)
	}
	if head := []byte("\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7fK\"\x09"); !bytes.HasPrefix(data, head) || string(data[21:36]) != "\x1a\x0dbrain.Event:2" {
		t.Errorf("the file begins with % x", data[:40])
	}
	if at := get(fields(t, records(t, data)[0]), 1).value; math.Float64frombits(at) != 1_700_000_000.5 {
		t.Errorf("the time is %v", math.Float64frombits(at))
	}
}

func training(from, to int, rate float64) []run.Event {
	events := []run.Event{run.StepStarted{Step: 2, Name: "supernet-finetune", Iteration: from, Iterations: 9}}
	for i := from + 1; i <= to; i++ {
		events = append(events, run.Train{Step: 2, Iteration: i, LR: 0.5, Losses: run.Values{"loss_cls": float64(i), "loss_bbox": 2 * float64(i)}, ImagesPerS: rate})
	}
	return append(events,
		run.Eval{Step: 2, Iteration: to, Metrics: run.Values{"AP": 0.25, "AP50": math.NaN()}},
		run.StepFinished{Step: 2, Metrics: run.Values{"AP": 0.5}})
}

// A run that was killed after its checkpoint and taken up again has no step twice,
// and what it did again is that of the second process.
func TestATakenUpRunHasEachStepOnce(t *testing.T) {
	f, dir := folderOf(t)
	first := append([]run.Event{run.RunStarted{Run: "r"}}, training(0, 5, 10)...)
	if warned := tell(t, f, nil, first); len(warned) > 0 {
		t.Error(warned)
	}
	torn, err := filepath.Glob(filepath.Join(dir, "2-supernet-finetune", "*"))
	if err != nil || len(torn) != 1 {
		t.Fatal(torn, err)
	}
	if warned := tell(t, f, first, append([]run.Event{run.RunResumed{}}, training(3, 7, 20)...)); len(warned) > 0 {
		t.Error(warned)
	}
	got := show(t, filepath.Join(dir, "2-supernet-finetune"))
	if diff := cmp.Diff(map[int64]float64{1: 10, 2: 10, 3: 10, 4: 20, 5: 20, 6: 20, 7: 20}, got.scalars["speed/images_per_s"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int64]float64{1: 2, 2: 4, 3: 6, 4: 8, 5: 10, 6: 12, 7: 14}, got.scalars["loss/loss_bbox"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int64]float64{7: 0.25}, got.scalars["metrics/AP"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int64]float64{9: 0.5}, got.scalars["final/AP"]); diff != "" {
		t.Error(diff)
	}
	if v := got.scalars["metrics/AP50"][7]; !math.IsNaN(v) {
		t.Errorf("AP50 is %v", v)
	}
	if got := show(t, dir).texts["config"]; len(got) != 1 || !strings.HasPrefix(got[0], "    seed = 1\n    [space]\n") {
		t.Errorf("the config is %v", got)
	}
}

// A search has its scores, its best, the map of choices of each generation also of
// candidates of an earlier process, and pictures of what the best detects.
func TestSearchHasPictures(t *testing.T) {
	f, dir := folderOf(t)
	photo := filepath.Join(t.TempDir(), "photo.png")
	file, err := os.Create(photo)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(file, image.NewGray(image.Rect(0, 0, 1024, 256))), file.Close()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		f.WritePreviewImages(run.PreviewImages{Classes: []string{"cat"}, Images: []run.PreviewImage{{ID: 4, Path: photo, Width: 1024, Height: 256}, {ID: 5, Path: photo + "x"}}}),
		f.WritePreview(run.Preview{Subnet: "01-11", Step: 3, Found: map[int64][]run.PreviewBox{4: {{Label: 0, Box: [4]float64{100, 40, 600, 160}, Score: 0.5}}}}),
	); err != nil {
		t.Fatal(err)
	}
	start := run.StepStarted{Step: 3, Name: "search", Iterations: 4}
	first := []run.Event{run.RunStarted{}, start, run.Candidate{Index: 0, Subnet: "00-00", Score: 0.25, MACs: 100}, run.Candidate{Index: 1, Subnet: "01-10", Score: math.NaN()}}
	if warned := tell(t, f, nil, first); len(warned) > 0 {
		t.Error(warned)
	}
	start.Iteration = 2
	second := []run.Event{run.RunResumed{}, start, run.Candidate{Index: 2, Subnet: "01-11", Score: 0.5}, run.Generation{Evaluated: 3, Best: "01-11", Score: 0.5}}
	if warned := tell(t, f, first, second); len(warned) > 0 {
		t.Error(warned)
	}
	got := show(t, filepath.Join(dir, "3-search"))
	if diff := cmp.Diff(map[int64]float64{1: 0.25, 3: 0.5}, got.scalars["candidate/score"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int64]float64{3: 0.5}, got.scalars["search/best_score"]); diff != "" {
		t.Error(diff)
	}
	heat := decoded(t, got.pictures["search/choices_percent"][3])
	if heat.Bounds() != image.Rect(0, 0, labelWide+4*cellWide, 3*cellTall) {
		t.Errorf("the map is %v", heat.Bounds())
	}
	// in the first block all three have 3x3; in the second one of three has
	all, none := level(heat, 0, 0), level(heat, 0, 1)
	some, more := level(heat, 1, 0), level(heat, 1, 1)
	if all >= more || more >= some || some >= none {
		t.Errorf("cells are %d, %d, %d, %d; the darker the more", all, none, some, more)
	}
	if len(got.pictures) != 2 {
		t.Errorf("pictures of %d tags; the second image is not there", len(got.pictures))
	}
	seen := decoded(t, got.pictures["detections/1"][3])
	if seen.Bounds() != image.Rect(0, 0, 512, 128) {
		t.Errorf("an image is %v", seen.Bounds())
	}
	if r, g, b, _ := seen.At(50, 90).RGBA(); r == g && g == b {
		t.Error("there is no box at its left edge")
	}
}

func decoded(t *testing.T, data []byte) image.Image {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// level is how light the lower right corner of a cell is.
func level(m image.Image, block, row int) uint32 {
	r, _, _, _ := m.At(labelWide+cellWide*(block+1)-3, cellTall*(row+2)-3).RGBA()
	return r
}

// A storage that takes nothing is said once, and nothing else comes of it.
func TestStorageThatRefuses(t *testing.T) {
	f, dir := folderOf(t)
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	warned := tell(t, f, nil, append([]run.Event{run.RunStarted{}}, training(0, 5, 1)...))
	if len(warned) != 1 || !strings.Contains(warned[0], "no more events for TensorBoard") || !strings.Contains(warned[0], "tensorboard") {
		t.Errorf("%q", warned)
	}
}

// A storage that hangs does not have the run wait: what does not fit the queue is
// left out, which is said once.
func TestWatchDoesNotWait(t *testing.T) {
	f, _ := folderOf(t)
	var warned []string
	b := boardOf(f, &warned) // nobody takes anything
	for range queued + 10 {
		b.Watch(run.Warning{})
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "lack some events") {
		t.Errorf("%q", warned)
	}
}
