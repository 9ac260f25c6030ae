package charts

import (
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// slope is an image that goes from dark to light along x.
func slope(width, height int) image.Image {
	img := image.NewNRGBA(image.Rect(3, 5, 3+width, 5+height)) // images need not begin at 0
	for y := range height {
		for x := range width {
			v := uint8(255 * x / max(width-1, 1))
			img.Set(3+x, 5+y, color.NRGBA{v, v / 2, 255 - v, 255})
		}
	}
	return img
}

var boxes = []Frame{
	{X: 10, Y: 10, Width: 60, Height: 40, Label: "circle 0.93"},
	{X: 60, Y: 30, Width: 30, Height: 50, Style: 1, Label: "square 0.71", Dashed: true},
	{X: -20, Y: -20, Width: 500, Height: 500, Style: 2, Label: "off"},
	{X: 0, Y: 0, Width: 100, Height: 100, Style: -3},
	{X: math.NaN(), Width: 3, Label: "never"},
	{X: 5, Y: math.Inf(1), Width: math.Inf(1), Height: -4, Label: "never"},
	{X: -1e300, Y: 3, Width: math.MaxFloat64, Height: 1e300, Label: "far"},
}

func TestPictureIsExactEverywhere(t *testing.T) {
	for _, img := range []image.Image{nil, slope(100, 100), slope(1, 300), slope(900, 2), image.NewGray(image.Rectangle{})} {
		everywhere(t, func(l Look, w, h int) string { return Picture(l, img, boxes, w, h) })
	}
}

func TestPictureGolden(t *testing.T) {
	for _, e := range looks {
		view := Picture(look(e.colour, e.mode), slope(100, 80), boxes[:2], 60, 20)
		uitest.Golden(t, "picture-"+e.name, view, 60, 20)
		if strings.Contains(view, "never") {
			t.Error("a frame of no size is labelled")
		}
	}
}

// An image keeps its shape: a square takes twice as many columns as lines.
func TestPictureKeepsItsShape(t *testing.T) {
	l := look(false, styles.ASCII)
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, size := range [][2]int{{40, 40}, {80, 10}, {20, 10}} {
		n := strings.Count(Picture(l, img, nil, size[0], size[1]), "@")
		side := min(size[0]/2, size[1])
		if n != 2*side*side {
			t.Errorf("at %v a white square has %d cells, not %d", size, n, 2*side*side)
		}
	}
}

func TestFramesStandAround(t *testing.T) {
	view := ansi.Strip(Picture(look(false, styles.ASCII), image.NewRGBA(image.Rect(0, 0, 40, 40)), []Frame{{X: 8, Y: 8, Width: 16, Height: 16}}, 40, 20))
	var got []string
	for line := range strings.SplitSeq(view, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			got = append(got, line)
		}
	}
	want := "+--------------+"
	if len(got) != 8 || got[0] != want || got[7] != want || strings.Count(got[3], "|") != 2 {
		t.Errorf("a frame of 16 px at one px a column is\n%s", strings.Join(got, "\n"))
	}
}

func TestNearest(t *testing.T) {
	for entry := 16; entry < 256; entry++ {
		r, g, b := rgb(entry)
		if got := nearest(uint8(r), uint8(g), uint8(b)); got != uint8(entry) {
			gr, gg, gb := rgb(int(got))
			if gr != r || gg != g || gb != b {
				t.Errorf("entry %d, %d %d %d, is taken for %d", entry, r, g, b, got)
			}
		}
	}
	// Against a search through all entries.
	for i := range 2000 {
		r, g, b := i*37%256, i*101%256, i*53%256
		best := math.MaxInt
		for entry := 16; entry < 256; entry++ {
			er, eg, eb := rgb(entry)
			best = min(best, square(r-er)+square(g-eg)+square(b-eb))
		}
		er, eg, eb := rgb(int(nearest(uint8(r), uint8(g), uint8(b))))
		if got := square(r-er) + square(g-eg) + square(b-eb); got != best {
			t.Errorf("%d %d %d is taken for %d %d %d: %d away, not %d", r, g, b, er, eg, eb, got, best)
		}
	}
}

func TestScaledIsTheMean(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 6, 3))
	for i := range img.Pix {
		img.Pix[i] = uint8(10 * i)
	}
	// Px of 3 by 3: means of columns 0 to 2 and 3 to 5.
	if got := scaled(img, 2, 1); got[0] != 70 || got[3] != 100 {
		t.Errorf("means are %v", got)
	}
	// Larger than it is, each px is repeated.
	if got := scaled(img, 12, 6); got[0] != 0 || got[3] != 0 || got[6] != 10 || got[3*12] != 0 || got[3*24] != 60 {
		t.Errorf("enlarged it is %v", got)
	}
}

func BenchmarkPicture(b *testing.B) {
	l, img := look(true, styles.Braille), slope(640, 480)
	for b.Loop() {
		Picture(l, img, boxes, 80, 24)
	}
}

func BenchmarkHeatmap(b *testing.B) {
	h := choices(look(true, styles.Braille), []int{4, 4, 8, 4})
	for b.Loop() {
		h.Draw(160, 12)
	}
}
