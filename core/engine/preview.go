package engine

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/run"
	"detnas/detector/cocoeval"
	"detnas/nas"
)

// What a preview holds: so many images, and of each so many boxes of at least
// that score.
const (
	previewImages = 6
	previewBoxes  = 20
	previewScore  = 0.05
)

// previews are the images of the guide that a screen draws candidates' detections
// on. They are there to be looked at: nothing of a run depends on them.
type previews struct {
	shown  *dataset.Detection // nil before they are chosen
	failed bool               // one could not be kept, and that was said
}

// toShow are the first images of the guide that have a box.
func (e *engine) toShow() *dataset.Detection {
	guide, picked := e.guide(), []int{}
	for i, objects := range guide.Objects {
		if len(picked) < previewImages && slices.ContainsFunc(objects, func(o dataset.Object) bool { return !o.Ignored() }) {
			picked = append(picked, i)
		}
	}
	return guide.Subset(picked)
}

// showImages keeps the images that candidates are shown on.
func (e *engine) showImages() {
	e.shown = e.toShow()
	p := run.PreviewImages{Classes: e.shown.Classes(), Images: []run.PreviewImage{}}
	for i, image := range e.shown.Images {
		path, err := filepath.Abs(image.File)
		if err != nil {
			path = image.File
		}
		shown := run.PreviewImage{ID: image.ID, Path: path, Width: image.W, Height: image.H, Boxes: []run.PreviewBox{}}
		for _, o := range e.shown.Objects[i] {
			if !o.Ignored() {
				shown.Boxes = append(shown.Boxes, run.PreviewBox{Label: o.Label, Box: o.Source})
			}
		}
		p.Images = append(p.Images, shown)
	}
	e.kept(e.folder.WritePreviewImages(p))
}

// show keeps what a subnet found on the preview images.
func (e *engine) show(step int, subnet string, found []cocoeval.Detection) {
	labels := map[int]int{}
	for label, c := range e.shown.Categories {
		labels[int(c.ID)] = label
	}
	p := run.Preview{Subnet: subnet, Step: step, Found: map[int64][]run.PreviewBox{}}
	for _, image := range e.shown.Images {
		p.Found[image.ID] = []run.PreviewBox{}
	}
	for _, d := range found {
		id := int64(d.ImageID)
		if boxes, ok := p.Found[id]; ok && d.Score >= previewScore {
			p.Found[id] = append(boxes, run.PreviewBox{Label: labels[d.CategoryID], Box: d.Box, Score: d.Score})
		}
	}
	for id, boxes := range p.Found {
		slices.SortStableFunc(boxes, func(a, b run.PreviewBox) int { return cmp.Compare(b.Score, a.Score) })
		p.Found[id] = boxes[:min(previewBoxes, len(boxes))]
	}
	e.kept(e.folder.WritePreview(p))
}

// showFinal keeps what the run's subnet finds after step 5 on the images that
// the candidates were shown on. It has been trained on them if they were held out
// of the training split: the figures of the result are those of other images.
func (e *engine) showFinal(ctx context.Context, d *detectorNet, sub nas.Subnet) {
	e.showImages()
	if e.shown.Len() == 0 {
		return
	}
	found, err := e.find(ctx, d, sub, normalising{}, e.shown, 1)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.kept(err)
		return
	}
	e.show(config.StepSubnetFinetune, sub.Short(d.space), found)
}

// kept warns, once, of a preview that could not be kept.
func (e *engine) kept(err error) {
	if err == nil || e.failed {
		return
	}
	e.failed = true
	e.note(run.Warning{What: fmt.Sprintf("no previews of what candidates detect: %v", err)})
}
