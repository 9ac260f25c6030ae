// Batch normalisation of training (Ioffe and Szegedy, 2015) by the statistics of
// the batches of all ranks together, as torch.nn.SyncBatchNorm has it: forward sums
// up, over all ranks, each channel's values and their squares, backward the
// gradients and their products with the values. Sums are double, so that what comes
// out does not depend on how the batch is shared but for the last bit.
#include "group.h"
#include "group.hpp"
#include "guard.h"

#ifdef DETNAS_NO_GROUPS

char *dn_group_norm(void **, void *, void *, void *, void *, void *, void *, double, double) {
  return message_of(DETNAS_NO_GROUPS);
}

#else

#include <ATen/Parallel.h>
#include <cmath>
#include <torch/csrc/autograd/custom_function.h>

using at::Tensor;
using detnas::Group;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

namespace {

Tensor &T(void *p) { return *static_cast<Tensor *>(p); }

// The form for floats on the CPU; every other tensor goes through operators.
bool plain(const Tensor &t) { return t.device().is_cpu() && t.scalar_type() == at::kFloat; }

struct Shape {
  int64_t n, c, hw;
  explicit Shape(const Tensor &x) : n(x.size(0)), c(x.size(1)), hw(1) {
    for (int64_t i = 2; i < x.dim(); i++)
      hw *= x.size(i);
  }
};

constexpr int lanes = 8;

double total(const double *v) {
  double sum = 0;
  for (int j = 0; j < lanes; j++)
    sum += v[j];
  return sum;
}

// The sums over a channel of f(i) and g(i), i a place in the tensor. Lanes let the
// compiler use vectors, which it may not where sums have one order.
template <class F>
void sums(const Shape &s, int64_t channel, F f, double *a, double *b) {
  double as[lanes] = {}, bs[lanes] = {};
  for (int64_t image = 0; image < s.n; image++) {
    const int64_t from = (image * s.c + channel) * s.hw;
    int64_t i = 0;
    for (; i + lanes <= s.hw; i += lanes)
      for (int j = 0; j < lanes; j++)
        f(from + i + j, as[j], bs[j]);
    for (; i < s.hw; i++)
      f(from + i, as[0], bs[0]);
  }
  *a = total(as);
  *b = total(bs);
}

template <class F> void each_channel(const Shape &s, F f) {
  at::parallel_for(0, s.c, std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, s.n * s.hw)),
                   [&](int64_t from, int64_t to) {
                     for (int64_t c = from; c < to; c++)
                       f(c);
                   });
}

template <class F> void each_value(const Shape &s, int64_t channel, F f) {
  for (int64_t image = 0; image < s.n; image++) {
    const int64_t from = (image * s.c + channel) * s.hw;
    for (int64_t i = from; i < from + s.hw; i++)
      f(i);
  }
}

std::vector<int64_t> all_but_channels(const Tensor &x) {
  std::vector<int64_t> dims{0};
  for (int64_t i = 2; i < x.dim(); i++)
    dims.push_back(i);
  return dims;
}

// A vector over channels, as it is broadcast over x.
Tensor over(const Tensor &x, const Tensor &v) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[1] = v.numel();
  return v.to(x.options()).view(shape);
}

void put(const Tensor &sums, double *to) {
  Tensor c = sums.to(at::kCPU, at::kDouble).contiguous();
  std::memcpy(to, c.data_ptr(), c.nbytes());
}

Tensor vector_of(const double *v, int64_t n, const Tensor &like) {
  return at::from_blob(const_cast<double *>(v), {n}, at::kDouble)
      .to(like.options().requires_grad(false), /*non_blocking=*/false, /*copy=*/true);
}

class Norm : public torch::autograd::Function<Norm> {
public:
  static Tensor forward(AutogradContext *ctx, Tensor x, const Tensor &weight, const Tensor &bias,
                        int64_t group, Tensor running_mean, Tensor running_variance, double momentum, double eps) {
    x = x.contiguous();
    if (beside(group_of(group), x))
      return forward_there(ctx, x, weight, bias, group, running_mean, running_variance, momentum, eps);
    const Shape s(x);
    std::vector<double> stats(static_cast<size_t>(2 * s.c + 1));
    double *sum = stats.data(), *square = sum + s.c;
    stats.back() = static_cast<double>(s.n * s.hw);
    if (plain(x)) {
      const float *v = x.data_ptr<float>();
      each_channel(s, [&](int64_t c) {
        sums(s, c, [v](int64_t i, double &a, double &b) {
          const double d = v[i];
          a += d;
          b += d * d;
        }, sum + c, square + c);
      });
    } else {
      const auto dims = all_but_channels(x);
      put(x.sum(dims, false, at::kDouble), sum);
      put(x.to(at::kDouble).square().sum(dims), square);
    }
    group_of(group).sum(stats);
    const double count = stats.back();
    for (int64_t c = 0; c < s.c; c++) { // into means and variances
      sum[c] /= count;
      square[c] = std::max(0.0, square[c] / count - sum[c] * sum[c]);
    }
    Tensor mean = vector_of(sum, s.c, weight), variance = vector_of(square, s.c, weight);
    running_mean.mul_(1 - momentum).add_(mean, momentum);
    running_variance.mul_(1 - momentum).add_(variance, momentum * count / std::max(1.0, count - 1));
    for (int64_t c = 0; c < s.c; c++)
      square[c] = 1 / std::sqrt(square[c] + eps);
    Tensor inverse = vector_of(square, s.c, weight);
    ctx->save_for_backward({x, weight, mean, inverse});
    ctx->saved_data["group"] = group;
    ctx->saved_data["count"] = count;
    return normalised(x, weight, bias, mean, inverse);
  }

  static tensor_list backward(AutogradContext *ctx, tensor_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse = saved[3];
    Tensor dy = grads[0].contiguous();
    if (beside(group_of(ctx->saved_data["group"].toInt()), x))
      return backward_there(ctx, x, dy, weight, mean, inverse);
    const Shape s(x);
    std::vector<double> stats(static_cast<size_t>(2 * s.c));
    double *sum = stats.data(), *product = sum + s.c;
    if (plain(x) && plain(dy)) {
      const float *v = x.data_ptr<float>(), *d = dy.data_ptr<float>(), *m = mean.data_ptr<float>();
      each_channel(s, [&](int64_t c) {
        const float at = m[c];
        sums(s, c, [v, d, at](int64_t i, double &a, double &b) {
          a += d[i];
          b += static_cast<double>(v[i] - at) * d[i];
        }, sum + c, product + c);
      });
    } else {
      const auto dims = all_but_channels(x);
      put(dy.sum(dims, false, at::kDouble), sum);
      put(((x - over(x, mean)).to(at::kDouble) * dy).sum(dims), product);
    }
    // Those of the weight and the bias are this rank's share, as all gradients are.
    Tensor dweight = vector_of(product, s.c, weight).mul_(inverse), dbias = vector_of(sum, s.c, weight);
    group_of(ctx->saved_data["group"].toInt()).sum(stats);
    const double count = ctx->saved_data["count"].toDouble();
    for (auto &v : stats)
      v /= count;
    Tensor dx = input_grad(x, dy, weight, mean, inverse, vector_of(sum, s.c, weight), vector_of(product, s.c, weight));
    return {dx, dweight, dbias, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }

private:
  static Group &group_of(int64_t p) { return *reinterpret_cast<Group *>(p); }

  // Whether x lies where the ranks' wire takes tensors from, on a GPU. Nothing then comes
  // to the host: the sums are in the order of the device's work.
  static bool beside(const Group &group, const Tensor &x) { return x.is_cuda() && group.wire->device() == x.device(); }

  // This form goes through libtorch's kernels for torch.nn.SyncBatchNorm, which read x once.
  static Tensor forward_there(AutogradContext *ctx, const Tensor &x, const Tensor &weight, const Tensor &bias, int64_t group,
                              Tensor running_mean, Tensor running_variance, double momentum, double eps) {
    const Shape s(x);
    const double own = static_cast<double>(s.n * s.hw);
    Tensor stats = at::zeros({2 * s.c + 1}, weight.options().dtype(at::kDouble).requires_grad(false));
    Tensor mean = stats.narrow(0, 0, s.c), square = stats.narrow(0, s.c, s.c), count = stats.narrow(0, 2 * s.c, 1);
    if (own > 0) {
      const auto [m, inverse] = at::batch_norm_stats(x, eps);
      mean.copy_(m);
      square.copy_(inverse).pow_(-2).sub_(eps).addcmul_(mean, mean).mul_(own);
      mean.mul_(own);
      count.fill_(own);
    }
    group_of(group).wire->begin(stats, detnas::Wire::Op::kSum);
    mean.div_(count); // into means and variances
    square.div_(count).addcmul_(mean, mean, -1).clamp_min_(0);
    const auto type = weight.scalar_type();
    running_mean.mul_(1 - momentum).add_(mean.to(type), momentum);
    running_variance.mul_(1 - momentum).add_((square * (count / (count - 1).clamp_min(1))).to(type), momentum);
    const Tensor m = mean.to(type), inverse = (square + eps).rsqrt().to(type);
    ctx->save_for_backward({x, weight, m, inverse, count});
    ctx->saved_data["group"] = group;
    return own > 0 ? at::batch_norm_elemt(x, weight, bias, m, inverse, eps) : at::empty_like(x);
  }

  static tensor_list backward_there(AutogradContext *ctx, const Tensor &x, const Tensor &dy, const Tensor &weight,
                                    const Tensor &mean, const Tensor &inverse) {
    const Tensor count = ctx->get_saved_variables()[4];
    const int64_t c = weight.numel();
    Tensor stats = at::zeros({2 * c}, count.options()), dweight = at::zeros_like(weight), dbias = at::zeros_like(weight);
    if (x.numel() > 0) {
      Tensor sum, product;
      std::tie(sum, product, dweight, dbias) = at::batch_norm_backward_reduce(dy, x, mean, inverse, weight, true, true, true);
      stats = at::cat({sum, product}).to(at::kDouble);
    }
    group_of(ctx->saved_data["group"].toInt()).wire->begin(stats, detnas::Wire::Op::kSum);
    const Tensor sums = stats.to(mean.scalar_type());
    Tensor dx = at::zeros_like(x);
    if (x.numel() > 0)
      dx = at::batch_norm_backward_elemt(dy, x, mean, inverse, weight, sums.narrow(0, 0, c), sums.narrow(0, c, c), count.to(at::kInt));
    return {dx, dweight, dbias, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }

  static Tensor normalised(const Tensor &x, const Tensor &weight, const Tensor &bias, const Tensor &mean, const Tensor &inverse) {
    Tensor scale = inverse * weight, shift = bias - mean * scale;
    if (!plain(x))
      return x * over(x, scale) + over(x, shift);
    Tensor y = at::empty_like(x);
    const Shape s(x);
    const float *v = x.data_ptr<float>(), *a = scale.data_ptr<float>(), *b = shift.data_ptr<float>();
    float *out = y.data_ptr<float>();
    each_channel(s, [&](int64_t c) {
      const float by = a[c], plus = b[c];
      each_value(s, c, [=](int64_t i) { out[i] = v[i] * by + plus; });
    });
    return y;
  }

  static Tensor input_grad(const Tensor &x, const Tensor &dy, const Tensor &weight, const Tensor &mean, const Tensor &inverse,
                           const Tensor &dmean, const Tensor &product) {
    Tensor slope = product * inverse * inverse, scale = inverse * weight;
    if (!plain(x) || !plain(dy))
      return (dy - over(x, dmean) - (x - over(x, mean)) * over(x, slope)) * over(x, scale);
    Tensor dx = at::empty_like(x);
    const Shape s(x);
    const float *v = x.data_ptr<float>(), *d = dy.data_ptr<float>(), *m = mean.data_ptr<float>();
    const float *g = dmean.data_ptr<float>(), *k = slope.data_ptr<float>(), *w = scale.data_ptr<float>();
    float *out = dx.data_ptr<float>();
    each_channel(s, [&](int64_t c) {
      const float at = m[c], less = g[c], by = k[c], times = w[c];
      each_value(s, c, [=](int64_t i) { out[i] = (d[i] - less - (v[i] - at) * by) * times; });
    });
    return dx;
  }
};

} // namespace

char *dn_group_norm(void **out, void *group, void *x, void *weight, void *bias,
                    void *mean, void *variance, double momentum, double eps) {
  GUARD({
    *out = new Tensor(Norm::apply(T(x), T(weight), T(bias), reinterpret_cast<int64_t>(group), T(mean), T(variance), momentum, eps));
  })
}

#endif
