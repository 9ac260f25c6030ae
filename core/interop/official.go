package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"detnas/core/run"
	"detnas/nas"
)

// A tensor of a block of the official code (shuffle_blocks.py): in a supernet with the
// choice's number, in a network of one path without. The layers' names within say the
// stage, the block and the choice: 1a_shufflenet_3x3_branch2a, 1a_proj.
var (
	officialUnit = regexp.MustCompile(`^features\.(\d{1,4})\.(?:([0-3])\.)?(conv\.[0-2]|proj_conv)\.(\w+)\.(\w+)$`)
	officialName = regexp.MustCompile(`^(?:interstellar|bn)(\d)([a-z])_(?:((?:shufflenet|xception)_\dx\d)_branch2[abc]|proj)(_s|_s_bn)?$`)
)

// official names the tensors of the official code's network.
type official struct {
	choice map[string]nas.Choice // of a block of one path, by its number in features
	place  map[string]string     // "stage.block" of a block, by its number
	last   string                // the last convolution, one after the stages
}

// newOfficial looks through a network for its blocks: which stage each is of, and in a
// network of one path its choice.
func newOfficial(prefix string, tensors []run.NamedArray) *official {
	o := &official{choice: map[string]nas.Choice{}, place: map[string]string{}}
	stages := 0
	for _, t := range tensors {
		name, _ := strings.CutPrefix(t.Name, prefix)
		m := officialUnit.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		layer := officialName.FindStringSubmatch(m[4])
		if layer == nil {
			continue
		}
		stage := int(layer[1][0] - '0')
		stages = max(stages, stage)
		o.place[m[1]] = fmt.Sprintf("%d.%d", stage-1, layer[2][0]-'a')
		if c, err := nas.ParseChoice(layer[3]); err == nil && m[2] == "" {
			o.choice[m[1]] = c
		}
	}
	o.last = "backbone.layers." + strconv.Itoa(stages)
	return o
}

// name is detnas's name for a tensor, or why there is none.
func (o *official) name(name string) (to, why string) {
	for _, end := range []struct{ theirs, ours string }{
		{"first_conv.", "backbone.conv1."}, {"last_conv.", o.last + "."}, {"fc.fc.", "head.fc."},
	} {
		if rest, ok := strings.CutPrefix(name, end.theirs); ok {
			return end.ours + rest, ""
		}
	}
	m := officialUnit.FindStringSubmatch(name)
	if m == nil {
		return "", "it is no part of the official code's backbone; its detectors put the background class first and keep other boxes"
	}
	choice, ok := o.choice[m[1]]
	if m[2] != "" {
		choice, ok = nas.Choice(m[2][0]-'0'), true
	}
	unit := officialLayer(m[3], m[4], choice)
	if !ok || unit == "" || o.place[m[1]] == "" {
		return "", "it is named as no layer of the official code's blocks"
	}
	return "backbone.layers." + o.place[m[1]] + ".choices." + choice.MMRazor() + "." + unit + "." + m[5], ""
}

// officialLayer is the place in a block of one of its layers. A pair of layers is a
// depthwise convolution (_s, BatchNorm _s_bn) and a pointwise one (BatchNorm bn...).
func officialLayer(part, layer string, c nas.Choice) string {
	depthwise := strings.HasSuffix(layer, "_s") || strings.HasSuffix(layer, "_s_bn")
	kind := ".conv"
	if strings.HasPrefix(layer, "bn") || strings.HasSuffix(layer, "_bn") {
		kind = ".bn"
	}
	index, _ := strings.CutPrefix(part, "conv.")
	switch {
	case part == "proj_conv" && depthwise:
		return "branch1.0" + kind
	case part == "proj_conv":
		return "branch1.1" + kind
	case c == nas.Xception && depthwise:
		return "branch2." + index + ".depthwise_conv" + kind
	case c == nas.Xception:
		return "branch2." + index + ".pointwise_conv" + kind
	case index == "0" && !depthwise:
		return "branch2.0" + kind
	case index == "1" && depthwise:
		return "branch2.1" + kind
	case index == "1":
		return "branch2.2" + kind
	}
	return ""
}

// official makes the official code's weights fit: the biases of its stem and its last
// convolution go into the BatchNorms behind them, and the stem's blue, green and red
// change places.
func (w *Weights) official(o Options) error {
	w.Layout = nas.LayoutOfficial
	space, err := w.Space()
	if err != nil {
		return err
	}
	one := w.Subnet(space) != nil
	switch {
	case o.Shuffle == 2:
		w.Layout = nas.LayoutOfficial2
	case o.Shuffle == 0 && one:
		return errors.New("it is one network of the official code, which has two channel shuffles and does not say in a checkpoint which one was used; " +
			"say --shuffle-method 2 for its final networks (MODEL.BACKBONE.CHANNEL_SHUFFLE_METHOD, 2 by default), or 1 for what its search used")
	}
	last := fmt.Sprintf("backbone.layers.%d", len(space.Widths))
	for _, unit := range []string{"backbone.conv1", last} {
		if err := w.foldBias(unit); err != nil {
			return err
		}
	}
	if err := w.swapChannels("backbone.conv1.conv.weight"); err != nil {
		return err
	}
	w.note("the official code feeds its network BGR values of 0 to 255 as they are; the stem's channels were put in RGB's order, and the config has to say data.mean = [0, 0, 0] and data.std = [1, 1, 1]")
	return nil
}

// foldBias takes a convolution's bias away by taking it from the mean that the
// BatchNorm behind it subtracts.
func (w *Weights) foldBias(unit string) error {
	bias, ok := w.get(unit + ".conv.bias")
	if !ok {
		return nil
	}
	mean, ok := w.get(unit + ".bn.running_mean")
	if !ok || len(mean.Data) != len(bias.Data) {
		return fmt.Errorf("%s has a bias and no BatchNorm of its size behind it", unit)
	}
	le, sum := binary.LittleEndian, make([]byte, 0, len(mean.Data))
	for i := 0; i < len(mean.Data); i += 4 {
		m, b := math.Float32frombits(le.Uint32(mean.Data[i:])), math.Float32frombits(le.Uint32(bias.Data[i:]))
		sum = le.AppendUint32(sum, math.Float32bits(m-b))
	}
	mean.Data = sum
	name := bias.Name
	w.note(fmt.Sprintf("the bias of %s was folded into its BatchNorm's running_mean", unit))
	kept := w.Tensors[:0]
	for _, t := range w.Tensors {
		if t.Name != name {
			kept = append(kept, t)
		}
	}
	w.Tensors = kept
	delete(w.From, name)
	return nil
}

// swapChannels turns a weight [out, 3, k, k] of BGR into one of RGB.
func (w *Weights) swapChannels(name string) error {
	t, ok := w.get(name)
	if !ok || len(t.Shape) != 4 || t.Shape[1] != 3 {
		return fmt.Errorf("%s is no convolution over three colours", name)
	}
	one := int(t.Shape[2]*t.Shape[3]) * 4
	out := make([]byte, 0, len(t.Data))
	for at := 0; at < len(t.Data); at += 3 * one {
		for c := 2; c >= 0; c-- {
			out = append(out, t.Data[at+c*one:at+(c+1)*one]...)
		}
	}
	t.Data = out
	return nil
}
