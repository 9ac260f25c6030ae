package dataset

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/input/inputtest"
	"detnas/core/seed"
)

// cocoToYOLO writes a set in COCO's form as labels in YOLO's, its images in dir.
func cocoToYOLO(t *testing.T, set *Detection, dir string, digits int) {
	t.Helper()
	for i, m := range set.Images {
		var b strings.Builder
		for _, o := range set.Objects[i] {
			s, w, h := o.Source, float64(m.W), float64(m.H)
			fmt.Fprintf(&b, "%d %.*f %.*f %.*f %.*f\n", o.Label, digits, (s[0]+s[2]/2)/w, digits, (s[1]+s[3]/2)/h, digits, s[2]/w, digits, s[3]/h)
		}
		write(t, filepath.Join(dir, "labels", stem(m.Name)+".txt"), []byte(b.String()))
	}
}

// The same boxes in COCO's and in YOLO's form are equal, as far as the digits go
// that were written.
func TestYOLOHasTheBoxesOfCOCO(t *testing.T) {
	rng := seed.Rand(7, "yolo")
	type box struct {
		ImageID    int        `json:"image_id"`
		CategoryID int        `json:"category_id"`
		BBox       [4]float64 `json:"bbox"`
	}
	var file struct {
		Categories  []Category       `json:"categories"`
		Images      []map[string]any `json:"images"`
		Annotations []box            `json:"annotations"`
	}
	dir := t.TempDir()
	file.Categories = []Category{{0, "cat"}, {1, "dog"}, {2, "red fox"}}
	for i := range 4 {
		w, h := 17+rng.IntN(60), 17+rng.IntN(60)
		name := fmt.Sprintf("%c.png", 'a'+i)
		writePNG(t, filepath.Join(dir, "images", name), toRGBA(pattern(w, h)))
		file.Images = append(file.Images, map[string]any{"id": i + 1, "file_name": name, "width": w, "height": h})
		for range 2 * i { // the first has none
			x, y := rng.Float64()*float64(w-2), rng.Float64()*float64(h-2)
			file.Annotations = append(file.Annotations, box{i + 1, rng.IntN(3), [4]float64{x, y, (float64(w) - x) * (0.1 + 0.9*rng.Float64()), (float64(h) - y) * (0.1 + 0.9*rng.Float64())}})
		}
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	coco, problems, err := OpenCOCO(write(t, filepath.Join(dir, "coco.json"), data), "", COCOOptions{Policy: PolicyRefuse})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	names := write(t, filepath.Join(dir, "data.yaml"), []byte("train: images\nnc: 3\nnames: [cat, dog, 'red fox']\n"))
	for digits, within := range map[int]float64{6: 1e-4, 17: 1e-5} {
		cocoToYOLO(t, coco, dir, digits)
		yolo, problems, err := OpenYOLO(filepath.Join(dir, "labels"), "", YOLOOptions{Policy: PolicyRefuse, Names: names})
		if err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
		approx := cmp.Options{
			cmpopts.EquateApprox(0, within), cmpopts.IgnoreFields(Object{}, "Area", "ID"), cmpopts.IgnoreFields(Detection{}, "Source"),
			cmpopts.EquateEmpty(),
		}
		if diff := cmp.Diff(coco, yolo, approx); diff != "" {
			t.Errorf("%d digits: %s", digits, diff)
		}
		if all, _ := yolo.Boxes(); all != 12 {
			t.Errorf("%d boxes", all)
		}
	}
}

// yoloTree is a set whose images of 40x30 px and labels are one another's but for
// what files says.
func yoloTree(t *testing.T, files map[string]string) string {
	t.Helper()
	all := map[string]string{"names.txt": "cat\ndog\n\n", "images/a.png": "", "labels/a.txt": "0 0.5 0.5 0.25 0.5\n", "labels/classes.txt": "cat\ndog\n"}
	for name, text := range files {
		all[name] = text
	}
	return vocTree(t, all)
}

func openYOLO(root string, policy Policy) (*Detection, []Problem, error) {
	return OpenYOLO(filepath.Join(root, "labels"), "", YOLOOptions{Policy: policy, Names: filepath.Join(root, "names.txt")})
}

func TestOpenYOLO(t *testing.T) {
	root := yoloTree(t, map[string]string{"images/b.png": "", "labels/b.txt": ""})
	set, problems, err := openYOLO(root, PolicyRefuse)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	want := &Detection{
		Source:     filepath.Join(root, "labels"),
		Categories: []Category{{0, "cat"}, {1, "dog"}},
		Images: []ImageInfo{
			{ID: 1, File: filepath.Join(root, "images", "a.png"), Name: "a.png", W: 40, H: 30},
			{ID: 2, File: filepath.Join(root, "images", "b.png"), Name: "b.png", W: 40, H: 30},
		},
		Objects: [][]Object{{{Box: [4]float32{15, 7.5, 25, 22.5}, Source: [4]float64{15, 7.5, 10, 15}, Area: 150}}, nil},
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
}

// What is wrong is told with its file and line, left out under one policy and an
// error under the other.
func TestYOLOProblems(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text  string
		kind, where string
		what        string
		objects     int // of a.png that stay
	}{
		"fields":         {"labels/a.txt", "0 0.5 0.5 0.2 0.2\n\n1 0.5 0.5 0.2\n", KindBadBox, "labels/a.txt:3", "4 fields, not 5", 1},
		"polygon":        {"labels/a.txt", "0 0 0 1 0 1 1", KindBadBox, "labels/a.txt:1", "7 fields", 0},
		"nan":            {"labels/a.txt", "0 0.5 nan 0.2 0.2", KindBadBox, "labels/a.txt:1", `"nan" is no number`, 0},
		"infinite":       {"labels/a.txt", "0 0.5 inf 0.2 0.2", KindBoxOutside, "labels/a.txt:1", "outside 0 to 1", 0},
		"words":          {"labels/a.txt", "0 0.5 0.5 wide 0.2", KindBadBox, "labels/a.txt:1", `"wide" is no number`, 0},
		"pixels":         {"labels/a.txt", "0 20 15 10 10", KindBoxOutside, "labels/a.txt:1", "20 is outside 0 to 1", 0},
		"negative":       {"labels/a.txt", "0 0.5 0.5 -0.2 0.2", KindBoxOutside, "labels/a.txt:1", "-0.2 is outside 0 to 1", 0},
		"class":          {"labels/a.txt", "2 0.5 0.5 0.2 0.2", KindUnknownCategory, "labels/a.txt:1", "the class 2 is not among the 2", 0},
		"negative class": {"labels/a.txt", "-1 0.5 0.5 0.2 0.2", KindUnknownCategory, "labels/a.txt:1", `"-1" is no number of a class`, 0},
		"name of class":  {"labels/a.txt", "cat 0.5 0.5 0.2 0.2", KindUnknownCategory, "labels/a.txt:1", `"cat" is no number of a class`, 0},
		"no area":        {"labels/a.txt", "0 0.5 0.5 0 0.2", KindEmptyBox, "labels/a.txt:1", "no area", 0},
		"over the edge":  {"labels/a.txt", "0 0.9 0.5 0.5 0.2", KindBoxOutside, "labels/a.txt:1", "reaches 6 px out of its 40x30 image", 1},
		"no labels":      {"images/z.png", "", KindMissingFile, "images/z.png", "no labels", 1},
		"no image":       {"labels/z.txt", "", KindMissingFile, "labels/z.txt", "no image z", 1},
		"two images":     {"images/a.tif", "", KindDuplicateID, "images/a.tif", "labels of a.png", 1},
		"broken image":   {"images/b.jpg", "", KindBrokenImage, "images/b.jpg", "", 1},
		"long":           {"labels/b.txt", strings.Repeat("0 0.5 0.5 0.2 0.2\n", maxYOLOLines+1), KindBrokenAnnotation, "labels/b.txt", "more than the 20000 lines", 1},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{tt.file: tt.text}
			switch name {
			case "broken image":
				files["labels/b.txt"] = ""
			case "long":
				files["images/b.png"] = ""
			case "two images": // the name that is first by bytes has the labels
				files = map[string]string{"images/a.tif": "", "images/a.png": ""}
				tt.where, tt.what = "images/a.tif", "a.png"
			}
			root := yoloTree(t, files)
			set, problems, err := openYOLO(root, PolicySkip)
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) != 1 || problems[0].Kind != tt.kind || problems[0].Where != filepath.Join(root, filepath.FromSlash(tt.where)) || !strings.Contains(problems[0].What, tt.what) || problems[0].Cure == "" {
				t.Errorf("problems: %+v", problems)
			}
			if set.Len() != 1 || len(set.Objects[0]) != tt.objects {
				t.Errorf("%d images, objects %v", set.Len(), set.Objects)
			}
			if _, _, err = openYOLO(root, PolicyRefuse); err == nil || !strings.Contains(err.Error(), filepath.FromSlash(tt.where)) || strings.Contains(err.Error(), "left out") {
				t.Errorf("refuse: %v", err)
			}
		})
	}
}

func TestOpenYOLORefuses(t *testing.T) {
	root := yoloTree(t, nil)
	labels, names := filepath.Join(root, "labels"), filepath.Join(root, "names.txt")
	bare := t.TempDir()
	for name, tt := range map[string]struct{ labels, images, names, want string }{
		"no folder":   {filepath.Join(root, "label"), "", names, "list the labels"},
		"no images":   {labels, bare, names, "no image is in"},
		"no labels":   {bare, filepath.Join(root, "images"), names, "holds no label files"},
		"other names": {labels, "", filepath.Join(root, "no.txt"), "read the classes' names"},
		"no names":    {labels, "", "", "no file of the classes' names"},
		"none fits":   {write(t, filepath.Join(bare, "x", "q.txt"), nil)[:len(bare)+2], filepath.Join(root, "images"), names, "none of the 1 images"},
	} {
		_, _, err := OpenYOLO(tt.labels, tt.images, YOLOOptions{Names: tt.names})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestYOLOImages(t *testing.T) {
	for labels, want := range map[string]string{
		"set/labels/train": "set/images/train", "set/train/labels/": "set/train/images", "labels/labels": "labels/images", "/set/obj": "/set/obj",
	} {
		if got := YOLOImages(filepath.FromSlash(labels)); got != filepath.FromSlash(want) {
			t.Errorf("%s: %s", labels, got)
		}
	}
}

func TestYOLONames(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text string
		want       []string
		err        string
	}{
		"list":     {"data.yaml", "nc: 2\nnames: ['a', b c]\n", []string{"a", "b c"}, ""},
		"map":      {"data.yml", "names:\n  1: b\n  0: a\n", []string{"a", "b"}, ""},
		"lines":    {"obj.names", "a\r\nb c\r\n\r\n", []string{"a", "b c"}, ""},
		"hole":     {"data.yaml", "names: {0: a, 2: b}\n", nil, "none for 1"},
		"count":    {"data.yaml", "nc: 3\nnames: [a]\n", nil, "nc is 3 and names has 1"},
		"no names": {"data.yaml", "nc: 3\n", nil, "no list or map called names"},
		"no yaml":  {"data.yaml", "names: [a\n", nil, "the classes' names in"},
		"empty":    {"obj.names", "\n", nil, "class 0 has none"},
		"twice":    {"obj.names", "a\nb\na\n", nil, "the classes 0 and 2"},
		"large":    {"obj.names", strings.Repeat("x", maxNamesBytes+1), nil, "too large"},
	} {
		path := write(t, filepath.Join(t.TempDir(), tt.file), []byte(tt.text))
		got, err := YOLONames(path)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzParseYOLO(f *testing.F) {
	for _, s := range []string{"0 0.5 0.5 1 1\n", "1 nan 0 0 0", "3.0 1e-3 1 1 1\r\n\n", "-1 2 3 4 5 6", "\x00", "0x1p3 0 0 1 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var lines []yoloLine
		took := inputtest.Allocated(func() { lines, _ = parseYOLO(text) })
		if most := 64*int64(len(text)) + 1<<16; took > most {
			t.Errorf("%d bytes were allocated for %d", took, len(text))
		}
		for _, l := range lines {
			if kind, what, cure := l.fault(3); kind != "" {
				if what == "" || cure == "" {
					t.Errorf("%+v: %q, %q", l, what, cure)
				}
				continue
			}
			for _, v := range l.box {
				if math.IsNaN(v) || v < 0 || v > 1 || l.class < 0 || l.class > 2 {
					t.Errorf("%+v is taken", l)
				}
			}
		}
	})
}

// The parts are the whole, each image once, whatever the order of the set is.
func TestShares(t *testing.T) {
	set := &Detection{}
	for i := range 23 {
		set.Images = append(set.Images, ImageInfo{ID: int64(i), Name: fmt.Sprintf("%02d.jpg", i)})
		set.Objects = append(set.Objects, []Object{{ID: int64(i)}})
	}
	reversed := &Detection{}
	for i := range 23 {
		reversed.Images = append(reversed.Images, set.Images[22-i])
		reversed.Objects = append(reversed.Objects, set.Objects[22-i])
	}
	parts, err := set.Shares(5, []float64{0.7, 0.2, 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if n := [3]int{parts[0].Len(), parts[1].Len(), parts[2].Len()}; n != [3]int{16, 5, 2} {
		t.Errorf("parts of %v", n)
	}
	seen := map[string]bool{}
	for _, part := range parts {
		names := part.Names()
		for i, name := range names {
			if seen[name] || i > 0 && name <= names[i-1] || part.Objects[i][0].ID != part.Images[i].ID {
				t.Errorf("%v", names)
			}
			seen[name] = true
		}
	}
	if len(seen) != 23 {
		t.Errorf("%d images", len(seen))
	}
	same, err := reversed.Shares(5, []float64{0.7, 0.2, 0.1})
	if err != nil {
		t.Fatal(err)
	}
	sortNames := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(parts[1].Names(), same[1].Names(), sortNames); diff != "" {
		t.Errorf("the order of the set bears on its parts: %s", diff)
	}
	other, err := set.Shares(6, []float64{0.7, 0.2, 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(parts[1].Names(), other[1].Names()) {
		t.Error("two seeds draw the same")
	}
	if _, err := set.Shares(5, []float64{0.99, 0.01}); err == nil || !strings.Contains(err.Error(), "is none") {
		t.Errorf("a part without images: %v", err)
	}
}
