package cocoeval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// missing marks a whole number that the JSON does not give.
const missing = math.MinInt

// ReadGroundTruth reads a COCO annotation file: an object with images,
// categories and annotations. An annotation without area gets its box's, one
// without iscrowd is no crowd. Errors name the file and the entry's place and
// id.
func ReadGroundTruth(path string) (*GroundTruth, error) {
	var gt *GroundTruth
	err := readFile(path, func(r io.Reader) (err error) {
		gt, err = parseGroundTruth(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ground truth %s: %w", path, err)
	}
	return gt, nil
}

// ReadDetections reads a COCO result file: an array of detections with
// image_id, category_id, bbox and score. Errors name the file and the
// detection's place in the array.
func ReadDetections(path string) ([]Detection, error) {
	var dts []Detection
	err := readFile(path, func(r io.Reader) (err error) {
		dts, err = parseDetections(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("detections %s: %w", path, err)
	}
	return dts, nil
}

// readFile hands path's contents to parse.
func readFile(path string, parse func(io.Reader) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening it: %w", errors.Unwrap(err)) // the caller names the path
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return parse(bufio.NewReaderSize(f, 1<<20))
}

// parseDetections reads the array of a result file.
func parseDetections(r io.Reader) ([]Detection, error) {
	dec := json.NewDecoder(r)
	var dts []Detection
	var e struct {
		ImageID    int       `json:"image_id"`
		CategoryID int       `json:"category_id"`
		Box        []float64 `json:"bbox"`
		Score      float64   `json:"score"`
	}
	err := eachElement(dec, func(i int) error {
		e.ImageID, e.CategoryID, e.Box, e.Score = missing, missing, e.Box[:0], math.NaN()
		if err := dec.Decode(&e); err != nil {
			return fmt.Errorf("detection %d: %w", i, explain(err))
		}
		d := Detection{ImageID: e.ImageID, CategoryID: e.CategoryID, Score: e.Score}
		err := errors.Join(present("image_id", e.ImageID), present("category_id", e.CategoryID), toBox(&d.Box, e.Box))
		if err == nil && math.IsNaN(e.Score) {
			err = errors.New("no score")
		}
		if err != nil {
			return fmt.Errorf("detection %d: %w", i, oneLine(err))
		}
		dts = append(dts, d)
		return nil
	})
	if err == nil {
		err = atEnd(dec)
	}
	if err != nil {
		return nil, err
	}
	return dts, nil
}

// parseGroundTruth reads the object of an annotation file.
func parseGroundTruth(r io.Reader) (*GroundTruth, error) {
	dec := json.NewDecoder(r)
	if err := expect(dec, '{'); err != nil {
		return nil, err
	}
	gt, seen := &GroundTruth{}, map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, explain(err)
		}
		name, _ := key.(string) // the decoder lets nothing else be a key
		if seen[name] {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if err := gt.parseSection(dec, name); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, explain(err)
	}
	for _, name := range []string{"images", "categories", "annotations"} {
		if !seen[name] {
			return nil, fmt.Errorf("no %q; is this a COCO annotation file?", name)
		}
	}
	return gt, atEnd(dec)
}

// parseSection reads the value of one key of an annotation file.
func (gt *GroundTruth) parseSection(dec *json.Decoder, name string) error {
	switch name {
	case "images":
		return gt.parseImages(dec)
	case "categories":
		return gt.parseCategories(dec)
	case "annotations":
		return gt.parseAnnotations(dec)
	}
	var skipped json.RawMessage
	if err := dec.Decode(&skipped); err != nil {
		return fmt.Errorf("%q: %w", name, explain(err))
	}
	return nil
}

func (gt *GroundTruth) parseImages(dec *json.Decoder) error {
	return eachElement(dec, func(i int) error {
		e := struct{ ID int }{missing}
		if err := dec.Decode(&e); err != nil {
			return fmt.Errorf("image %d: %w", i, explain(err))
		}
		if err := present("id", e.ID); err != nil {
			return fmt.Errorf("image %d: %w", i, err)
		}
		gt.ImageIDs = append(gt.ImageIDs, e.ID)
		return nil
	})
}

func (gt *GroundTruth) parseCategories(dec *json.Decoder) error {
	return eachElement(dec, func(i int) error {
		e := Category{ID: missing}
		if err := dec.Decode(&e); err != nil {
			return fmt.Errorf("category %d: %w", i, explain(err))
		}
		if err := present("id", e.ID); err != nil {
			return fmt.Errorf("category %d: %w", i, err)
		}
		gt.Categories = append(gt.Categories, e)
		return nil
	})
}

func (gt *GroundTruth) parseAnnotations(dec *json.Decoder) error {
	var e struct {
		ID         int       `json:"id"`
		ImageID    int       `json:"image_id"`
		CategoryID int       `json:"category_id"`
		Box        []float64 `json:"bbox"`
		Area       float64   `json:"area"`
		Crowd      flag      `json:"iscrowd"`
	}
	places := map[int]int{}
	return eachElement(dec, func(i int) error {
		e.ID, e.ImageID, e.CategoryID, e.Box, e.Area, e.Crowd = missing, missing, missing, e.Box[:0], math.NaN(), false
		if err := dec.Decode(&e); err != nil {
			return fmt.Errorf("annotation %d: %w", i, explain(err))
		}
		a := Annotation{ID: e.ID, ImageID: e.ImageID, CategoryID: e.CategoryID, Area: e.Area, Crowd: bool(e.Crowd)}
		err := errors.Join(present("id", e.ID), present("image_id", e.ImageID), present("category_id", e.CategoryID), toBox(&a.Box, e.Box))
		if err != nil {
			return fmt.Errorf("annotation %d%s: %w", i, idNote(e.ID), oneLine(err))
		}
		if first, twice := places[a.ID]; twice {
			return fmt.Errorf("annotation %d (id %d): annotation %d has the same id", i, a.ID, first)
		}
		places[a.ID] = i
		if math.IsNaN(a.Area) {
			a.Area = a.Box[2] * a.Box[3]
		}
		gt.Annotations = append(gt.Annotations, a)
		return nil
	})
}

// flag is a truth value written as true or false, or as a number.
type flag bool

// UnmarshalJSON reads 0, 1, false, true and null, which is false.
func (f *flag) UnmarshalJSON(data []byte) error {
	switch s := string(data); s {
	case "1", "true":
		*f = true
	case "0", "false", "null":
		*f = false
	default:
		return fmt.Errorf("iscrowd is %s, want 0 or 1", s)
	}
	return nil
}

// eachElement calls element at each element of the array that comes next.
func eachElement(dec *json.Decoder, element func(i int) error) error {
	if err := expect(dec, '['); err != nil {
		return err
	}
	for i := 0; dec.More(); i++ {
		if err := element(i); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return explain(err)
	}
	return nil
}

// expect reads the bracket that an array or an object begins with.
func expect(dec *json.Decoder, bracket json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return explain(err)
	}
	if token != bracket {
		return fmt.Errorf("at byte %d: want %v, found %v", dec.InputOffset(), bracket, token)
	}
	return nil
}

// atEnd refuses anything after the value.
func atEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more data after the JSON value, at byte %d", dec.InputOffset())
	}
	return nil
}

// explain says what the JSON decoder's terse errors mean for these files.
func explain(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the file ends in the middle; it was not written to its end")
	case errors.As(err, &syntax) && (strings.Contains(err.Error(), "'N'") || strings.Contains(err.Error(), "'I'")):
		return fmt.Errorf("NaN or Infinity for a number, at byte %d", syntax.Offset)
	case errors.As(err, &syntax):
		return fmt.Errorf("%w, at byte %d", err, syntax.Offset)
	}
	return err
}

// present wants a whole number to have been given.
func present(name string, v int) error {
	if v == missing {
		return fmt.Errorf("no %s", name)
	}
	return nil
}

// toBox copies the four numbers of a bbox.
func toBox(to *[4]float64, from []float64) error {
	if len(from) != 4 {
		return fmt.Errorf("bbox has %d numbers, want x, y, width and height", len(from))
	}
	copy(to[:], from)
	return nil
}

// idNote is how an error names an id that may not be there.
func idNote(id int) string {
	if id == missing {
		return ""
	}
	return fmt.Sprintf(" (id %d)", id)
}

// oneLine joins the lines of a joined error.
func oneLine(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}
