package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/dataset"
	"detnas/core/dataset/shapes"
	"detnas/core/run"
	"detnas/core/seed"
)

// onData are runs on images that lie in a folder of the test's own, from which they
// can be taken while a run goes on. No image stays in a run's memory.
type onData struct {
	*fault
	root string
}

func dataFaults(t *testing.T) *onData {
	t.Helper()
	f := &onData{fault: faults(t), root: filepath.Join(t.TempDir(), "set")}
	c := shapes.Default()
	c.Classes, c.Train, c.Val, c.Test, c.PerClassTrain, c.PerClassVal, c.ClassSize = 3, 32, 8, 8, 16, 4, 32
	c.Width, c.Height, c.MinObjects, c.MaxObjects, c.MinSize, c.MaxSize = 96, 96, 1, 3, 14, 0
	if err := shapes.Generate(context.Background(), f.root, c, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// begin starts a run of steps 1 to 3.
func (f *onData) begin(name, onBad string) *process {
	f.t.Helper()
	return f.start(name, append(set(
		"data.cache_mb=0", "search.reuse=false", "data.on_bad="+onBad, // or the scores of a run before are taken, without an image
		"data.classification.format=folder", "data.classification.train="+f.at("classification", "train"), "data.classification.val="+f.at("classification", "val"),
		"data.detection.format=coco", "data.detection.train="+f.at("detection", "train.json"), "data.detection.test="+f.at("detection", "test.json"),
		"data.detection.images="+f.at("detection", "images"),
		// Two epochs and more of each, so that an image is read again whenever it is taken away.
		"threads=1", "supernet-pretrain.iterations=20", "supernet-pretrain.checkpoint_every=2", "supernet-finetune.iterations=28", "supernet-finetune.checkpoint_every=2",
	), "--to", "3")...)
}

func (f *onData) at(path ...string) string {
	return filepath.Join(append([]string{f.root}, path...)...)
}

// away takes a file away and returns what puts it back.
func (f *onData) away(path string) (back func()) {
	f.t.Helper()
	hidden := filepath.Join(f.t.TempDir(), "away")
	rename(f.t, path, hidden)
	return func() { rename(f.t, hidden, path) }
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// reaches waits until the journal of a run has an event that is this.
func reaches[E run.Event](f *onData, name string, is func(E) bool) {
	f.t.Helper()
	until(f.t, "the run gets there", func() bool {
		return slices.ContainsFunc(f.events(name), func(ev run.Event) bool {
			e, ok := ev.(E)
			return ok && is(e)
		})
	})
}

func savedIn(step int) func(run.CheckpointWritten) bool {
	return func(c run.CheckpointWritten) bool { return c.Step == step }
}

// TestImagesThatVanish takes an image away in the middle of each step that reads
// some: the run ends with file and cure, and with a checkpoint where something was
// trained, and comes to what one left alone does once the image is back.
func TestImagesThatVanish(t *testing.T) {
	f := dataFaults(t)
	trained, guiding := f.split()
	f.begin("alone", "refuse").succeed()
	for name, tc := range map[string]struct {
		image string
		when  func(name string)
		says  string
	}{
		"in training a classifier": {
			f.at("classification", "train", "circle", "000005.jpg"),
			func(name string) { reaches(f, name, savedIn(1)) }, "step 1 (supernet-pretrain): iteration",
		},
		"in evaluating it": {
			f.at("classification", "val", "circle", "000002.jpg"),
			func(name string) { reaches(f, name, savedIn(1)) }, "step 1 (supernet-pretrain): ",
		},
		"in training a detector": {
			trained,
			func(name string) { reaches(f, name, savedIn(2)) }, "step 2 (supernet-finetune): iteration",
		},
		"in the search": {
			guiding,
			func(name string) { reaches(f, name, func(run.Candidate) bool { return true }) }, "step 3 (search): candidate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			name := strings.ReplaceAll(name, " ", "-")
			p := f.begin(name, "refuse")
			tc.when(name)
			back := f.away(tc.image)
			words := []string{tc.says, tc.image, "no such file", "put back what was there and resume the run"}
			p.fail(words...)
			for _, w := range words {
				if why := f.failure(name); !strings.Contains(why, w) {
					t.Errorf("the journal says %q, want %q", why, w)
				}
			}
			if said := detnas(t, f.dir, "status", name).succeed(); !says(said, tc.image) {
				t.Errorf("the status does not name the image:\n%s", said)
			}
			back()
			before := len(f.events(name))
			f.resume(name).succeed()
			f.same("alone", name)
			if s, ok := find[run.StepStarted](f.events(name)[before:]); !ok || s.Iteration == 0 && s.Step != 3 {
				t.Errorf("it went on from %+v", s)
			}
		})
	}
}

// split is an image that step 2 trains on and one that guides the
// search, parted as a run parts them.
func (f *onData) split() (trained, guiding string) {
	f.t.Helper()
	set, _, err := dataset.OpenCOCO(f.at("detection", "train.json"), f.at("detection", "images"), dataset.COCOOptions{Policy: dataset.PolicyRefuse})
	if err != nil {
		f.t.Fatal(err)
	}
	rest, held, err := set.Split(seed.Derive(0, "hold-out"), 0.25)
	if err != nil {
		f.t.Fatal(err)
	}
	return rest.FilterEmpty().Images[0].File, held.FilterEmpty().Images[0].File
}

// problems are the times that a run's journal tells of an image.
func (f *onData) problems(name, image string) (n int) {
	for _, ev := range f.events(name) {
		if p, ok := ev.(run.DataProblem); ok && strings.Contains(p.Where+p.What, filepath.Base(filepath.Dir(image))+"/"+filepath.Base(image)) {
			n++
		}
	}
	return n
}

// TestImagesThatAreSkipped takes images away from a run that does without those that
// it cannot read: it goes on and tells of each once, however often it would read
// it. A process after it parts the others as the one before did.
func TestImagesThatAreSkipped(t *testing.T) {
	f := dataFaults(t)
	trained, guiding := f.split()
	f.begin("alone", "skip").succeed()
	p := f.begin("less", "skip")
	reaches(f, "less", savedIn(2))
	f.away(trained)
	until(t, "the run misses the image", func() bool { return f.problems("less", trained) > 0 })
	reaches(f, "less", func(run.Candidate) bool { return true })
	f.away(guiding)
	said := p.succeed()
	for _, image := range []string{trained, guiding} {
		if n := f.problems("less", image); n != 1 || !strings.Contains(said, image) {
			t.Errorf("%s stands in the journal %d times, and the run printed\n%s", image, n, said)
		}
	}

	p = f.begin("killed", "skip") // without both from the start
	reaches(f, "killed", savedIn(2))
	p.kill()
	f.resume("killed").succeed()
	f.begin("left", "skip").succeed()
	f.same("left", "killed")
	guides := func(name string) []run.PreviewImage {
		folder, err := run.Find(filepath.Join(f.dir, "runs"), name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := folder.ReadPreviewImages()
		if err != nil || len(p.Images) == 0 {
			t.Fatalf("%d images, %v", len(p.Images), err)
		}
		return p.Images
	}
	if diff := cmp.Diff(guides("alone"), guides("left")); diff != "" {
		t.Errorf("other images guide the search (-with +without two images):\n%s", diff)
	}
}

// TestAClassFolderThatChanges takes a run up that was killed, without an image that
// its training draws from: it is refused, and comes to the same bits when the image
// is back.
func TestAClassFolderThatChanges(t *testing.T) {
	f := dataFaults(t)
	f.begin("alone", "refuse").succeed()
	p := f.begin("killed", "refuse")
	reaches(f, "killed", savedIn(1))
	p.kill()
	back := f.away(f.at("classification", "train", "square", "000007.jpg"))
	before := len(f.events("killed"))
	words := []string{"data.classification.train", "it has 47 images, and had 48, square/000007.jpg is gone", "put back what was there and resume the run"}
	f.resume("killed").fail(words...)
	for _, w := range words {
		if why := f.failure("killed"); !strings.Contains(why, w) {
			t.Errorf("the journal says %q, want %q", why, w)
		}
	}
	for _, ev := range f.events("killed")[before:] {
		switch ev.(type) {
		case run.StepStarted, run.Train, run.CheckpointWritten:
			t.Errorf("it has done something: %#v", ev)
		}
	}
	back()
	f.resume("killed").succeed()
	f.same("alone", "killed")
}
