package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/input"
	"detnas/core/input/inputtest"
)

// vocTree writes files into a new folder. An image of 40x30 px is drawn for each
// name that ends in .png, whatever its text.
func vocTree(tb testing.TB, files map[string]string) string {
	tb.Helper()
	root := tb.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if strings.HasSuffix(name, ".png") {
			writePNG(tb, path, toRGBA(pattern(40, 30)))
			continue
		}
		write(tb, path, []byte(text))
	}
	return root
}

// vocXML is an annotation of a 40x30 image; an object is its name and what else
// stands in it.
func vocXML(objects ...[2]string) string {
	var b strings.Builder
	b.WriteString("<annotation>\n\t<filename>other.jpg</filename>\n\t<size>\n\t\t<width>40</width><height>30</height><depth>3</depth>\n\t</size>\n\t<segmented>0</segmented>\n")
	for _, o := range objects {
		fmt.Fprintf(&b, "\t<object>\n\t\t<name>%s</name>\n\t\t%s\n\t</object>\n", o[0], o[1])
	}
	b.WriteString("</annotation>\n")
	return b.String()
}

func bndbox(xmin, ymin, xmax, ymax any) string {
	return fmt.Sprintf("<bndbox><xmin>%v</xmin><ymin>%v</ymin><xmax>%v</xmax><ymax>%v</ymax></bndbox>", xmin, ymin, xmax, ymax)
}

// vocYears is a tree of two years in VOC's form: 2007 with the lists trainval and
// test, 2012 with trainval.
func vocYears(tb testing.TB) string {
	return vocTree(tb, map[string]string{
		"VOC2007/ImageSets/Main/trainval.txt": "000005\n\n 000007 \r\n",
		"VOC2007/ImageSets/Main/test.txt":     "000006\n",
		"VOC2007/JPEGImages/000005.png":       "", "VOC2007/JPEGImages/000006.png": "", "VOC2007/JPEGImages/000007.png": "",
		"VOC2007/Annotations/000005.xml": vocXML(
			[2]string{"chair", "<pose>Rear</pose><truncated>0</truncated><difficult>1</difficult>" + bndbox(1, 1, 40, 30)},
			[2]string{"person", "<difficult> 0 </difficult>" + bndbox(11, 6, 11, 15) +
				"<part><name>head</name>" + bndbox(1, 1, 2, 2) + "</part>"}),
		"VOC2007/Annotations/000006.xml":      vocXML([2]string{"cat", bndbox(3, 3, 9, 9)}),
		"VOC2007/Annotations/000007.xml":      "<annotation><folder/></annotation>",
		"VOC2012/ImageSets/Main/trainval.txt": "2008_000002",
		"VOC2012/JPEGImages/2008_000002.png":  "",
		"VOC2012/Annotations/2008_000002.xml": vocXML([2]string{"tvmonitor", bndbox("4.5", " 6.25 ", 30, 29.75)}),
		"notes.txt":                           "",
	})
}

// The first pixel is from 0 to 1: a corner (xmin, ymin) loses one and a corner
// (xmax, ymax), whose pixel is in the box, stays.
func TestOpenVOC(t *testing.T) {
	root := vocYears(t)
	set, problems, err := OpenVOC(root, "VOC2007/trainval + VOC2012/trainval", VOCOptions{Policy: PolicyRefuse})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	image := func(year, name string) string { return filepath.Join(root, year, "JPEGImages", name+".png") }
	want := &Detection{
		Source: filepath.Join(root, "VOC2007/trainval + VOC2012/trainval"),
		Images: []ImageInfo{
			{ID: 1, File: image("VOC2007", "000005"), Name: "000005", W: 40, H: 30},
			{ID: 2, File: image("VOC2007", "000007"), Name: "000007", W: 40, H: 30},
			{ID: 3, File: image("VOC2012", "2008_000002"), Name: "2008_000002", W: 40, H: 30},
		},
		Objects: [][]Object{
			{
				{Box: [4]float32{0, 0, 40, 30}, Source: [4]float64{0, 0, 40, 30}, Label: 8, Difficult: true, Area: 1200},
				{Box: [4]float32{10, 5, 11, 15}, Source: [4]float64{10, 5, 1, 10}, Label: 14, Area: 10},
			},
			nil,
			{{Box: [4]float32{3.5, 5.25, 30, 29.75}, Source: [4]float64{3.5, 5.25, 26.5, 24.5}, Label: 19, Area: 26.5 * 24.5}},
		},
	}
	for i, name := range VOCClasses() {
		want.Categories = append(want.Categories, Category{ID: int64(i + 1), Name: name})
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
	if all, ignored := set.Boxes(); all != 3 || ignored != 1 {
		t.Errorf("%d boxes, %d ignored", all, ignored)
	}
	if kept := set.FilterEmpty(); kept.Len() != 2 {
		t.Errorf("filtered: %v", kept.Images)
	}
	var target DetTarget
	target.W, target.H, target.ScaleX, target.ScaleY = 40, 30, 1, 1
	target.addBoxes(set.Objects[0])
	if len(target.Boxes) != 1 || target.Labels[0] != 14 || len(target.Ignore) != 1 || target.Ignore[0] != [4]float32{0, 0, 40, 30} {
		t.Errorf("a difficult object is to be ignored in training, and nothing else: %+v", target)
	}
}

func TestVOCSplits(t *testing.T) {
	root := vocYears(t)
	for split, want := range map[string]int{"VOC2007/test": 1, "VOC2007/test+VOC2012/trainval": 2, "": 4} {
		set, _, err := OpenVOC(root, split, VOCOptions{})
		if err != nil || set.Len() != want {
			t.Errorf("split %q: %v, %v; want %d images", split, set, err, want)
		}
	}
	year := filepath.Join(root, "VOC2007")
	for split, want := range map[string]int{"test": 1, "": 3} {
		if set, _, err := OpenVOC(year, split, VOCOptions{}); err != nil || set.Len() != want {
			t.Errorf("split %q of one year: %v, %v; want %d images", split, set, err, want)
		}
	}
	write(t, filepath.Join(year, "ImageSets", "Main", "cat_test.txt"), []byte("000006  1\n"))
	write(t, filepath.Join(year, "ImageSets", "Main", "empty.txt"), nil)
	write(t, filepath.Join(year, "ImageSets", "Main", "long.txt"), []byte("000006\n"+strings.Repeat("x", 2*maxVOCName)))
	for split, parts := range map[string][]string{
		"trainval":                  {filepath.Join(root, "ImageSets", "Main", "trainval.txt"), "VOC2007/trainval"},
		"VOC2007/cat_test":          {"cat_test.txt:1", "single class"},
		"VOC2007/empty":             {"empty.txt", "empty"},
		"VOC2007/long":              {"long.txt:2", "too long"},
		"../VOC2007/test":           {"names no list"},
		"VOC2007/":                  {"names no list"},
		"VOC2007/test + ":           {"names no list"},
		"VOC2007/test VOC2012/test": {"VOC2007/test VOC2012"},
	} {
		_, _, err := OpenVOC(root, split, VOCOptions{})
		for _, part := range parts {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("split %q: %v does not say %q", split, err, part)
			}
		}
	}
	for split, want := range map[string]string{
		strings.Repeat("+", maxVOCLists):       "101 lists of images are joined",
		"/\x1b[2J" + strings.Repeat("x", 9999): "names no list",
	} {
		_, err := VOCLists(root, split)
		inputtest.Clear(t, err, want)
	}
	if _, _, err := OpenVOC(t.TempDir(), "", VOCOptions{}); err == nil || !strings.Contains(err.Error(), "Annotations") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestVOCClasses(t *testing.T) {
	root := vocTree(t, map[string]string{
		"ImageSets/Main/train.txt": "a\n", "ImageSets/Main/test.txt": "b\n",
		"JPEGImages/a.png": "", "JPEGImages/b.png": "",
		"Annotations/a.xml": vocXML([2]string{"worm", bndbox(1, 1, 5, 5)}, [2]string{"car", bndbox(1, 1, 5, 5)}),
		"Annotations/b.xml": vocXML([2]string{"worm", bndbox(1, 1, 5, 5)}, [2]string{"bee", bndbox(1, 1, 5, 5)}),
	})
	train, _, err := OpenVOC(root, "train", VOCOptions{Policy: PolicyRefuse})
	if err != nil || !cmp.Equal(train.Classes(), []string{"car", "worm"}) || train.Objects[0][0].Label != 1 {
		t.Fatalf("%v, %v; want the classes that are there, by name", train, err)
	}
	test, problems, err := OpenVOC(root, "test", VOCOptions{Classes: train.Classes()})
	if err != nil || !cmp.Equal(test.Categories, train.Categories) || len(test.Objects[0]) != 1 || test.Objects[0][0].Label != 1 {
		t.Errorf("%v, %v; want the classes of train and the worm alone", test, err)
	}
	if len(problems) != 1 || problems[0].Kind != KindUnknownCategory || !strings.Contains(problems[0].Where, "b.xml:11: object 2 (bee)") {
		t.Errorf("problems %v; want the bee's", problems)
	}
}

func TestVOCProblems(t *testing.T) {
	one := func(object string) map[string]string {
		return map[string]string{"Annotations/a.xml": vocXML([2]string{"cat", object})}
	}
	const line = "Annotations/a.xml:7: object 1 (cat)"
	tests := []struct {
		name          string
		files         map[string]string // beside a sound image b, and over a's
		list          string
		kind, where   string
		images, boxes int
	}{
		{"no image", map[string]string{"Annotations/c.xml": vocXML()}, "b\nc\n", KindMissingFile, "train.txt:2", 1, 1},
		{"no annotation", map[string]string{"JPEGImages/c.png": ""}, "b\nc\n", KindMissingFile, "train.txt:2", 1, 1},
		{"elsewhere", nil, "b\n../JPEGImages/b\n", KindMissingFile, "train.txt:2", 1, 1},
		{"listed twice", nil, "b\nb\n", KindDuplicateID, "train.txt:2", 1, 1},
		{"not XML", map[string]string{"Annotations/a.xml": "<annotation>\n<size>\n</annotation>"}, "", KindBrokenAnnotation, "a.xml:3", 1, 1},
		{"empty file", map[string]string{"Annotations/a.xml": ""}, "", KindBrokenAnnotation, "a.xml:1", 1, 1},
		{"no size, broken image", map[string]string{"Annotations/a.xml": "<annotation/>", "JPEGImages/a.jpg": "broken"}, "", KindBrokenImage, "a.jpg", 1, 1},
		{"no name", map[string]string{"Annotations/a.xml": vocXML([2]string{" ", bndbox(1, 1, 5, 5)})}, "", KindUnknownCategory, "a.xml:7: object 1 ()", 2, 1},
		{"no box", one(""), "", KindBadBox, line, 2, 1},
		{"three corners", one("<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax></bndbox>"), "", KindBadBox, line, 2, 1},
		{"a word", one(bndbox(1, "top", 5, 5)), "", KindBadBox, line, 2, 1},
		{"not a number", one(bndbox(1, 1, "NaN", 5)), "", KindBadBox, line, 2, 1},
		{"endless", one(bndbox(1, 1, "Inf", 5)), "", KindBadBox, line, 2, 1},
		{"no area", one(bndbox(5, 1, 4, 5)), "", KindEmptyBox, line, 2, 1},
		{"partly outside", one(bndbox(30, 1, 44, 5)), "", KindBoxOutside, line, 2, 2},
		{"outside", one(bndbox(50, 1, 60, 5)), "", KindBoxOutside, line, 2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{
				"ImageSets/Main/train.txt": "b\na\n",
				"JPEGImages/a.png":         "", "JPEGImages/b.png": "",
				"Annotations/b.xml": vocXML([2]string{"cat", bndbox(1, 1, 5, 5)}),
			}
			if tt.list != "" {
				files["ImageSets/Main/train.txt"] = tt.list
			}
			for name, text := range tt.files {
				files[name] = text
			}
			root := vocTree(t, files)
			set, problems, err := OpenVOC(root, "train", VOCOptions{})
			if err != nil {
				t.Fatal(err)
			}
			set = set.Present()
			if boxes, _ := set.Boxes(); set.Len() != tt.images || boxes != tt.boxes || len(set.Objects) != tt.images {
				t.Errorf("%d images, %d boxes; want %d, %d", set.Len(), boxes, tt.images, tt.boxes)
			}
			if len(problems) != 1 || problems[0].Kind != tt.kind || !strings.Contains(problems[0].Where, tt.where) || problems[0].Cure == "" {
				t.Errorf("problems %v; want one of kind %s at %s", problems, tt.kind, tt.where)
			}
			set, _, err = OpenVOC(root, "train", VOCOptions{Policy: PolicyRefuse})
			inputtest.Clear(t, err, tt.where)
			nothingDone(t, err)
			if set != nil {
				t.Error("a refused set was returned")
			}
		})
	}
}

func TestVOCOfNothing(t *testing.T) {
	root := vocTree(t, map[string]string{"ImageSets/Main/train.txt": "a\n", "JPEGImages/b.png": ""})
	_, _, err := OpenVOC(root, "train", VOCOptions{})
	if err == nil || !strings.Contains(err.Error(), "none of its 1 images") || !strings.Contains(err.Error(), "train.txt:1") {
		t.Errorf("%v", err)
	}
	if _, _, err := OpenVOC(root, "train", VOCOptions{Policy: "loud"}); err == nil {
		t.Error("an unknown policy was taken")
	}
}

func TestParseVOCErrors(t *testing.T) {
	object := func(inner string) string { return "<annotation>\n<object>\n" + inner + "\n</object>\n</annotation>" }
	for name, tt := range map[string]struct{ text, want string }{
		"cut short":      {"<annotation>\n<object>", "line 2: the file ends too early"},
		"odd words":      {"<annotation>\n<\x7f\u202e></annotation>", "line 2: "},
		"a long name":    {"<annotation><" + strings.Repeat("x", 100_000) + "></y>", "line 1: element <xx"},
		"no element":     {"\n<!-- none -->\n", "there is no element"},
		"another root":   {"\n<html></html>", "line 2: <html> where <annotation> should be"},
		"two roots":      {"<annotation/>\n<annotation/>", "line 2: <annotation> where"},
		"an entity":      {object("<name>&lol;</name>"), "line 3: invalid character entity &lol;"},
		"a declared one": {"<!DOCTYPE annotation [<!ENTITY lol \"ha\">]>\n<annotation/>", "line 1: a document type or an entity is declared"},
		"encoding":       {"<?xml version=\"1.0\" encoding=\"gbk\"?>\n<annotation/>", "save the file as UTF-8"},
		"two names":      {object("<name>cat</name>\n<name>dog</name>"), "line 4: a second annotation/object/name"},
		"two corners":    {object("<bndbox><ymax>1</ymax>\n<ymax>2</ymax></bndbox>"), "line 4: a second annotation/object/bndbox/ymax"},
		"difficult":      {object("<difficult>very</difficult>"), "line 3: difficult is \"very\"; it must be 0 or 1"},
		"deep":           {"<annotation>" + strings.Repeat("<a>", 100), "deeper than the 16 levels"},
		"many objects":   {"<annotation>" + strings.Repeat("<object/>\n", maxVOCObjects+1), fmt.Sprintf("line %d: more than the %d objects", maxVOCObjects+1, maxVOCObjects)},
		"unclosed":       {"<annotation>\n<a>\n</b></annotation>", "line 3: element <a> closed by </b>"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseVOC(strings.NewReader(tt.text))
			inputtest.Clear(t, err, tt.want)
		})
	}
}

func TestReadVOCOfSize(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.xml"), []byte("<annotation>\n<!--"))
	if err := os.Truncate(path, maxVOCBytes+10); err != nil {
		t.Fatal(err)
	}
	_, err := readVOC(path)
	inputtest.Clear(t, err, path)
	if !errors.Is(err, input.ErrTooLarge) {
		t.Error(err)
	}
}

// What an annotation takes is in proportion to it, however long its words are.
func TestVOCOfLongWords(t *testing.T) {
	inputtest.Linear(t, 20_000, func(n int) {
		long := strings.Repeat("x", n)
		file, err := parseVOC(strings.NewReader("<annotation><" + long + ">" + strings.Repeat("<a/>", n) + "</" + long + "><object/></annotation>"))
		if err != nil || len(file.objects) != 1 {
			t.Error(file, err)
		}
	})
}

// TestVOCTakesBoundedMemory reads what of XML takes most.
func TestVOCTakesBoundedMemory(t *testing.T) {
	const n = 1 << 20
	for head, part := range map[string]string{
		"<annotation ": `a="" `, "<annotation  ": `xmlns:a="b" `, "<annotation>": "<b/>", "<annotation> ": `<b a=""/>`, "<annotation><b/>": "<?a?>",
		"<annotation><object><name>": "x ", "<annotation><object><name/></object>": "<object/>", "<annotation><!--": "<", "<annotation><": "x", "<": "\n",
	} {
		body := head + strings.Repeat(part, n/len(part))
		took := inputtest.Allocated(func() {
			_, err := parseVOC(strings.NewReader(body))
			inputtest.Clear(t, err, "line ") // it ends too early
		})
		if took > 64*n {
			t.Errorf("%d times the file is allocated for %q and %q again and again", took/n, head, part)
		}
	}
}

// A set of nothing but problems is told in proportion to it.
func TestManyVOCProblems(t *testing.T) {
	inputtest.Linear(t, 4_000, func(n int) {
		root := vocTree(t, map[string]string{
			"JPEGImages/a.png":  "",
			"Annotations/a.xml": vocXML()[:len(vocXML())-len("</annotation>\n")] + strings.Repeat("<object><name>"+strings.Repeat("x", 200)+"</name></object>\n", n) + "</annotation>",
		})
		_, problems, err := OpenVOC(root, "", VOCOptions{})
		if err != nil || len(problems) != n {
			t.Errorf("%d problems of %d objects, %v", len(problems), n, err)
		}
	})
}

func TestCheckVOC(t *testing.T) {
	root := vocYears(t)
	write(t, filepath.Join(root, "VOC2007", "JPEGImages", "000006.png"), []byte("broken"))
	r, err := CheckVOC(t.Context(), root, "", CheckOptions{Images: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Format != "voc" || r.Images != 4 || r.Boxes != 4 || r.Classes != 20 || r.Difficult != 1 || r.EmptyImages != 1 ||
		r.Small != 3 || r.Decoded != 3 || r.Counts[KindBrokenImage] != 1 || len(r.Problems) != 1 {
		t.Errorf("%+v", r)
	}
	text := r.Text()
	for _, s := range []string{"20, VOC's in their usual order", "4, of which 1 difficult", "3 small", "15  person", "1 images  1 boxes"} {
		if !strings.Contains(text, s) {
			t.Errorf("the text lacks %q:\n%s", s, text)
		}
	}
	if _, err := CheckVOC(t.Context(), root, "VOC2010/trainval", CheckOptions{}); err == nil || !strings.Contains(err.Error(), "VOC2010") {
		t.Errorf("a year that is not there: %v", err)
	}
}

func FuzzParseVOC(f *testing.F) {
	f.Add(vocXML([2]string{"cat", bndbox(1, 1, 5, 5)}, [2]string{"dog", "<difficult>1</difficult>" + bndbox(-3, "1e3", 50, "0x1p4")}))
	f.Add("<annotation><size><width>9</width></size><object><part><name>x</name></part></object></annotation>")
	f.Add("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!DOCTYPE a [<!ENTITY b \"c\">]>\n<annotation>&b;</annotation>")
	f.Add("\ufeff<annotation><object><name>&#65;&amp;<![CDATA[<]]></name></object></annotation>")
	f.Add("<annotation><object>" + strings.Repeat("<a>", 20))
	f.Fuzz(func(t *testing.T, body string) {
		file, err := parseVOC(strings.NewReader(body))
		if err != nil {
			inputtest.Clear(t, err, "line ")
			return
		}
		b := &vocBuilder{parsed: []vocParsed{{"a.xml", file}}, set: &Detection{Images: []ImageInfo{{W: 40, H: 30}}}}
		b.addClasses(nil)
		b.addObjects()
		for _, o := range b.set.Objects[0] {
			if o.Label < 0 || o.Label >= len(b.set.Categories) ||
				!(o.Box[0] >= 0 && o.Box[0] < o.Box[2] && o.Box[2] <= 40) ||
				!(o.Box[1] >= 0 && o.Box[1] < o.Box[3] && o.Box[3] <= 30) {
				t.Errorf("%+v", o)
			}
		}
		for _, p := range b.problems {
			inputtest.Clear(t, errors.New(p.String()), "a.xml:", p.Kind, p.Cure)
		}
	})
}

// FuzzVOCList wants of a list of images names without space that lie in the set, or
// one clear error that names it.
func FuzzVOCList(f *testing.F) {
	for _, text := range []string{"000001\n000002\n", "\r\n 000001\r\n", "000001 1\n", "", "\x1b[2J\u202e", "../../x\n", strings.Repeat("x", maxVOCName+1), "\xff\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := write(t, filepath.Join(t.TempDir(), "v", "ImageSets", "Main", "l.txt"), []byte(text))
		images, err := readVOCList(file)
		if err != nil {
			inputtest.Clear(t, err, file)
			return
		}
		for _, m := range images {
			if m.name == "" || strings.ContainsAny(m.name, " \n") || len(m.name) > maxVOCName {
				t.Errorf("%q", m.name)
			}
		}
	})
}
