package dataset

import (
	"bytes"
	"encoding/binary"
)

// maxScans bounds the scans of a JPEG, each of which costs a pass over all its
// pixels however few bytes it has. Encoders write about ten.
const maxScans = 100

// The markers that segments of a JPEG begin with, as far as they matter here
// (ITU-T T.81, table B.1).
const (
	markerRST0 = 0xd0 // to RST7, 0xd7: within the data of a scan
	markerEOI  = 0xd9
	markerSOS  = 0xda // a scan; its data follow the segment
	markerAPP1 = 0xe1
)

// eachSegment visits the segments of a JPEG in their order, up to its end, to one
// that is broken, or until visit returns false. As the decoder does, it passes
// over the data of scans and whatever else stands between two segments.
func eachSegment(jpg []byte, visit func(marker byte, body []byte) bool) {
	for p := 2; p+4 <= len(jpg); {
		if jpg[p] != 0xff {
			next := bytes.IndexByte(jpg[p:], 0xff)
			if next < 0 {
				return
			}
			p += next
			continue
		}
		switch marker := jpg[p+1]; {
		case marker == 0xff: // a fill byte
			p++
		case marker == 0 || marker&^7 == markerRST0: // of a scan's data
			p += 2
		case marker == markerEOI:
			return
		default:
			size := int(binary.BigEndian.Uint16(jpg[p+2:]))
			if size < 2 || p+2+size > len(jpg) || !visit(marker, jpg[p+4:p+2+size]) {
				return
			}
			p += 2 + size
		}
	}
}

// scans counts the scans of a JPEG.
func scans(jpg []byte) int {
	n := 0
	eachSegment(jpg, func(marker byte, _ []byte) bool {
		if marker == markerSOS {
			n++
		}
		return true
	})
	return n
}
