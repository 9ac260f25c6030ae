// Package picture draws boxes with their classes and scores on images.
package picture

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Box is what is drawn: a rectangle in px, with a label above it.
type Box struct {
	X, Y, W, H float64
	Class      int // picks the colour
	Text       string
}

// Label is a class's name and a score from 0 to 1 as they are drawn.
func Label(class string, score float64) string { return fmt.Sprintf("%s %.2f", class, score) }

// Draw draws the boxes on the image, the first on top. Lines and letters grow with
// the image. Letters that the font, which has ASCII, lacks are drawn as "?".
func Draw(on draw.Image, boxes []Box) {
	scale := max(1, min(on.Bounds().Dx(), on.Bounds().Dy())/500)
	for i := len(boxes) - 1; i >= 0; i-- {
		b := boxes[i]
		ink := Colour(b.Class)
		r := image.Rect(round(b.X), round(b.Y), round(b.X+b.W), round(b.Y+b.H)).Add(on.Bounds().Min)
		outline(on, r, 2*scale, ink)
		label(on, r, b.Text, scale, ink)
	}
}

// Colour is that of a class: hues a golden angle apart, so that neighbours differ.
func Colour(class int) color.RGBA {
	hue := math.Mod(float64(class)*137.508+200, 360) / 60
	part := func(shift float64) uint8 {
		k := math.Mod(shift+hue, 6)
		return uint8(255 * (1 - 0.85*math.Max(0, math.Min(1, math.Min(k, 4-k))))) //nolint:gosec // from 38 to 255
	}
	return color.RGBA{R: part(5), G: part(3), B: part(1), A: 255}
}

func round(v float64) int { return int(math.Round(math.Max(-1e6, math.Min(1e6, v)))) }

// outline draws a rectangle's border inwards.
func outline(on draw.Image, r image.Rectangle, width int, ink color.Color) {
	for _, side := range []image.Rectangle{
		image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+width), image.Rect(r.Min.X, r.Max.Y-width, r.Max.X, r.Max.Y),
		image.Rect(r.Min.X, r.Min.Y, r.Min.X+width, r.Max.Y), image.Rect(r.Max.X-width, r.Min.Y, r.Max.X, r.Max.Y),
	} {
		draw.Draw(on, side.Intersect(r), image.NewUniform(ink), image.Point{}, draw.Src)
	}
}

// label writes text on a field above the box, or within it at the image's border.
func label(on draw.Image, box image.Rectangle, text string, scale int, ink color.RGBA) {
	if text == "" {
		return
	}
	mask := Text(text)
	size := mask.Bounds().Size().Mul(scale)
	at := image.Pt(box.Min.X, box.Min.Y-size.Y)
	at.X = max(on.Bounds().Min.X, min(at.X, on.Bounds().Max.X-size.X))
	at.Y = max(on.Bounds().Min.Y, at.Y)
	field := image.Rectangle{Min: at, Max: at.Add(size)}
	draw.Draw(on, field, image.NewUniform(ink), image.Point{}, draw.Src)
	letters := image.Black
	if luma(ink) < 110 {
		letters = image.White
	}
	for y := field.Min.Y; y < field.Max.Y; y++ {
		for x := field.Min.X; x < field.Max.X; x++ {
			if mask.AlphaAt((x-at.X)/scale, (y-at.Y)/scale).A > 127 && image.Pt(x, y).In(on.Bounds()) {
				on.Set(x, y, letters.C)
			}
		}
	}
}

func luma(c color.RGBA) int { return (299*int(c.R) + 587*int(c.G) + 114*int(c.B)) / 1000 }

// Text draws text in a font of 7 by 13 px, with a border of 1 and 2 px.
func Text(text string) *image.Alpha {
	plain := []rune(text)
	for i, r := range plain {
		if r < ' ' || r > '~' {
			plain[i] = '?'
		}
	}
	face := basicfont.Face7x13
	mask := image.NewAlpha(image.Rect(0, 0, len(plain)*face.Advance+4, face.Height+2))
	d := font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.P(2, face.Ascent+1)}
	d.DrawString(string(plain))
	return mask
}
