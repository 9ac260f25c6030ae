package shapes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// drawing numbers the way pictures are drawn. It goes up whenever the same
// Config would give other pictures, so that sets of an older program are remade.
const drawing = 1

// Config says how much to draw and how. Two equal configs give the same set to
// the byte (on one processor architecture: fused multiply-adds may differ
// elsewhere).
type Config struct {
	// Seed is the root of every draw.
	Seed uint64 `json:"seed"`
	// Classes is how many of ClassNames to use, taken from the front.
	Classes int `json:"classes"`
	// Train, Val and Test count the detection images of each split.
	Train int `json:"train"`
	Val   int `json:"val"`
	Test  int `json:"test"`
	// PerClassTrain and PerClassVal count the classification images of each class.
	PerClassTrain int `json:"per_class_train"`
	PerClassVal   int `json:"per_class_val"`
	// Width and Height of a detection image, in pixels.
	Width  int `json:"width"`
	Height int `json:"height"`
	// ClassSize is the side of a classification image, in pixels.
	ClassSize int `json:"class_size"`
	// MinObjects and MaxObjects bound the objects tried for in a detection image.
	// One that finds no free place is left out, yet every image has at least one
	// if MinObjects is positive.
	MinObjects int `json:"min_objects"`
	MaxObjects int `json:"max_objects"`
	// MinSize and MaxSize bound the square root of an object's area, in pixels;
	// it is drawn log-uniformly between them. MaxSize 0 is 0.55 of the image's
	// shorter side.
	MinSize float64 `json:"min_size"`
	MaxSize float64 `json:"max_size"`
	// MaxOverlap is the greatest IoU that the boxes of two objects may have.
	MaxOverlap float64 `json:"max_overlap"`
	// HueCue is the chance that an object has a hue of its class's own, from 0
	// (shape alone tells classes apart) to 1 (colour does). It makes a set that a
	// small network learns in a few minutes.
	HueCue float64 `json:"hue_cue"`
	// Quality of the JPEG files, 1 to 100.
	Quality int `json:"quality"`
}

// Default returns a set of 600 detection images at 320x320 px and 2,000
// classification images at 64x64 px, with about a third of the objects in each
// of COCO's area ranges.
func Default() Config {
	return Config{
		Seed:          1,
		Classes:       8,
		Train:         440,
		Val:           80,
		Test:          80,
		PerClassTrain: 200,
		PerClassVal:   50,
		Width:         320,
		Height:        320,
		ClassSize:     64,
		MinObjects:    1,
		MaxObjects:    6,
		MinSize:       14,
		MaxSize:       0,
		MaxOverlap:    0.3,
		Quality:       90,
	}
}

// Validate reports every value that cannot be drawn, in one error that names
// the keys as they stand in shapes.json.
func (c Config) Validate() error {
	var bad []string
	within := func(key string, v, lo, hi float64) {
		if math.IsNaN(v) || v < lo || v > hi {
			bad = append(bad, fmt.Sprintf("%s is %g, want %g to %g", key, v, lo, hi))
		}
	}
	within("classes", float64(c.Classes), 1, float64(len(classes)))
	for _, n := range []struct {
		key   string
		value int
	}{
		{"train", c.Train},
		{"val", c.Val},
		{"test", c.Test},
		{"per_class_train", c.PerClassTrain},
		{"per_class_val", c.PerClassVal},
	} {
		within(n.key, float64(n.value), 0, 999_999)
	}
	within("width", float64(c.Width), 32, 4096)
	within("height", float64(c.Height), 32, 4096)
	within("class_size", float64(c.ClassSize), 16, 1024)
	within("min_objects", float64(c.MinObjects), 0, 100)
	within("max_objects", float64(c.MaxObjects), max(1, float64(c.MinObjects)), 100)
	within("min_size", c.MinSize, 6, c.maxSize())
	within("max_size", c.maxSize(), 6, float64(min(c.Width, c.Height)))
	within("max_overlap", c.MaxOverlap, 0, 0.9)
	within("hue_cue", c.HueCue, 0, 1)
	within("quality", float64(c.Quality), 1, 100)
	if bad != nil {
		return fmt.Errorf("shapes: %s", strings.Join(bad, "; "))
	}
	return nil
}

// Hash returns 16 hex digits that two configs share only if they give the same
// set.
func (c Config) Hash() string {
	text, err := json.Marshal(record{Drawing: drawing, Config: c})
	if err != nil { // a NaN or an infinity, which Validate refuses
		text = fmt.Appendf(nil, "%d %v", drawing, c)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Images returns how many pictures a set holds.
func (c Config) Images() int {
	return c.Train + c.Val + c.Test + c.Classes*(c.PerClassTrain+c.PerClassVal)
}

func (c Config) maxSize() float64 {
	if c.MaxSize == 0 {
		return 0.55 * float64(min(c.Width, c.Height))
	}
	return c.MaxSize
}
