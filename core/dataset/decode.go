package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"detnas/core/input"
)

// DefaultMaxPixels is the largest image, in pixels, that is decoded when
// DecodeOptions names no other limit.
const DefaultMaxPixels = 100_000_000

// Bounds on an image file: its bytes, and the pixels of a side, which are those
// of JPEG.
const (
	maxImageBytes = 1 << 30
	maxSide       = 1<<16 - 1
)

// DecodeOptions says how image files are read. The zero value is right for
// COCO's own images.
type DecodeOptions struct {
	// ApplyEXIF turns a JPEG as its EXIF orientation says. COCO's boxes assume
	// that it is ignored, so that is the default.
	ApplyEXIF bool
	// MaxPixels bounds width x height, so that a crafted header cannot make the
	// decoder allocate without limit; 0 means DefaultMaxPixels.
	MaxPixels int
	// JPEG, when not nil, is tried first on a JPEG of w by h pixels, which it writes
	// to rgb, 3 bytes a pixel. Where it reports false Go's decoder takes over.
	JPEG func(jpg []byte, w, h int, rgb []uint8) bool
}

// limit is the largest image in pixels.
func (o DecodeOptions) limit() int {
	if o.MaxPixels <= 0 {
		return DefaultMaxPixels
	}
	return o.MaxPixels
}

// codec is one image format: how its bytes begin, and how they are read.
type codec struct {
	name    string
	magic   []string // '?' stands for any byte
	perByte int      // most pixels that a byte of the file can hold; 0 for any number
	config  func(io.Reader) (image.Config, error)
	decode  func(io.Reader) (image.Image, error)
}

// The most pixels that a byte of a file can hold. A JPEG has a bit at least for
// every block of 8x8; deflate makes at most 1032 bytes of one, in which a pixel
// takes a bit.
const (
	jpegPerByte = 8 * 64
	pngPerByte  = 8 * 1032
	bmpPerByte  = 8
)

// codecs lists the formats that are read. It is a function, and not a variable,
// to keep the package free of state.
func codecs() []codec {
	return []codec{
		{"JPEG", []string{"\xff\xd8"}, jpegPerByte, jpeg.DecodeConfig, jpeg.Decode},
		{"PNG", []string{"\x89PNG\r\n\x1a\n"}, pngPerByte, png.DecodeConfig, png.Decode},
		{"BMP", []string{"BM"}, bmpPerByte, bmp.DecodeConfig, bmp.Decode},
		{"WebP", []string{"RIFF????WEBPVP8"}, 0, webp.DecodeConfig, webp.Decode},
		{"TIFF", []string{"II*\x00", "MM\x00*"}, 0, tiff.DecodeConfig, tiff.Decode},
	}
}

// Decode reads the image file at path as RGB. Grey, CMYK, palette, 16-bit and
// progressive images are converted and transparency is dropped, as OpenCV's and
// Pillow's colour loaders do. The format is told by the content and never by the
// file's name. Errors name the file.
//
// A file may have 1 GiB; an image MaxPixels pixels, 65,535 a side and, in JPEG,
// 100 scans. What has more is refused by its header, before memory is taken for
// its pixels, and so is what has fewer bytes than its pixels need. Decoding takes
// the memory of the file, at most 48 bytes a pixel, and up to 150 MB for the code
// tables of a WebP or the tiles of a TIFF; and time in proportion to pixels and
// scans.
func Decode(path string, opts DecodeOptions) (Image, error) {
	data, err := input.File(path, maxImageBytes)
	if err != nil {
		return Image{}, fmt.Errorf("read image: %w", err)
	}
	img, err := DecodeBytes(data, opts)
	if err != nil {
		return Image{}, fmt.Errorf("decode image %s: %w", input.Line(path), err)
	}
	return img, nil
}

// DecodeBytes is Decode for an image file already in memory.
func DecodeBytes(data []byte, opts DecodeOptions) (img Image, err error) {
	defer func() { // a decoder's panic on crafted bytes is a broken image, no crash
		if r := recover(); r != nil {
			img, err = Image{}, fmt.Errorf("decoder failed: %s; the file is broken", input.Line(fmt.Sprint(r)))
		}
	}()
	c, cfg, err := sniff(data, opts)
	if err != nil {
		return Image{}, err
	}
	if img, err = c.read(data, cfg, opts); err != nil {
		return Image{}, err
	}
	if opts.ApplyEXIF && c.name == "JPEG" {
		img = orient(img, exifOrientation(data))
	}
	return img, nil
}

// read decodes what has been found to be within the bounds.
func (c codec) read(data []byte, cfg image.Config, opts DecodeOptions) (Image, error) {
	if c.name == "JPEG" && opts.JPEG != nil {
		if img := NewImage(cfg.Width, cfg.Height); opts.JPEG(data, img.W, img.H, img.Pix) {
			return img, nil
		}
	}
	src, err := c.decode(bytes.NewReader(data))
	if err != nil {
		return Image{}, fmt.Errorf("%s of %dx%d: %w; the file is broken or cut short", c.name, cfg.Width, cfg.Height, input.Plain(err))
	}
	img, err := fromImage(src)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return img, nil
}

// Size returns the width and height in pixels of the image file at path, from
// its header alone, as Decode with the same options would give them.
func Size(path string, opts DecodeOptions) (w, h int, err error) {
	data, err := input.File(path, maxImageBytes)
	if err != nil {
		return 0, 0, fmt.Errorf("read image: %w", err)
	}
	c, cfg, err := sniff(data, opts)
	if err != nil {
		return 0, 0, fmt.Errorf("read the header of image %s: %w", input.Line(path), err)
	}
	if opts.ApplyEXIF && c.name == "JPEG" && exifOrientation(data) >= 5 {
		return cfg.Height, cfg.Width, nil
	}
	return cfg.Width, cfg.Height, nil
}

// sniff finds the format of data by its first bytes and reads its header, which
// has to be within the bounds.
func sniff(data []byte, opts DecodeOptions) (codec, image.Config, error) {
	if len(data) == 0 {
		return codec{}, image.Config{}, errors.New("the file is empty")
	}
	for _, c := range codecs() {
		if !c.matches(data) {
			continue
		}
		cfg, err := c.config(bytes.NewReader(data))
		if err != nil {
			return c, cfg, fmt.Errorf("%s header: %w; the file is broken or cut short", c.name, input.Plain(err))
		}
		return c, cfg, c.bound(cfg.Width, cfg.Height, data, opts)
	}
	return codec{}, image.Config{}, errors.New("not a JPEG, PNG, BMP, WebP or TIFF; convert it to one of these")
}

// bound refuses an image of w by h pixels that would take memory or time beyond
// the bounds.
func (c codec) bound(w, h int, data []byte, opts DecodeOptions) error {
	switch limit := opts.limit(); {
	case w <= 0 || h <= 0:
		return fmt.Errorf("%s has no pixels (%dx%d)", c.name, w, h)
	case w > maxSide || h > maxSide:
		return fmt.Errorf("%s of %dx%d is over the limit of %d pixels a side; make it smaller", c.name, w, h, maxSide)
	case h > limit/w:
		return fmt.Errorf("%s of %dx%d is over the limit of %d pixels; make it smaller", c.name, w, h, limit)
	case c.perByte > 0 && w*h/c.perByte > len(data):
		return fmt.Errorf("%s of %dx%d in a file of %d bytes, which cannot hold as many pixels; the file is broken or cut short", c.name, w, h, len(data))
	}
	if c.name == "JPEG" && scans(data) > maxScans {
		return fmt.Errorf("JPEG of %dx%d is over the limit of %d scans; save it again", w, h, maxScans)
	}
	return nil
}

// matches reports whether data begins as the format does.
func (c codec) matches(data []byte) bool {
	for _, m := range c.magic {
		if len(data) < len(m) {
			continue
		}
		ok := true
		for i := range len(m) {
			ok = ok && (m[i] == '?' || m[i] == data[i])
		}
		if ok {
			return true
		}
	}
	return false
}
