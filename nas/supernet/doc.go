// Package supernet builds the networks that package nas describes: the four
// choice blocks, the supernet that holds every choice of every block, the subnet
// alone that holds one, and the classifier on top of either.
//
// A supernet and a subnet alone are the same type and use the same names, those
// of MMRazor's checkpoints without the prefix "architecture.model.": the stem is
// backbone.conv1.conv.weight, a block's convolution
// backbone.layers.2.0.choices.shuffle_5x5.branch2.1.conv.weight. So weights pass
// between them, and to and from a detector with the same backbone, by name.
//
// The networks hold no tensors of their own: the store of the path that they
// were built on owns the parameters, and a constructor's error is about the space
// or the subnet; see nn.Store.Err for what went wrong with a tensor.
package supernet
