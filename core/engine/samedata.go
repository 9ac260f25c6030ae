package engine

import (
	"fmt"
	"maps"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/core/run"
)

// A step that is taken up goes on with the data that it was begun with: its order
// of images and its split are drawn over the list of them, so that one image more
// or less gives another training. Which images there are stands in the journal at
// the start of each step, as a fingerprint; the listings beside it tell by name what
// has changed.

// Keys of the config that name sets of images.
const (
	classTrainKey = "data.classification.train"
	classValKey   = "data.classification.val"
)

// Keys of the config that say how many images candidates are measured on and
// calibrated by.
const (
	guideKey       = "search.images"
	calibrationKey = "search.bn_images"
)

func detectionKey(split string) string { return "data.detection." + split }

// known is a set that was opened, as far as a step's start tells of it.
type known struct {
	print  run.DataPrint
	older  string // the digest that earlier versions gave to it, where it is another
	source string
	names  func() []string // nil for what is no set of images
}

// is reports whether a fingerprint, be it of an earlier version, is that of the set.
func (k known) is(had run.DataPrint) bool {
	if k.older != "" && had.Digest == k.older {
		had.Digest = k.print.Digest
	}
	return had == k.print
}

// listed is a set that has a fingerprint.
type listed interface {
	Fingerprint() dataset.Fingerprint
	Names() []string
}

// know takes the fingerprint of a set that was opened.
func (d *data) know(key string, set listed) {
	p := set.Fingerprint()
	k := known{print: run.DataPrint{Images: p.Images, Boxes: p.Boxes, Digest: p.Digest}, older: p.Older, names: set.Names}
	switch set := set.(type) {
	case *dataset.Classification:
		k.source = set.Source
	case *dataset.Detection:
		k.source = set.Source
	}
	d.known[key] = k
}

// keys are those of the sets that a step is done with.
func (d *data) keys(step int) []string {
	c := d.cfg.Data.Detection
	final := "test"
	if c.FinalOnVal() {
		final = "val"
	}
	switch step {
	case config.StepSupernetPretrain, config.StepSubnetRetrain:
		return []string{classTrainKey, classValKey}
	case config.StepSubnetFinetune:
		return []string{detectionKey("train"), detectionKey(final)}
	}
	keys := []string{detectionKey("train")}
	switch {
	case step == config.StepSearch && d.cfg.Search.Guide == config.GuideClassification:
		keys = []string{classTrainKey, classValKey}
	case !c.GuideHeldOut():
		keys = append(keys, detectionKey("val"))
	}
	if step == config.StepSearch {
		keys = append(keys, guideKey, calibrationKey)
		if d.cfg.Search.LoadFrom != "" {
			keys = append(keys, loadFromKey)
		}
	}
	return keys
}

// begun is the event of a step's start, with the data that it is done with, of
// which the names are kept where that was not done before.
func (e *engine) begun(step, iteration, iterations int) run.StepStarted {
	ev := run.StepStarted{
		Step: step, Name: config.StepName(step), Iteration: iteration, Iterations: iterations, Sampling: e.sampled(step), Data: map[string]run.DataPrint{},
	}
	if step == config.StepSearch {
		ev.Guide = e.cfg.Search.Guide
	}
	for _, key := range e.data.keys(step) {
		k, ok := e.data.known[key]
		if !ok {
			continue
		}
		ev.Data[key] = k.print
		if k.names == nil {
			continue // no images
		}
		if l := (run.Listing{Digest: k.print.Digest}); !e.listed(key, l.Digest) {
			l.Names = k.names()
			if err := e.folder.WriteListing(key, l); err != nil {
				e.note(run.Warning{What: fmt.Sprintf("%v; if the data changes, the run can tell that it has, and not in which images", err)})
			}
		}
	}
	return ev
}

// listed reports whether the names of a set are kept already.
func (e *engine) listed(key, digest string) bool {
	if !e.folder.Lists(key) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, prints := range e.live.Data {
		if prints[key].Digest == digest {
			return true
		}
	}
	return false
}

// sameData refuses to go on with a step on other data than the run had in the
// step of, whose work it rests on. A run of an older program does not say.
func (e *engine) sameData(step, of int) error {
	had := e.before.Data[of]
	for _, key := range slices.Sorted(maps.Keys(had)) {
		k, ok := e.data.known[key]
		if !ok || k.is(had[key]) {
			continue
		}
		name := config.StepName(of)
		anew := func(step int) string {
			return e.resuming("--from", config.StepName(step))
		}
		cure := fmt.Sprintf("to train with the data as it is, start a new run, or do step %d anew: %s", of, anew(of))
		switch {
		case key == loadFromKey:
			cure = "to search this one, search anew: " + anew(config.StepSearch)
		case of == config.StepSearch:
			cure = "to search with the data as it is, do step 2 anew: " + anew(config.StepSupernetFinetune)
		case of == step:
			cure = "to train with the data as it is, start a new run"
		}
		return fmt.Errorf("%s (%s) is not what step %d (%s) was trained with: %s; put back what was there and resume the run; %s",
			key, input.Line(k.source), of, name, e.changed(key, had[key], k), cure)
	}
	return nil
}

// mostNamed is how many images that are gone, or new, are named.
const mostNamed = 3

// changed says what is different in a set.
func (e *engine) changed(key string, had run.DataPrint, k known) string {
	if k.names == nil {
		return "the checkpoint was replaced by another"
	}
	what := "the order, the sizes or the boxes of the images, or the lengths of their files, are not what they were"
	switch {
	case k.print.Images != had.Images:
		what = fmt.Sprintf("it has %d images, and had %d", k.print.Images, had.Images)
	case k.print.Boxes != had.Boxes:
		what = fmt.Sprintf("it has %d boxes, and had %d", k.print.Boxes, had.Boxes)
	}
	l, err := e.folder.ReadListing(key)
	if err != nil || l.Digest != had.Digest {
		return what // the counts have to do
	}
	names := k.names()
	for _, part := range []struct {
		missing []string
		word    string
	}{{without(l.Names, names), "gone"}, {without(names, l.Names), "new"}} {
		for i, name := range part.missing {
			if i == mostNamed {
				what += fmt.Sprintf(", and %d more are %s", len(part.missing)-i, part.word)
				break
			}
			what += fmt.Sprintf(", %s is %s", input.Line(name), part.word)
		}
	}
	return what
}

// without are the names that are not among others.
func without(names, others []string) []string {
	there := make(map[string]bool, len(others))
	for _, name := range others {
		there[name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return there[name] })
}
