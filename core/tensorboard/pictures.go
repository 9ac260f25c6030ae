package tensorboard

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"strings"

	"detnas/core/dataset"
	"detnas/core/run"
	"detnas/detector/picture"
)

// Sizes in px.
const (
	cellWide, cellTall = 36, 28  // of the map of choices
	labelWide          = 72      // left of its rows
	longSide           = 512     // of an image with detections
	mostPixels         = 1 << 25 // of an image that is drawn on
)

// choices is the map of how often each choice stands in each block among the
// candidates of a generation, as on the Search page, or nil where there are none.
func (b *Board) choices(generation int) []byte {
	rows := b.opts.Choices
	var counts [][]int // by block, then row
	of := 0
	for _, c := range b.state.Candidates {
		if c.Generation != generation {
			continue
		}
		digits := strings.ReplaceAll(c.Subnet, "-", "")
		if counts == nil {
			counts = make([][]int, len(digits))
			for i := range counts {
				counts[i] = make([]int, len(rows))
			}
		}
		if len(digits) != len(counts) {
			continue // of a journal that was damaged
		}
		of++
		for i := range digits {
			for k, row := range rows {
				if digits[i] == row.Digit {
					counts[i][k]++
				}
			}
		}
	}
	if of == 0 || len(rows) == 0 {
		return nil
	}
	m := image.NewRGBA(image.Rect(0, 0, labelWide+cellWide*len(counts), cellTall*(len(rows)+1)))
	draw.Draw(m, m.Bounds(), image.White, image.Point{}, draw.Src)
	for k, row := range rows {
		write(m, row.Name, 2, cellTall*(k+1)+6, color.Black)
	}
	for i, column := range counts {
		x := labelWide + cellWide*i
		write(m, fmt.Sprint(i+1), x+8, 6, color.Black)
		for k, n := range column {
			share := float64(n) / float64(of)
			cell := image.Rect(x, cellTall*(k+1), x+cellWide-1, cellTall*(k+2)-1)
			ground, ink := shade(math.Sqrt(share)) // as the screen: the usual shares, around one in four, can be told apart
			draw.Draw(m, cell, image.NewUniform(ground), image.Point{}, draw.Src)
			write(m, fmt.Sprintf("%.0f", 100*share), x+4, cellTall*(k+1)+6, ink)
		}
	}
	return encoded("search/choices_percent", m)
}

// shade is a colour from white to dark blue, and one that can be read on it.
func shade(level float64) (ground, ink color.Color) {
	mix := func(a, b float64) uint8 { return uint8(a + (b-a)*level) }
	ink = color.Black
	if level > 0.55 {
		ink = color.White
	}
	return color.RGBA{mix(255, 8), mix(255, 48), mix(255, 107), 255}, ink
}

// write draws a text with its upper left corner at a place.
func write(on draw.Image, words string, x, y int, ink color.Color) {
	mask := picture.Text(words)
	at := mask.Bounds().Sub(mask.Bounds().Min).Add(image.Pt(x, y))
	draw.DrawMask(on, at, image.NewUniform(ink), image.Point{}, mask, mask.Bounds().Min, draw.Over)
}

// detections are the images that the run shows, with what a subnet found on them in
// a step. What was not kept, or cannot be read, is left out.
func (b *Board) detections(step int, subnet string) [][]byte {
	shown, err := b.opts.Folder.ReadPreviewImages()
	if err != nil {
		return nil
	}
	found, err := b.opts.Folder.ReadPreview(step, subnet)
	if err != nil {
		return nil
	}
	var out [][]byte
	for i, m := range shown.Images {
		if v := b.detected(fmt.Sprintf("detections/%d", i+1), m, found.Found[m.ID], shown.Classes); v != nil {
			out = append(out, v)
		}
	}
	return out
}

// detected is one image with boxes, made smaller where it is large.
func (b *Board) detected(tag string, m run.PreviewImage, boxes []run.PreviewBox, classes []string) []byte {
	if w, h, err := dataset.Size(m.Path, b.opts.Decode); err != nil || w*h > mostPixels {
		return nil
	}
	pixels, err := dataset.Decode(m.Path, b.opts.Decode)
	if err != nil {
		return nil
	}
	scale := min(1, longSide/float64(max(pixels.W, pixels.H)))
	if scale < 1 {
		pixels = dataset.ResizeBilinear(pixels, max(1, int(float64(pixels.W)*scale)), max(1, int(float64(pixels.H)*scale)))
	}
	on := image.NewRGBA(image.Rect(0, 0, pixels.W, pixels.H))
	for i := range pixels.W * pixels.H {
		copy(on.Pix[4*i:], pixels.Pix[3*i:3*i+3])
		on.Pix[4*i+3] = 255
	}
	drawn := make([]picture.Box, 0, len(boxes))
	for _, x := range boxes {
		name := fmt.Sprint(x.Label)
		if x.Label >= 0 && x.Label < len(classes) {
			name = classes[x.Label]
		}
		drawn = append(drawn, picture.Box{
			X: x.Box[0] * scale, Y: x.Box[1] * scale, W: x.Box[2] * scale, H: x.Box[3] * scale, Class: x.Label, Text: picture.Label(name, x.Score),
		})
	}
	picture.Draw(on, drawn)
	return encoded(tag, on)
}

// encoded is an image as a value.
func encoded(tag string, m *image.RGBA) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return nil // of an image without pixels
	}
	return pictureValue(tag, m.Rect.Dx(), m.Rect.Dy(), b.Bytes())
}
