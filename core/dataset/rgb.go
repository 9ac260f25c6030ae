package dataset

import (
	"errors"
	"image"
	"image/color"
)

// fromImage converts a decoded image to RGB. The types that decoders return are
// converted straight from their bytes; any other goes through its At method.
func fromImage(src image.Image) (Image, error) {
	b := src.Bounds()
	if b.Dx() <= 0 || b.Dy() <= 0 {
		return Image{}, errors.New("the image has no pixels")
	}
	out := NewImage(b.Dx(), b.Dy())
	switch m := src.(type) {
	case *image.YCbCr:
		fromYCbCr(out, m)
	case *image.NYCbCrA:
		fromYCbCr(out, &m.YCbCr)
	case *image.Gray:
		eachRow(out, m.Pix, m.Stride, grayRow)
	case *image.Gray16:
		eachRow(out, m.Pix, m.Stride, gray16Row)
	case *image.RGBA:
		eachRow(out, m.Pix, m.Stride, rgbaRow)
	case *image.NRGBA:
		eachRow(out, m.Pix, m.Stride, nrgbaRow)
	case *image.RGBA64:
		eachRow(out, m.Pix, m.Stride, rgba64Row)
	case *image.NRGBA64:
		eachRow(out, m.Pix, m.Stride, nrgba64Row)
	case *image.CMYK:
		eachRow(out, m.Pix, m.Stride, cmykRow)
	case *image.Paletted:
		fromPaletted(out, m)
	default:
		fromAny(out, src)
	}
	return out, nil
}

// eachRow converts row by row; conv reads one row of source bytes.
func eachRow(out Image, pix []uint8, stride int, conv func(dst, src []uint8)) {
	for y := range out.H {
		conv(out.row(y), pix[y*stride:])
	}
}

func grayRow(dst, src []uint8) {
	for i, v := range src[:len(dst)/3] {
		d := dst[i*3 : i*3+3 : i*3+3]
		d[0], d[1], d[2] = v, v, v
	}
}

func gray16Row(dst, src []uint8) {
	for i := range len(dst) / 3 {
		v := src[i*2]
		d := dst[i*3 : i*3+3 : i*3+3]
		d[0], d[1], d[2] = v, v, v
	}
}

func nrgbaRow(dst, src []uint8) {
	for i := range len(dst) / 3 {
		s, d := src[i*4:i*4+4:i*4+4], dst[i*3:i*3+3:i*3+3]
		d[0], d[1], d[2] = s[0], s[1], s[2]
	}
}

func nrgba64Row(dst, src []uint8) {
	for i := range len(dst) / 3 {
		s, d := src[i*8:i*8+8:i*8+8], dst[i*3:i*3+3:i*3+3]
		d[0], d[1], d[2] = s[0], s[2], s[4]
	}
}

// rgbaRow undoes the multiplication by alpha, which is 255 in nearly every file.
func rgbaRow(dst, src []uint8) {
	for i := range len(dst) / 3 {
		s, d := src[i*4:i*4+4:i*4+4], dst[i*3:i*3+3:i*3+3]
		d[0], d[1], d[2] = s[0], s[1], s[2]
		if a := int(s[3]); a != 255 && a != 0 {
			for c := range d {
				d[c] = uint8(min(int(s[c])*255/a, 255))
			}
		}
	}
}

// rgba64Row is rgbaRow of 16 bits.
func rgba64Row(dst, src []uint8) {
	for i := range len(dst) / 3 {
		s, d := src[i*8:i*8+8:i*8+8], dst[i*3:i*3+3:i*3+3]
		d[0], d[1], d[2] = s[0], s[2], s[4]
		if a := int(s[6])<<8 | int(s[7]); a != 0xffff && a != 0 {
			for c := range d {
				v := int(s[2*c])<<8 | int(s[2*c+1])
				d[c] = uint8(min(v*0xffff/a, 0xffff) >> 8)
			}
		}
	}
}

func cmykRow(dst, src []uint8) {
	for i := range len(dst) / 3 {
		s, d := src[i*4:i*4+4:i*4+4], dst[i*3:i*3+3:i*3+3]
		w := 255 - int(s[3])
		for c := range d {
			d[c] = uint8(((255-int(s[c]))*w + 127) / 255)
		}
	}
}

func fromPaletted(out Image, m *image.Paletted) {
	var lut [256][3]uint8
	for i, c := range m.Palette {
		if n, ok := color.NRGBAModel.Convert(c).(color.NRGBA); ok && i < len(lut) {
			lut[i] = [3]uint8{n.R, n.G, n.B}
		}
	}
	eachRow(out, m.Pix, m.Stride, func(dst, src []uint8) {
		for i := range len(dst) / 3 {
			copy(dst[i*3:i*3+3], lut[src[i]][:])
		}
	})
}

func fromAny(out Image, src image.Image) {
	b := src.Bounds()
	for y := range out.H {
		dst := out.row(y)
		for x := range out.W {
			if n, ok := color.NRGBAModel.Convert(src.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA); ok {
				dst[x*3], dst[x*3+1], dst[x*3+2] = n.R, n.G, n.B
			}
		}
	}
}

// chroma holds, for each value of Cb and Cr, its part of red, green and blue in
// 1/65536 (JFIF 1.02: R = Y + 1.402 Cr', G = Y - 0.344136 Cb' - 0.714136 Cr',
// B = Y + 1.772 Cb').
type chroma struct {
	rCr, gCb, gCr, bCb [256]int32
}

func newChroma() *chroma {
	var t chroma
	for i := range 256 {
		d := int32(i) - 128
		t.rCr[i], t.gCr[i] = 91881*d, -46802*d
		t.bCb[i], t.gCb[i] = 116130*d, -22554*d
	}
	return &t
}

// fromYCbCr converts with the nearest chroma sample, whatever the subsampling.
func fromYCbCr(out Image, m *image.YCbCr) {
	shift := uint(0)
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio422:
		shift = 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	t, b := newChroma(), m.Rect
	for y := range out.H {
		yo := m.YOffset(b.Min.X, b.Min.Y+y)
		co := m.COffset(b.Min.X, b.Min.Y+y)
		// The first column may be odd in a sub-image; decoders start at 0.
		t.row(out.row(y), m.Y[yo:yo+out.W], m.Cb[co:], m.Cr[co:], shift)
	}
}

// row converts one row; a chroma sample serves 1<<shift pixels.
func (t *chroma) row(dst, luma, cb, cr []uint8, shift uint) {
	n := (len(luma)-1)>>shift + 1
	cb, cr = cb[:n], cr[:n]
	for i, v := range luma {
		b, r := cb[i>>shift], cr[i>>shift]
		y := int32(v)<<16 + 1<<15
		d := dst[i*3 : i*3+3 : i*3+3]
		d[0] = clamp8((y + t.rCr[r]) >> 16)
		d[1] = clamp8((y + t.gCb[b] + t.gCr[r]) >> 16)
		d[2] = clamp8((y + t.bCb[b]) >> 16)
	}
}

// clamp8 bounds v to 0..255.
func clamp8(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // below 0 becomes 0, above 255 becomes 255
	}
	return uint8(v)
}
