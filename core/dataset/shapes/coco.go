package shapes

import (
	"encoding/json"
	"fmt"
	"os"
)

// The parts of a COCO detection file (cocodataset.org, "Data format").
type cocoFile struct {
	Info        cocoInfo         `json:"info"`
	Images      []cocoImage      `json:"images"`
	Annotations []cocoAnnotation `json:"annotations"`
	Categories  []cocoCategory   `json:"categories"`
}

type cocoInfo struct {
	Description string `json:"description"`
	Version     string `json:"version"`
}

type cocoImage struct {
	ID       int    `json:"id"`
	FileName string `json:"file_name"` // below the images folder
	Width    int    `json:"width"`
	Height   int    `json:"height"`
}

type cocoAnnotation struct {
	ID         int    `json:"id"`
	ImageID    int    `json:"image_id"`
	CategoryID int    `json:"category_id"`
	BBox       [4]int `json:"bbox"` // x, y, width, height
	Area       int    `json:"area"` // visible pixels
	// IsCrowd is always 0; pycocotools' evaluation reads it of every annotation.
	IsCrowd int `json:"iscrowd"`
}

type cocoCategory struct {
	ID            int    `json:"id"`
	Name          string `json:"name"`
	Supercategory string `json:"supercategory"`
}

// newCOCO describes a split: scenes[i] are the objects of image i+1.
func newCOCO(cfg Config, split string, scenes [][]object) cocoFile {
	file := cocoFile{
		Info: cocoInfo{
			Description: "detnas shapes, " + split,
			Version:     cfg.Hash(),
		},
		Images:      make([]cocoImage, 0, len(scenes)),
		Annotations: []cocoAnnotation{},
	}
	for i, objects := range scenes {
		file.Images = append(file.Images, cocoImage{
			ID:       i + 1,
			FileName: split + "/" + imageName(i),
			Width:    cfg.Width,
			Height:   cfg.Height,
		})
		for _, o := range objects {
			file.Annotations = append(file.Annotations, cocoAnnotation{
				ID:         len(file.Annotations) + 1,
				ImageID:    i + 1,
				CategoryID: o.class + 1,
				BBox:       [4]int{o.box.Min.X, o.box.Min.Y, o.box.Dx(), o.box.Dy()},
				Area:       o.area,
			})
		}
	}
	for k, name := range ClassNames()[:cfg.Classes] {
		file.Categories = append(file.Categories, cocoCategory{k + 1, name, "shape"})
	}
	return file
}

// imageName is the file of the image at a 0-based index.
func imageName(index int) string { return fmt.Sprintf("%06d.jpg", index+1) }

func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write annotations: %w", err)
	}
	return nil
}
