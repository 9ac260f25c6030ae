package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/input/inputtest"
)

// smallFiles are the small JSON files of a run: where each is, and what reads it and
// writes what was read.
func smallFiles(f *Folder) []struct {
	path  string
	read  func() (any, error)
	write func(any) error
} {
	return []struct {
		path  string
		read  func() (any, error)
		write func(any) error
	}{
		{f.Result(), func() (any, error) { return f.ReadResult() }, func(v any) error { return f.WriteResult(v.(Result)) }},
		{
			filepath.Join(f.previews(), "images.json"), func() (any, error) { return f.ReadPreviewImages() },
			func(v any) error { return f.WritePreviewImages(v.(PreviewImages)) },
		},
		{f.PreviewPath(3, "00"), func() (any, error) { return f.ReadPreview(3, "00") }, func(v any) error {
			p := v.(Preview)
			p.Step, p.Subnet = 3, "00"
			return f.WritePreview(p)
		}},
		{f.askedPath(), func() (any, error) { a, _, err := f.Asked(); return a, err }, func(v any) error { return f.Ask(v.(Asked)) }},
		{f.editPath(), func() (any, error) {
			e, err := f.BrokenEdit()
			if e == nil {
				return Edit{}, err
			}
			return *e, err
		}, func(v any) error { return f.BeginEdit(v.(Edit)) }},
	}
}

func TestSmallFilesAreBounded(t *testing.T) {
	f := create(t)
	if err := os.MkdirAll(f.previews(), 0o750); err != nil {
		t.Fatal(err)
	}
	put(t, f.Config(), "")
	for _, file := range smallFiles(f) {
		for text, want := range map[string]string{
			"":                             "end of JSON",
			"[":                            "end of JSON",
			strings.Repeat(" ", maxJSON+1): "too large",
			strings.Repeat("[", maxJSON):   "exceeded max depth",
			`{"seed":` + strings.Repeat("9", 5000) + "x": "invalid character",
			"\x1b[2J": `\x1b`,
			`{"images":[{"boxes":[{}` + strings.Repeat(",{}", 200_000):      "end of JSON",
			`{"found":{"7":[{}` + strings.Repeat(",{}", 200_000):            "end of JSON",
			`{"steps":[{}` + strings.Repeat(",{}", 200_000) + `],"x":"\x00`: "invalid character",
		} {
			put(t, file.path, text)
			var err error
			took := inputtest.Allocated(func() { _, err = file.read() })
			inputtest.Clear(t, err, file.path, want)
			if took > 50*int64(len(text))+16<<10 {
				t.Errorf("%s: %d bytes are allocated for %.20q", file.path, took, text)
			}
		}
		if err := os.Remove(file.path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(file.path, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := file.read()
		inputtest.Clear(t, err, file.path, "not a file")
	}
}

func TestAskedIsOfStepsThatThereAre(t *testing.T) {
	f := create(t)
	for text, want := range map[string]string{`{"from":1,"to":9000000000}`: "steps 1 to 9000000000", `{"from":0,"to":2}`: "steps 0 to 2", `{"from":4,"to":2}`: "steps 4 to 2"} {
		put(t, f.askedPath(), text)
		_, _, err := f.Asked()
		inputtest.Clear(t, err, f.askedPath(), want, "remove it")
	}
}

func TestPreviewsOfManyBoxes(t *testing.T) {
	f := create(t)
	many := make([]PreviewBox, mostBoxes+5)
	if err := f.WritePreviewImages(PreviewImages{Images: []PreviewImage{{ID: 7, Boxes: many}}}); err != nil {
		t.Fatal(err)
	}
	if err := f.WritePreview(Preview{Subnet: "00", Step: 3, Found: map[int64][]PreviewBox{7: many}}); err != nil {
		t.Fatal(err)
	}
	images, err := f.ReadPreviewImages()
	found, ferr := f.ReadPreview(3, "00")
	if err != nil || ferr != nil || len(images.Images[0].Boxes) != mostBoxes || len(found.Found[7]) != mostBoxes {
		t.Errorf("%d and %d boxes, %v, %v", len(images.Images[0].Boxes), len(found.Found[7]), err, ferr)
	}
}

func TestOwnerIsShownOnALine(t *testing.T) {
	f := create(t)
	put(t, f.lockPath(), " process 7\n\x1b[2J"+strings.Repeat("x", 5000))
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	if who := f.Owner(); !strings.HasPrefix(who, `process 7\n\x1b[2Jxxx`) || len(who) > 300 {
		t.Errorf("%q", who)
	}
	inputtest.Clear(t, errors.New(f.Owner()))
}

// FuzzSmallFiles wants of each of the small files what writing gives again, or one
// clear error that names it.
func FuzzSmallFiles(f *testing.F) {
	for i, text := range []string{
		`{"run":"r","seed":1,"steps":[{"step":1,"metrics":{"AP":"NaN"}}],"search":{"best":[{"subnet":"00"}]},"final":{"AP":0.5}}`,
		`{"classes":["a"],"images":[{"id":1,"path":"/a.jpg","width":-1,"boxes":[{"label":-1,"box":[1e308,0,1,1],"score":1}]}]}`,
		`{"subnet":"00","step":3,"found":{"1":[{"label":0,"box":[0,0,1,1],"score":0.5}]}}`,
		`{"from":1,"to":5,"redo":true}`,
		`{"text":"","changed":{"who":"\u001b[2J","changes":[{"key":"seed"}]}}`,
	} {
		f.Add(uint8(i), text)
		f.Add(uint8(i+1), text)
	}
	f.Add(uint8(0), `{"final":{"\u202e":"x"}}`)
	f.Add(uint8(2), `{"found":{"`+strings.Repeat("9", 2000)+`":[]}}`)
	folder, err := Create(f.TempDir(), "r")
	if err != nil {
		f.Fatal(err)
	}
	if err := os.MkdirAll(folder.previews(), 0o750); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		files := smallFiles(folder)
		file := files[int(which)%len(files)]
		put(t, folder.Config(), "")
		put(t, file.path, text)
		v, err := file.read()
		if err != nil {
			inputtest.Clear(t, err, file.path)
			return
		}
		if err := file.write(v); err != nil {
			t.Fatalf("%+v cannot be written: %v", v, err)
		}
		again, err := file.read()
		if p, ok := v.(Preview); ok {
			p.Step, p.Subnet = 3, "00"
			v = p
		}
		if diff := cmp.Diff(v, again, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v, (-want +got)\n%s", err, diff)
		}
	})
}
