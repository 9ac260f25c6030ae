// Package interop translates the names of a backbone's weights between detnas and the
// programs that people bring them from: MMRazor 0.x and 1.x, the official DetNAS code
// and torchvision. It knows tensors by name and shape, and nothing of libtorch.
package interop
