package dataset

import (
	"bytes"
	"encoding/binary"
)

// exifOrientation returns the orientation tag (0x0112, values 1 to 8) of a
// JPEG's EXIF block, and 1, upright, where there is none or it is broken.
func exifOrientation(jpg []byte) int {
	orientation := 1
	eachSegment(jpg, func(marker byte, body []byte) bool {
		tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00"))
		if ok = ok && marker == markerAPP1; ok {
			orientation = tiffOrientation(tiff)
		}
		return !ok && marker != markerSOS // the picture's own data follow
	})
	return orientation
}

// tiffOrientation looks the tag up in the first directory of a TIFF header.
func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	n := int64(order.Uint16(b[at:]))
	for i := range n {
		e := at + 2 + i*12
		if e+12 > int64(len(b)) {
			return 1
		}
		if order.Uint16(b[e:]) != 0x0112 {
			continue
		}
		if v := int(order.Uint16(b[e+8:])); v >= 1 && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}

// orient turns a stored image as its EXIF orientation says, so that its first
// row is the scene's top.
func orient(m Image, orientation int) Image {
	if orientation <= 1 || orientation > 8 {
		return m
	}
	w, h := m.W, m.H
	if orientation >= 5 {
		w, h = h, w
	}
	out := NewImage(w, h)
	for y := range h {
		dst := out.row(y)
		for x := range w {
			sx, sy := x, y
			switch orientation {
			case 2: // mirrored
				sx = w - 1 - x
			case 3: // half a turn
				sx, sy = w-1-x, h-1-y
			case 4: // upside down
				sy = h - 1 - y
			case 5: // transposed
				sx, sy = y, x
			case 6: // a quarter turn clockwise mends it
				sx, sy = y, w-1-x
			case 7: // transversed
				sx, sy = h-1-y, w-1-x
			case 8: // a quarter turn counter-clockwise mends it
				sx, sy = h-1-y, x
			}
			copy(dst[x*3:x*3+3], m.row(sy)[sx*3:])
		}
	}
	return out
}
