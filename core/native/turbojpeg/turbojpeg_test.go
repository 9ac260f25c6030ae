package turbojpeg

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// library skips a test where the library is not installed.
func library(t testing.TB) {
	t.Helper()
	if Name() == "" {
		t.Skip("libturbojpeg0 is not installed")
	}
}

// reference is an image of core/dataset's tests with Pillow's pixels.
type reference struct {
	File string
	W, H int
	Pix  []int
}

const images = "../../dataset/testdata"

func references(t testing.TB) []reference {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(images, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Decode []reference }
	if err := json.Unmarshal(text, &file); err != nil || len(file.Decode) == 0 {
		t.Fatalf("%d images, %v", len(file.Decode), err)
	}
	return file.Decode
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(images, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecodeEqualsPillow(t *testing.T) {
	library(t)
	decoded := 0
	for _, ref := range references(t) {
		if !strings.HasSuffix(ref.File, ".jpg") || ref.File == "turned.jpg" { // whose pixels there are turned
			continue
		}
		rgb := make([]uint8, 3*ref.W*ref.H)
		if ok := Decode(read(t, ref.File), ref.W, ref.H, rgb); ref.File == "cmyk.jpg" {
			if ok {
				t.Error("a CMYK image was decoded")
			}
			continue
		} else if !ok {
			t.Errorf("%s was not decoded", ref.File)
			continue
		}
		decoded++
		for i, want := range ref.Pix {
			if int(rgb[i]) != want {
				t.Errorf("%s: byte %d is %d, want %d", ref.File, i, rgb[i], want)
				break
			}
		}
	}
	if decoded < 4 {
		t.Errorf("%d images were decoded", decoded)
	}
}

// What is doubtful is left to another decoder, and no byte beyond the image is
// written to.
func TestDecodeLeavesTheDoubtful(t *testing.T) {
	library(t)
	ref := references(t)[0]
	for _, r := range references(t) {
		if r.File == "progressive.jpg" {
			ref = r
		}
	}
	whole := read(t, ref.File)
	room := make([]uint8, 3*ref.W*ref.H+64)
	for name, c := range map[string]struct {
		data []byte
		w, h int
	}{
		"empty": {nil, ref.W, ref.H}, "cut short": {whole[:len(whole)/2], ref.W, ref.H}, "no JPEG": {[]byte("hello"), 5, 5},
		"narrower": {whole, ref.W - 1, ref.H}, "wider": {whole, ref.W + 1, ref.H}, "no height": {whole, ref.W, 0}, "too much": {whole, ref.W, ref.H * 100},
	} {
		if Decode(c.data, c.w, c.h, room) {
			t.Errorf("%s: it was decoded", name)
		}
	}
	if !Decode(whole, ref.W, ref.H, room[:3*ref.W*ref.H]) {
		t.Fatal("the whole was not decoded")
	}
	for i, b := range room[3*ref.W*ref.H:] {
		if b != 0 {
			t.Fatalf("byte %d beyond the image was written", i)
		}
	}
}

func FuzzDecode(f *testing.F) {
	library(f)
	for _, ref := range references(f) {
		f.Add(read(f, ref.File), uint16(ref.W), uint16(ref.H)) //nolint:gosec // small
	}
	f.Fuzz(func(t *testing.T, data []byte, w, h uint16) {
		if int(w)*int(h) > 1<<20 {
			return
		}
		n := 3 * int(w) * int(h)
		rgb := make([]uint8, n+16)
		Decode(data, int(w), int(h), rgb[:n])
		for _, b := range rgb[n:] {
			if b != 0 {
				t.Fatal("bytes beyond the image were written")
			}
		}
	})
}
