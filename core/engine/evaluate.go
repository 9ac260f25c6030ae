package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/detector"
	"detnas/detector/cocoeval"
	"detnas/detector/voceval"
	"detnas/nas"
)

// evaluateDetector measures a subnet of d on set, and returns what it found too.
// The figures are COCO's twelve, and VOC's two beside them where the data is in
// VOC's form.
func (e *engine) evaluateDetector(ctx context.Context, d *detectorNet, sub nas.Subnet, by normalising, set *dataset.Detection, batch int) (run.Values, []cocoeval.Detection, error) {
	found, read, err := e.find(ctx, d, sub, by, set, batch)
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate on %s: %w", set.Source, err)
	}
	truth := cocoeval.FromSet(read)
	result, err := cocoeval.Evaluate(truth, found, cocoeval.Options{Workers: e.threads})
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate on %s: %w", set.Source, err)
	}
	figures := cocoFigures(result)
	if e.cfg.Data.Detection.Format == config.FormatVOC {
		voc, err := voceval.Evaluate(truth, found)
		if err != nil {
			return nil, nil, fmt.Errorf("evaluate on %s: %w", set.Source, err)
		}
		figures["mAP07"], figures["mAP"] = voc.MAP07, voc.MAP
	}
	return figures, found, nil
}

// find detects with a subnet of d on the images of set. It also returns those
// images that could be read, where data.on_bad lets others be skipped: nothing can
// be found on the others, and that is no fault of the subnet.
func (e *engine) find(ctx context.Context, d *detectorNet, sub nas.Subnet, by normalising, set *dataset.Detection, batch int) ([]cocoeval.Detection, *dataset.Detection, error) {
	source, err := dataset.NewDetEval(set, dataset.DetEvalOptions{SourceOptions: e.data.source(), Batch: batch, Scale: e.data.evalScale(), PadTo: e.cfg.Data.Detection.PadTo})
	if err != nil {
		return nil, nil, err
	}
	var (
		found []cocoeval.Detection
		read  []int
	)
	err = tensor.NoGrad(func() error {
		return train.Each(ctx, source.Iterations(), e.workers, source.Batch, func(b dataset.DetBatch) error {
			if b.N == 0 {
				return nil
			}
			return tensor.Run("detect", func(s *tensor.Scope) error {
				x := s.FromFloats(b.X, e.device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
				perImage, err := d.net.Detect(&nn.Pass{Scope: s, Mode: by.mode, Stats: by.stats}, train.DetectorBatch(x, b), sub)
				if err != nil {
					return err
				}
				for i, boxes := range perImage {
					read = append(read, b.Images[i].Index)
					for _, box := range boxes {
						found = append(found, toCOCO(box, b.Images[i], set.Categories))
					}
				}
				return nil
			})
		})
	})
	if err != nil || len(read) == set.Len() {
		return found, set, err
	}
	return found, set.Subset(read), nil
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
