package engine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
	"detnas/core/steer"
)

// searchOn steers the search of the tiny preset in every way.
func searchOn(s *steered, e run.Event) {
	switch e := e.(type) {
	case run.Train:
		if e.Step == 1 && e.Iteration == 2 { // before the search
			s.do(steer.Command{Act: run.ActPin, Subnet: "0-0-00-0"})
			s.do(steer.Command{Act: run.ActLock, Block: 5, Choice: "2"})
			s.refused(steer.Command{Act: run.ActPin, Subnet: "0-0-00"}, "stages")
			s.refused(steer.Command{Act: run.ActLock, Block: 6, Choice: "2"}, "blocks 1 to 5")
			s.refused(steer.Command{Act: run.ActUnlock, Block: 1}, "not locked")
		}
	case run.Candidate:
		switch e.Index {
		case 1:
			s.do(steer.Command{Act: run.ActPin, Subnet: "3-3-33-3"})
			s.do(steer.Command{Act: run.ActPin, Subnet: "2-2-22-2"})
		case 2:
			s.do(steer.Command{Act: run.ActUnpin, Subnet: "2-2-22-2"})
			s.do(steer.Command{Act: run.ActUnlock, Block: 5})
			s.do(steer.Command{Act: run.ActLock, Block: 1, Choice: "1"})
		case 4:
			s.do(steer.Command{Act: steer.ActConfigure, Text: s.edit("generations = 2", "generations = 3")})
			s.do(steer.Command{Act: run.ActChoose, Subnet: "3-3-33-3"})
		case 6:
			s.do(steer.Command{Act: run.ActUnlock, Block: 1})
		}
	}
}

func candidatesOf(events []run.Event) (out []run.Candidate, generations []run.Generation) {
	for _, e := range events {
		switch e := e.(type) {
		case run.Candidate:
			e.Seconds = 0
			out = append(out, e)
		case run.Generation:
			generations = append(generations, e)
		}
	}
	return out, generations
}

// A steered search that is stopped after every candidate in turn proposes the
// same candidates as one that went through.
func TestSteeredSearchResumesExactly(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	through := &steered{t: t, images: images, runs: runs, name: "through", on: searchOn}
	once, err := through.run(3)
	if err != nil {
		t.Fatal(err)
	}
	result, weights := outcome(t, once, runs, "through")
	want, generations := candidatesOf(through.events)
	origins := map[int]string{}
	for i, c := range want {
		if c.Index != i {
			t.Fatalf("candidate %d has index %d", i, c.Index)
		}
		origins[i] = c.Origin
		if c.Generation == 0 && c.Origin == "random" && !strings.HasSuffix(c.Subnet, "2") {
			t.Errorf("candidate %d is %s; block 5 was locked to 2", i, c.Subnet)
		}
	}
	if len(want) != 4*3+2 || origins[0] != "pinned" || origins[2] != "pinned" || len(generations) != 3 {
		t.Errorf("%d candidates (%v), %d generations; want 12 and two pinned, in 3", len(want), origins, len(generations))
	}
	last := want[len(want)-1]
	if s := through.state(); s.Iterations != 14 || last.Planned != 14 || once.Subnet != "3-3-33-3" || once.Search.Evaluated != 14 {
		t.Errorf("%d of %d planned, subnet %s, %d evaluated", last.Planned, s.Iterations, once.Subnet, once.Search.Evaluated)
	}

	parted := &steered{t: t, images: images, runs: runs, name: "parted"}
	stops := 0
	for ; ; stops++ {
		if stops > len(want) {
			t.Fatal("the search does not come to its end")
		}
		parted.on = func(s *steered, e run.Event) {
			searchOn(s, e)
			// Stopped when the boundary has taken the commands: by the next
			// candidate's end there is nothing left to take.
			if e, ok := e.(run.Candidate); ok && e.Index >= stops*2 && !slices.Contains([]int{1, 2, 4, 6}, e.Index) {
				s.do(steer.Command{Act: run.ActStop})
			}
		}
		r, err := parted.run(3)
		if err == nil {
			compare(t, result, weights, r, runs, "parted")
			break
		}
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
	}
	got, again := candidatesOf(parted.events)
	if d := cmp.Diff(want, got); d != "" || stops < 5 {
		t.Errorf("stopped %d times (-through +parted):\n%s", stops, d)
	}
	if d := cmp.Diff(generations, again); d != "" {
		t.Errorf("generations (-through +parted):\n%s", d)
	}

	t.Run("previews", func(t *testing.T) {
		f, err := run.Find(runs, "through")
		if err != nil {
			t.Fatal(err)
		}
		images, err := f.ReadPreviewImages()
		if err != nil || len(images.Images) == 0 || len(images.Images) > 6 || len(images.Classes) != 3 {
			t.Fatalf("%d preview images, classes %v (%v)", len(images.Images), images.Classes, err)
		}
		for _, image := range images.Images {
			if _, err := os.Stat(image.Path); err != nil || len(image.Boxes) == 0 || !filepath.IsAbs(image.Path) {
				t.Errorf("image %+v: %v", image, err)
			}
		}
		boxes := 0
		for _, c := range want {
			p, err := f.ReadPreview(3, c.Subnet)
			if err != nil || len(p.Found) != len(images.Images) {
				t.Errorf("preview of %s: %d images (%v)", c.Subnet, len(p.Found), err)
			}
			for _, found := range p.Found {
				boxes += len(found)
				if len(found) > 20 || !falling(found) {
					t.Errorf("preview of %s: %d boxes, the best score not first", c.Subnet, len(found))
				}
			}
		}
		if boxes == 0 {
			t.Error("no candidate found anything")
		}
	})
}

// falling reports whether boxes stand by falling score.
func falling(boxes []run.PreviewBox) bool {
	for i := 1; i < len(boxes); i++ {
		if boxes[i].Score > boxes[i-1].Score {
			return false
		}
	}
	return true
}

func TestChoose(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	s := &steered{t: t, images: images, runs: runs, name: "choose"}
	s.on = func(s *steered, e run.Event) {
		switch e := e.(type) {
		case run.StepFinished:
			if e.Step == 3 { // taken between the steps
				s.do(steer.Command{Act: run.ActChoose, Subnet: "1-2-30-0"})
				s.refused(steer.Command{Act: run.ActPin, Subnet: "1-2-30-0"}, "search is over")
			}
		case run.Train:
			if e.Step == 4 && e.Iteration == 1 {
				s.refused(steer.Command{Act: run.ActChoose, Subnet: "0-0-00-0"}, "--subnet")
			}
		}
	}
	r, err := s.run(5)
	if err != nil {
		t.Fatal(err)
	}
	if r.Subnet != "1-2-30-0" || s.state().Steering.Chosen != r.Subnet || r.Search.Best[0].Subnet == r.Subnet {
		t.Errorf("subnet %s, chosen %s, best %s", r.Subnet, s.state().Steering.Chosen, r.Search.Best[0].Subnet)
	}
	f, err := run.Find(runs, "choose")
	if err != nil {
		t.Fatal(err)
	}
	c, err := run.ReadCheckpoint(f.LastPath(5))
	if err != nil || c.Meta["subnet"] != r.Subnet {
		t.Errorf("step 5 trained %s (%v)", c.Meta["subnet"], err)
	}
	if p, err := f.ReadPreview(5, r.Subnet); err != nil || len(p.Found) == 0 {
		t.Errorf("the final subnet's preview: %v (%v)", p, err)
	}
}

// A process that died between a generation's last candidate and its end leaves
// that end to the next one.
func TestEndOfAGenerationIsMadeUpFor(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	s := &steered{t: t, images: images, runs: runs, name: "cut", on: func(s *steered, e run.Event) {
		if e, ok := e.(run.Generation); ok && e.Generation == 0 {
			s.do(steer.Command{Act: run.ActStop})
		}
	}}
	if _, err := s.run(3); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	path := filepath.Join(runs, "cut", "events.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.Index(string(text), `"type":"generation"`)
	end = strings.LastIndex(string(text[:end]), "\n") + 1
	if err := os.WriteFile(path, text[:end], 0o644); err != nil {
		t.Fatal(err)
	}
	s.on, s.events = nil, nil
	if _, err := s.run(3); err != nil {
		t.Fatal(err)
	}
	_, generations := candidatesOf(s.events)
	if len(generations) != 2 || generations[0].Generation != 0 || generations[0].Evaluated != 4 {
		t.Errorf("generations %+v after the resume, want 0 and 1", generations)
	}
}
