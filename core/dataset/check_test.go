package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckCOCO(t *testing.T) {
	path := cocoSet(t, 4, cocoWith(`
		{"id": 1, "file_name": "0.png", "width": 40, "height": 30},
		{"id": 2, "file_name": "1.png", "width": 30, "height": 40},
		{"id": 3, "file_name": "2.png", "width": 40, "height": 30},
		{"id": 4, "file_name": "3.png", "width": 40, "height": 30}`, `
		{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5], "area": 1023.9},
		{"id": 2, "image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5], "area": 1024},
		{"id": 3, "image_id": 1, "category_id": 9, "bbox": [1, 1, 5, 5], "area": 9216},
		{"id": 4, "image_id": 3, "category_id": 9, "bbox": [1, 1, 5, 5], "iscrowd": 1},
		{"id": 5, "image_id": 3, "category_id": 8, "bbox": [1, 1, 5, 5]}`,
		`{"id": 7, "name": "a"}, {"id": 9, "name": "b"}`))
	broken := filepath.Join(filepath.Dir(path), "images", "3.png")
	write(t, broken, []byte("broken"))
	last := 0
	r, err := CheckCOCO(t.Context(), path, "", CheckOptions{Images: true, Workers: 3, Progress: func(done, total int) {
		if done != last+1 || total != 4 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}})
	if err != nil {
		t.Fatal(err)
	}
	problems := r.Problems
	r.Problems = nil
	want := &Report{
		Format: "coco", Source: path, Images: 4, Boxes: 4, Classes: 2, Crowds: 1, EmptyImages: 2,
		Small: 1, Medium: 1, Large: 1, Decoded: 2,
		PerClass: []ClassCount{{ID: 7, Name: "a", Images: 1, Boxes: 2}, {ID: 9, Name: "b", Images: 2, Boxes: 2}},
		Counts:   map[string]int{KindUnknownCategory: 1, KindSizeMismatch: 1, KindBrokenImage: 1},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if len(problems) != 3 || problems[1].Kind != KindSizeMismatch || problems[2].Where != broken {
		t.Errorf("problems %v", problems)
	}
	r.Problems = problems
	text := r.Text()
	for _, s := range []string{"4, of which 1 crowds", "1 small, 1 medium, 1 large", "3 problems", "broken-image: 1", broken} {
		if !strings.Contains(text, s) {
			t.Errorf("the text lacks %q:\n%s", s, text)
		}
	}
}

func TestCheckFolder(t *testing.T) {
	dir := classFolder(t, 2, "cat", "dog")
	write(t, filepath.Join(dir, "dog", "a.png"), nil)
	write(t, filepath.Join(dir, "dog", "list.csv"), nil)
	write(t, filepath.Join(dir, "eel", ".keep"), nil)
	r, err := CheckFolder(t.Context(), dir, CheckOptions{Images: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Images != 4 || r.Classes != 3 || r.Decoded != 3 {
		t.Errorf("%d images, %d classes, %d decoded; want 4, 3, 3", r.Images, r.Classes, r.Decoded)
	}
	want := map[string]int{KindBrokenImage: 1, KindUnknownExtension: 1, KindEmptyClass: 1}
	if diff := cmp.Diff(want, r.Counts); diff != "" {
		t.Error(diff)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"images":4`, `"empty_images":0`, `"per_class":[{"id":0,"name":"cat","images":2,"boxes":0}`, `"problems":[{"kind":`} {
		if !strings.Contains(string(data), key) {
			t.Errorf("the JSON lacks %s: %s", key, data)
		}
	}
}

func TestCheckWithoutProblems(t *testing.T) {
	r, err := CheckFolder(t.Context(), classFolder(t, 1, "cat"), CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(data), `"problems":[]`) {
		t.Errorf("%s, %v", data, err)
	}
	if !strings.Contains(r.Text(), "no problems") {
		t.Errorf("text:\n%s", r.Text())
	}
}

func TestCheckStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := CheckFolder(ctx, classFolder(t, 20, "cat"), CheckOptions{Images: true, Progress: func(int, int) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled", err)
	}
}

func TestCheckSharedSets(t *testing.T) {
	for _, file := range []string{"bccd/train.json", "bccd/val.json", "bccd/test.json", "coco/train.json", "coco/val.json"} {
		t.Run(file, func(t *testing.T) {
			folder, name := filepath.Split(file)
			r, err := CheckCOCO(t.Context(), filepath.Join(shared(t, folder), name), "", CheckOptions{Images: folder == "coco/"})
			if err != nil {
				t.Fatal(err)
			}
			if n := r.Counts[KindBrokenImage] + r.Counts[KindSizeMismatch]; n > 0 || folder == "coco/" && r.Decoded != 50 {
				t.Errorf("%d decoded, %d broken:\n%s", r.Decoded, n, r.Text())
			}
		})
	}
}
