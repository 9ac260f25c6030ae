package run

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// PreviewImages are a few images of the split that guides the search, with what
// is really in them. A screen draws what a candidate found on them beside it.
type PreviewImages struct {
	Classes []string       `json:"classes"` // by label
	Images  []PreviewImage `json:"images"`
}

// PreviewImage is one image and its true boxes.
type PreviewImage struct {
	ID     int64        `json:"id"`
	Path   string       `json:"path"` // absolute
	Width  int          `json:"width"`
	Height int          `json:"height"`
	Boxes  []PreviewBox `json:"boxes"`
}

// PreviewBox is a true box, or one that was found, in px of the image's file.
type PreviewBox struct {
	Label int        `json:"label"`
	Box   [4]float64 `json:"box"`             // x, y, width, height
	Score float64    `json:"score,omitempty"` // 0 for a true box
}

// Preview is what one subnet found on the preview images.
type Preview struct {
	Subnet string                 `json:"subnet"` // short form
	Step   int                    `json:"step"`   // 3 with the supernet's weights, 5 trained alone
	Found  map[int64][]PreviewBox `json:"found"`  // by image, the best score first
}

func (f *Folder) previews() string { return filepath.Join(f.dir, "previews") }

// PreviewPath is where the preview of a subnet belongs.
func (f *Folder) PreviewPath(step int, subnet string) string {
	return filepath.Join(f.previews(), fmt.Sprintf("step-%d-%s.json", step, subnet))
}

// WritePreviewImages keeps the preview images of the run.
func (f *Folder) WritePreviewImages(p PreviewImages) error {
	return f.writePreview(filepath.Join(f.previews(), "images.json"), p)
}

// ReadPreviewImages reads the preview images, and of each up to 1000 boxes;
// without any yet the error wraps os.ErrNotExist.
func (f *Folder) ReadPreviewImages() (PreviewImages, error) {
	var p PreviewImages
	err := readPreview(filepath.Join(f.previews(), "images.json"), &p)
	for i := range p.Images {
		p.Images[i].Boxes = first(p.Images[i].Boxes)
	}
	return p, err
}

// WritePreview keeps what a subnet found.
func (f *Folder) WritePreview(p Preview) error {
	return f.writePreview(f.PreviewPath(p.Step, p.Subnet), p)
}

// ReadPreview reads what a subnet found in a step, up to 1000 boxes an image;
// where that was not kept the error wraps os.ErrNotExist.
func (f *Folder) ReadPreview(step int, subnet string) (Preview, error) {
	var p Preview
	err := readPreview(f.PreviewPath(step, subnet), &p)
	for id, boxes := range p.Found {
		p.Found[id] = first(boxes)
	}
	return p, err
}

// mostBoxes is how many boxes of an image are read. Screens hold each that was
// found against each that is there.
const mostBoxes = 1000

func first(boxes []PreviewBox) []PreviewBox { return boxes[:min(len(boxes), mostBoxes)] }

func (f *Folder) writePreview(path string, v any) error {
	if err := f.room(f.previews()); err != nil {
		return fmt.Errorf("keeping a preview: %w", err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("keeping a preview: %w", err)
	}
	return writeSoft(path, text) // one a candidate: a disk that has to be waited for would slow the search
}

func readPreview(path string, v any) error {
	if err := readJSON(path, v); err != nil {
		return fmt.Errorf("reading a preview: %w", err)
	}
	return nil
}
