package cocoeval

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// missing marks a whole number that the JSON does not give.
const missing = math.MinInt

// parseDetections reads the array of a result file.
func parseDetections(r io.Reader) ([]Detection, error) {
	s := newScanner(r)
	var dts []Detection
	s.array(func(i int) {
		d := s.detection()
		s.within("detection", i)
		dts = append(dts, d)
	})
	s.ended()
	if s.err != nil {
		return nil, s.err
	}
	return dts, nil
}

// detection takes one element of a result file.
func (s *scanner) detection() Detection {
	d := Detection{ImageID: missing, CategoryID: missing, Score: math.NaN()}
	boxed := 0
	s.object(func(key []byte) {
		switch string(key) {
		case "image_id":
			d.ImageID = s.id()
		case "category_id":
			d.CategoryID = s.id()
		case "bbox":
			boxed = s.box(&d.Box)
		case "score":
			d.Score = s.floatOr(math.NaN())
		default:
			s.skip(1)
		}
	})
	if d.ImageID == missing || d.CategoryID == missing || boxed != 4 || math.IsNaN(d.Score) {
		s.refuse(lacking("image_id", d.ImageID == missing), lacking("category_id", d.CategoryID == missing),
			lackingBox(boxed), lacking("score", math.IsNaN(d.Score)))
	}
	return d
}

// parseGroundTruth reads the object of an annotation file.
func parseGroundTruth(r io.Reader) (*GroundTruth, error) {
	s, gt := newScanner(r), &GroundTruth{}
	lists := map[string]func(*scanner){
		"images": gt.parseImages, "categories": gt.parseCategories, "annotations": gt.parseAnnotations,
	}
	seen := map[string]bool{}
	s.object(func(key []byte) {
		name := string(key)
		parse, known := lists[name]
		switch {
		case seen[name]:
			s.fail("%q is there twice", name)
		case known:
			seen[name] = true
			parse(s)
		default:
			s.skip(1)
		}
	})
	s.ended()
	for _, name := range []string{"images", "categories", "annotations"} {
		if !seen[name] {
			s.refuse(fmt.Sprintf("no %q; is this a COCO annotation file?", name))
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	return gt, nil
}

func (gt *GroundTruth) parseImages(s *scanner) {
	s.array(func(i int) {
		id := missing
		s.object(func(key []byte) {
			switch string(key) {
			case "id":
				id = s.id()
			default:
				s.skip(1)
			}
		})
		s.refuse(lacking("id", id == missing))
		s.within("image", i)
		gt.ImageIDs = append(gt.ImageIDs, id)
	})
}

// maxCategories bounds the categories: each has figures of its own, 1.3 KB of them
// while they are computed.
const maxCategories = 1 << 16

func (gt *GroundTruth) parseCategories(s *scanner) {
	s.array(func(i int) {
		if i == maxCategories {
			s.fail("more than %d categories", maxCategories)
			return
		}
		c := Category{ID: missing}
		s.object(func(key []byte) {
			switch string(key) {
			case "id":
				c.ID = s.id()
			case "name":
				if !s.null() {
					c.Name = strings.ToValidUTF8(string(s.text()), "\ufffd")
				}
			default:
				s.skip(1)
			}
		})
		s.refuse(lacking("id", c.ID == missing))
		s.within("category", i)
		gt.Categories = append(gt.Categories, c)
	})
}

func (gt *GroundTruth) parseAnnotations(s *scanner) {
	places := map[int]int{}
	s.array(func(i int) {
		a := s.annotation()
		if first, twice := places[a.ID]; twice {
			s.refuse(fmt.Sprintf("annotation %d has the same id", first))
		}
		if s.err != nil && a.ID != missing {
			s.err = fmt.Errorf("annotation %d (id %d): %w", i, a.ID, s.err)
			return
		}
		s.within("annotation", i)
		places[a.ID] = i
		gt.Annotations = append(gt.Annotations, a)
	})
}

// annotation takes one element of an annotation file's list of that name.
func (s *scanner) annotation() Annotation {
	a := Annotation{ID: missing, ImageID: missing, CategoryID: missing, Area: math.NaN()}
	boxed := 0
	s.object(func(key []byte) {
		switch string(key) {
		case "id":
			a.ID = s.id()
		case "image_id":
			a.ImageID = s.id()
		case "category_id":
			a.CategoryID = s.id()
		case "bbox":
			boxed = s.box(&a.Box)
		case "area":
			a.Area = s.floatOr(math.NaN())
		case "iscrowd":
			a.Crowd = s.flag("iscrowd")
		default:
			s.skip(1)
		}
	})
	if a.ID == missing || a.ImageID == missing || a.CategoryID == missing || boxed != 4 {
		s.refuse(lacking("id", a.ID == missing), lacking("image_id", a.ImageID == missing),
			lacking("category_id", a.CategoryID == missing), lackingBox(boxed))
	}
	if math.IsNaN(a.Area) {
		a.Area = a.Box[2] * a.Box[3]
	}
	return a
}

// id takes a whole number. A null, and what is none, is missing.
func (s *scanner) id() int {
	if s.null() {
		return missing
	}
	if v := s.whole(); s.err == nil {
		return v
	}
	return missing
}

// floatOr takes a number, or gives absent for a null.
func (s *scanner) floatOr(absent float64) float64 {
	if s.null() {
		return absent
	}
	return s.float()
}

// box takes an array of numbers and tells how many there are, none for a null.
// The first four go to b.
func (s *scanner) box(b *[4]float64) (n int) {
	if s.null() {
		return 0
	}
	s.array(func(i int) {
		v := s.float()
		if i < len(b) {
			b[i] = v
		}
		n = i + 1
	})
	return n
}

// refuse notes what is wrong with an entry that was read whole; empty parts say
// nothing.
func (s *scanner) refuse(parts ...string) {
	if s.err != nil {
		return
	}
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	if len(said) > 0 {
		s.err = errors.New(strings.Join(said, "; "))
	}
}

// within puts an entry's place before the error, if there is one.
func (s *scanner) within(what string, i int) {
	if s.err != nil {
		s.err = fmt.Errorf("%s %d: %w", what, i, s.err)
	}
}

func lacking(name string, is bool) string {
	if !is {
		return ""
	}
	return "no " + name
}

func lackingBox(numbers int) string {
	if numbers == 4 {
		return ""
	}
	return fmt.Sprintf("bbox has %d numbers, want x, y, width and height", numbers)
}
