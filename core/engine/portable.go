package engine

import (
	"encoding/json"
	"errors"
	"fmt"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/nas"
)

// Keys of a checkpoint's metadata that, beside run.MetaConfig, let its network be
// built without its run.
const (
	classesKey = "classes" // JSON: the detector's categories in label order
	subnetKey  = "subnet"  // the short form, where it is one subnet
)

// category is a class in a checkpoint's metadata.
type category struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// portable puts into a checkpoint's metadata what its network is built from.
func (e *engine) portable(meta map[string]string, step int) error {
	meta[run.MetaConfig] = e.cfg.Resolved()
	trained, err := e.past.with(step, e.data.known[trainedOn(step)].print).encoded()
	if err != nil {
		return err
	}
	meta[trainedKey] = trained
	if step > config.StepSearch {
		space, err := e.cfg.Space.NAS(1)
		if err != nil {
			return err
		}
		meta[subnetKey] = e.subnet.Short(space)
	}
	if step != config.StepSupernetFinetune && step != config.StepSubnetFinetune {
		return nil
	}
	var classes []category
	for _, c := range e.data.detTrain.Categories {
		classes = append(classes, category(c))
	}
	text, err := encodeClasses(classes)
	meta[classesKey] = text
	return err
}

// encodeClasses writes classes as the metadata has them.
func encodeClasses(classes []category) (string, error) {
	text, err := json.Marshal(classes)
	if err != nil {
		return "", fmt.Errorf("encode the classes: %w", err)
	}
	return string(text), nil
}

// decodeClasses reads them: 1 to maxClasses.
func decodeClasses(text string) ([]category, error) {
	var classes []category
	if err := json.Unmarshal([]byte(text), &classes); err != nil {
		return nil, fmt.Errorf("its classes cannot be read: %w", input.Plain(err))
	}
	if len(classes) == 0 || len(classes) > maxClasses {
		return nil, fmt.Errorf("it has %d classes; a detector has from 1 to %d", len(classes), maxClasses)
	}
	return classes, nil
}

// detectorIn is what the metadata of a checkpoint says of its detector.
type detectorIn struct {
	cfg        *config.Config
	subnet     nas.Subnet
	categories []dataset.Category
}

// maxClasses bounds the classes of a checkpoint, as cocoeval does categories.
const maxClasses = 65536

// detectorOf reads the metadata of a checkpoint of step 5.
func detectorOf(c *run.Checkpoint) (d detectorIn, err error) {
	const retrain = "run step 5 with this version: detnas run --resume RUN --from 5"
	switch step := c.Meta["step"]; {
	case step == "" && c.Meta["imported"] != "":
		return d, errors.New("it was imported without a detector; import one with --config, or name it in load_from of a step")
	case step == "":
		return d, errors.New("it says of no step, so it is no checkpoint of detnas")
	case step != fmt.Sprint(config.StepSubnetFinetune):
		return d, fmt.Errorf("it is of step %s (%s), which is no detector of one trained subnet; give the one of step 5, or the run",
			input.Line(step), input.Line(c.Meta["step_name"]))
	case c.Meta[run.MetaConfig] == "" || c.Meta[classesKey] == "":
		return d, fmt.Errorf("it has no config and no classes, as an earlier version wrote it; %s", retrain)
	}
	if d.cfg, err = config.Parse("the checkpoint's config", []byte(c.Meta[run.MetaConfig]), nil); err != nil {
		return d, err
	}
	classes, err := decodeClasses(c.Meta[classesKey])
	if err != nil {
		return d, err
	}
	if d.categories, err = categoriesOf(classes); err != nil {
		return d, err
	}
	if layout := c.Meta["layout"]; layout != "" && layout != d.cfg.Space.Layout {
		return d, fmt.Errorf("it has the %s layout, and its config the %s one; it was changed, so take the file that the run wrote", input.Line(layout), d.cfg.Space.Layout)
	}
	space, err := d.cfg.Space.NAS(1)
	if err != nil {
		return d, err
	}
	d.subnet, err = nas.ParseSubnet(c.Meta[subnetKey], space)
	return d, err
}

// categoriesOf wants each class to have a name, and an id of its own.
func categoriesOf(classes []category) (out []dataset.Category, err error) {
	seen := map[int64]bool{}
	for i, k := range classes {
		switch {
		case k.Name == "":
			return nil, fmt.Errorf("its class %d of %d has no name, so none that it finds could be told; take the file that the run wrote", i+1, len(classes))
		case seen[k.ID]:
			return nil, fmt.Errorf("its classes have the id %d twice; take the file that the run wrote", k.ID)
		}
		seen[k.ID] = true
		out = append(out, dataset.Category(k))
	}
	return out, nil
}
