package cocoset

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"detnas/core/seed"
	"detnas/detector/cocoeval"
)

type image struct {
	ID       int    `json:"id"`
	FileName string `json:"file_name"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
}

type category struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

type annotation struct {
	Segmentation [][]float64 `json:"segmentation,omitempty"`
	Area         float64     `json:"area"`
	Crowd        int         `json:"iscrowd"`
	ImageID      int         `json:"image_id"`
	Box          [4]float64  `json:"bbox"`
	CategoryID   int         `json:"category_id"`
	ID           int         `json:"id"`
}

type detected struct {
	ImageID    int        `json:"image_id"`
	CategoryID int        `json:"category_id"`
	Box        [4]float64 `json:"bbox"`
	Score      float64    `json:"score"`
}

// Write makes up a set and writes it to a folder as gt.json and dt.json. With
// masks the annotations have outlines as long as COCO's, which a reader has to
// pass over.
func Write(dir string, size Size, masks bool) error {
	gt, dts := Make(size)
	var file struct {
		Images      []image      `json:"images"`
		Annotations []annotation `json:"annotations"`
		Categories  []category   `json:"categories"`
	}
	for _, id := range gt.ImageIDs {
		file.Images = append(file.Images, image{id, fmt.Sprintf("%012d.jpg", id), width, height})
	}
	for _, c := range gt.Categories {
		file.Categories = append(file.Categories, category{c.ID, c.Name})
	}
	for i, a := range gt.Annotations {
		out := annotation{Area: a.Area, ImageID: a.ImageID, Box: a.Box, CategoryID: a.CategoryID, ID: a.ID}
		if a.Crowd {
			out.Crowd = 1
		}
		if masks {
			out.Segmentation = [][]float64{outline(size, i, a)}
		}
		file.Annotations = append(file.Annotations, out)
	}
	list := make([]detected, len(dts))
	for i, d := range dts {
		list[i] = detected(d)
	}
	if err := writeJSON(filepath.Join(dir, "gt.json"), file); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "dt.json"), list)
}

// outline has 10 to 70 points around the middle of an object.
func outline(size Size, i int, a cocoeval.Annotation) []float64 {
	r := seed.Rand(size.Seed, "outline", i)
	n := 10 + r.IntN(61)
	points := make([]float64, 0, 2*n)
	for k := range n {
		sin, cos := math.Sincos(2 * math.Pi * float64(k) / float64(n))
		far := 0.3 + 0.2*r.Float64()
		points = append(points, hundredths(a.Box[0]+a.Box[2]*(0.5+far*cos)), hundredths(a.Box[1]+a.Box[3]*(0.5+far*sin)))
	}
	return points
}

func writeJSON(path string, value any) (err error) {
	f, err := os.Create(path) //nolint:gosec // the caller says where
	if err != nil {
		return fmt.Errorf("write the set: %w", err)
	}
	w := bufio.NewWriter(f)
	if err = errors.Join(json.NewEncoder(w).Encode(value), w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write the set: %w", err)
	}
	return nil
}
