package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
)

// TestOtherDataIsRefused takes a run up after its data was changed. Nothing is
// trained then, and the error says what has changed; once that is put back the run
// comes to what it would have come to.
func TestOtherDataIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	drawn := filepath.Join(t.TempDir(), "drawn")
	if _, err := newData(tiny(t, drawn), "", func(run.Event) {}).draw(context.Background()); err != nil {
		t.Fatal(err)
	}
	at := func(path ...string) string { return filepath.Join(append([]string{drawn}, path...)...) }
	cfg := tiny(t, filepath.Join(t.TempDir(), "none"),
		"data.classification.format=folder", "data.classification.train="+at("classification", "train"), "data.classification.val="+at("classification", "val"),
		"data.detection.format=coco", "data.detection.train="+at("detection", "train.json"), "data.detection.test="+at("detection", "test.json"),
		"data.detection.images="+at("detection", "images"),
		"supernet-pretrain.iterations=4", "supernet-pretrain.checkpoint_every=1", "supernet-finetune.iterations=2", "search.images=2", "search.bn_images=2")
	alone := t.TempDir()
	result, err := do(t, context.Background(), cfg, alone, "alone", Options{From: 1, To: 3})
	if err != nil {
		t.Fatal(err)
	}
	want, weights := outcome(t, result, alone, "alone")

	runs := t.TempDir()
	stopAt := func(stop func(run.Event) bool, to int) {
		t.Helper()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, err := do(t, ctx, cfg, runs, "other", Options{From: 1, To: to, Watch: func(e run.Event) {
			if stop(e) {
				cancel()
			}
		}})
		if !errors.Is(err, ErrStopped) {
			t.Fatalf("it ended with %v", err)
		}
	}
	refused := func(words ...string) {
		t.Helper()
		worked := false
		_, err := do(t, context.Background(), cfg, runs, "other", Options{From: 1, To: 3, Watch: func(e run.Event) {
			switch e.(type) {
			case run.Train, run.Candidate, run.StepStarted, run.CheckpointWritten:
				worked = true
			}
		}})
		if err == nil || worked {
			t.Fatalf("error %v, worked before it: %v", err, worked)
		}
		for _, w := range append(words, "put back what was there and resume the run") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v: no %q", err, w)
			}
		}
	}

	stopAt(func(e run.Event) bool { c, ok := e.(run.CheckpointWritten); return ok && c.Iteration == 2 }, 3)
	image := at("classification", "train", "circle", "000003.jpg")
	away := filepath.Join(t.TempDir(), "away")
	move(t, image, away)
	refused("data.classification.train ("+at("classification", "train")+")", "it has 47 images, and had 48", "circle/000003.jpg is gone", "start a new run")
	move(t, away, image)
	another := at("classification", "val", "square", "new.jpg")
	copyFile(t, image, another)
	refused("data.classification.val", "it has 13 images, and had 12", "square/new.jpg is new")
	if err := os.Remove(another); err != nil {
		t.Fatal(err)
	}
	stopAt(func(e run.Event) bool { _, ok := e.(run.StepFinished); return ok && e.(run.StepFinished).Step == 2 }, 3)

	file := at("detection", "train.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), `"area":`, `"area":1`, 1)
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("data.detection.train", "step 2 (supernet-finetune)", "the order, the sizes or the boxes", "--from supernet-finetune")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	stopAt(func(e run.Event) bool { _, ok := e.(run.Candidate); return ok }, 3)
	result, err = do(t, context.Background(), cfg, runs, "other", Options{From: 1, To: 3})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, want, weights, result, runs, "other")
}

func move(t *testing.T, from, to string) {
	t.Helper()
	copyFile(t, from, to)
	if err := os.Remove(from); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeysOfAStepsData(t *testing.T) {
	for _, tc := range []struct {
		sets string
		step int
		want string
	}{
		{"data.detection.guide=held-out", config.StepSupernetPretrain, "data.classification.train data.classification.val"},
		{"data.detection.guide=held-out", config.StepSupernetFinetune, "data.detection.train"},
		{"data.detection.guide=val", config.StepSearch, "data.detection.train data.detection.val search.images search.bn_images"},
		{"data.detection.guide=val", config.StepSubnetRetrain, "data.classification.train data.classification.val"},
		{"data.detection.guide=val", config.StepSubnetFinetune, "data.detection.train data.detection.test"},
	} {
		d := newData(tiny(t, "images", tc.sets), "", func(run.Event) {})
		if got := strings.Join(d.keys(tc.step), " "); got != tc.want {
			t.Errorf("step %d with %s: %s, want %s", tc.step, tc.sets, got, tc.want)
		}
	}
}

// The journal of a run of an earlier version tells class folders apart by names alone.
func TestFingerprintsOfEarlierVersionsCount(t *testing.T) {
	k := known{print: run.DataPrint{Images: 2, Digest: "new"}, older: "old"}
	for had, want := range map[run.DataPrint]bool{
		{Images: 2, Digest: "new"}: true, {Images: 2, Digest: "old"}: true,
		{Images: 3, Digest: "old"}: false, {Images: 2, Digest: "other"}: false, {}: false,
	} {
		if k.is(had) != want {
			t.Errorf("%+v is that of the set: %t", had, !want)
		}
	}
	if k.older = ""; k.is(run.DataPrint{Images: 2}) {
		t.Error("no digest is that of a set that has no older one")
	}
}
