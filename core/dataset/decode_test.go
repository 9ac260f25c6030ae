package dataset

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/input/inputtest"
)

// Pillow's pixels are the reference. A JPEG's inverse transform may round
// another way, and CMYK's conversion is coarser in Pillow. Where a JPEG has fewer
// samples of chroma than of luma, Go repeats them and Pillow interpolates, which
// the edges of colours show.
func TestDecodeMatchesPillow(t *testing.T) {
	for _, ref := range loadReference(t).Decode {
		t.Run(ref.File, func(t *testing.T) {
			m, err := Decode(filepath.Join("testdata", ref.File), DecodeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if m.W != ref.W || m.H != ref.H {
				t.Fatalf("%dx%d, want %dx%d", m.W, m.H, ref.W, ref.H)
			}
			limit, what := 0, "levels of 255"
			switch {
			case strings.HasPrefix(ref.File, "halved"):
				limit, what = 14, "levels of 255, of halved chroma"
			case strings.HasSuffix(ref.File, ".jpg"):
				limit = 3
			}
			d := furthest(t, m.Pix, ref.Pix)
			if d > limit {
				t.Errorf("a pixel differs by %d levels, want at most %d", d, limit)
			}
			t.Logf("%s: it differs by %d", what, d)
		})
	}
}

// What a faster decoder takes is taken; Go's sees the rest, and other formats.
func TestDecodeTriesTheFasterDecoder(t *testing.T) {
	asked := 0
	takes := true
	opts := DecodeOptions{JPEG: func(jpg []byte, w, h int, rgb []uint8) bool {
		asked++
		if len(jpg) == 0 || len(rgb) != 3*w*h {
			t.Errorf("%d bytes for %dx%d, and room for %d", len(jpg), w, h, len(rgb))
		}
		for i := range rgb {
			rgb[i] = 7 // also where it does not take the image
		}
		return takes
	}}
	path := filepath.Join("testdata", "grey.jpg")
	own, err := Decode(path, DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := Decode(path, opts); err != nil || m.W != own.W || m.Pix[0] != 7 {
		t.Errorf("%dx%d %v, %v", m.W, m.H, m.Pix[:3], err)
	}
	takes = false
	if m, err := Decode(path, opts); err != nil || !slices.Equal(m.Pix, own.Pix) {
		t.Errorf("what it does not take is not Go's: %v", err)
	}
	if _, err := Decode(filepath.Join("testdata", "palette.png"), opts); err != nil || asked != 2 {
		t.Errorf("it was asked %d times, %v", asked, err)
	}
}

func TestDecodeGoesByContent(t *testing.T) {
	want := pattern(7, 5)
	m, err := Decode(writePNG(t, filepath.Join(t.TempDir(), "png-within.jpg"), toRGBA(want)), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Pix, want.Pix) {
		t.Error("the pixels changed on the way")
	}
}

// Every kind of PNG has the same three pixels: black, a mid tone, and white.
func TestDecodePNGKinds(t *testing.T) {
	rect := image.Rect(0, 0, 3, 1)
	tone := color.NRGBA{200, 200, 200, 255}
	levels := []color.Color{color.NRGBA{0, 0, 0, 255}, tone, color.NRGBA{255, 255, 255, 255}}
	faint := color.NRGBA{200, 200, 200, 40}
	type canvas interface {
		image.Image
		Set(x, y int, c color.Color)
	}
	fill := func(m canvas, colors []color.Color) image.Image {
		for x, c := range colors {
			m.Set(x, 0, c)
		}
		return m
	}
	tests := map[string]image.Image{
		"grey":        fill(image.NewGray(rect), levels),
		"grey 16-bit": fill(image.NewGray16(rect), levels),
		"RGB 16-bit":  fill(image.NewRGBA64(rect), levels),
		"alpha":       fill(image.NewNRGBA(rect), []color.Color{levels[0], faint, levels[2]}),
		"alpha 16":    fill(image.NewNRGBA64(rect), []color.Color{levels[0], faint, levels[2]}),
		"palette":     fill(image.NewPaletted(rect, levels), levels),
		"palette with transparency": fill(image.NewPaletted(rect, color.Palette{levels[0], faint, levels[2]}),
			[]color.Color{levels[0], faint, levels[2]}),
	}
	for name, src := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := Decode(writePNG(t, filepath.Join(t.TempDir(), "a.png"), src), DecodeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := []uint8{0, 0, 0, 200, 200, 200, 255, 255, 255}
			if !slices.Equal(m.Pix, want) {
				t.Errorf("pixels %v, want %v", m.Pix, want)
			}
		})
	}
}

func TestYCbCrMatchesStandardLibrary(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		src := image.NewYCbCr(image.Rect(0, 0, 13, 7), ratio)
		for i := range src.Y {
			src.Y[i] = uint8(i * 53)
		}
		for i := range src.Cb {
			src.Cb[i], src.Cr[i] = uint8(i*71), uint8(i*29+128)
		}
		fast, err := fromImage(src)
		if err != nil {
			t.Fatal(err)
		}
		slow := NewImage(13, 7)
		fromAny(slow, src)
		for i := range fast.Pix {
			if d := int(fast.Pix[i]) - int(slow.Pix[i]); d < -1 || d > 1 {
				t.Fatalf("%v: byte %d is %d, want %d", ratio, i, fast.Pix[i], slow.Pix[i])
			}
		}
	}
}

func TestRGBA64MatchesStandardLibrary(t *testing.T) {
	src := image.NewRGBA64(image.Rect(0, 0, 300, 1))
	for x := range 300 {
		a := uint16(x * 218)
		src.SetRGBA64(x, 0, color.RGBA64{R: a, G: a / 2, B: a / 7, A: a})
	}
	fast, err := fromImage(src)
	if err != nil {
		t.Fatal(err)
	}
	slow := NewImage(300, 1)
	fromAny(slow, src)
	if !slices.Equal(fast.Pix, slow.Pix) {
		t.Error("the pixels differ")
	}
}

func TestEXIFOrientation(t *testing.T) {
	path := filepath.Join("testdata", "turned.jpg")
	stored, err := Decode(path, DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	turned, err := Decode(path, DecodeOptions{ApplyEXIF: true})
	if err != nil {
		t.Fatal(err)
	}
	if turned.W != stored.H || turned.H != stored.W {
		t.Fatalf("%dx%d of a stored %dx%d", turned.W, turned.H, stored.W, stored.H)
	}
	// Orientation 6: the stored left bottom corner is the scene's left top one.
	if got, want := turned.Pix[:3], stored.row(stored.H - 1)[:3]; !slices.Equal(got, want) {
		t.Errorf("top left pixel %v, want %v", got, want)
	}
	w, h, err := Size(path, DecodeOptions{ApplyEXIF: true})
	if err != nil || w != turned.W || h != turned.H {
		t.Errorf("Size = %d, %d, %v; want %d, %d", w, h, err, turned.W, turned.H)
	}
}

func TestOrient(t *testing.T) {
	// a b c      over the scene as it was stored
	// d e f
	m := Image{W: 3, H: 2, Pix: []uint8("aaabbbcccdddeeefff")}
	want := map[int]string{
		0: "abc/def", 1: "abc/def", 2: "cba/fed", 3: "fed/cba", 4: "def/abc",
		5: "ad/be/cf", 6: "da/eb/fc", 7: "fc/eb/da", 8: "cf/be/ad", 9: "abc/def",
	}
	for o, w := range want {
		got := orient(m, o)
		var rows []string
		for y := range got.H {
			var s strings.Builder
			for x := range got.W {
				s.WriteByte(got.row(y)[x*3])
			}
			rows = append(rows, s.String())
		}
		if s := strings.Join(rows, "/"); s != w {
			t.Errorf("orientation %d gives %s, want %s", o, s, w)
		}
	}
}

func TestEXIFReaderBearsNonsense(t *testing.T) {
	block := func(order binary.AppendByteOrder, mark string, tag, value uint16) []byte {
		b := []byte(mark)
		b = order.AppendUint16(b, 42)
		b = order.AppendUint32(b, 8)
		b = order.AppendUint16(b, 1)
		b = order.AppendUint16(b, tag)
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, value)
		return append(b, 0, 0, 0, 0, 0, 0)
	}
	good := block(binary.BigEndian, "MM", 0x0112, 8)
	tests := []struct {
		name string
		tiff []byte
		want int
	}{
		{"big endian", good, 8},
		{"little endian", block(binary.LittleEndian, "II", 0x0112, 3), 3},
		{"another tag", block(binary.LittleEndian, "II", 0x0110, 3), 1},
		{"value out of range", block(binary.LittleEndian, "II", 0x0112, 9), 1},
		{"cut short", good[:12], 1},
		{"far directory", []byte("MM\x00*\xff\xff\xff\xff"), 1},
		{"empty", nil, 1},
	}
	for _, tt := range tests {
		jpg := []byte{0xff, 0xd8, 0xff, 0xe1}
		jpg = binary.BigEndian.AppendUint16(jpg, uint16(len(tt.tiff)+8))
		jpg = append(append(jpg, "Exif\x00\x00"...), tt.tiff...)
		if got := exifOrientation(jpg); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestDecodeErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	whole, err := os.ReadFile(filepath.Join("testdata", "progressive.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	huge := buf.Bytes()
	binary.BigEndian.PutUint32(huge[16:], 1<<20) // width, whose checksum is wrong now too
	tests := []struct {
		name, file, want string
		shown            string // of the file's name; empty for all of it
		data             []byte
		opts             DecodeOptions
	}{
		{name: "absent", file: "absent.jpg", want: "no such file"},
		{name: "empty", file: "empty.jpg", data: []byte{}, want: "empty"},
		{name: "odd name", file: "a\n\x1b[2J.jpg", data: []byte("hello"), want: "not a JPEG", shown: `a\n\x1b[2J.jpg`},
		{name: "text", file: "text.jpg", data: []byte("hello"), want: "not a JPEG"},
		{name: "cut short", file: "cut.jpg", data: whole[:len(whole)/2], want: "cut short"},
		{name: "header only", file: "head.png", data: huge[:20], want: "header"},
		{name: "too large", file: "large.jpg", data: whole, opts: DecodeOptions{MaxPixels: 100}, want: "limit of 100 pixels"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.file)
			if tt.data != nil {
				write(t, path, tt.data)
			}
			_, err := Decode(path, tt.opts)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), cmp.Or(tt.shown, tt.file)) {
				t.Errorf("error %v; want one with %q and %q", err, tt.want, tt.file)
			}
			inputtest.Clear(t, err)
		})
	}
}

// FuzzDecode wants an image that is whole, as its header says it, or one clear
// error, and memory within what is stated.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"cmyk.jpg", "turned.jpg", "palette.png", "lossless.webp", "packed.tif", "plain.bmp"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{})
	for _, header := range headers() {
		f.Add(header(7, 5))
		f.Add(header(40_000, 40_000))
	}
	f.Add(append(jpegHeader(0xc2, 4)(16, 8), append(jpegScan(4), "\xff\xd9"...)...))
	opts := DecodeOptions{ApplyEXIF: true, MaxPixels: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m Image
		var err error
		took := inputtest.Allocated(func() { m, err = DecodeBytes(data, opts) })
		most := int64(len(data) + 48*opts.MaxPixels + 1<<20)
		switch c, _, _ := sniff(data, opts); c.name {
		case "WebP":
			most += 150 << 20
		case "TIFF":
			most += 32 << 20
		}
		if took > most {
			t.Errorf("%d bytes were allocated for %d", took, len(data))
		}
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		if m.W < 1 || m.H < 1 || m.W*m.H > opts.MaxPixels || len(m.Pix) != m.W*m.H*3 {
			t.Errorf("%dx%d with %d bytes", m.W, m.H, len(m.Pix))
		}
		w, h, err := Size(write(t, filepath.Join(t.TempDir(), "image"), data), opts)
		if err != nil || w != m.W || h != m.H {
			t.Errorf("the header says %dx%d, %v; the image is %dx%d", w, h, err, m.W, m.H)
		}
	})
}
