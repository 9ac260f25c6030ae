package voceval

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/dataset"
	"detnas/core/input/inputtest"
	"detnas/detector/cocoeval"
)

func results(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func twoCats() *dataset.Detection {
	return &dataset.Detection{
		Source:     "voc",
		Categories: []dataset.Category{{ID: 1, Name: "cat"}, {ID: 2, Name: "wild cat"}},
		Images:     []dataset.ImageInfo{{ID: 1, Name: "000001"}, {ID: 2, Name: "000002"}},
	}
}

func TestReadDetections(t *testing.T) {
	dir := results(t, map[string]string{
		"comp4_det_test_cat.txt": "000002 0.5 1 1 10 5\n\n000001 -1e-3  2.5 3 2.5 3\r\n",
		"wild cat.txt":           "",
		"comp4_det_test_dog.txt": "not read",
	})
	got, err := ReadDetections(dir, twoCats())
	want := []cocoeval.Detection{
		{ImageID: 2, CategoryID: 1, Score: 0.5, Box: [4]float64{0, 0, 10, 5}},
		{ImageID: 1, CategoryID: 1, Score: -1e-3, Box: [4]float64{1.5, 2, 1, 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestReadDetectionsErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no file":        {map[string]string{"cat.txt": ""}, "no result file of the class wild cat"},
		"two files":      {map[string]string{"cat.txt": "", "comp3_det_test_cat.txt": ""}, "two result files of the class cat"},
		"five words":     {map[string]string{"cat.txt": "\n000001 1 1 1 1"}, "cat.txt:2: 5 words"},
		"unknown image":  {map[string]string{"cat.txt": "000003 1 1 1 1 1"}, "cat.txt:1: the image 000003 is not in the ground truth"},
		"no number":      {map[string]string{"cat.txt": "000001 1 1 x 1 1"}, "cat.txt:1: \"x\" is no finite number"},
		"NaN":            {map[string]string{"cat.txt": "000001 nan 1 1 1 1"}, "cat.txt:1: \"nan\" is no finite number"},
		"an endless one": {map[string]string{"cat.txt": strings.Repeat("0", 2*maxLine)}, "cat.txt:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadDetections(results(t, tt.files), twoCats()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	same := twoCats()
	same.Images[1].Name = "000001"
	if _, err := ReadDetections(results(t, nil), same); err == nil || !strings.Contains(err.Error(), "two images 000001") {
		t.Errorf("two images of one name: %v", err)
	}
	if _, err := ReadDetections(filepath.Join(t.TempDir(), "nowhere"), twoCats()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("no folder: %v", err)
	}
}

// TestResultsTakeMemoryByTheLine reads the shortest lines that there can be, in twice
// as many.
func TestResultsTakeMemoryByTheLine(t *testing.T) {
	const line = "1 1 1 1 1 1\n"
	inputtest.Linear(t, 20_000, func(n int) {
		file := filepath.Join(results(t, map[string]string{"cat.txt": strings.Repeat(line, n)}), "cat.txt")
		took := inputtest.Allocated(func() {
			if all, err := readResults(nil, file, 1, map[string]int{"1": 1}); err != nil || len(all) != n {
				t.Errorf("%d detections, %v", len(all), err)
			}
		})
		if took > 64*int64(n*len(line)) {
			t.Errorf("%d bytes are allocated for %d lines", took, n)
		}
	})
}

// FuzzReadResults wants of a result file finite boxes of known images, or one clear
// error that names the file and the line.
func FuzzReadResults(f *testing.F) {
	for _, text := range []string{
		"000002 0.5 1 1 10 5\n\n000001 -1e-3  2.5 3 2.5 3\r\n", "000001 NaN 1 1 1 1", "000001 1 -1e308 1 1e308 1", "000001 1 1 1\n", "\x1b[2J 1 1 1 1 1",
		"000001 0x1p4 1_0 1 1 1", "", "\x00\xff\u202e\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "cat.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := readResults(nil, file, 1, map[string]int{"000001": 1, "000002": 2})
		if err != nil {
			inputtest.Clear(t, err, file+":")
			return
		}
		for _, d := range all {
			for _, v := range append(d.Box[:], d.Score) {
				if math.IsNaN(v) || math.IsInf(v, 0) || d.ImageID < 1 || d.ImageID > 2 {
					t.Fatalf("%+v", d)
				}
			}
		}
	})
}
