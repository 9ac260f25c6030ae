// The sigmoid focal loss (Lin et al., Focal Loss for Dense Object Detection, 2017)
// of all anchors and classes in one operator with its gradient. Its plain form
// makes a dozen tensors as large as the logits, and autograd keeps half of them.
#include "ops.h"
#include "guard.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <torch/csrc/autograd/custom_function.h>
#include <vector>

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Focus {
  float alpha, gamma;
};

// What one logit adds to the loss, and its derivative. s is the logit for a class
// that is there and minus the logit for one that is not, so that p = sigmoid(s) is
// the probability of what is right: -a (1-p)^gamma log p.
struct Term {
  float loss, slope;
};

Term term(float logit, bool there, const Focus &f) {
  const float s = there ? logit : -logit, a = there ? f.alpha : 1 - f.alpha;
  const float e = std::exp(-std::fabs(s)), log_p = std::min(s, 0.0f) - std::log1p(e);
  const float p = (s >= 0 ? 1 : e) / (1 + e), q = (s >= 0 ? e : 1) / (1 + e);
  const float weight = a * (f.gamma == 2 ? q * q : std::pow(q, f.gamma));
  const float slope = weight * (f.gamma * p * log_p - q);
  return {-weight * log_p, there ? slope : -slope};
}

// Rows are shared out in blocks of this many, and a block's sum is one thread's:
// the loss is the same to the bit on any number of threads.
constexpr int64_t kBlock = 512;

template <typename F> void each_block(int64_t rows, F f) {
  at::parallel_for(0, (rows + kBlock - 1) / kBlock, 4, [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; b++)
      f(b, b * kBlock, std::min(rows, (b + 1) * kBlock));
  });
}

double total(const Tensor &logits, const Tensor &labels, const Focus &f) {
  const int64_t rows = logits.size(0), classes = logits.size(1);
  const float *x = logits.data_ptr<float>();
  const int64_t *label = labels.data_ptr<int64_t>();
  std::vector<double> sums((rows + kBlock - 1) / kBlock);
  each_block(rows, [&](int64_t block, int64_t from, int64_t to) {
    double sum = 0;
    for (int64_t i = from; i < to; i++)
      for (int64_t k = 0; label[i] >= -1 && k < classes; k++)
        sum += term(x[i * classes + k], k == label[i], f).loss;
    sums[block] = sum;
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

void slopes(float *out, const Tensor &logits, const Tensor &labels, const Focus &f, float by) {
  const int64_t rows = logits.size(0), classes = logits.size(1);
  const float *x = logits.data_ptr<float>();
  const int64_t *label = labels.data_ptr<int64_t>();
  each_block(rows, [&](int64_t, int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
      for (int64_t k = 0; k < classes; k++)
        out[i * classes + k] = label[i] < -1 ? 0 : by * term(x[i * classes + k], k == label[i], f).slope;
  });
}

struct FocalLoss : torch::autograd::Function<FocalLoss> {
  static Tensor forward(AutogradContext *ctx, const Tensor &logits, const Tensor &labels, const Focus &f) {
    const Tensor x = logits.contiguous();
    ctx->save_for_backward({x, labels});
    ctx->saved_data["alpha"] = static_cast<double>(f.alpha);
    ctx->saved_data["gamma"] = static_cast<double>(f.gamma);
    return at::scalar_tensor(total(x, labels, f), x.options());
  }

  static variable_list backward(AutogradContext *ctx, variable_list grad_out) {
    const variable_list saved = ctx->get_saved_variables();
    const Focus f = {static_cast<float>(ctx->saved_data["alpha"].toDouble()),
                     static_cast<float>(ctx->saved_data["gamma"].toDouble())};
    Tensor grad = at::empty_like(saved[0]);
    slopes(grad.data_ptr<float>(), saved[0], saved[1], f, grad_out[0].item<float>());
    return {grad, Tensor(), Tensor()}; // labels and focus have no gradient
  }
};

// The same from operators that every device has. Used off the CPU.
Tensor plain_form(const Tensor &logits, const Tensor &labels, const Focus &f) {
  const Tensor label = labels.unsqueeze(1);
  const Tensor there = label.eq(at::arange(logits.size(1), labels.options()));
  const Tensor s = at::where(there, logits, -logits);
  const Tensor a = there.to(logits.scalar_type()) * (2 * f.alpha - 1) + (1 - f.alpha);
  const Tensor loss = -a * at::sigmoid(-s).pow(f.gamma) * at::log_sigmoid(s);
  return at::where(label.ge(-1), loss, at::zeros({}, loss.options())).sum();
}

} // namespace

char *dn_focal_loss(void **out, void *logits, void *labels, double alpha, double gamma, int plain) {
  GUARD({
    const Tensor &x = *static_cast<Tensor *>(logits);
    const Tensor y = static_cast<Tensor *>(labels)->contiguous();
    TORCH_CHECK(x.dim() == 2 && y.dim() == 1 && y.size(0) == x.size(0) && y.scalar_type() == at::kLong,
                "focal_loss: logits of shape ", x.sizes(), " and labels of shape ", y.sizes(), ", ", y.scalar_type());
    const Focus f = {static_cast<float>(alpha), static_cast<float>(gamma)};
    if (plain || !x.device().is_cpu() || x.scalar_type() != at::kFloat) {
      *out = new Tensor(plain_form(x, y, f));
      return nullptr;
    }
    *out = new Tensor(FocalLoss::apply(x, y, f));
  })
}
