package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// NPY is an array of float32 in the form of NumPy's files (numpy.lib.format, version
// 1.0), rows first.
func NPY(values []float32, shape ...int64) []byte {
	var sizes strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&sizes, "%d, ", d)
	}
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", sizes.String())
	const before = len("\x93NUMPY\x01\x00") + 2
	head += strings.Repeat(" ", 63-(before+len(head))%64) + "\n" // so that the values begin at a multiple of 64
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(head)))) //nolint:gosec // a few sizes
	b.WriteString(head)
	_ = binary.Write(&b, binary.LittleEndian, values) // into memory
	return b.Bytes()
}
