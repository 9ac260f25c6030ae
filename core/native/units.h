// Units of a mobile network (a pointwise or depthwise convolution, BN and, for some,
// ReLU) one after the other, forward and backward, on the CPU. units_run.h has them as
// passes over memory, block.cpp as an operator of autograd.
//
// What makes them quicker than the same in libtorch's operators: the result of BN and
// ReLU is never written, the next convolution computes it from the convolution's
// result as it reads that; the gradient of BN and ReLU neither; statistics are
// gathered while what they are of is in the cache; and a block's ends are read and
// written in place in the tensors around it, with channels in whatever order. So of
// each unit one tensor is kept for the backward pass where libtorch keeps two.
#ifndef DETNAS_UNITS_H
#define DETNAS_UNITS_H

#include <ATen/ATen.h>
#include <cstdint>
#include <functional>
#include <vector>

namespace units {

using at::Tensor;

// Unit is one convolution with its BN. kernel 0 is none: BN of what comes in.
struct Unit {
  Tensor weight, gamma, beta; // weight undefined without a convolution
  Tensor mean, variance;      // BN's own; batch moves them
  double momentum, eps;
  int kernel, stride;
  bool depthwise, relu;
  bool batch; // normalises by the batch's statistics, otherwise by its own
};

// Shape is that of a channel of all images, and how it lies in memory: as a plane an
// image, or in rows (layout.h), with the images of a pixel beside each other, so that a
// channel is one run of floats.
struct Shape {
  int64_t n, h, w;
  bool rows = false;

  int64_t pixels() const { return n * h * w; }
  int64_t runs() const { return rows ? 1 : n; }                // of floats, of a channel
  int64_t run() const { return rows ? pixels() : h * w; }      // floats in each
  bool same(const Shape &s) const { return n == s.n && h == s.h && w == s.w; }
};

// Maps are channels of a tensor, some of them and in any order.
struct Maps {
  float *data = nullptr;
  int64_t step = 0;             // floats from a run to the next
  std::vector<int64_t> channel; // where each begins in a run

  float *at(int64_t run, int64_t c) const { return data + run * step + channel[c]; }
  int64_t count() const { return static_cast<int64_t>(channel.size()); }
};

// maps are count channels of t [n, c, h, w], from first on, each step.
Maps maps(const Tensor &t, int64_t first, int64_t step, int64_t count);

// Kept is what the backward pass needs of a unit.
struct Kept {
  Tensor raw;  // the convolution's result, [n, c, h, w]; undefined without one
  Tensor norm; // [4, c]: mean, 1/deviation, scale, shift
};

// Shape of the units' result for images of this one.
Shape after(const std::vector<Unit> &units, Shape in);

// Total adds numbers up over all ranks that share a batch, in place; without one there is
// none but this process. BN of the batch then goes by the statistics of all ranks, as
// torch.nn.SyncBatchNorm has it.
using Total = std::function<void(std::vector<double> &)>;

// forward runs x through the units into out. Without keep it frees each unit's
// tensor once the next has been made from it.
std::vector<Kept> forward(const std::vector<Unit> &units, const Maps &x, Shape shape, const Maps &out, bool keep,
                          const Total &total);

// Grads of a unit's parameters; undefined where none was asked for.
struct Grads {
  Tensor weight, gamma, beta;
};

// backward takes the gradient of the result and gives those of the parameters, and
// of x into dx (added to what is there with accumulate; not at all if dx has no
// data).
std::vector<Grads> backward(const std::vector<Unit> &units, const Maps &x, Shape shape, const std::vector<Kept> &kept,
                            const Maps &grad, const Maps &dx, bool accumulate, const Total &total);

} // namespace units
#endif
