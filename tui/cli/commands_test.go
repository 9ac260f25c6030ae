package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/dataset"
)

func TestWrongUsage(t *testing.T) {
	tests := []struct {
		args  []string
		parts []string
	}{
		{[]string{"evl", "--gt", "x"}, []string{`unknown command "evl"`, "did you mean eval"}},
		{[]string{"--nonsense"}, []string{"unknown flag", "detnas --help"}},
		{[]string{"subnet"}, []string{"show, convert"}},
		{[]string{"subnet", "shw", "--json"}, []string{`"shw"`, "did you mean show?"}},
		{[]string{"subnet", "xyzzy"}, []string{"it has show, convert"}},
		{[]string{"subnet", "show"}, []string{"wants a subnet"}},
		{[]string{"subnet", "show", "1", "2"}, []string{`"2"`}},
		{[]string{"subnet", "show", "1", "--space", "9g"}, []string{"300m, 1.3g, 3.8g"}},
		{[]string{"subnet", "show", "1", "--layout", "new"}, []string{"mmrazor, official or official-2"}},
		{[]string{"subnet", "show", "1", "--input-size", "0"}, []string{"--input-size 0"}},
		{[]string{"subnet", "show", "1", "--input-size", "big"}, []string{"--input-size"}},
		{[]string{"subnet", "convert", "1"}, []string{`"to"`}},
		{[]string{"subnet", "convert", "1", "--to", "json"}, []string{"mmrazor-0.1, mmrazor-1.0, modules or short"}},
		{[]string{"eval", "--gt", "x"}, []string{`--dt`}},
		{[]string{"eval", "x", "y"}, []string{"at most 1"}},
		{[]string{"version", "now"}, []string{`"now"`}},
		{[]string{"status"}, []string{"wants a run"}},
		{[]string{"runs", "x"}, []string{`"x"`}},
		{[]string{"preset", "none"}, []string{"demo"}},
		{[]string{"data", "check"}, []string{"--annotations"}},
		{[]string{"data", "check", "--format", "kitti", "x"}, []string{"coco, voc, yolo or folder"}},
		{[]string{"data", "check", "--format", "coco"}, []string{"--annotations FILE"}},
		{[]string{"data", "check", "--format", "folder", "--annotations", "x"}, []string{"--format coco"}},
		{[]string{"data", "check", "--images", "x", "--dir", "y"}, []string{"images", "dir"}},
		{[]string{"data", "check", "--images", "x", "y"}, []string{"twice"}},
		{[]string{"data", "shapes", "x", "--classes", "99"}, []string{"classes is 99"}},
		{[]string{"run"}, []string{"demo", "tiny"}},
		{[]string{"run", "tiny", "small"}, []string{"2"}},
		{[]string{"run", "tiny", "--from", "9"}, []string{"--from", `"9"`, "1 to 5, or supernet-pretrain, supernet-finetune, search"}},
		{[]string{"run", "tiny", "--to", "serch"}, []string{"did you mean search?"}},
		{[]string{"run", "tiny", "--from", "3", "--to", "2"}, []string{"comes after"}},
		{[]string{"run", "tiny", "--subnet", "0-0-00-0", "--to", "2"}, []string{"nothing to do"}},
		{[]string{"run", "tiny", "--resume", "x"}, []string{"CONFIG"}},
		{[]string{"run", "--resume", "x", "--name", "y"}, []string{"--name"}},
		{[]string{"run", "tiny", "--or-resume"}, []string{"--name"}},
		{[]string{"run", "--resume", "x", "--or-resume"}, []string{"--or-resume"}},
		{[]string{"run", "tiny", "--headless", "--detach"}, []string{"--headless"}},
		{[]string{"attach"}, []string{"wants a run"}},
		{[]string{"run", "--resume", "x", "--subnet", "0-0-00-0"}, []string{"--subnet"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			detnas(t, nil, tt.args...).fails(t, exitUsage, tt.parts...)
		})
	}
}

func TestHelp(t *testing.T) {
	detnas(t, nil).succeeds(t, "subnet", "run", "eval")
	detnas(t, nil, "run", "--help").succeeds(t, "--resume", "supernet-pretrain")
	detnas(t, nil, "help", "subnet", "show").succeeds(t, "--input-size")
	detnas(t, nil, "--version").succeeds(t, "1.2.3")
	detnas(t, nil, "completion", "bash").succeeds(t, "detnas")
}

// object decodes JSON and wants exactly the keys.
func object(t *testing.T, text string, keys ...string) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, k := range keys {
		if _, ok := got[k]; !ok {
			t.Errorf("the JSON lacks %q", k)
		}
	}
	if len(got) != len(keys) {
		t.Errorf("the JSON has %d keys, want %v: %s", len(got), keys, text)
	}
	return got
}

func TestVersion(t *testing.T) {
	c := detnas(t, nil, "version", "--json")
	c.succeeds(t)
	got := object(t, c.out, "version", "libtorch", "blas", "threads", "cuda")
	if got["version"] != "1.2.3" || got["libtorch"] != "1.13.0" || got["blas"] != "OpenBLAS" || got["cuda"] != 0.0 || got["threads"].(float64) < 1 {
		t.Errorf("%v", got)
	}
	detnas(t, nil, "version").succeeds(t, "OpenBLAS", "no device")
}

func TestSlowBLASIsNamedWithItsCure(t *testing.T) {
	var out, errs bytes.Buffer
	a := &App{Out: &out, Err: &errs, Describe: func() Compute { return Compute{BLAS: "reference BLAS", SlowBLAS: true} }}
	if code := a.Execute(t.Context(), []string{"version"}); code != exitOK || !strings.Contains(errs.String(), "apt install libopenblas0") {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
}

func TestSubnetShow(t *testing.T) {
	c := detnas(t, nil, "subnet", "show", published, "--json")
	c.succeeds(t)
	got := object(t, c.out, "space", "layout", "subnet", "body", "classifier")
	if got["space"] != "300m" || got["layout"] != "mmrazor" || got["subnet"] != published {
		t.Errorf("%v", got)
	}
	// The figures are those of the spec's table 2.4.
	body, classifier := got["body"].(map[string]any), got["classifier"].(map[string]any)
	for _, want := range []struct {
		of    map[string]any
		key   string
		value float64
	}{
		{body, "params", 1_666_192},
		{body, "conv_macs", 291_782_848},
		{classifier, "params", 3_348_600},
		{classifier, "mmcv_flops", 337_212_608},
	} {
		if want.of[want.key] != want.value {
			t.Errorf("%s is %v, want %.0f", want.key, want.of[want.key], want.value)
		}
	}
	if len(body) != 4 || len(classifier) != 3 {
		t.Errorf("body has %d keys and classifier %d", len(body), len(classifier))
	}
	detnas(t, nil, "subnet", "show", published).succeeds(t, "1,666,192", "291,782,848", "3,348,600", "337,212,608", "not the backbone")
	detnas(t, nil, "subnet", "show", "1000-3032", "--json").fails(t, exitFailed, "1000-3032", "4")
	detnas(t, nil, "subnet", "show", "nowhere.yaml").fails(t, exitFailed, "nowhere.yaml", "short form")
}

func TestSubnetConvert(t *testing.T) {
	for _, form := range []string{"mmrazor-0.1", "mmrazor-1.0", "modules"} {
		file := filepath.Join(t.TempDir(), "subnet.yaml")
		detnas(t, nil, "subnet", "convert", published, "--to", form, "-o", file).succeeds(t)
		c := detnas(t, nil, "subnet", "convert", file, "--to", "short")
		c.succeeds(t)
		if c.out != published+"\n" {
			t.Errorf("by way of %s it is %q", form, c.out)
		}
	}
	detnas(t, nil, "subnet", "convert", published, "--to", "short", "-o", "/nowhere/at/all").fails(t, exitFailed, "/nowhere/at/all")
}

func TestEvalEqualsPycocotools(t *testing.T) {
	dir := shared(t, "golden/cocoeval")
	for _, name := range []string{"toy", "val2014_100"} {
		c := detnas(t, nil, "eval", "--json", "--gt", filepath.Join(dir, name+"_gt.json"), "--dt", filepath.Join(dir, name+"_dt.json"))
		c.succeeds(t)
		got := object(t, c.out, "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl", "per_category")
		text, err := os.ReadFile(filepath.Join(dir, name+"_expected.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Stats map[string]float64 `json:"stats"`
			AP    map[string]float64 `json:"per_category_AP"`
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		for figure, v := range want.Stats {
			if math.Abs(got[figure].(float64)-v) > 1e-9 {
				t.Errorf("%s: %s is %v, want %v", name, figure, got[figure], v)
			}
		}
		for id, v := range want.AP {
			if of := got["per_category"].(map[string]any)[id].(map[string]any); math.Abs(of["AP"].(float64)-v) > 1e-9 || len(of) != 3 {
				t.Errorf("%s: category %s has %v, want AP %v", name, id, of, v)
			}
		}
	}
}

func TestEvalText(t *testing.T) {
	dir := t.TempDir()
	gt := write(t, filepath.Join(dir, "gt.json"), `{"images":[{"id":1}],"annotations":[
		{"id":1,"image_id":1,"category_id":3,"bbox":[0,0,50,50],"area":2500},{"id":2,"image_id":1,"category_id":-4,"bbox":[0,0,50,50],"area":2500}],
		"categories":[{"id":12,"name":"never seen"},{"id":3,"name":"a"},{"id":3,"name":"cell"},{"id":-4,"name":"\u001b[31mé\n"},{"id":7}]}`)
	dt := write(t, filepath.Join(dir, "dt.json"), `[{"image_id":1,"category_id":3,"bbox":[0,0,50,50],"score":0.9}]`)
	c := detnas(t, nil, "eval", "--gt", gt, "--dt", dt)
	c.succeeds(t,
		" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.500\n",
		" Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = -1.000\n",
		" Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 0.500\n")
	want := ` id  category     AP      AP50
 -4  \x1b[31mé\n  0.000   0.000
 3   cell         1.000   1.000
 7                -1.000  -1.000
 12  never seen   -1.000  -1.000
`
	if _, table, _ := strings.Cut(c.out, "\n\n"); table != want {
		t.Errorf("the table is\n%swant\n%s", table, want)
	}
	detnas(t, nil, "eval", "--gt", gt, "--dt", gt).fails(t, exitFailed, gt)
	curves := filepath.Join(t.TempDir(), "curves")
	detnas(t, nil, "eval", "--gt", gt, "--dt", dt, "--curves", curves).succeeds(t, "AP50")
	if drawn, err := os.ReadDir(curves); err != nil || len(drawn) == 0 || filepath.Ext(drawn[0].Name()) != ".png" {
		t.Errorf("%v, %v", drawn, err)
	}
	detnas(t, nil, "eval", "--gt", "nowhere.json", "--dt", dt).fails(t, exitFailed, "nowhere.json")
	other := write(t, filepath.Join(dir, "other.json"), `[{"image_id":2,"category_id":3,"bbox":[0,0,50,50],"score":0.9}]`)
	detnas(t, nil, "eval", "--gt", gt, "--dt", other).fails(t, exitFailed, gt, other, "detection 0", "image id 2")
	diverged := write(t, filepath.Join(dir, "diverged.json"), `[{"image_id":1,"category_id":3,"bbox":[0,0,50,50],"score":NaN}]`)
	detnas(t, nil, "eval", "--gt", gt, "--dt", diverged).fails(t, exitFailed, diverged, "detection 0", "NaN", "byte 58")
}

// vocTree is a tree in VOC's form with two images of 64x64 px, of which nobody reads
// the pixels.
func vocTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"JPEGImages", "Annotations", "ImageSets/Main"} {
		if err := os.MkdirAll(filepath.Join(root, "VOC2007", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, objects := range []string{
		`<object><name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>10</ymax></bndbox></object>`,
		`<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>10</ymax></bndbox></object>
		 <object><name>person</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>90</xmax><ymax>10</ymax></bndbox></object>`,
	} {
		name := fmt.Sprintf("00000%d", i+1)
		write(t, filepath.Join(root, "VOC2007", "JPEGImages", name+".jpg"), "")
		write(t, filepath.Join(root, "VOC2007", "Annotations", name+".xml"), "<annotation><size><width>64</width><height>64</height></size>"+objects+"</annotation>")
	}
	write(t, filepath.Join(root, "VOC2007", "ImageSets", "Main", "test.txt"), "000001\n000002\n")
	return root
}

func TestEvalVOC(t *testing.T) {
	root, results := vocTree(t), t.TempDir()
	for _, class := range dataset.VOCClasses() {
		text := ""
		if class == "cat" {
			text = "000001 0.9 1 1 10 10\n000001 0.8 1 1 10 10\n"
		}
		write(t, filepath.Join(results, "comp4_det_test_"+class+".txt"), text)
	}
	c := detnas(t, nil, "eval", "--voc", root, "--split", "VOC2007/test", "--dt", results, "--json")
	if c.code != exitOK || !strings.Contains(c.err, "1 problems in the ground truth") {
		t.Fatalf("%+v", c)
	}
	got := object(t, c.out, "mAP07", "mAP", "per_category")
	cat := got["per_category"].(map[string]any)["cat"].(map[string]any)
	if got["mAP"] != 0.5 || math.Abs(got["mAP07"].(float64)-6.0/11) > 1e-12 || cat["AP"] != 0.5 || cat["objects"] != 2.0 || len(got["per_category"].(map[string]any)) != 20 {
		t.Errorf("%v; want recall 1/2 at precision 1", got)
	}
	text := detnas(t, nil, "eval", "--voc", root, "--dt", results).out
	for _, line := range []string{" cat          2        0.545    0.500\n", " person       0        -1.000   -1.000\n", " mean                  0.545    0.500\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("the text lacks %q:\n%s", line, text)
		}
	}
	detnas(t, nil, "eval", "--voc", root, "--split", "test", "--dt", results).fails(t, exitFailed, "test.txt", "VOC2007/trainval")
	detnas(t, nil, "eval", "--voc", root, "--gt", "x", "--dt", results).fails(t, exitUsage, "gt", "voc")
	detnas(t, nil, "eval", "--dt", results).fails(t, exitUsage, "gt", "voc")
	detnas(t, nil, "eval", "--gt", "x", "--split", "y", "--dt", results).fails(t, exitUsage, "--split")
}

func TestDataCheckYOLO(t *testing.T) {
	root := t.TempDir()
	labels, names := filepath.Join(root, "labels"), filepath.Join(root, "data.yaml")
	for _, dir := range []string{labels, filepath.Join(root, "images")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(root, "images", "a.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(f, image.NewGray(image.Rect(0, 0, 64, 64))), f.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(labels, "a.txt"), "0 0.5 0.5 0.5 0.5\n1 0.5 0.5 2 0.5\n")
	write(t, names, "names: [cat, dog]\n")
	want := []string{"(yolo)", "images        1", "classes       2", "boxes         1\n", "1 problems", "a.txt:2: 2 is outside 0 to 1"}
	detnas(t, nil, "data", "check", "--format", "yolo", "--annotations", labels, "--names", names, "--decode").succeeds(t, want...)
	detnas(t, nil, "data", "check", "--names", names, "--annotations", labels, "--images", filepath.Join(root, "images")).succeeds(t, want...)
	detnas(t, nil, "data", "check", "--format", "yolo", "--annotations", labels).fails(t, exitUsage, "--names")
	detnas(t, nil, "data", "check", "--format", "coco", "--annotations", labels, "--names", names).fails(t, exitUsage, "--format yolo")
	detnas(t, nil, "data", "check", "--names", filepath.Join(root, "no.yaml"), "--annotations", labels).fails(t, exitFailed, "no.yaml")
}

func TestDataCheckVOC(t *testing.T) {
	root := vocTree(t)
	want := []string{"images        2", "20, VOC's in their usual order", "3, of which 1 difficult", "1 problems", "box-outside: 1", "000002.xml:2: object 2 (person)"}
	detnas(t, nil, "data", "check", "--format", "voc", "--dir", root).succeeds(t, want...)
	detnas(t, nil, "data", "check", "--dir", root, "--split", "VOC2007/test").succeeds(t, want...)
	c := detnas(t, nil, "data", "check", "--format", "voc", root, "--split", "VOC2007/test", "--decode", "--json")
	c.succeeds(t)
	var got struct {
		Format                     string
		Images, Decoded, Difficult int
		Problems                   []struct{ Kind string }
	}
	if err := json.Unmarshal([]byte(c.out), &got); err != nil || got.Format != "voc" || got.Images != 2 || got.Decoded != 0 || got.Difficult != 1 || len(got.Problems) != 3 {
		t.Errorf("%v in %s", err, c.out)
	}
	detnas(t, nil, "data", "check", "--format", "voc", "--dir", root, "--split", "trainval").fails(t, exitFailed, "trainval.txt", "VOC2007/trainval")
	detnas(t, nil, "data", "check", "--format", "voc").fails(t, exitUsage, "--dir")
	detnas(t, nil, "data", "check", "--format", "voc", "--dir", root, "--annotations", "x.json").fails(t, exitUsage, "--split")
	detnas(t, nil, "data", "check", "--format", "coco", "--dir", root, "--split", "x").fails(t, exitUsage, "--split")
}

func TestPresets(t *testing.T) {
	detnas(t, nil, "presets").succeeds(t, "demo", "tiny", "The smallest run")
	detnas(t, nil, "preset", "tiny").succeeds(t, "[supernet-pretrain]")
}

func TestDataShapesAndCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	detnas(t, nil, "data", "shapes", dir, "--classes", "2", "--train", "3", "--val", "1", "--test", "1",
		"--per-class-train", "1", "--per-class-val", "1", "--width", "64", "--height", "64", "--class-size", "16",
	).succeeds(t, "5 for detection, 4 for classification", filepath.Join(dir, "detection", "train.json"))

	train, images := filepath.Join(dir, "detection", "train.json"), filepath.Join(dir, "detection", "images")
	detnas(t, nil, "data", "check", "--format", "coco", "--images", images, "--annotations", train, "--decode").succeeds(t, "no problems")
	c := detnas(t, nil, "data", "check", "--images", images, "--annotations", train, "--json")
	c.succeeds(t)
	var got struct {
		Images, Classes, Crowds int
		Problems                []struct{ Kind, Where string }
	}
	if err := json.Unmarshal([]byte(c.out), &got); err != nil || got.Images != 3 || got.Classes != 2 || len(got.Problems) != 0 {
		t.Errorf("%v in %s", err, c.out)
	}
	for _, args := range [][]string{{"--dir"}, {"--images"}, {}} {
		args = append(append([]string{"data", "check"}, args...), filepath.Join(dir, "classification", "train"))
		detnas(t, nil, args...).succeeds(t, "circle", "square")
	}

	broken := filepath.Join(images, "train", "000001.jpg")
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	detnas(t, nil, "data", "check", "--images", images, "--annotations", train).succeeds(t, "1 problems", "missing-file", "000001.jpg")
	detnas(t, nil, "data", "check", filepath.Join(dir, "nowhere")).fails(t, exitFailed, "nowhere")
	detnas(t, nil, "data", "shapes", images).fails(t, exitFailed, "images")
}
