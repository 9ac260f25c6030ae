package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/detector"
	"detnas/detector/cocoeval"
	"detnas/detector/voceval"
	"detnas/nas"
)

// evaluateDetector measures a subnet of d on set, by all ranks. The figures are COCO's twelve, and VOC's two beside them where the
// data is in VOC's form. Rank 0 has them, the others what shareOf says.
func (e *engine) evaluateDetector(ctx context.Context, d *detectorNet, sub nas.Subnet, by normalising, set *dataset.Detection, batch int) (run.Values, error) {
	b, err := e.evalBatches(set, batch)
	if err != nil {
		return nil, err
	}
	parts, err := e.detectTogether(ctx, d, sub, by, b)
	if err != nil {
		return nil, fmt.Errorf("evaluate on %s: %w", set.Source, err)
	}
	if e.crew.follows() {
		return e.shareOf(b.count), nil
	}
	found, read := b.joined(parts) // where data.on_bad has images skipped that cannot be read, nothing can be found on them
	return e.figures(read, found)
}

// figures measures what was found on the images of set.
func (e *engine) figures(set *dataset.Detection, found []cocoeval.Detection) (run.Values, error) {
	truth := cocoeval.FromSet(set)
	result, err := cocoeval.Evaluate(truth, found, cocoeval.Options{Workers: e.threads})
	if err != nil {
		return nil, fmt.Errorf("evaluate on %s: %w", set.Source, err)
	}
	figures := cocoFigures(result)
	if e.cfg.Data.Detection.Format == config.FormatVOC {
		voc, err := voceval.Evaluate(truth, found)
		if err != nil {
			return nil, fmt.Errorf("evaluate on %s: %w", set.Source, err)
		}
		figures["mAP07"], figures["mAP"] = voc.MAP07, voc.MAP
	}
	return figures, nil
}

// find detects with a subnet of d on the images of set.
func (e *engine) find(ctx context.Context, d *detectorNet, sub nas.Subnet, by normalising, set *dataset.Detection, batch int) ([]cocoeval.Detection, error) {
	b, err := e.evalBatches(set, batch)
	if err != nil {
		return nil, err
	}
	parts := make([]detected, b.count)
	if err := e.detectOn(ctx, d, sub, by, b, b.inOrder(), parts); err != nil {
		return nil, err
	}
	found, _ := b.joined(parts)
	return found, nil
}

// evalBatches are the images of set in batches as they are measured.
func (e *engine) evalBatches(set *dataset.Detection, batch int) (batches, error) {
	source, err := e.evalSource(set, batch)
	if err != nil {
		return batches{}, err
	}
	return batches{set: set, count: source.Iterations(), batch: source.Batch}, nil
}

// evalSource gives the images of set as they are measured.
func (e *engine) evalSource(set *dataset.Detection, batch int) (*dataset.DetEval, error) {
	return dataset.NewDetEval(set, dataset.DetEvalOptions{ //nolint:wrapcheck // it names the set
		SourceOptions: e.data.source(), Batch: batch, Scale: e.data.evalScale(), PadTo: e.cfg.Data.Detection.PadTo,
	})
}

// batches are a set in the batches that networks see of it.
type batches struct {
	set   *dataset.Detection
	count int64
	batch func(context.Context, int64) (dataset.DetBatch, error)
}

// inOrder are the places of all batches.
func (b batches) inOrder() []int64 { return ranks.Turns(0, 1, b.count) }

// detected is what was found on a batch, and the places in the set of its images
// that could be read. It travels from rank to rank.
type detected struct {
	Found []cocoeval.Detection
	Read  []int
}

// joined is what was found on all batches, and the images that could be read.
func (b batches) joined(parts []detected) ([]cocoeval.Detection, *dataset.Detection) {
	var (
		found []cocoeval.Detection
		read  []int
	)
	for _, p := range parts {
		found, read = append(found, p.Found...), append(read, p.Read...)
	}
	if len(read) == b.set.Len() {
		return found, b.set
	}
	return found, b.set.Subset(read)
}

// detectOn detects with a subnet of d on the batches at some places, in their order,
// and puts what it finds into parts, which has a place for each batch.
func (e *engine) detectOn(ctx context.Context, d *detectorNet, sub nas.Subnet, by normalising, b batches, places []int64, parts []detected) error {
	at := 0
	return tensor.NoGrad(func() error {
		next := func(ctx context.Context, i int64) (dataset.DetBatch, error) { return b.batch(ctx, places[i]) }
		return train.Each(ctx, int64(len(places)), e.workers, next, func(images dataset.DetBatch) error {
			part := &parts[places[at]]
			at++
			if images.N == 0 {
				return nil
			}
			return tensor.Run("detect", func(s *tensor.Scope) error {
				x := s.FromFloats(images.X, e.device, int64(images.N), int64(images.C), int64(images.H), int64(images.W))
				perImage, err := d.net.Detect(&nn.Pass{Scope: s, Mode: by.mode, Stats: by.stats}, train.DetectorBatch(x, images), sub)
				if err != nil {
					return err
				}
				for i, boxes := range perImage {
					part.Read = append(part.Read, images.Images[i].Index)
					for _, box := range boxes {
						part.Found = append(part.Found, toCOCO(box, images.Images[i], b.set.Categories))
					}
				}
				return nil
			})
		})
	})
}

// cocoFigures are COCO's twelve by name.
func cocoFigures(r *cocoeval.Result) run.Values {
	return run.Values{
		"AP": r.AP, "AP50": r.AP50, "AP75": r.AP75, "APs": r.APs, "APm": r.APm, "APl": r.APl,
		"AR1": r.AR1, "AR10": r.AR10, "AR100": r.AR100, "ARs": r.ARs, "ARm": r.ARm, "ARl": r.ARl,
	}
}

// mean of the values of maps with the same keys, in the order given.
func mean(all []run.Values) run.Values {
	out := run.Values{}
	for _, v := range all {
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out[k] += v[k] / float64(len(all))
		}
	}
	return out
}

// toCOCO takes a detection back to its file's pixels, as x, y, width, height.
func toCOCO(d detector.Detection, image dataset.DetTarget, categories []dataset.Category) cocoeval.Detection {
	x1, y1 := float64(d.Box[0]/image.ScaleX), float64(d.Box[1]/image.ScaleY)
	x2, y2 := float64(d.Box[2]/image.ScaleX), float64(d.Box[3]/image.ScaleY)
	return cocoeval.Detection{
		ImageID: int(image.ID), CategoryID: int(categories[d.Label].ID),
		Box: [4]float64{x1, y1, x2 - x1, y2 - y1}, Score: float64(d.Score),
	}
}
