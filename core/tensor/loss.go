package tensor

import (
	"github.com/sugarme/gotch/libtch"

	"detnas/core/native"
)

// Reduction says how a loss is summed up (at::Reduction).
type Reduction int64

// None keeps the loss of each element, Average takes the mean, Total the sum.
const (
	None    Reduction = 0
	Average Reduction = 1
	Total   Reduction = 2
)

// ignoreNothing is a class index that no target has.
const ignoreNothing = -100

// CrossEntropy is the softmax cross entropy of logits [n, classes] and targets,
// int64 [n]. smoothing e trains towards (1-e)*onehot + e/classes (Szegedy et al.,
// 2016), which is the mode "original" of MMRazor's DetNAS configs.
func (s *Scope) CrossEntropy(logits, target *Tensor, r Reduction, smoothing float64) *Tensor {
	const op = "cross entropy"
	if !s.ready(op, logits, target) {
		return &Tensor{}
	}
	var c libtch.Ctensor
	libtch.AtgCrossEntropyLoss(&c, logits.c, target.c, nil, int64(r), ignoreNothing, smoothing)
	return s.made(op, c, logits, target)
}

// BCE is the binary cross entropy of logits and targets of one shape.
func (s *Scope) BCE(logits, target *Tensor, r Reduction) *Tensor {
	const op = "binary cross entropy"
	if !s.ready(op, logits, target) {
		return &Tensor{}
	}
	var c libtch.Ctensor
	libtch.AtgBinaryCrossEntropyWithLogits(&c, logits.c, target.c, nil, nil, int64(r))
	return s.made(op, c, logits, target)
}

// SmoothL1 is |d| - beta/2 where |d| > beta and d^2 / (2*beta) elsewhere, of the
// difference d of two tensors of one shape. beta 0 is the L1 loss.
func (s *Scope) SmoothL1(x, target *Tensor, r Reduction, beta float64) *Tensor {
	const op = "smooth l1"
	if !s.ready(op, x, target) {
		return &Tensor{}
	}
	var c libtch.Ctensor
	if beta == 0 {
		libtch.AtgL1Loss(&c, x.c, target.c, int64(r))
	} else {
		libtch.AtgSmoothL1Loss(&c, x.c, target.c, int64(r), beta)
	}
	return s.made(op, c, x, target)
}

// FocalLoss is the sum of the sigmoid focal loss (Lin et al., 2017) of logits
// [rows, classes] and labels, int64 [rows]: a class, -1 for none of them, or less
// for a row that is left out.
func (s *Scope) FocalLoss(logits, labels *Tensor, f native.Focus) *Tensor {
	const op = "focal loss"
	if !s.ready(op, logits, labels) {
		return &Tensor{}
	}
	h, err := native.FocalLoss(logits.h(), labels.h(), f)
	return s.adopt(op, h, err, logits, labels)
}
