package cocoeval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/input"
	"detnas/core/input/inputtest"
)

const sampleGT = `{"info":{"year":[1,{"a":null}]},
"images":[{"id":0,"file_name":"a.jpg"},{"id":12}],
"annotations":[{"id":5,"image_id":12,"category_id":3,"bbox":[1,2,3,4],"area":10.5,"iscrowd":1,"segmentation":[[1,2]]},
{"id":6,"image_id":0,"category_id":3,"bbox":[1.5,2,3,4]},
{"id":7.0,"image_id":0,"category_id":3,"bbox":[0,0,1,1],"iscrowd":false,"area":null}],
"categories":[{"id":3,"name":"c\u0061t"}]}`

const sampleDT = `[{"image_id":12,"category_id":3,"bbox":[1,2,3,4],"score":0.25},
{"score":1e-3,"bbox":[0,0,1,1],"category_id":3,"image_id":0,"extra":{}}]`

// writeFile puts content in a file of the test's folder.
func writeFile(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "file.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestReadGroundTruth(t *testing.T) {
	got, err := ReadGroundTruth(writeFile(t, sampleGT))
	if err != nil {
		t.Fatal(err)
	}
	want := &GroundTruth{
		ImageIDs:   []int{0, 12},
		Categories: []Category{{ID: 3, Name: "cat"}},
		Annotations: []Annotation{
			{ID: 5, ImageID: 12, CategoryID: 3, Box: [4]float64{1, 2, 3, 4}, Area: 10.5, Crowd: true},
			{ID: 6, ImageID: 0, CategoryID: 3, Box: [4]float64{1.5, 2, 3, 4}, Area: 12},
			{ID: 7, ImageID: 0, CategoryID: 3, Box: [4]float64{0, 0, 1, 1}, Area: 1},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadDetections(t *testing.T) {
	got, err := ReadDetections(writeFile(t, sampleDT))
	if err != nil {
		t.Fatal(err)
	}
	want := []Detection{
		{ImageID: 12, CategoryID: 3, Box: [4]float64{1, 2, 3, 4}, Score: 0.25},
		{ImageID: 0, CategoryID: 3, Box: [4]float64{0, 0, 1, 1}, Score: 1e-3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if empty, err := ReadDetections(writeFile(t, " [] ")); err != nil || len(empty) != 0 {
		t.Errorf("an empty list gave %v, %v", empty, err)
	}
}

func TestReadErrorsNameThePlace(t *testing.T) {
	gt := func(annotations string) string {
		return `{"images":[{"id":1}],"categories":[{"id":1}],"annotations":[` + annotations + `]}`
	}
	const good = `{"id":4,"image_id":1,"category_id":1,"bbox":[0,0,1,1]}`
	tests := []struct {
		name, gt, dt, want string
	}{
		{name: "empty file", gt: " ", want: "ends in the middle"},
		{name: "cut off", gt: sampleGT[:len(sampleGT)-40], want: "ends in the middle"},
		{name: "a list", gt: "[]", want: "want {, found ["},
		{name: "no annotations", gt: `{"images":[],"categories":[]}`, want: `no "annotations"`},
		{name: "key twice", gt: `{"images":[],"images":[]}`, want: `"images" is there twice`},
		{name: "image without id", gt: `{"images":[{"id":1},{}]}`, want: "image 1: no id"},
		{name: "category without id", gt: `{"categories":[{"name":"x"}]}`, want: "category 0: no id"},
		{name: "annotation without id", gt: gt(`{"image_id":1,"category_id":1,"bbox":[0,0,1,1]}`), want: "annotation 0: no id"},
		{name: "annotation without image", gt: gt(good + `,{"id":9}`), want: "annotation 1 (id 9): no image_id; no category_id; bbox has 0 numbers"},
		{name: "short box", gt: gt(`{"id":4,"image_id":1,"category_id":1,"bbox":[0,0,1]}`), want: "annotation 0 (id 4): bbox has 3 numbers"},
		{name: "id twice", gt: gt(good + "," + good), want: "annotation 1 (id 4): annotation 0 has the same id"},
		{name: "endless area", gt: gt(`{"id":4,"image_id":1,"category_id":1,"bbox":[0,0,1,1],"area":1e999}`), want: "annotation 0 (id 4): 1e999 is more than a float64 holds, at byte 121"},
		{name: "broken id", gt: gt(`{"id":4.5}`), want: "annotation 0: 4.5 is not a whole number"},
		{name: "keys in another case", gt: gt(`{"ID":4,"Image_Id":1,"category_id":1,"bbox":[0,0,1,1]}`), want: "annotation 0: no id; no image_id"},
		{name: "wrong crowd", gt: gt(`{"id":4,"iscrowd":2}`), want: "annotation 0 (id 4): iscrowd is 2, want 0 or 1, at byte 78"},
		{name: "terminal codes", gt: gt(`{"id":4,"iscrowd":"\u001b[2J\n"}`), want: `iscrowd is "\x1b[2J\n", want 0 or 1`},
		{name: "odd crowd", gt: gt(`{"id":4,"iscrowd":"yes"}`), want: `annotation 0 (id 4): iscrowd is "yes"`},
		{name: "more data", gt: gt(good) + "{}", want: "more data"},
		{name: "an object", dt: "{}", want: "want [, found {"},
		{name: "NaN", dt: `[{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":NaN}]`, want: "detection 0: NaN or Infinity"},
		{name: "no score", dt: `[{"image_id":1,"category_id":1,"bbox":[0,0,1,1]}]`, want: "detection 0: no score"},
		{name: "endless score", dt: `[{"score":1e400}]`, want: "detection 0: 1e400 is more than a float64 holds, at byte 10"},
		{name: "endless box", dt: `[{"bbox":[0,0,-Infinity,1]}]`, want: "detection 0: NaN or Infinity for a number, at byte 15"},
		{name: "null", dt: `[null]`, want: "detection 0: want {, found n, at byte 1"},
		{name: "long box", dt: `[{"image_id":1,"category_id":1,"bbox":[0,0,1,1,9],"score":1}]`, want: "detection 0: bbox has 5 numbers"},
		{name: "null score", dt: `[{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":null}]`, want: "detection 0: no score"},
		{name: "no leftovers", dt: `[` + sampleDT[1:strings.Index(sampleDT, ",\n")] + `,{}]`, want: "detection 1: no image_id; no category_id; bbox has 0 numbers"},
		{name: "text id", dt: `[{"image_id":"a"}]`, want: "detection 0: "},
		{name: "cut off list", dt: sampleDT[:len(sampleDT)-1], want: "ends in the middle"},
		{name: "broken list", dt: `[{}`, want: "detection 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, tt.gt+tt.dt)
			var err error
			if tt.gt != "" {
				_, err = ReadGroundTruth(path)
			} else {
				_, err = ReadDetections(path)
			}
			inputtest.Clear(t, err, path, tt.want)
		})
	}
}

func TestReadMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.json")
	if _, err := ReadGroundTruth(path); err == nil || strings.Count(err.Error(), path) != 1 {
		t.Errorf("error %v, want one that names the path once", err)
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	for _, path := range []string{t.TempDir(), "/dev/zero"} {
		_, _, err := ReadFiles(path, path)
		if !errors.Is(err, input.ErrNotFile) {
			t.Errorf("%s: error %v, want %v", path, err, input.ErrNotFile)
		}
	}
}

// TestMemoryIsThatOfTheFile reads the shortest entries that there can be.
func TestMemoryIsThatOfTheFile(t *testing.T) {
	const n = 20_000
	var annotations []string
	for i := range n {
		annotations = append(annotations, fmt.Sprintf(`{"id":%d,"image_id":1,"category_id":1,"bbox":[0,0,1,1]}`, i))
	}
	list := func(entry string) string { return "[" + strings.Repeat(entry+",", n) + entry + "]" }
	for _, tt := range []struct {
		name, text string
		times      int64
	}{
		{"images", `{"images":` + list(`{"id":1}`), 8},
		{"categories", `{"categories":` + list(`{"id":1}`), 8},
		{"annotations", `{"annotations":[` + strings.Join(annotations, ",") + "]", 8},
		{"detections", list(`{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":1}`), 4},
		{"masks", `{"annotations":[],"images":[{"segmentation":` + list("[123.5]"), 1},
	} {
		held := inputtest.Held(strings.NewReader(tt.text), int64(len(tt.text)/10), func(r io.Reader) {
			if tt.text[0] == '[' {
				_, _ = parseDetections(r)
			} else {
				_, _ = parseGroundTruth(r)
			}
		})
		if most := tt.times*int64(len(tt.text)) + 4*bufferSize; held > most {
			t.Errorf("%s: %d bytes held of %d that were read, want %d at most", tt.name, held, len(tt.text), most)
		}
	}
}

func TestReadFiles(t *testing.T) {
	gtPath, dtPath := writeFile(t, sampleGT), writeFile(t, sampleDT)
	gt, dts, err := ReadFiles(gtPath, dtPath)
	if err != nil || len(gt.Annotations) != 3 || len(dts) != 2 {
		t.Errorf("%v, %v, %v", gt, dts, err)
	}
	for _, paths := range [][2]string{{dtPath, gtPath}, {dtPath, dtPath}} { // two wrong ones: the first is told
		if _, _, err := ReadFiles(paths[0], paths[1]); err == nil || !strings.HasPrefix(err.Error(), "ground truth "+dtPath) {
			t.Errorf("error %v", err)
		}
	}
	if _, _, err := ReadFiles(gtPath, gtPath); err == nil || !strings.HasPrefix(err.Error(), "detections "+gtPath) {
		t.Errorf("error %v", err)
	}
}

func TestCategoriesAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range maxCategories + 1 {
		fmt.Fprintf(&b, `,{"id":%d}`, i)
	}
	for cut, want := range map[int]string{strings.LastIndex(b.String(), ","): `no "images"`, b.Len(): "more than 65536 categories"} {
		_, err := parseGroundTruth(strings.NewReader(`{"categories":[` + b.String()[1:cut] + `]}`))
		inputtest.Clear(t, err, want)
	}
}

// TestEvaluatingIsLinear wants figures of many objects in one place, on many images
// and of many categories, for work by their number.
func TestEvaluatingIsLinear(t *testing.T) {
	for name, of := range map[string]func(i int) (image, category int){
		"one place":       func(int) (int, int) { return 1, 1 },
		"many images":     func(i int) (int, int) { return i, 1 },
		"many categories": func(i int) (int, int) { return 1, i },
	} {
		inputtest.Linear(t, 1_000, func(n int) {
			gt, dts := &GroundTruth{}, make([]Detection, 0, n)
			for i := range n {
				image, category := of(i)
				gt.ImageIDs = append(gt.ImageIDs, image)
				gt.Categories = append(gt.Categories, Category{ID: category})
				gt.Annotations = append(gt.Annotations, Annotation{ID: i, ImageID: image, CategoryID: category, Box: [4]float64{0, 0, 9, 9}, Area: 81})
				dts = append(dts, Detection{ImageID: image, CategoryID: category, Box: [4]float64{0, 0, 9, 9}, Score: 0.5})
			}
			if _, err := Evaluate(gt, dts, Options{Workers: 1}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// FuzzReadGroundTruth wants figures that can be, of any file that is read, or one
// clear error.
func FuzzReadGroundTruth(f *testing.F) {
	f.Add([]byte(sampleGT))
	f.Add([]byte(`{"images":[{"id":1}],"categories":[{"id":1}],"annotations":[{"id":0,"image_id":1,"category_id":1,"bbox":[0,0,1e308,1e308],"iscrowd":true}]}`))
	f.Add([]byte(`{"images":null}`))
	f.Add([]byte(`""`))
	f.Add([]byte(`{"a\n\u009b":1,"images":"\u001b[2J"}`))
	f.Add([]byte(`{"images":[{"id":1},{"id":1}],"categories":[{"id":1},{"id":1}],"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[-1e308,0,1e308,0],"area":-1}]}`))
	f.Add([]byte(`{"annotations":[{"iscrowd":"\u202e"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		gt, err := parseGroundTruth(bytes.NewReader(data))
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		dts := make([]Detection, 0, len(gt.Annotations))
		for _, a := range gt.Annotations {
			if len(gt.ImageIDs) > 0 {
				dts = append(dts, Detection{ImageID: gt.ImageIDs[0], CategoryID: a.CategoryID, Box: a.Box, Score: a.Area})
			}
		}
		r, err := Evaluate(gt, dts, Options{})
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		figures := []float64{r.AP, r.AP50, r.AP75, r.APs, r.APm, r.APl, r.AR1, r.AR10, r.AR100, r.ARs, r.ARm, r.ARl}
		for _, c := range gt.Categories {
			of, ok := r.PerCategory[c.ID]
			if !ok {
				t.Errorf("no figures of category %d", c.ID)
			}
			figures = append(figures, of.AP, of.AP50)
		}
		for i, v := range figures {
			if v != -1 && !(v >= 0 && v <= 1) {
				t.Errorf("figure %d is %v", i, v)
			}
		}
	})
}

// FuzzReadDetections wants what encoding/json reads of every element, or one clear
// error.

func FuzzReadDetections(f *testing.F) {
	f.Add([]byte(sampleDT))
	f.Add([]byte(`[{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":NaN}]`))
	f.Add([]byte(`[null]`))
	f.Add([]byte(`[{"image_id":-9223372036854775808,"category_id":1,"bbox":[0,0,1,1],"score":1e999}]`))
	f.Add([]byte("[\"\x7f\u009b\"] []"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dts, err := parseDetections(bytes.NewReader(data))
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		var whole []map[string]json.RawMessage // a struct's keys would match in any case
		if err := json.Unmarshal(data, &whole); err != nil || len(whole) != len(dts) {
			t.Fatalf("%d detections read from %d elements, %v", len(dts), len(whole), err)
		}
		for i, e := range whole {
			var ids [2]float64
			var want Detection
			err := errors.Join(json.Unmarshal(e["image_id"], &ids[0]), json.Unmarshal(e["category_id"], &ids[1]),
				json.Unmarshal(e["bbox"], &want.Box), json.Unmarshal(e["score"], &want.Score))
			want.ImageID, want.CategoryID = dts[i].ImageID, dts[i].CategoryID
			if err != nil || dts[i] != want || float64(want.ImageID) != ids[0] || float64(want.CategoryID) != ids[1] {
				t.Errorf("detection %d is %v, want %v and ids %v, %v", i, dts[i], want, ids, err)
			}
		}
	})
}
