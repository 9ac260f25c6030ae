package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
)

// trainedKey is that of a checkpoint's metadata for its past, in JSON.
const trainedKey = "trained"

// past is what the weights of a checkpoint were ever trained on: by its step, by the
// steps before, and by those of the files that they began from. Detection and
// classification are apart, as a search is guided by images of one of them.
type past struct {
	Detection      []run.DataPrint `json:"detection,omitempty"`
	Classification []run.DataPrint `json:"classification,omitempty"`
	// UnknownDetection are the files that weights are from and that do not tell which
	// images with boxes they were trained on; UnknownClassification those that do not
	// tell which classified ones.
	UnknownDetection      []string `json:"unknown_detection,omitempty"`
	UnknownClassification []string `json:"unknown_classification,omitempty"`

	bare bool // a backbone alone that says nothing of images
}

// detectorParts begin the names of what only a detector has.
var detectorParts = []string{"neck.", "rpn_head.", "roi_head.", "bbox_head."}

// ofDetector reports whether a tensor is a detector's, whatever stands before its name.
func ofDetector(name string) bool {
	return slices.ContainsFunc(detectorParts, func(part string) bool {
		return strings.HasPrefix(name, part) || strings.Contains(name, "."+part)
	})
}

// pastOf reads the past of a file's weights. One of another program says nothing of
// images: with a detector's parts it was trained on boxes, and without any, as a
// classifier, it was not, as far as can be told.
func pastOf(meta map[string]string, names []string, from string) (past, error) {
	var p past
	text := meta[trainedKey]
	if text == "" {
		p.UnknownClassification = []string{from}
		if slices.ContainsFunc(names, ofDetector) || startedElsewhere(meta) {
			p.UnknownDetection = []string{from}
		}
		p.bare = meta["step"] == "" && !slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, backbonePrefix) })
		return p, nil
	}
	var had run.DataPrint // of an earlier version: that of its step alone
	for _, into := range []any{&p, &had} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return p, fmt.Errorf("what it was trained on cannot be read: %w", input.Plain(err))
		}
	}
	if had.Digest == "" {
		return p, nil
	}
	step := config.StepSupernetPretrain
	if slices.ContainsFunc(names, ofDetector) {
		step = config.StepSupernetFinetune
		p.UnknownClassification = []string{from}
	}
	if startedElsewhere(meta) {
		p.UnknownDetection, p.UnknownClassification = []string{from}, []string{from}
	}
	return p.with(step, had), nil
}

// startedElsewhere reports whether the step of a checkpoint, or one before it, may have
// started from a file of another run, by the config that the checkpoint carries.
func startedElsewhere(meta map[string]string) bool {
	if meta["step"] == "" {
		return false
	}
	cfg, err := config.Parse("the checkpoint's config", []byte(meta[run.MetaConfig]), nil)
	if err != nil {
		return true
	}
	for step := config.StepSupernetPretrain; step <= config.StepSubnetFinetune; step++ {
		if t := cfg.Step(step); t != nil && t.LoadFrom != "" && fmt.Sprint(step) <= meta["step"] {
			return true
		}
	}
	return false
}

// with adds the images that a step trains on.
func (p past) with(step int, images run.DataPrint) past {
	add := func(sets []run.DataPrint) []run.DataPrint {
		if slices.Contains(sets, images) {
			return sets
		}
		return append(slices.Clone(sets), images)
	}
	if step == config.StepSupernetFinetune || step == config.StepSubnetFinetune {
		p.Detection = add(p.Detection)
	} else {
		p.Classification = add(p.Classification)
	}
	return p
}

// encoded is the past as the metadata has it.
func (p past) encoded() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode what the weights were trained on: %w", err)
	}
	return string(text), nil
}

// namesOf are the names of a checkpoint's tensors.
func namesOf(tensors []run.NamedArray) []string {
	names := make([]string, len(tensors))
	for i, t := range tensors {
		names[i] = t.Name
	}
	return names
}

// leak is how the images that guide a search may have been trained on, and what helps.
type leak struct{ what, cure string }

// leakOf looks for it in the past of a supernet, of which only images of the guide's
// kind matter. All of them have to be those that the supernet's step trains on here, of
// which none guides the search. nil where they are.
func (e *engine) leakOf(p past) *leak {
	step := e.supernetStep()
	sets, unknown := p.Detection, p.UnknownDetection
	if e.byClasses() {
		sets, unknown = p.Classification, p.UnknownClassification
	}
	known := e.data.known[trainedOn(step)]
	ours := known.print
	for _, had := range sets {
		if !known.is(had) {
			return &leak{
				fmt.Sprintf("it was trained on %d images that are not the %d which step %d trains on here (%s)", had.Images, ours.Images, step, shortDigests(had, ours)),
				fmt.Sprintf("take a supernet of the same data, seed and data.detection.hold_out, or train it anew: --from %s", config.StepName(config.StepSupernetPretrain)),
			}
		}
	}
	if len(unknown) > 0 {
		return &leak{
			fmt.Sprintf("%s does not say which images it was trained on, as another program or an earlier version wrote it", input.Line(unknown[0])),
			"train it anew with this version",
		}
	}
	return nil
}

// unseen refuses weights that may have been trained on images that guide the search,
// unless the config lets them: then it warns. whose names them by what the config or
// the run calls them.
func (e *engine) unseen(p past, whose string) error {
	l := e.leakOf(p)
	if l == nil {
		return nil
	}
	if e.cfg.Data.Detection.AllowSharedSplit {
		e.warnOnce(fmt.Sprintf("%s: %s; images that guide the search may have been trained on, as data.detection.allow_shared_split lets them", whose, l.what))
		return nil
	}
	return fmt.Errorf("%s: %s, so images that guide the search may have been trained on; %s; or set data.detection.allow_shared_split = true", whose, l.what, l.cure)
}

// warnOnce notes a warning that the process has not given yet.
func (e *engine) warnOnce(what string) {
	if slices.Contains(e.warned, what) {
		return
	}
	e.warned = append(e.warned, what)
	e.note(run.Warning{What: what})
}

// startsUnseen makes sure, before anything is trained, that what the supernet to be
// searched will start from has not seen what guides the search. The data of both is
// open. What a step under way has started from is looked at as the search begins.
func (e *engine) startsUnseen() error {
	if e.startsKnown {
		return nil
	}
	e.startsKnown = true
	for step := e.supernetStep(); step > 0; step = predecessor(step) {
		t, name := e.cfg.Step(step), config.StepName(step)
		_, finished := e.before.Finished[step]
		_, begun := e.before.Data[step]
		switch {
		case finished && !e.redo(step) && step == e.supernetStep():
			return nil // nothing is left to be trained, and the search looks at it
		case finished && !e.redo(step):
			p, err := readPast(e.folder.LastPath(step))
			if err != nil {
				return nil //nolint:nilerr // whoever needs it says so
			}
			return e.unseen(p, fmt.Sprintf("the supernet of step %d (%s)", step, name))
		case begun && !e.redo(step) || step < e.opts.From:
			return nil
		case t.LoadFrom != "":
			p, err := readPast(t.LoadFrom)
			if err != nil {
				return fmt.Errorf("%s.load_from: %w", name, err)
			}
			return e.unseen(p, fmt.Sprintf("%s.load_from: checkpoint %s", name, input.Line(t.LoadFrom)))
		case t.Init == config.InitScratch:
			return nil
		}
	}
	return nil
}

// readPast reads the past of the weights in a file.
func readPast(path string) (past, error) {
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		return past{}, err
	}
	p, err := pastOf(c.Meta, namesOf(c.Tensors), path)
	if err != nil {
		return p, fmt.Errorf("checkpoint %s: %w", input.Line(path), err)
	}
	return p, nil
}
