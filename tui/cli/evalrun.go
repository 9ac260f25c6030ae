package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/dataset/shapes"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/detector/cocoeval"
	"detnas/detector/voceval"
)

// evalRun measures the detector of a run or a checkpoint on a split of its config,
// or on the set that --gt gives.
func (a *App) evalRun(ctx context.Context, from string, e evalArgs) error {
	checkpoint, err := detectorCheckpoint("eval", e.runs, from)
	if err != nil {
		return err
	}
	cfg, err := configIn(checkpoint)
	if err != nil {
		return err
	}
	set, err := a.evalSet(cfg, checkpoint, e)
	if err != nil {
		return err
	}
	if err := e.readyCurves(); err != nil {
		return err
	}
	found, err := a.findOn(ctx, checkpoint, set, e)
	if err != nil {
		return err
	}
	a.otherThanTrained(cfg, checkpoint, set, e)
	gt := cocoeval.FromSet(set)
	r, err := measured(gt, found, cocoeval.Options{}, e)
	if err != nil {
		return err
	}
	if cfg.Data.Detection.Format != config.FormatVOC || e.gt != "" {
		return a.tellFigures(r, gt, e)
	}
	voc, err := voceval.Evaluate(gt, found)
	if err != nil {
		return fmt.Errorf("evaluating on %s: %w", set.Source, err)
	}
	if e.json {
		return a.printJSON(bothFigures{plainFigures(*r), voc.MAP07, voc.MAP, vocClasses(voc, set.Categories)})
	}
	return errors.Join(a.tellFigures(r, gt, e), a.print("\n%s", vocText(voc, set.Categories)))
}

// bothFigures are COCO's figures, as they stand elsewhere, and VOC's beside them.
type bothFigures struct {
	plainFigures
	MAP07 float64              `json:"mAP07"`
	MAP   float64              `json:"mAP"`
	Voc   map[string]vocFigure `json:"voc_per_category"`
}

type plainFigures cocoeval.Result // without its MarshalJSON, which would be that of all

// configIn is the config that a checkpoint carries.
func configIn(checkpoint string) (*config.Config, error) {
	meta, err := run.ReadMeta(checkpoint)
	if err != nil {
		return nil, err
	}
	text := meta[run.MetaConfig]
	if text == "" {
		return nil, fmt.Errorf("checkpoint %s carries no config, so it is no detector of this version; run step 5 again, or evaluate a file of detections with --dt", input.Line(checkpoint))
	}
	cfg, err := config.Parse("config in "+checkpoint, []byte(text), nil)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// splitOf is the split of the config that is measured on.
func splitOf(cfg *config.Config, e evalArgs) string {
	switch {
	case e.split != "":
		return e.split
	case cfg.Data.Detection.FinalOnVal():
		return "val"
	}
	return "test"
}

// evalSet opens what is measured on.
func (a *App) evalSet(cfg *config.Config, checkpoint string, e evalArgs) (*dataset.Detection, error) {
	c, split := cfg.Data.Detection, splitOf(cfg, e)
	opts := dataset.COCOOptions{Policy: dataset.PolicySkip, Decode: dataset.DecodeOptions{ApplyEXIF: cfg.Data.ApplyEXIF}}
	var file, images string
	switch {
	case e.gt != "":
		file, images = e.gt, e.images
	case c.Format == config.FormatShapes:
		file, images = drawnSplit(cfg, checkpoint, split)
	case !c.Has(split):
		return nil, usage("the config names no data.detection.%s; give --gt and --images, or another --split", split)
	}
	var set *dataset.Detection
	var problems []dataset.Problem
	var err error
	if e.gt == "" && c.Format != config.FormatShapes {
		set, problems, err = c.Open(split, config.SplitOptions{Seed: cfg.Seed, Policy: opts.Policy, Decode: opts.Decode})
	} else {
		set, problems, err = dataset.OpenCOCO(file, images, opts)
	}
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		a.warn("%d problems in %s, the first: %s; detnas data check lists them", len(problems), input.Line(set.Source), problems[0])
	}
	return set, nil
}

// otherThanTrained warns where the split of a run's config is not what it was as the run
// used it, by the run's journal. The set has the detector's labels by then.
func (a *App) otherThanTrained(cfg *config.Config, checkpoint string, set *dataset.Detection, e evalArgs) {
	dir := filepath.Dir(checkpoint)
	if e.gt != "" || filepath.Base(dir) != "checkpoints" {
		return
	}
	folder, err := run.Find("", filepath.Dir(dir))
	if err != nil {
		return // no run's
	}
	state, err := folder.Status()
	if err != nil {
		return // whoever needs the journal says so
	}
	split, now := splitOf(cfg, e), set.Fingerprint()
	for _, step := range slices.Sorted(maps.Keys(state.Data)) {
		had, ok := state.Data[step]["data.detection."+split]
		if ok && had.Digest != now.Digest {
			a.warn("data.detection.%s (%s) is not what step %d of the run was done with: it has %d images with %d boxes, and had %d with %d; these figures cannot be set beside those of the run",
				split, input.Line(set.Source), step, now.Images, now.Boxes, had.Images, had.Boxes)
			return
		}
	}
}

// drawnSplit is where the images that a run draws for itself are.
func drawnSplit(cfg *config.Config, checkpoint, split string) (file, images string) {
	dir := cfg.Data.Shapes.Dir
	if dir == "" {
		dir = filepath.Join(filepath.Dir(filepath.Dir(checkpoint)), "data") // of the run's folder
	}
	p := shapes.PathsIn(dir)
	return map[string]string{"train": p.Train, "val": p.Val, "test": p.Test}[split], p.Images
}

// findOn has the detector look through a set, in batches as the run evaluated, and
// returns what it finds, with the set's ids. The set's labels become the detector's.
func (a *App) findOn(ctx context.Context, checkpoint string, set *dataset.Detection, e evalArgs) ([]cocoeval.Detection, error) {
	var files []string
	for _, image := range set.Images {
		if image.Missing {
			return nil, fmt.Errorf("%s: image %s is not there; figures without it would be others", input.Line(set.Source), input.Line(image.File))
		}
		files = append(files, image.File)
	}
	counter := a.counter("images")
	defer counter.Close()
	var found []cocoeval.Detection
	var unread error
	done := 0
	err := a.Predict(ctx, checkpoint, files, PredictOptions{
		Device: e.device, Threads: e.threads,
		Began: func(classes []dataset.Category, _ dataset.DecodeOptions) error { return set.Relabel(classes) },
		Problem: func(p dataset.Problem) {
			unread = cmp.Or(unread, fmt.Errorf("%s; figures without it would be others", p))
		},
		Found: func(image dataset.ImageInfo, on []cocoeval.Detection) error {
			done++
			counter.Set(done, len(files))
			for _, d := range on {
				d.ImageID = int(set.Images[image.ID-1].ID)
				found = append(found, d)
			}
			return unread
		},
	})
	return found, cmp.Or(err, unread)
}
