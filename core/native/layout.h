// How the channels of a tensor [n, c, h, w] lie in memory: as planes (PyTorch's own
// order), or in rows, [c, h, w, n] in memory. Small planes are quick in rows only: a
// channel is one run of floats, and all that is summed in a depthwise convolution lies
// in whole vectors of images.
#ifndef DETNAS_LAYOUT_H
#define DETNAS_LAYOUT_H

#include "turn.h"
#include "units.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

namespace layout {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using units::Shape;

// in_rows reports whether t lies in rows.
bool in_rows(const Tensor &t) {
  if (t.dim() != 4 || t.is_contiguous())
    return false;
  const int64_t n = t.size(0), h = t.size(2), w = t.size(3);
  return t.stride(0) == 1 && (w == 1 || t.stride(3) == n) && (h == 1 || t.stride(2) == w * n) &&
         (t.size(1) == 1 || t.stride(1) == h * w * n);
}

// suits_rows reports whether images of this shape are to lie in rows. A channel has to
// stay in a core's cache while a depthwise convolution goes over it, and few images fill
// no vector.
bool suits_rows(const Shape &s) {
  constexpr int64_t kFewest = 16, kMost = 1 << 16;
  return s.n >= kFewest && s.pixels() <= kMost;
}

// empty is a tensor [n, channels, h, w] that lies as s has it.
Tensor empty(const Shape &s, int64_t channels) {
  if (!s.rows)
    return at::empty({s.n, channels, s.h, s.w}, at::kFloat);
  return at::empty_strided({s.n, channels, s.h, s.w}, {1, s.pixels(), s.w * s.n, s.n}, at::kFloat);
}

Tensor lie(const Tensor &t, bool rows);

struct Laid : torch::autograd::Function<Laid> {
  static Tensor forward(AutogradContext *ctx, const Tensor &t, bool rows) {
    ctx->saved_data["rows"] = !rows;
    return lie(t, rows);
  }
  static variable_list backward(AutogradContext *ctx, variable_list g) {
    return {lie(g[0], ctx->saved_data["rows"].toBool()), Tensor()};
  }
};

// lie is t, laid as rows has it. Autograd does not see it.
Tensor lie(const Tensor &t, bool rows) {
  if (rows == in_rows(t) && (rows || t.is_contiguous()))
    return t;
  const Tensor from = in_rows(t) ? t : t.contiguous();
  if (!rows && from.is_contiguous())
    return from;
  const Shape s = {t.size(0), t.size(2), t.size(3), rows};
  const int64_t channels = t.size(1), plane = s.h * s.w;
  const Tensor to = empty(s, channels);
  const float *in = from.data_ptr<float>();
  float *out = to.data_ptr<float>();
  at::parallel_for(0, channels, 1, [&](int64_t first, int64_t last) {
    for (int64_t c = first; c < last; c++)
      if (rows)
        detnas::turn(out + c * s.pixels(), s.n, in + c * plane, channels * plane, s.n, plane);
      else
        detnas::turn(out + c * plane, channels * plane, in + c * s.pixels(), s.n, plane, s.n);
  });
  return to;
}

// laid is lie as an operator of autograd.
Tensor laid(const Tensor &t, bool rows) {
  if (rows == in_rows(t) && (rows || t.is_contiguous()))
    return t;
  return Laid::apply(t, rows);
}

} // namespace
} // namespace layout
#endif
