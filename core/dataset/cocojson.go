package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"detnas/core/input"
)

// Bounds on an annotation file: the bytes of one element of a list, of which
// COCO's longest has a hundredth; the elements of a list, of which the largest
// published set has two thirds; and the categories.
const (
	maxElement    = 16 << 20
	maxElements   = 1 << 25
	maxCategories = 1 << 16
)

// cocoFile is what is read of a COCO detection file; all else is passed over.
type cocoFile struct {
	images      []cocoImage
	annotations []cocoAnnotation
	categories  []cocoCategory
	seen        map[string]bool // lists that were there
}

type cocoImage struct {
	ID       cocoID  `json:"id"`
	FileName string  `json:"file_name"`
	Width    float64 `json:"width"`
	Height   float64 `json:"height"`
}

type cocoAnnotation struct {
	ID         cocoID   `json:"id"`
	ImageID    cocoID   `json:"image_id"`
	CategoryID cocoID   `json:"category_id"`
	BBox       cocoBox  `json:"bbox"`
	Area       *float64 `json:"area"`
	Crowd      cocoFlag `json:"iscrowd"`
}

type cocoCategory struct {
	ID   cocoID `json:"id"`
	Name string `json:"name"`
}

// cocoID is an integer that may be absent. A whole number written as 7.0 is
// taken, as some table tools write ids that way; text and fractions are refused.
type cocoID struct {
	value int64
	set   bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (id *cocoID) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if v, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		id.value, id.set = v, true
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return fmt.Errorf("an id is %.40s; ids must be integers, number them anew", b)
	}
	id.value, id.set = int64(f), true
	return nil
}

// cocoBox is a bbox, as many numbers as it has up to five.
type cocoBox []float64

// UnmarshalJSON implements json.Unmarshaler.
func (x *cocoBox) UnmarshalJSON(b []byte) error {
	var all []float64
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("bbox: %w", err)
	}
	if len(all) > 5 { // more say no more
		all = slices.Clone(all[:5])
	}
	*x = all
	return nil
}

// cocoFlag is iscrowd, which files write as 0 and 1 or as false and true.
type cocoFlag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *cocoFlag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null", "0", "false", "0.0":
		*f = false
	case "1", "true", "1.0":
		*f = true
	default:
		return fmt.Errorf("iscrowd is %.40s; it must be 0 or 1", b)
	}
	return nil
}

// parseCOCO reads a COCO detection file element by element, so that a large one
// is never in memory as a whole: an element may have 16 MiB and a list 2^25 of
// them, or 65,536 categories. Each is kept in up to 250 bytes and the name of its
// file. What else the file has is passed over. Errors name the list, the place in
// it and the byte.
func parseCOCO(r io.Reader) (*cocoFile, error) {
	dec := input.Decoder(r, maxElement)
	if err := expect(dec, '{'); err != nil {
		return nil, err
	}
	f := &cocoFile{seen: map[string]bool{}}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, placed(dec, err)
		}
		key, _ := t.(string)
		if err := f.parseKey(dec, key); err != nil {
			return nil, err
		}
	}
	if err := expect(dec, '}'); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("byte %d: there is more after the end of the object; the file is not as it was written", dec.InputOffset())
	}
	return f, f.complete()
}

// parseKey reads the value of a top-level key.
func (f *cocoFile) parseKey(dec *json.Decoder, key string) error {
	switch key {
	case "images", "annotations", "categories":
		if f.seen[key] {
			return fmt.Errorf("byte %d: %q is there twice", dec.InputOffset(), key)
		}
		f.seen[key] = true
	}
	switch key {
	case "images":
		return parseList(dec, key, maxElements, &f.images)
	case "annotations":
		return parseList(dec, key, maxElements, &f.annotations)
	case "categories":
		return parseList(dec, key, maxCategories, &f.categories)
	}
	if err := input.Skip(dec); err != nil {
		return fmt.Errorf("%.40q: %w", key, placed(dec, err))
	}
	return nil
}

// complete refuses a file that lacks one of the three lists.
func (f *cocoFile) complete() error {
	for _, key := range []string{"images", "annotations", "categories"} {
		if !f.seen[key] {
			return fmt.Errorf("no %q list; a COCO detection (instances) file is needed", key)
		}
	}
	if len(f.images) == 0 {
		return errors.New("the \"images\" list is empty")
	}
	if len(f.categories) == 0 {
		return errors.New("the \"categories\" list is empty")
	}
	return nil
}

// parseList appends the elements of one JSON array to list, most of them at most.
func parseList[T any](dec *json.Decoder, key string, most int, list *[]T) error {
	if err := expect(dec, '['); err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	for dec.More() {
		if len(*list) == most {
			return fmt.Errorf("%q has more than %d elements, which are too many for one file; part it", key, most)
		}
		var v T
		if err := dec.Decode(&v); err != nil {
			return fmt.Errorf("%s[%d]: %w", key, len(*list), placed(dec, err))
		}
		*list = append(*list, v)
	}
	return expect(dec, ']')
}

// expect reads one delimiter.
func expect(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err != nil {
		return placed(dec, err)
	}
	if d, ok := t.(json.Delim); !ok || d != want {
		return fmt.Errorf("byte %d: %.40q where %q should be; is this COCO detection JSON?", dec.InputOffset(), fmt.Sprint(t), want.String())
	}
	return nil
}

// placed adds the byte at which the reader stood.
func placed(dec *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends too early; it may be cut short")
	}
	return fmt.Errorf("near byte %d: %w", dec.InputOffset(), input.Plain(err))
}
