package dataset

import (
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// pattern is the picture that testdata/reference.py makes.
func pattern(w, h int) Image {
	m := NewImage(w, h)
	for y := range h {
		for x := range w {
			for c := range 3 {
				m.Pix[(y*w+x)*3+c] = uint8(x*37 + y*61 + c*97 + x*y*13)
			}
		}
	}
	return m
}

// shared finds a folder of the shared test data, and skips where it is absent.
func shared(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "shared", "data", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if filepath.Dir(dir) == dir {
			tb.Skipf("shared/data/%s is absent", name)
		}
		dir = filepath.Dir(dir)
	}
}

func write(tb testing.TB, path string, data []byte) string {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// toRGBA makes a picture that Go's encoders take.
func toRGBA(m Image) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for y := range m.H {
		for x := range m.W {
			p := m.row(y)[x*3:]
			out.SetRGBA(x, y, color.RGBA{p[0], p[1], p[2], 255})
		}
	}
	return out
}

func writePNG(tb testing.TB, path string, m image.Image) string {
	tb.Helper()
	write(tb, path, nil)
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, m); err != nil {
		tb.Fatal(err)
	}
	return path
}

// reference is testdata/reference.json.
type reference struct {
	Antialias []struct {
		W, H, NW, NH int
		Box          [4]int
		Pix          []uint8AsNumber
	}
	Bilinear []struct {
		W, H, NW, NH int
		Pix          []float64
	}
	Jitter []struct {
		Op     int
		Factor float32
		Pix    []uint8AsNumber
	}
	Decode []struct {
		File string
		W, H int
		Pix  []uint8AsNumber
	}
}

// uint8AsNumber is a byte that JSON writes as a number and not as base64.
type uint8AsNumber int

func loadReference(tb testing.TB) reference {
	tb.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		tb.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(data, &r); err != nil {
		tb.Fatal(err)
	}
	return r
}

// furthest returns the largest difference between pixels.
func furthest(tb testing.TB, got []uint8, want []uint8AsNumber) int {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	worst := 0
	for i := range got {
		d := int(got[i]) - int(want[i])
		worst = max(worst, d, -d)
	}
	return worst
}
