package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// DefaultMaxPixels is the largest image, in pixels, that is decoded when
// DecodeOptions names no other limit.
const DefaultMaxPixels = 100_000_000

// DecodeOptions says how image files are read. The zero value is right for
// COCO's own images.
type DecodeOptions struct {
	// ApplyEXIF turns a JPEG as its EXIF orientation says. COCO's boxes assume
	// that it is ignored, so that is the default.
	ApplyEXIF bool
	// MaxPixels bounds width x height, so that a crafted header cannot make the
	// decoder allocate without limit; 0 means DefaultMaxPixels.
	MaxPixels int
}

// codec is one image format: how its bytes begin, and how they are read.
type codec struct {
	name   string
	magic  []string // '?' stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// codecs lists the formats that are read. It is a function, and not a variable,
// to keep the package free of state.
func codecs() []codec {
	return []codec{
		{"JPEG", []string{"\xff\xd8"}, jpeg.DecodeConfig, jpeg.Decode},
		{"PNG", []string{"\x89PNG\r\n\x1a\n"}, png.DecodeConfig, png.Decode},
		{"BMP", []string{"BM"}, bmp.DecodeConfig, bmp.Decode},
		{"WebP", []string{"RIFF????WEBPVP8"}, webp.DecodeConfig, webp.Decode},
		{"TIFF", []string{"II*\x00", "MM\x00*"}, tiff.DecodeConfig, tiff.Decode},
	}
}

// Decode reads the image file at path as RGB. Grey, CMYK, palette, 16-bit and
// progressive images are converted and transparency is dropped, as OpenCV's and
// Pillow's colour loaders do. The format is told by the content and never by the
// file's name. Errors name the file.
func Decode(path string, opts DecodeOptions) (Image, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Image{}, fmt.Errorf("read image: %w", err)
	}
	img, err := DecodeBytes(data, opts)
	if err != nil {
		return Image{}, fmt.Errorf("decode image %s: %w", path, err)
	}
	return img, nil
}

// DecodeBytes is Decode for an image file already in memory.
func DecodeBytes(data []byte, opts DecodeOptions) (img Image, err error) {
	defer func() { // a decoder's panic on crafted bytes is a broken image, no crash
		if r := recover(); r != nil {
			img, err = Image{}, fmt.Errorf("decoder failed: %v; the file is broken", r)
		}
	}()
	c, cfg, err := sniff(data, opts)
	if err != nil {
		return Image{}, err
	}
	src, err := c.decode(bytes.NewReader(data))
	if err != nil {
		return Image{}, fmt.Errorf("%s of %dx%d: %w; the file is broken or cut short", c.name, cfg.Width, cfg.Height, err)
	}
	img, err = fromImage(src)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", c.name, err)
	}
	if opts.ApplyEXIF && c.name == "JPEG" {
		img = orient(img, exifOrientation(data))
	}
	return img, nil
}

// Size returns the width and height in pixels of the image file at path, from
// its header alone, as Decode with the same options would give them.
func Size(path string, opts DecodeOptions) (w, h int, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, fmt.Errorf("read image: %w", err)
	}
	c, cfg, err := sniff(data, opts)
	if err != nil {
		return 0, 0, fmt.Errorf("read the header of image %s: %w", path, err)
	}
	if opts.ApplyEXIF && c.name == "JPEG" && exifOrientation(data) >= 5 {
		return cfg.Height, cfg.Width, nil
	}
	return cfg.Width, cfg.Height, nil
}

// sniff finds the format of data by its first bytes and reads its header.
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
			return c, cfg, fmt.Errorf("%s header: %w; the file is broken or cut short", c.name, err)
		}
		limit := opts.MaxPixels
		if limit <= 0 {
			limit = DefaultMaxPixels
		}
		if cfg.Width <= 0 || cfg.Height <= 0 {
			return c, cfg, fmt.Errorf("%s has no pixels (%dx%d)", c.name, cfg.Width, cfg.Height)
		}
		if cfg.Height > limit/cfg.Width {
			return c, cfg, fmt.Errorf("%s of %dx%d is over the limit of %d pixels; make it smaller", c.name, cfg.Width, cfg.Height, limit)
		}
		return c, cfg, nil
	}
	return codec{}, image.Config{}, errors.New("not a JPEG, PNG, BMP, WebP or TIFF; convert it to one of these")
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
