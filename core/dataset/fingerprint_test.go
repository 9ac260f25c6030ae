package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFingerprintOfAFolder changes a class folder: what a draw falls on changes the
// fingerprint, as does the length of a file, and where the folder is does not. The
// digest of earlier versions is of names alone.
func TestFingerprintOfAFolder(t *testing.T) {
	fingerprint := func(dir string) Fingerprint {
		t.Helper()
		set, err := OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		return set.Fingerprint()
	}
	dir := classFolder(t, 3, "cat", "dog")
	want := fingerprint(dir)
	if want.Images != 6 || len(want.Digest) != 32 {
		t.Errorf("%+v", want)
	}
	if got := fingerprint(classFolder(t, 3, "cat", "dog")); got != want {
		t.Errorf("elsewhere it is %+v, want %+v", got, want)
	}
	set, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want.Older != "3bcb152576914eb84cf77045edad8fcb" || want.Older == want.Digest {
		t.Errorf("by names alone it is %s", want.Older)
	}
	write(t, set.Files[0], []byte("another drawing"))
	if got := fingerprint(dir); got.Digest == want.Digest || got.Older != want.Older {
		t.Errorf("with another image of the name it is %+v, and was %+v", got, want)
	}
	want = fingerprint(dir)
	if err := os.Rename(set.Files[4], strings.Replace(set.Files[4], "dog", "cat", 1)+".png"); err != nil {
		t.Fatal(err)
	}
	moved := fingerprint(dir)
	if moved.Images != 6 || moved.Digest == want.Digest {
		t.Errorf("with an image in another class it is %+v, and was %+v", moved, want)
	}
	if err := os.Remove(set.Files[0]); err != nil {
		t.Fatal(err)
	}
	if got := fingerprint(dir); got.Images != 5 || got.Digest == moved.Digest {
		t.Errorf("without an image it is %+v", got)
	}
}

func TestFingerprintOfADetectionSet(t *testing.T) {
	fresh := func() *Detection {
		return &Detection{
			Categories: []Category{{1, "a"}, {2, "b"}},
			Images:     []ImageInfo{{ID: 1, Name: "0.png", W: 4, H: 3}, {ID: 2, Name: "1.png", W: 4, H: 3}},
			Objects:    [][]Object{{{Source: [4]float64{0, 0, 1, 1}, Area: 1}}, nil},
		}
	}
	want := fresh().Fingerprint()
	if want.Images != 2 || want.Boxes != 1 {
		t.Errorf("%+v", want)
	}
	same := fresh()
	same.Source, same.Images[0].File, same.Images[1].Missing = "elsewhere", "elsewhere/0.png", true
	if got := same.Fingerprint(); got != want {
		t.Errorf("elsewhere, and without a file, it is %+v, want %+v", got, want)
	}
	for name, change := range map[string]func(d *Detection){
		"a category":  func(d *Detection) { d.Categories[1].Name = "c" },
		"an id":       func(d *Detection) { d.Images[0].ID = 7 },
		"a name":      func(d *Detection) { d.Images[0].Name = "2.png" },
		"a size":      func(d *Detection) { d.Images[1].W = 5 },
		"the order":   func(d *Detection) { slices.Reverse(d.Images) },
		"a box":       func(d *Detection) { d.Objects[0][0].Source[2] = 2 },
		"a label":     func(d *Detection) { d.Objects[0][0].Label = 1 },
		"a crowd":     func(d *Detection) { d.Objects[0][0].Crowd = true },
		"a difficult": func(d *Detection) { d.Objects[0][0].Difficult = true },
		"an area":     func(d *Detection) { d.Objects[0][0].Area = 2 },
		"the place":   func(d *Detection) { slices.Reverse(d.Objects) },
	} {
		d := fresh()
		if change(d); d.Fingerprint() == want {
			t.Errorf("%s is another, and the fingerprint is the same", name)
		}
	}
}

// TestAMissingImageKeepsItsPlace removes an image's file under PolicySkip: the
// others are split and ordered as they were with it.
func TestAMissingImageKeepsItsPlace(t *testing.T) {
	var images, boxes []string
	for i := range 8 {
		images = append(images, fmt.Sprintf(`{"id": %d, "file_name": "%[1]d.png", "width": 40, "height": 30}`, i))
		boxes = append(boxes, fmt.Sprintf(`{"id": %d, "image_id": %[1]d, "category_id": 1, "bbox": [1, 1, 5, 5]}`, i))
	}
	coco := cocoSet(t, 8, cocoWith(strings.Join(images, ","), strings.Join(boxes, ","), ""))
	files := map[string]string{}
	for i := range 8 {
		files[fmt.Sprintf("Annotations/%d.xml", i)] = vocXML([2]string{"cat", bndbox(3, 3, 9, 9)})
		files[fmt.Sprintf("JPEGImages/%d.png", i)] = ""
	}
	voc := vocTree(t, files)
	for name, tc := range map[string]struct {
		file string
		open func(Policy) (*Detection, []Problem, error)
	}{
		"coco": {filepath.Join(filepath.Dir(coco), "images", "3.png"), func(p Policy) (*Detection, []Problem, error) {
			return OpenCOCO(coco, "", COCOOptions{Policy: p})
		}},
		"voc": {filepath.Join(voc, "JPEGImages", "3.png"), func(p Policy) (*Detection, []Problem, error) {
			return OpenVOC(voc, "", VOCOptions{Policy: p})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before, _, err := tc.open(PolicyRefuse)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(tc.file); err != nil {
				t.Fatal(err)
			}
			if _, _, err := tc.open(PolicyRefuse); err == nil {
				t.Error("not refused")
			}
			after, problems, err := tc.open(PolicySkip)
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) != 1 || problems[0].Kind != KindMissingFile {
				t.Errorf("problems: %v", problems)
			}
			if before.Fingerprint() != after.Fingerprint() || !cmp.Equal(before.Objects, after.Objects) {
				t.Errorf("the set is another: %v, and was %v", after.Images, before.Images)
			}
			if !after.Images[3].Missing || after.Present().Len() != 7 {
				t.Errorf("missing is what is not there: %v", after.Images)
			}
			batches := func(set *Detection) (all [][]int) {
				s, err := NewDetTrain(set, DetTrainOptions{
					SourceOptions: SourceOptions{Report: func(p Problem) { t.Errorf("said again: %v", p) }},
					Sampling:      Sampling{Seed: 1, Step: "a", Batch: 2}, Scales: []Scale{{30, 40}}, GroupByAspect: true,
				})
				if err != nil {
					t.Fatal(err)
				}
				for i := range s.Iterations() {
					b, err := s.Batch(context.Background(), i)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, []int{b.Images[0].Index, b.Images[1].Index})
				}
				return all
			}
			if err := os.WriteFile(tc.file, nil, 0o600); err != nil { // before is asked for images that are there
				t.Fatal(err)
			}
			writePNG(t, tc.file, toRGBA(pattern(40, 30)))
			want := batches(before)
			if err := os.Remove(tc.file); err != nil {
				t.Fatal(err)
			}
			for _, b := range want { // the next one in the set takes its place
				for k := range b {
					if b[k] == 3 {
						b[k] = 4
					}
				}
			}
			if diff := cmp.Diff(want, batches(after)); diff != "" {
				t.Errorf("the others are in another order (-want +got):\n%s", diff)
			}
			eval, err := NewDetEval(after, DetEvalOptions{Batch: 8, Scale: Scale{30, 40}})
			if err != nil {
				t.Fatal(err)
			}
			if b, err := eval.Batch(context.Background(), 0); err != nil || b.N != 7 {
				t.Errorf("%d images are evaluated, %v", b.N, err)
			}
		})
	}
}
