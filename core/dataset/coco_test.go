package dataset

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/input"
	"detnas/core/input/inputtest"
)

// cocoSet writes an annotation file and images of 40x30 px called 0.png and on.
func cocoSet(tb testing.TB, images int, body string) string {
	tb.Helper()
	dir := tb.TempDir()
	for i := range images {
		writePNG(tb, filepath.Join(dir, "images", fmt.Sprintf("%d.png", i)), toRGBA(pattern(40, 30)))
	}
	return write(tb, filepath.Join(dir, "train.json"), []byte(body))
}

const cocoGood = `{
 "info": {"year": 2017}, "licenses": [[]],
 "annotations": [
  {"id": 5, "image_id": 0, "category_id": 90, "bbox": [1, 2, 10, 20], "area": 150.5, "iscrowd": 0, "segmentation": [[1,2,3]]},
  {"id": 6, "image_id": 0, "category_id": 3, "bbox": [39.5, 10, 1.0, 4]},
  {"id": 7, "image_id": 8.0, "category_id": 3, "bbox": [0, 0, 40, 30], "area": 1200, "iscrowd": 1}
 ],
 "categories": [{"id": 90, "name": "brush"}, {"id": 3, "name": "car"}],
 "images": [
  {"id": 0, "file_name": "0.png", "width": 40, "height": 30},
  {"id": 4, "file_name": "1.png", "width": 40, "height": 30},
  {"id": 8, "file_name": "2.png"}
 ]
}`

func TestOpenCOCO(t *testing.T) {
	path := cocoSet(t, 3, cocoGood)
	set, problems, err := OpenCOCO(path, "", COCOOptions{Policy: PolicyRefuse})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	images := filepath.Join(filepath.Dir(path), "images")
	want := &Detection{
		Source:     path,
		Categories: []Category{{3, "car"}, {90, "brush"}},
		Images: []ImageInfo{
			{ID: 0, File: filepath.Join(images, "0.png"), Name: "0.png", W: 40, H: 30},
			{ID: 4, File: filepath.Join(images, "1.png"), Name: "1.png", W: 40, H: 30},
			{ID: 8, File: filepath.Join(images, "2.png"), Name: "2.png", W: 40, H: 30},
		},
		Objects: [][]Object{
			{
				{Box: [4]float32{1, 2, 11, 22}, Source: [4]float64{1, 2, 10, 20}, Label: 1, Area: 150.5, ID: 5},
				{Box: [4]float32{39.5, 10, 40, 14}, Source: [4]float64{39.5, 10, 1, 4}, Label: 0, Area: 4, ID: 6},
			},
			nil,
			{{Box: [4]float32{0, 0, 40, 30}, Source: [4]float64{0, 0, 40, 30}, Label: 0, Crowd: true, Area: 1200, ID: 7}},
		},
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
	if all, crowds := set.Boxes(); all != 3 || crowds != 1 {
		t.Errorf("%d boxes, %d crowds", all, crowds)
	}
	if kept := set.FilterEmpty(); kept.Len() != 2 || kept.Images[1].ID != 8 {
		t.Errorf("filtered: %v", kept.Images)
	}
}

// cocoWith is a small sound file with one list's elements replaced.
func cocoWith(images, annotations, categories string) string {
	if images == "" {
		images = `{"id": 1, "file_name": "0.png", "width": 40, "height": 30}`
	}
	if annotations == "" {
		annotations = `{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}`
	}
	if categories == "" {
		categories = `{"id": 1, "name": "a"}`
	}
	return fmt.Sprintf(`{"images": [%s], "annotations": [%s], "categories": [%s]}`, images, annotations, categories)
}

func box(id int, rest string) string {
	return fmt.Sprintf(`{"id": %d, %s}`, id, rest)
}

func TestCOCOProblems(t *testing.T) {
	const good = `"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]`
	second := `{"id": 1, "file_name": "0.png", "width": 40, "height": 30},`
	tests := []struct {
		name, body, kind string
		where            string
		images, boxes    int
	}{
		{"missing file", cocoWith(second+`{"id": 2, "file_name": "none.png", "width": 4, "height": 3}`, box(1, good)+","+box(2, `"image_id": 2, "category_id": 1, "bbox": [1, 1, 5, 5]`), ""), KindMissingFile, "images[1] (none.png)", 1, 1},
		{"duplicate image", cocoWith(second+`{"id": 1, "file_name": "0.png"}`, "", ""), KindDuplicateID, "images[1]", 1, 1},
		{"image without id", cocoWith(second+`{"file_name": "0.png"}`, "", ""), KindDuplicateID, "images[1]", 1, 1},
		{"duplicate category", cocoWith("", "", `{"id": 1, "name": "a"}, {"id": 1, "name": "b"}`), KindDuplicateID, "categories[1]", 1, 1},
		{"nameless category", cocoWith("", "", `{"id": 1}`), KindNoName, "categories[0]", 1, 1},
		{"same box twice", cocoWith("", box(1, good)+","+box(1, good), ""), KindDuplicateID, "annotations[1]", 1, 1},
		{"id of another box", cocoWith("", box(1, good)+","+box(1, `"image_id": 1, "category_id": 1, "bbox": [2, 1, 5, 5]`), ""), KindDuplicateID, "annotations[1]", 1, 2},
		{"unknown image", cocoWith("", box(1, `"image_id": 7, "category_id": 1, "bbox": [1, 1, 5, 5]`), ""), KindUnknownImage, "annotations[0] (id 1 of image 7)", 1, 0},
		{"unknown category", cocoWith("", box(1, `"image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5]`), ""), KindUnknownCategory, "annotations[0]", 1, 0},
		{"no box", cocoWith("", box(1, `"image_id": 1, "category_id": 1`), ""), KindBadBox, "annotations[0]", 1, 0},
		{"three numbers", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [1, 1, 5]`), ""), KindBadBox, "annotations[0]", 1, 0},
		{"five numbers", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5, 5]`), ""), KindBadBox, "annotations[0]", 1, 0},
		{"numbers without end", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [1, 1, 1e308, 1e308]`), ""), KindBadBox, "annotations[0]", 1, 0},
		{"no area", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [1, 1, 0, 5]`), ""), KindEmptyBox, "annotations[0]", 1, 0},
		{"negative", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [9, 1, -5, 5]`), ""), KindEmptyBox, "annotations[0]", 1, 0},
		{"partly outside", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [30, 1, 15, 5]`), ""), KindBoxOutside, "annotations[0]", 1, 1},
		{"outside", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [50, 1, 15, 5]`), ""), KindBoxOutside, "annotations[0]", 1, 0},
		{"far outside", cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [1e308, 1, 1e308, 5]`), ""), KindBoxOutside, "annotations[0]", 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := cocoSet(t, 1, tt.body)
			set, problems, err := OpenCOCO(path, "", COCOOptions{})
			if err != nil {
				t.Fatal(err)
			}
			set = set.Present()
			boxes, _ := set.Boxes()
			if set.Len() != tt.images || boxes != tt.boxes {
				t.Errorf("%d images, %d boxes; want %d, %d", set.Len(), boxes, tt.images, tt.boxes)
			}
			if len(problems) != 1 || problems[0].Kind != tt.kind || !strings.Contains(problems[0].Where, tt.where) || problems[0].Cure == "" {
				t.Errorf("problems %v; want one of kind %s at %s", problems, tt.kind, tt.where)
			}
			set, _, err = OpenCOCO(path, "", COCOOptions{Policy: PolicyRefuse})
			if err == nil || set != nil || !strings.Contains(err.Error(), tt.where) || !strings.Contains(err.Error(), path) {
				t.Errorf("refused with %v; want an error that names %s", err, tt.where)
			}
			nothingDone(t, err)
		})
	}
}

// nothingDone wants a refusal not to say that something was done about the fault.
func nothingDone(t *testing.T, err error) {
	t.Helper()
	for _, word := range []string{"left out", "cut at", "kept", "called"} {
		if err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("a refusal says that something was done: %v", err)
		}
	}
}

func TestRefusalCounts(t *testing.T) {
	path := cocoSet(t, 1, cocoWith("", box(1, `"image_id": 7, "category_id": 1, "bbox": [1, 1, 5, 5]`)+","+box(2, `"image_id": 8, "category_id": 1, "bbox": [1, 1, 5, 5]`), ""))
	_, _, err := OpenCOCO(path, "", COCOOptions{Policy: PolicyRefuse})
	if err == nil || !strings.Contains(err.Error(), "annotations[0]") || !strings.Contains(err.Error(), "first of 2 problems") {
		t.Error(err)
	}
}

func TestCOCOErrors(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"empty", "", "ends too early"},
		{"a list", "[]", "is this COCO"},
		{"cut short", cocoGood[:len(cocoGood)/2], "ends too early"},
		{"no annotations", `{"images": [{"id": 1}], "categories": [{"id": 1}]}`, `no "annotations" list`},
		{"no images", `{"images": [], "annotations": [], "categories": [{"id": 1}]}`, `"images" list is empty`},
		{"no categories", `{"images": [{"id": 1}], "annotations": [], "categories": []}`, `"categories" list is empty`},
		{"list is an object", `{"images": {}}`, `"images"`},
		{"text id", cocoWith(`{"id": "a1", "file_name": "0.png"}`, "", ""), `images[0]: near byte`},
		{"fractional id", cocoWith("", box(1, `"image_id": 1.5, "category_id": 1`), ""), `an id is 1.5; ids must be integers`},
		{"crowd of two", cocoWith("", box(1, `"image_id": 1, "iscrowd": 2`), ""), "iscrowd is 2"},
		{"text box", cocoWith("", box(1, `"bbox": ["1", 2, 3, 4]`), ""), "annotations[0]"},
		{"NaN", cocoWith("", box(1, `"bbox": [NaN, 2, 3, 4]`), ""), "invalid character 'N'"},
		{"twice", `{"images": [{"id": 1}], "images": []}`, `"images" is there twice`},
		{"more after it", cocoWith("", "", "") + "{}", "there is more after the end"},
		{"odd words", "\"a\\n\\u001b[2J\"", `where "{" should be`},
		{"a long number", cocoWith("", box(1, `"area": `+strings.Repeat("9", 5000)), ""), "near byte"},
		{"none of the images", cocoWith(`{"id": 1, "file_name": "none.png"}`, "", ""), "none of its 1 images is in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := cocoSet(t, 1, tt.body)
			_, _, err := OpenCOCO(path, "", COCOOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v; want one with %q and the file", err, tt.want)
			}
			inputtest.Clear(t, err)
		})
	}
	if _, _, err := OpenCOCO(filepath.Join(t.TempDir(), "none.json"), "", COCOOptions{}); err == nil {
		t.Error("an absent file is no error")
	}
	if _, _, err := OpenCOCO("x.json", "", COCOOptions{Policy: "ignore"}); err == nil || !strings.Contains(err.Error(), "ignore") {
		t.Errorf("policy ignore: %v", err)
	}
}

func TestImagesBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	writePNG(t, filepath.Join(dir, "0.png"), toRGBA(pattern(40, 30)))
	path := write(t, filepath.Join(dir, "a.json"), []byte(cocoWith("", "", "")))
	set, problems, err := OpenCOCO(path, "", COCOOptions{})
	if err != nil || len(problems) > 0 || set.Len() != 1 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestDetectionRelabel(t *testing.T) {
	set, _, err := OpenCOCO(cocoSet(t, 3, cocoGood), "", COCOOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rest := set.Subset([]int{0})
	categories := []Category{{1, "person"}, {3, "car"}, {90, "brush"}}
	if err := set.Relabel(categories); err != nil {
		t.Fatal(err)
	}
	if l := set.Objects[0][0].Label; l != 2 {
		t.Errorf("label %d, want 2", l)
	}
	if l := rest.Objects[0][0].Label; l != 1 {
		t.Errorf("a subset's label became %d", l)
	}
	if err := rest.Relabel([]Category{{3, "car"}, {90, "toothbrush"}}); err == nil || !strings.Contains(err.Error(), "brush") {
		t.Errorf("error %v; want one that names the category", err)
	}
	if err := rest.Relabel([]Category{{3, "car"}, {7, "brush"}}); err == nil || !strings.Contains(err.Error(), `"brush" has boxes and the id 90, but the id 7`) {
		t.Errorf("error %v; want one that names both ids", err)
	}
}

func TestSharedSetsOpen(t *testing.T) {
	tests := []struct {
		folder, file          string
		images, boxes, crowds int
		classes               int
	}{
		{"bccd", "train.json", 205, 2804, 0, 3},
		{"bccd", "val.json", 87, 1137, 0, 3},
		{"bccd", "test.json", 72, 945, 0, 3},
		{"coco", "train.json", 50, 470, 5, 80},
		{"coco", "val.json", 50, 382, 5, 80},
	}
	for _, tt := range tests {
		t.Run(tt.folder+"/"+tt.file, func(t *testing.T) {
			set, problems, err := OpenCOCO(filepath.Join(shared(t, tt.folder), tt.file), "", COCOOptions{})
			if err != nil {
				t.Fatal(err)
			}
			boxes, crowds := set.Boxes()
			if set.Len() != tt.images || boxes != tt.boxes || crowds != tt.crowds || len(set.Categories) != tt.classes {
				t.Errorf("%d images, %d boxes, %d crowds, %d classes; want %+v", set.Len(), boxes, crowds, len(set.Categories), tt)
			}
			for _, p := range problems {
				t.Log(p)
			}
		})
	}
}

// TestCOCOIsHeldByTheElement wants the memory that a file takes to be bounded by
// its elements, whatever is in them, and values that never end to be refused.
func TestCOCOIsHeldByTheElement(t *testing.T) {
	const n = 50_000
	for name, tt := range map[string]struct {
		head, element string
		n             int
		most          int64 // bytes held
		want          string
	}{
		"empty images":      {`{"images": [{}`, `,{}`, n, 250 * n, "too early"},
		"empty annotations": {`{"annotations": [{}`, `,{}`, n, 250 * n, "too early"},
		"whole annotations": {`{"annotations": [{}`, `,{"id":1,"image_id":2,"category_id":3,"bbox":[1,2,3,4],"area":5}`, n, 250 * n, "too early"},
		"long boxes":        {`{"annotations": [{}`, `,{"bbox":[` + strings.Repeat("1,", 1000) + `1]}`, 2_000, 1 << 20, "too early"},
		"keys":              {`{"a":1`, `,"b":2`, n, 1 << 20, "too early"},
		"a section":         {`{"info": [1`, `,{"a": "b"}`, n, 1 << 20, "too early"},
		"a long name":       {`{"images": [{"file_name": "`, "x", maxElement + 2<<20, 4 * maxElement, "images[0]: near byte 12: it is too large"},
		"a long section":    {`{"info": "`, "x", maxElement + 2<<20, 4 * maxElement, `"info": near byte`},
		"deep":              {`{"info": `, "[", n, 1 << 20, "deep"},
	} {
		if testing.Short() && tt.n > maxElement {
			continue
		}
		var err error
		held := inputtest.Held(strings.NewReader(tt.head+strings.Repeat(tt.element, tt.n)), 2<<20, func(r io.Reader) { _, err = parseCOCO(r) })
		inputtest.Clear(t, err, tt.want)
		if held > tt.most+1<<20 {
			t.Errorf("%s: %d bytes are held, %d an element", name, held, held/int64(tt.n))
		}
	}
}

func TestListsOfCOCOEnd(t *testing.T) {
	for most, want := range map[int]string{3: "", 2: `"images" has more than 2 elements`} {
		var list []cocoImage
		err := parseList(input.Decoder(strings.NewReader("[{}, {}, {}]"), maxElement), "images", most, &list)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("at most %d: %v", most, err)
		}
	}
}

// TestManyProblems wants a file of nothing but problems to be told in bounded
// memory, and in time by its size.
func TestManyProblems(t *testing.T) {
	list := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	long := strings.Repeat("x", 5000)
	for name, body := range map[string]func(n int) string{
		"unknown images": func(n int) string { return cocoWith("", list(n, `{"image_id": 7}`), "") },
		"same id": func(n int) string {
			return cocoWith("", list(n, `{"id":1,"image_id":1,"category_id":1,"bbox":[1,1,5,5]}`), "")
		},
		"categories": func(n int) string { return cocoWith("", "", list(n, `{"id": 1}`)) },
		"long names": func(n int) string {
			return cocoWith(`{"id": 1, "file_name": "0.png"},`+list(n/20, `{"file_name": "`+long+`"}`), "", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			inputtest.Linear(t, 4_000, func(n int) {
				path := cocoSet(t, 1, body(n))
				_, problems, err := OpenCOCO(path, "", COCOOptions{})
				if err != nil || len(problems) < n/20 {
					t.Errorf("%d problems, %v", len(problems), err)
				}
				for _, p := range problems[:10] {
					inputtest.Clear(t, errors.New(p.String()))
				}
			})
		})
	}
	b := &cocoBuilder{path: "f"}
	for i := range mostProblems + 5 {
		b.problem(KindBadBox, "annotations", i, "", "", "")
	}
	if got := b.listed("f"); len(got) != mostProblems+1 || got[mostProblems].Kind != KindMore || !strings.Contains(got[mostProblems].What, " 5 more") {
		t.Errorf("%d problems, the last %v", len(got), got[len(got)-1])
	}
}

// FuzzParseCOCO wants boxes that lie in their images, and problems that can be
// shown, or one clear error.
func FuzzParseCOCO(f *testing.F) {
	f.Add(cocoGood)
	f.Add(cocoWith("", "", ""))
	f.Add(`{"images": [{"id": 1e3, "width": -1}], "annotations": [{"bbox": [1e308, 0, 1, 1], "iscrowd": true}], "categories": [{}]}`)
	f.Add(`{"images": null}`)
	f.Add(`{"a\n\u001b": [[[{}]]], "images": []}`)
	f.Add(cocoWith(`{"id": 1, "file_name": "a\n\u001b[2J\u009b", "width": 4, "height": 3}`, `{"id":"\u202e"}`, `{"id": 1, "name": "\u0000"}`))
	f.Add(cocoWith(`{"id": 1, "file_name": "a", "width": 1073741824, "height": 1}`, box(1, `"image_id": 1, "category_id": 1, "bbox": [0, 0, 1e308, 1e308]`), ""))
	f.Add(cocoWith("", box(1, `"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1, 1, 1, 1]`), "") + "{}")
	f.Fuzz(func(t *testing.T, body string) {
		raw, err := parseCOCO(strings.NewReader(body))
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		b := &cocoBuilder{labels: map[int64]int{}, places: map[int64]int{}, dropped: map[int64]bool{}, set: &Detection{}}
		b.addCategories(raw.categories)
		for i, m := range raw.images {
			if m.ID.set && !b.known(m.ID.value) && side(m.Width) > 0 && side(m.Height) > 0 {
				b.addImage(i, m, m.FileName)
			}
		}
		b.addObjects(raw.annotations)
		for i, objects := range b.set.Objects {
			m := b.set.Images[i]
			for _, o := range objects {
				if o.Label < 0 || o.Label >= len(b.set.Categories) || math.IsInf(o.Area, 0) || math.IsNaN(o.Area) ||
					!(o.Box[0] >= 0 && o.Box[0] < o.Box[2] && o.Box[2] <= float32(m.W)) ||
					!(o.Box[1] >= 0 && o.Box[1] < o.Box[3] && o.Box[3] <= float32(m.H)) {
					t.Errorf("%+v in %+v", o, m)
				}
			}
		}
		for _, p := range b.listed("f") {
			inputtest.Clear(t, errors.New(p.String()))
		}
	})
}
