package voceval

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/dataset"
	"detnas/detector/cocoeval"
)

// bccd finds the shared blood cells, and skips where they are absent.
func bccd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "shared", "data", "bccd")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if filepath.Dir(dir) == dir {
			t.Skip("shared/data/bccd is absent")
		}
		dir = filepath.Dir(dir)
	}
}

// toVOC writes a set as a tree in VOC's form, its images by links.
func toVOC(t *testing.T, set *dataset.Detection) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"Annotations", "JPEGImages", "ImageSets/Main"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(text string, parts ...string) {
		if err := os.WriteFile(filepath.Join(append([]string{root}, parts...)...), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var list strings.Builder
	for i, image := range set.Images {
		file := filepath.Base(image.File)
		name := strings.TrimSuffix(file, filepath.Ext(file))
		fmt.Fprintln(&list, name)
		var b strings.Builder
		fmt.Fprintf(&b, "<annotation>\n<filename>%s</filename>\n<size><width>%d</width><height>%d</height><depth>3</depth></size>\n", file, image.W, image.H)
		for _, o := range set.Objects[i] {
			x, y, w, h := o.Source[0], o.Source[1], o.Source[2], o.Source[3]
			fmt.Fprintf(&b, "<object><name>%s</name><difficult>0</difficult><bndbox><xmin>%v</xmin><ymin>%v</ymin><xmax>%v</xmax><ymax>%v</ymax></bndbox></object>\n",
				set.Categories[o.Label].Name, x+1, y+1, x+w, y+h)
		}
		write(b.String()+"</annotation>\n", "Annotations", name+".xml")
		if err := os.Symlink(image.File, filepath.Join(root, "JPEGImages", file)); err != nil {
			t.Fatal(err)
		}
	}
	write(list.String(), "ImageSets", "Main", "all.txt")
	return root
}

// The same cells in COCO's and in VOC's form have the same boxes, and detections
// the same figures, VOC's and COCO's alike.
func TestBothFormsAreTheSame(t *testing.T) {
	dir := bccd(t)
	for _, file := range []string{"train.json", "val.json", "test.json"} {
		t.Run(file, func(t *testing.T) {
			coco, _, err := dataset.OpenCOCO(filepath.Join(dir, file), "", dataset.COCOOptions{})
			if err != nil {
				t.Fatal(err)
			}
			voc, problems, err := dataset.OpenVOC(toVOC(t, coco), "all", dataset.VOCOptions{Classes: coco.Classes()})
			if err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			boxes := cmpopts.IgnoreFields(dataset.Object{}, "ID", "Area")
			if diff := cmp.Diff(coco.Objects, voc.Objects, boxes); diff != "" {
				t.Fatalf("boxes differ (-COCO +VOC):\n%s", diff)
			}
			n, _ := voc.Boxes()
			if n < 900 || voc.Len() != coco.Len() {
				t.Fatalf("%d boxes on %d images", n, voc.Len())
			}
			r := rand.New(rand.NewPCG(1, 2))
			var inCOCO, inVOC []cocoeval.Detection
			for i, objects := range coco.Objects {
				for _, o := range objects {
					box := o.Source
					for k := range box {
						box[k] += box[2+k%2] * 0.15 * r.NormFloat64()
					}
					d := cocoeval.Detection{Box: box, Score: float64(r.IntN(20)) / 20}
					d.ImageID, d.CategoryID = int(coco.Images[i].ID), int(coco.Categories[o.Label].ID)
					inCOCO = append(inCOCO, d)
					d.ImageID, d.CategoryID = int(voc.Images[i].ID), int(voc.Categories[o.Label].ID)
					inVOC = append(inVOC, d)
				}
			}
			a, b := both(t, coco, inCOCO), both(t, voc, inVOC)
			if !(a.MAP07 > 0.1 && a.MAP07 < 0.95 && a.MAP > 0.1 && a.MAP < 0.95) {
				t.Errorf("mAP07 %v and mAP %v of perturbed boxes tell nothing", a.MAP07, a.MAP)
			}
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("the figures differ (-COCO +VOC):\n%s", diff)
			}
			t.Logf("%d boxes, mAP07 %.4f, mAP %.4f, AP50 %.4f", n, a.MAP07, a.MAP, a.AP50)
		})
	}
}

// figures are what detections come to by either evaluation.
type figures struct{ MAP07, MAP, AP, AP50, AP75 float64 }

func both(t *testing.T, set *dataset.Detection, found []cocoeval.Detection) figures {
	t.Helper()
	gt := cocoeval.FromSet(set)
	v, err := Evaluate(gt, found)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cocoeval.Evaluate(gt, found, cocoeval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return figures{v.MAP07, v.MAP, c.AP, c.AP50, c.AP75}
}
