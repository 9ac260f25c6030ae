// Package turbojpeg decodes JPEGs by libjpeg-turbo (Debian: libturbojpeg0), faster
// than Go's own decoder and as Pillow does to the bit. The library is optional.
package turbojpeg

/*
#cgo LDFLAGS: -ldl
#include "turbojpeg.h"
*/
import "C"

// Name is that of the library, or "" where it is not installed.
func Name() string {
	if C.turbojpeg_there() == 0 {
		return ""
	}
	return "libjpeg-turbo"
}

// Decode decodes a JPEG of w by h pixels into rgb, which has 3 bytes for each, and
// reports whether it did: not where the library is not installed, the image is CMYK,
// or anything about it is doubtful. Another decoder has to look at those.
func Decode(jpg []byte, w, h int, rgb []uint8) bool {
	if len(jpg) == 0 || w <= 0 || h <= 0 || len(rgb) < 3*w*h {
		return false
	}
	return C.turbojpeg_decode((*C.uchar)(&jpg[0]), C.size_t(len(jpg)), C.int(w), C.int(h), (*C.uchar)(&rgb[0])) != 0
}
