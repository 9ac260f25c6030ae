// Package tensorboard writes the course of a run as event files of TensorBoard. It
// folds the run's events as a screen does, in a goroutine of its own: training
// never waits for it, and nothing of a run rests on what it writes.
//
// Every step has a folder of its own, so that each is a run to TensorBoard with its
// own axis: iterations, or candidates of the search. A process that takes a step up
// begins a new file with a mark at which TensorBoard drops what older files have
// from there on.
package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
)

// appendRecord appends a record of TFRecord, the format of event files (tensorflow,
// core/lib/io/record_writer.h): the length in 8 bytes, its checksum in 4, the data
// and its checksum, all little-endian.
func appendRecord(b, data []byte) []byte {
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = append(b, head...)
	b = binary.LittleEndian.AppendUint32(b, masked(head))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

// masked is the CRC-32C of data, turned and moved so that the checksum of data that
// holds checksums is a good one, too (tensorflow, core/lib/hash/crc32c.h).
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (crc>>15 | crc<<17) + 0xa282ead8
}
