package dataset

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"detnas/core/input/inputtest"
)

// header makes the first bytes of an image file that says that it is w by h.
type header func(w, h int) []byte

func pngHeader(depth, kind byte) header {
	return func(w, h int) []byte {
		b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
		b = binary.BigEndian.AppendUint32(b, uint32(w))
		b = binary.BigEndian.AppendUint32(b, uint32(h))
		b = append(b, depth, kind, 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
		return append(b, "\x00\x00\x00\x08IDAT\x78\x9c\x01\x00\x00\xff\xff\x00"...)
	}
}

// jpegHeader is that of a JPEG with an Adobe marker, all code tables and the
// start of a first scan of all its components.
func jpegHeader(sof byte, components int) header {
	return func(w, h int) []byte {
		b := []byte("\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x02")
		b = append(b, 0xff, sof, 0, byte(8+3*components), 8)
		b = binary.BigEndian.AppendUint16(b, uint16(h))
		b = binary.BigEndian.AppendUint16(b, uint16(w))
		b = append(b, byte(components))
		for c := range components {
			b = append(b, byte(c), 0x11, 0)
		}
		b = append(b, 0xff, 0xdb, 0, 67, 0)
		b = append(b, bytes.Repeat([]byte{1}, 64)...)
		for _, table := range []byte{0x00, 0x10} { // one code, "0", for a block that is over
			b = append(b, 0xff, 0xc4, 0, 20, table, 1)
			b = append(b, make([]byte, 16)...)
		}
		return append(b, jpegScan(components)...)
	}
}

func jpegScan(components int) []byte {
	b := []byte{0xff, 0xda, 0, byte(6 + 2*components), byte(components)}
	for c := range components {
		b = append(b, byte(c), 0)
	}
	return append(b, 0, 0, 0)
}

func bmpHeader(bits uint16) header {
	return func(w, h int) []byte {
		b := append([]byte("BM"), make([]byte, 8)...)
		b = binary.LittleEndian.AppendUint32(b, 54)
		b = binary.LittleEndian.AppendUint32(b, 40)
		b = binary.LittleEndian.AppendUint32(b, uint32(w))
		b = binary.LittleEndian.AppendUint32(b, uint32(h))
		b = binary.LittleEndian.AppendUint16(b, 1)
		b = binary.LittleEndian.AppendUint16(b, bits)
		return append(b, make([]byte, 24)...)
	}
}

func webpHeader(w, h int) []byte {
	b := []byte("RIFF\xff\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00")
	for _, side := range []int{w - 1, h - 1} {
		b = append(b, byte(side), byte(side>>8), byte(side>>16))
	}
	return append(b, "VP8L\x05\x00\x00\x00/\x00\x00\x00\x00\x00"...)
}

func tiffHeader(w, h int) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00\x0a\x00")
	for _, e := range [][2]uint32{{256, uint32(w)}, {257, uint32(h)}, {258, 8}, {259, 1}, {262, 1}, {273, 8}, {277, 1}, {278, uint32(h)}, {279, 8}, {284, 1}} {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, e[1])
	}
	return append(b, make([]byte, 4)...)
}

func headers() map[string]header {
	return map[string]header{
		"png": pngHeader(8, 2), "png of 16 bits": pngHeader(16, 6), "jpeg": jpegHeader(0xc0, 3),
		"progressive jpeg": jpegHeader(0xc2, 4), "bmp": bmpHeader(24), "webp": webpHeader, "tiff": tiffHeader,
	}
}

// TestImageBombs wants small files that claim to be large images to be refused
// before any memory is taken for their pixels.
func TestImageBombs(t *testing.T) {
	tests := []struct {
		w, h int
		want string
		but  []string // formats that it is not true of
	}{
		{60_000, 60_000, "60000x60000 is over the limit of 100000000 pixels", []string{"webp"}}, // which has not as many
		{40_000, 40_000, "40000x40000 is over the limit of 100000000 pixels", nil},
		{65_500, 1_527, "65500x1527 is over the limit of 100000000 pixels", nil},
		{65_535, 1_525, "cannot hold as many pixels", []string{"webp", "tiff"}},
		{9_000, 9_000, "cannot hold as many pixels", []string{"webp", "tiff"}},
	}
	for name, header := range headers() {
		for _, tt := range tests {
			if slices.Contains(tt.but, name) {
				continue
			}
			var err error
			data := header(tt.w, tt.h)
			took := inputtest.Allocated(func() { _, err = DecodeBytes(data, DecodeOptions{}) })
			inputtest.Clear(t, err, tt.want)
			if took > 1<<20 {
				t.Errorf("%s of %dx%d in %d bytes: %d bytes were allocated", name, tt.w, tt.h, len(data), took)
			}
		}
	}
	for name, side := range map[string][2]int{"png": {1 << 16, 1}, "bmp": {1, 1 << 16}, "tiff": {1 << 16, 1}} {
		_, err := DecodeBytes(headers()[name](side[0], side[1]), DecodeOptions{})
		inputtest.Clear(t, err, "over the limit of 65535 pixels a side")
	}
	for name, header := range headers() {
		for _, side := range [][2]int{{0, 1}, {1, 0}, {0, 0}} {
			if name == "webp" {
				continue // has no way to say so
			}
			_, err := DecodeBytes(header(side[0], side[1]), DecodeOptions{})
			inputtest.Clear(t, err)
		}
	}
}

// TestDecodingTakesMemoryByThePixel decodes the worst of every format, and wants
// no more than is stated.
func TestDecodingTakesMemoryByThePixel(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, with which short tests are run, allocates by itself")
	}
	const w, h, perPixel = 256, 256, 48
	junk := bytes.Repeat([]byte{0}, w*h/512)
	noise := image.NewNRGBA64(image.Rect(0, 0, w, h))
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(noise.Pix)
	var asPNG, asTIFF bytes.Buffer
	if err := png.Encode(&asPNG, noise); err != nil {
		t.Fatal(err)
	}
	if err := tiff.Encode(&asTIFF, noise, &tiff.Options{Compression: tiff.Deflate}); err != nil {
		t.Fatal(err)
	}
	opaque := image.NewRGBA64(noise.Rect)
	for i, v := range noise.Pix {
		if opaque.Pix[i] = v; i%8 > 5 {
			opaque.Pix[i] = 0xff
		}
	}
	var asOpaque bytes.Buffer
	if err := png.Encode(&asOpaque, opaque); err != nil {
		t.Fatal(err)
	}
	interlaced := pngHeader(16, 6)(w, h)
	interlaced[28] = 1
	binary.BigEndian.PutUint32(interlaced[29:], crc32.ChecksumIEEE(interlaced[12:29]))
	for name, data := range map[string][]byte{
		"png": asPNG.Bytes(), "opaque png": asOpaque.Bytes(), "tiff": asTIFF.Bytes(),
		"interlaced png":   append(interlaced, junk...),
		"jpeg":             slices.Concat(jpegHeader(0xc0, 4)(w, h), bytes.Repeat(junk, 16), []byte{0xff, 0xd9}),
		"progressive jpeg": slices.Concat(jpegHeader(0xc2, 4)(w, h), bytes.Repeat(junk, 16), []byte{0xff, 0xd9}),
		"cut tiff":         tiffHeader(w, h),
		"cut webp":         webpHeader(w, h),
		"cut bmp":          append(bmpHeader(24)(w, h), bytes.Repeat(junk, 64)...),
	} {
		var err error
		took := inputtest.Allocated(func() { _, err = DecodeBytes(data, DecodeOptions{}) })
		if whole := !strings.Contains(name, "cut") && name != "interlaced png"; whole != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if most := int64(w*h*perPixel + 1<<20); took > most {
			t.Errorf("%s of %d KiB: %d bytes a pixel were allocated", name, len(data)>>10, took/(w*h))
		}
	}
}

// TestScansAreBounded wants the passes over an image to be counted as the decoder
// makes them, whatever stands between two scans.
func TestScansAreBounded(t *testing.T) {
	for name, between := range map[string]string{
		"nothing": "", "data": "\x12\xff\x00\x34\xff\xd3\x56", "junk": "\x00\x00", "fill bytes": "\xff\xff\xff", "a comment": "\xff\xfe\x00\x04ab",
	} {
		for n, want := range map[int]string{maxScans: "", maxScans + 1: "over the limit of 100 scans"} {
			data := jpegHeader(0xc2, 1)(8, 8)
			for range n - 1 {
				data = append(append(data, between...), jpegScan(1)...)
			}
			if got := scans(append(data, 0xff, 0xd9)); got != n {
				t.Errorf("%s between: %d scans, want %d", name, got, n)
			}
			if _, _, err := sniff(data, DecodeOptions{}); want != "" {
				inputtest.Clear(t, err, want)
			} else if err != nil {
				t.Error(err)
			}
		}
	}
	if got := scans([]byte("\xff\xd8\xff\xd9\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00")); got != 0 {
		t.Errorf("%d scans after the end", got)
	}
}
