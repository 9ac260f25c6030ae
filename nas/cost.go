package nas

import "fmt"

// Cost is what a network or a part of it costs for one image. The fields hold
// the raw counts; the methods add them up as the known tools do.
//
// Every convolution of a space is counted without bias, in both layouts. The
// official code does give its stem and its last convolution a bias beside
// their BatchNorm (1,040 parameters in the 300m space), which the BatchNorm
// absorbs; its published figures leave it out, and so does this count.
type Cost struct {
	Params int64 // trained numbers: weights, BatchNorm's two per channel, biases
	Conv   int64 // multiply-adds of convolutions; one more per output element where there is a bias
	FC     int64 // multiply-adds of fully connected layers, biases not counted
	ReLU   int64 // elements that pass a ReLU
	BN     int64 // elements that pass a BatchNorm
	Pool   int64 // elements that enter a pooling layer
}

// Count names one way of adding a Cost up.
type Count string

const (
	// CountParams is the number of trained parameters.
	CountParams Count = "params"
	// CountConv is convolutions and fully connected layers, as the official
	// DetNAS code counts.
	CountConv Count = "conv_macs"
	// CountConvReLU adds ReLUs. It is what MMRazor's search counts when the
	// network uses SyncBN, which mmcv's counter does not know.
	CountConvReLU Count = "conv_relu"
	// CountConvReLUBN adds two per normalised element, as mmcv does for plain
	// BatchNorm.
	CountConvReLUBN Count = "conv_relu_bn"
	// CountMMCV adds pooling: all that mmcv's get_model_complexity_info counts.
	CountMMCV Count = "mmcv_flops"
)

// ParseCount reads the name of a count.
func ParseCount(text string) (Count, error) {
	switch n := Count(text); n {
	case CountParams, CountConv, CountConvReLU, CountConvReLUBN, CountMMCV:
		return n, nil
	}
	return "", fmt.Errorf("%q is no count; use params, conv_macs, conv_relu, conv_relu_bn or mmcv_flops", text)
}

// ConvMACs returns the multiply-adds of convolutions and fully connected layers.
func (c Cost) ConvMACs() int64 { return c.Conv + c.FC }

// ConvReLU returns ConvMACs and one for each element that passes a ReLU.
func (c Cost) ConvReLU() int64 { return c.ConvMACs() + c.ReLU }

// ConvReLUBN returns ConvReLU and two for each element that passes a BatchNorm.
func (c Cost) ConvReLUBN() int64 { return c.ConvReLU() + 2*c.BN }

// MMCVFlops returns what mmcv 1.x reports as flops: ConvReLUBN and one for each
// element that enters a pooling layer.
func (c Cost) MMCVFlops() int64 { return c.ConvReLUBN() + c.Pool }

// By returns the count that n names, or -1 when there is no such count.
func (c Cost) By(n Count) int64 {
	switch n {
	case CountParams:
		return c.Params
	case CountConv:
		return c.ConvMACs()
	case CountConvReLU:
		return c.ConvReLU()
	case CountConvReLUBN:
		return c.ConvReLUBN()
	case CountMMCV:
		return c.MMCVFlops()
	}
	return -1
}

// Plus returns the cost of both together.
func (c Cost) Plus(d Cost) Cost {
	return Cost{
		Params: c.Params + d.Params, Conv: c.Conv + d.Conv, FC: c.FC + d.FC,
		ReLU: c.ReLU + d.ReLU, BN: c.BN + d.BN, Pool: c.Pool + d.Pool,
	}
}

// times returns the cost of running the same weights n times.
func (c Cost) times(n int) Cost {
	k := int64(n)
	return Cost{Params: c.Params, Conv: k * c.Conv, FC: k * c.FC, ReLU: k * c.ReLU, BN: k * c.BN, Pool: k * c.Pool}
}

// Size is the height and width in pixels of an image or a feature map.
type Size struct{ H, W int }

// Square returns the size of a square with the given side.
func Square(side int) Size { return Size{H: side, W: side} }

// maxSide bounds an input's sides, in pixels.
const maxSide = 1 << 14

// Check returns an error unless both sides are from 1 to 16384 pixels.
func (s Size) Check() error {
	if min(s.H, s.W) < 1 || max(s.H, s.W) > maxSide {
		return fmt.Errorf("input size %s; both sides must be from 1 to %d pixels", s, maxSide)
	}
	return nil
}

// String returns the size as HxW.
func (s Size) String() string { return fmt.Sprintf("%dx%d", s.H, s.W) }

// down returns the size after a convolution or pooling with the given stride
// and half-kernel padding, which rounds up.
func (s Size) down(stride int) Size {
	return Size{H: (s.H + stride - 1) / stride, W: (s.W + stride - 1) / stride}
}

func (s Size) area() int64 { return int64(s.H) * int64(s.W) }

// conv adds a kxk convolution with output size o.
func (c *Cost) conv(in, out, k, groups int, o Size) {
	weights := int64(k*k) * int64(in/groups) * int64(out)
	c.Params += weights
	c.Conv += weights * o.area()
}

// bias adds a convolution's bias, which mmcv counts as one per output element.
func (c *Cost) bias(out int, o Size) {
	c.Params += int64(out)
	c.Conv += int64(out) * o.area()
}

// norm adds a BatchNorm with its scale and shift.
func (c *Cost) norm(channels int, o Size) {
	c.Params += 2 * int64(channels)
	c.BN += int64(channels) * o.area()
}

func (c *Cost) relu(channels int, o Size) { c.ReLU += int64(channels) * o.area() }

// pointwise adds a 1x1 convolution, BatchNorm and ReLU.
func (c *Cost) pointwise(in, out int, o Size) {
	c.conv(in, out, 1, 1, o)
	c.norm(out, o)
	c.relu(out, o)
}

// depthwise adds a depthwise convolution and its BatchNorm; no ReLU follows it.
func (c *Cost) depthwise(channels, k int, o Size) {
	c.conv(channels, channels, k, channels, o)
	c.norm(channels, o)
}

// linear adds a fully connected layer with bias.
func (c *Cost) linear(in, out int) {
	c.Params += int64(in)*int64(out) + int64(out)
	c.FC += int64(in) * int64(out)
}
