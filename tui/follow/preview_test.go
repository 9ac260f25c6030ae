package follow

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"detnas/core/run"
	"detnas/tui/uitest"
)

func writePNG(t *testing.T, path string, w, h int) {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, color.NRGBA{R: 200, G: 100, B: 50, A: 255})
	}
	f, err := os.Create(path) //nolint:gosec // of the test
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, r *Run, subnet string) Preview {
	t.Helper()
	p, ok := LoadPreview(r, subnet)().(Preview)
	if !ok {
		t.Fatal("no preview")
	}
	return p
}

func TestPreviewsAreReadSmall(t *testing.T) {
	v := uitest.View(t, uitest.Finished)
	r := Read(v)
	if p := load(t, r, "0-0-00-0"); !errors.Is(p.Err, os.ErrNotExist) || len(p.Pictures) != 0 {
		t.Fatalf("of a run that keeps none: %+v", p)
	}
	big, gone := filepath.Join(t.TempDir(), "big.png"), filepath.Join(t.TempDir(), "gone.png")
	writePNG(t, big, 640, 500)
	images := run.PreviewImages{Classes: []string{"ring"}}
	for i := range 8 {
		images.Images = append(images.Images, run.PreviewImage{ID: int64(i), Path: big, Width: 640, Height: 500})
	}
	images.Images[1].Path = gone
	if err := v.At.WritePreviewImages(images); err != nil {
		t.Fatal(err)
	}
	p := load(t, r, "0-0-00-0")
	if !errors.Is(p.Err, os.ErrNotExist) || len(p.Pictures) != mostPictures {
		t.Fatalf("%d pictures, %v", len(p.Pictures), p.Err)
	}
	if b := p.Pictures[0].Image.Bounds(); b.Dx() != 320 || b.Dy() != 250 || p.Pictures[0].Scale() != 0.5 {
		t.Errorf("the picture is %v, scaled by %v", b, p.Pictures[0].Scale())
	}
	if p.Pictures[0].Image.At(5, 5) != (color.NRGBA{R: 200, G: 100, B: 50, A: 255}) {
		t.Errorf("its colour is %v", p.Pictures[0].Image.At(5, 5))
	}
	if lost := p.Pictures[1]; lost.Image != nil || !errors.Is(lost.Err, os.ErrNotExist) || lost.Scale() != 1 {
		t.Errorf("a picture whose file has gone: %+v", lost)
	}
	for _, step := range []int{3, 5} {
		found := run.Preview{Subnet: "0-0-00-0", Step: step, Found: map[int64][]run.PreviewBox{0: {{Score: 0.5}}}}
		if err := v.At.WritePreview(found); err != nil {
			t.Fatal(err)
		}
	}
	if p = load(t, r, "0-0-00-0"); p.Err != nil || len(p.Found) != 2 || p.Found[0].Step != 5 || p.Classes[0] != "ring" {
		t.Errorf("found %+v, %v", p.Found, p.Err)
	}
}

func TestPicturesAreReadOnce(t *testing.T) {
	v := uitest.View(t, uitest.Finished)
	r := Read(v)
	path := filepath.Join(t.TempDir(), "a.png")
	images := run.PreviewImages{Classes: []string{"ring"}, Images: []run.PreviewImage{{ID: 1, Path: path, Width: 40, Height: 30}}}
	if err := v.At.WritePreviewImages(images); err != nil {
		t.Fatal(err)
	}
	r.Keep(load(t, r, "0")) // the file is not there yet
	writePNG(t, path, 40, 30)
	p := load(t, r, "0")
	if p.Pictures[0].Err != nil {
		t.Fatalf("it is not tried again: %v", p.Pictures[0].Err)
	}
	r.Keep(p)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again := load(t, r, "0"); again.Pictures[0].Image != p.Pictures[0].Image || again.Classes[0] != "ring" {
		t.Error("the picture is read again")
	}
}

func TestABrokenPreviewIsSaid(t *testing.T) {
	v := uitest.View(t, uitest.Finished)
	r := Read(v)
	if err := v.At.WritePreviewImages(run.PreviewImages{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.At.PreviewPath(3, "0"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := load(t, r, "0"); p.Err == nil || errors.Is(p.Err, os.ErrNotExist) {
		t.Errorf("said %v", p.Err)
	}
}
