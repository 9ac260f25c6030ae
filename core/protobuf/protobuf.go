// Package protobuf appends the fields of messages in the form of Protocol Buffers.
// Messages are few and small enough that their numbers are named where they are
// written, in place of generated code.
package protobuf

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Number is the number of a field within its message.
type Number = protowire.Number

// Int appends an integer, of which none is below 0 but those of int64 fields.
func Int(b []byte, field Number, v int64) []byte {
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(v)) //nolint:gosec // int64 fields hold the bits of their value
}

// Bytes appends a message, a string or bytes.
func Bytes[T string | []byte](b []byte, field Number, body T) []byte {
	b = Head(b, field, len(body))
	return append(b, body...)
}

// Head appends what stands before a message or bytes of a length, which follow.
func Head(b []byte, field Number, length int) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(length)) //nolint:gosec // no length is below 0
}

// Float appends a float of 32 bits.
func Float(b []byte, field Number, v float32) []byte {
	b = protowire.AppendTag(b, field, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, math.Float32bits(v))
}

// Double appends a float of 64 bits.
func Double(b []byte, field Number, v float64) []byte {
	b = protowire.AppendTag(b, field, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(v))
}
