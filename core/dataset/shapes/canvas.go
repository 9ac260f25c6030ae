package shapes

import (
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
)

// rgb is a colour with channels from 0 to 255.
type rgb [3]float32

// hsv makes a colour from hue, saturation and value, each from 0 to 1.
func hsv(h, s, v float64) rgb {
	sector := int(h * 6)
	f := h*6 - float64(sector)
	low, down, up := v*(1-s), v*(1-s*f), v*(1-s*(1-f))
	var c [3]float64
	switch sector % 6 {
	case 0:
		c = [3]float64{v, up, low}
	case 1:
		c = [3]float64{down, v, low}
	case 2:
		c = [3]float64{low, v, up}
	case 3:
		c = [3]float64{low, down, v}
	case 4:
		c = [3]float64{up, low, v}
	default:
		c = [3]float64{v, low, down}
	}
	return rgb{float32(255 * c[0]), float32(255 * c[1]), float32(255 * c[2])}
}

// mix goes from c at t = 0 to to at t = 1.
func (c rgb) mix(to rgb, t float32) rgb {
	for i := range c {
		c[i] += t * (to[i] - c[i])
	}
	return c
}

// canvas is a picture in the making, rows of RGB triples from 0 to 255.
type canvas struct {
	bounds image.Rectangle
	pix    []rgb
}

func newCanvas(width, height int) *canvas {
	return &canvas{image.Rect(0, 0, width, height), make([]rgb, width*height)}
}

// row returns the pixels from x0 to x1 in row y.
func (c *canvas) row(y, x0, x1 int) []rgb {
	start := y * c.bounds.Dx()
	return c.pix[start+x0 : start+x1]
}

// grain adds sensor noise with a standard deviation of about sigma.
func (c *canvas) grain(r *rand.Rand, sigma float64) {
	// The sum of four 16-bit uniforms, centred, has a deviation of 2^16/sqrt(3).
	scale := float32(sigma * 1.732 / 65536)
	for i := range c.pix {
		u := r.Uint64()
		n := int(u&0xffff) + int(u>>16&0xffff) + int(u>>32&0xffff) + int(u>>48) - 2*65535
		for k := range c.pix[i] {
			c.pix[i][k] += scale * float32(n)
		}
	}
}

// save writes the picture as a JPEG file.
func (c *canvas) save(path string, quality int) (err error) {
	img := image.NewRGBA(c.bounds)
	for i, p := range c.pix {
		for k, v := range p {
			img.Pix[4*i+k] = uint8(min(max(v, 0), 255) + 0.5)
		}
		img.Pix[4*i+3] = 255
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	defer func() {
		if closing := file.Close(); err == nil && closing != nil {
			err = fmt.Errorf("write picture: %w", closing)
		}
	}()
	if err := jpeg.Encode(file, img, &jpeg.Options{Quality: quality}); err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return nil
}
