package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/core/run"
)

// A search may take its supernet from a checkpoint of another run
// (search.load_from), so that several searches share one. What guides a search must
// not have been trained on: the checkpoint says which images were.

const (
	// trainedKey is that of a checkpoint's metadata for the fingerprint of the images
	// that its step is trained on, in JSON.
	trainedKey = "trained"
	// loadFromKey is the config's key of the checkpoint.
	loadFromKey = "search.load_from"
	// partKey names, among the sets that are known, the part of data.detection.train
	// that steps 2 and 3 train and calibrate on.
	partKey = "supernet-finetune"
)

// trainedOn is the key of the set that a step is trained on.
func trainedOn(step int) string {
	switch step {
	case config.StepSupernetFinetune:
		return partKey
	case config.StepSubnetFinetune:
		return detectionKey("train")
	}
	return classTrainKey
}

// elsewhere reads the checkpoint of search.load_from and makes sure that its
// network can be searched and that it has not seen what guides the search. The data
// of the search is open.
func (e *engine) elsewhere() (*run.Checkpoint, error) {
	path := e.cfg.Search.LoadFrom
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loadFromKey, err)
	}
	if err := e.fits(c); err != nil {
		return nil, fmt.Errorf("%s: checkpoint %s: %w", loadFromKey, input.Line(path), err)
	}
	e.data.known[loadFromKey] = known{print: run.DataPrint{Digest: weightsDigest(c)}, source: path}
	return c, nil
}

// fits reports why the network of a checkpoint cannot be searched here.
func (e *engine) fits(c *run.Checkpoint) error {
	want := e.supernetStep()
	if step := c.Meta["step"]; step != fmt.Sprint(want) {
		is := "it says of no step, so it is no checkpoint of detnas"
		if step != "" {
			is = fmt.Sprintf("it is of step %s (%s)", input.Line(step), input.Line(c.Meta["step_name"]))
		}
		return fmt.Errorf("%s; a search guided by %s takes the supernet of step %d (%s)", is, e.cfg.Search.Guide, want, config.StepName(want))
	}
	if layout := c.Meta["layout"]; layout != e.cfg.Space.Layout {
		return fmt.Errorf("it has the %s layout, and space.layout is %s", input.Line(layout), e.cfg.Space.Layout)
	}
	if want == config.StepSupernetFinetune {
		if err := sameClasses(c.Meta[classesKey], e.data.detTrain.Categories); err != nil {
			return err
		}
	}
	return e.unseen(c.Meta[trainedKey], want)
}

// sameClasses wants the classes of a checkpoint to be those of the data: the
// labels that it gives are their places.
func sameClasses(text string, have []dataset.Category) error {
	var classes []category
	if err := json.Unmarshal([]byte(text), &classes); err != nil {
		return fmt.Errorf("its classes cannot be read: %w", input.Plain(err))
	}
	theirs, ours := make([]string, len(classes)), make([]string, len(have))
	for i, k := range classes {
		theirs[i] = k.Name
	}
	for i, k := range have {
		ours[i] = k.Name
	}
	if !slices.Equal(theirs, ours) {
		return fmt.Errorf("its classes are %s, and those of data.detection.train are %s; search it with the data that it was trained with",
			input.Line(strings.Join(theirs, ", ")), input.Line(strings.Join(ours, ", ")))
	}
	return nil
}

// unseen wants the images that a checkpoint was trained on to be those that step
// would train on here, of which none guides the search.
func (e *engine) unseen(trained string, step int) error {
	key := trainedOn(step)
	ours := e.data.known[key].print
	var what, cure string
	switch had, err := printIn(trained); {
	case trained == "":
		what, cure = "it does not say which images it was trained on, as another program or an earlier version wrote it", "train it anew with this version"
	case err != nil:
		return err
	case had != ours:
		cure = fmt.Sprintf("take a supernet of the same data, seed and data.detection.hold_out, or train it anew: --from %s", config.StepName(config.StepSupernetPretrain))
		what = fmt.Sprintf("it was trained on %d images that are not the %d which step %d trains on here (%s)", had.Images, ours.Images, step, shortDigests(had, ours))
	default:
		return nil
	}
	if e.cfg.Data.Detection.AllowSharedSplit {
		e.note(run.Warning{What: fmt.Sprintf("%s: %s; images that guide the search may have been trained on, as data.detection.allow_shared_split lets them", loadFromKey, what)})
		return nil
	}
	return fmt.Errorf("%s, so images that guide the search may have been trained on; %s; or set data.detection.allow_shared_split = true", what, cure)
}

func printIn(text string) (p run.DataPrint, err error) {
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("what it was trained on cannot be read: %w", input.Plain(err))
	}
	return p, nil
}

// shortDigests tells two fingerprints apart where their counts are equal.
func shortDigests(a, b run.DataPrint) string {
	first := func(s string) string { return input.Line(s[:min(8, len(s))]) }
	return fmt.Sprintf("fingerprints %s and %s", first(a.Digest), first(b.Digest))
}

// weightsDigest is of a checkpoint's arrays, by name.
func weightsDigest(c *run.Checkpoint) string {
	h := sha256.New()
	for _, a := range c.Tensors {
		h.Write(fmt.Appendln(nil, a.Name, a.DType, a.Shape))
		h.Write(a.Data)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
