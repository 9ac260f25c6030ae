package tensorboard

import (
	"time"

	"detnas/core/protobuf"
)

// The numbers of fields of TensorFlow's messages (core/util/event.proto,
// core/framework/summary.proto, tensor.proto and tensor_shape.proto).
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	eventSessionLog  = 7

	sessionStatus = 1
	sessionStart  = 1 // a value of it

	summaryValue = 1

	valueTag      = 1
	valueSimple   = 2
	valueImage    = 4
	valueTensor   = 8
	valueMetadata = 9

	imageHeight     = 1
	imageWidth      = 2
	imageColorspace = 3
	imageEncoded    = 4
	colorspaceRGB   = 3 // a value of it

	metadataPlugin = 1
	pluginName     = 1

	tensorType   = 1
	tensorShape  = 2
	tensorString = 8
	typeString   = 7 // a value of it
	shapeDim     = 2
	dimSize      = 1
)

// fileVersion stands first in an event file; from 2 on a mark of a start makes
// TensorBoard drop what comes after it in older files.
const fileVersion = "brain.Event:2"

// event is an Event of a moment and a step, with one more field.
func event(at time.Time, step int64, field protobuf.Number, body []byte) []byte {
	var b []byte
	b = protobuf.Double(b, eventWallTime, float64(at.UnixMicro())/1e6)
	if step != 0 { // what is 0 is left out of a message
		b = protobuf.Int(b, eventStep, step)
	}
	return protobuf.Bytes(b, field, body)
}

func versionEvent(at time.Time) []byte { return event(at, 0, eventFileVersion, []byte(fileVersion)) }

// startEvent is the mark of a start: what older files have of this step and later
// ones is dropped.
func startEvent(at time.Time, step int64) []byte {
	return event(at, step, eventSessionLog, protobuf.Int(nil, sessionStatus, sessionStart))
}

// summaryEvent has all values of one step.
func summaryEvent(at time.Time, step int64, values ...[]byte) []byte {
	var summary []byte
	for _, v := range values {
		summary = protobuf.Bytes(summary, summaryValue, v)
	}
	return event(at, step, eventSummary, summary)
}

// scalar is a value of a curve.
func scalar(tag string, v float64) []byte {
	b := protobuf.Bytes(nil, valueTag, []byte(tag))
	return protobuf.Float(b, valueSimple, float32(v))
}

// pictureValue is an image, encoded as PNG.
func pictureValue(tag string, width, height int, png []byte) []byte {
	image := protobuf.Int(nil, imageHeight, int64(height))
	image = protobuf.Int(image, imageWidth, int64(width))
	image = protobuf.Int(image, imageColorspace, colorspaceRGB)
	image = protobuf.Bytes(image, imageEncoded, png)
	return protobuf.Bytes(protobuf.Bytes(nil, valueTag, []byte(tag)), valueImage, image)
}

// text is a text in Markdown, which TensorBoard has as a tensor of one string.
func text(tag, markdown string) []byte {
	plugin := protobuf.Bytes(nil, metadataPlugin, protobuf.Bytes(nil, pluginName, []byte("text")))
	shape := protobuf.Bytes(nil, shapeDim, protobuf.Int(nil, dimSize, 1))
	tensor := protobuf.Bytes(protobuf.Int(nil, tensorType, typeString), tensorShape, shape)
	tensor = protobuf.Bytes(tensor, tensorString, []byte(markdown))
	b := protobuf.Bytes(nil, valueTag, []byte(tag))
	b = protobuf.Bytes(b, valueTensor, tensor)
	return protobuf.Bytes(b, valueMetadata, plugin)
}
