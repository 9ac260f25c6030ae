// Force-included (official.sh) before gotch's libtch when it is built against an official
// libtorch newer than 2.1, the version that gotch 0.9.1 is written for.
//
// Three of the operators that gotch binds take their arguments in another order now:
// _cslt_sparse_mm has got more of them before transpose_result, and _scaled_mm has its
// scales before the bias and returns one tensor. detnas uses none of them. They become
// calls that throw, which reach Go as an error.
#ifndef DETNAS_COMPAT_NEW_H
#define DETNAS_COMPAT_NEW_H
#ifdef __cplusplus

#include <torch/torch.h> // first, so that nothing below can change it

#include <stdexcept>
#include <tuple>

namespace torch {
// Returns nothing, in a form that compiles where gotch takes a tensor or two.
struct DetnasMoved : std::tuple<at::Tensor, at::Tensor> {
  operator at::Tensor() const { return {}; }
};
template <class... Args> DetnasMoved detnas_moved(Args &&...) {
  throw std::runtime_error("the operator has other arguments in this libtorch than in 2.1");
}
} // namespace torch

#define _cslt_sparse_mm detnas_moved
#define _scaled_mm detnas_moved
#define _scaled_mm_out detnas_moved

#endif // __cplusplus
#endif // DETNAS_COMPAT_NEW_H
