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
	what := fmt.Sprintf("%s: checkpoint %s", loadFromKey, input.Line(path))
	if err := e.fits(c); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	p, err := pastOf(c.Meta, namesOf(c.Tensors), path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if err := e.unseen(p, what); err != nil {
		return nil, err
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
	return e.sameNetwork(c)
}

// sameNetwork wants a supernet to be searched as the network that was trained, by the
// config that its checkpoint carries, whose BN it keeps.
func (e *engine) sameNetwork(c *run.Checkpoint) error {
	text := c.Meta[run.MetaConfig]
	if text == "" {
		e.warnOnce(loadFromKey + ": the checkpoint carries no config, so that nobody can tell whether its supernet was trained with the [detector] and the [data] of this run")
		return nil
	}
	theirs, err := config.Parse("the checkpoint's config", []byte(text), nil)
	if err != nil {
		return fmt.Errorf("its own config cannot be read: %w", err)
	}
	changes := config.NetworkChanges(theirs, e.cfg)
	if len(changes) == 0 {
		e.searched = theirs
		return nil
	}
	var differ []string
	for i, d := range changes {
		if i == mostNamed {
			differ = append(differ, fmt.Sprintf("and %d others", len(changes)-i))
			break
		}
		differ = append(differ, fmt.Sprintf("%s = %s, which is %s here", d.Key, input.Line(d.Old), d.New))
	}
	return fmt.Errorf("its supernet was trained with %s; another network would be scored than was trained: write in this config what is in that one (%s=%s)",
		strings.Join(differ, ", "), changes[0].Key, input.Line(changes[0].Old))
}

// supernetSettings are those of the step that trained the detector that is searched.
func (e *engine) supernetSettings() *config.Train {
	cfg := e.cfg
	if e.searched != nil {
		cfg = e.searched
	}
	return cfg.Step(config.StepSupernetFinetune)
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
