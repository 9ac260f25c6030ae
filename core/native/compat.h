// Force-included (toolchain.sh) before gotch's libtch when it is built against libtorch 1.13,
// the version that Debian packages; gotch 0.9.1 is written for libtorch 2.1.
//
// It includes the torch headers first, so that nothing below can change them,
// and then heals what gotch asks for and 1.13 has not:
//   - operators that are missing become calls that throw "not in this libtorch"
//     (sparse, nested, flash attention, lstm on Apple's GPUs, ...: none that
//     detnas uses), and reach Go as an error;
//   - operators that exist with another signature get the overload gotch wants,
//     with its real meaning.
// With libtorch 2.x it is empty.
#ifndef DETNAS_COMPAT_H
#define DETNAS_COMPAT_H
#ifdef __cplusplus

#include <torch/torch.h>
#include <torch/version.h>

#if TORCH_VERSION_MAJOR < 2

#include <stdexcept>
#include <string>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/jit/passes/fixup_trace_scope_blocks.h>
#include <torch/csrc/jit/passes/normalize_ops.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>
#include <tuple>

namespace detnas {

// Whatever gotch's generated code does with the result of a missing operator
// (make a tensor, take a part of a tuple, return an integer) has to compile; it
// is never reached.
struct Absent : std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor,
                           at::Tensor, at::Tensor, at::Tensor> {
  operator at::Tensor() const { return {}; }
  operator int64_t() const { return 0; }
};

[[noreturn]] inline void absent(const char *op) {
  throw std::runtime_error(std::string(op) +
                           " is not in this libtorch; it needs libtorch 2.1");
}

// Stands in for the argument of a member function that is missing.
inline at::MemoryFormat absent_member(const char *op) { absent(op); }

inline int64_t sole_dim(int64_t dim) { return dim; }
inline int64_t sole_dim(at::IntArrayRef dims) {
  if (dims.size() != 1)
    absent("squeeze of several dimensions in place");
  return dims[0];
}

// libtorch 1.13 takes the correction of a variance as an optional integer.
inline c10::optional<int64_t> correction(const at::Scalar &s) {
  return s.toLong();
}

} // namespace detnas

namespace torch {
template <class... Args> detnas::Absent detnas_absent(Args &&...) {
  detnas::absent("the operator");
}
} // namespace torch

namespace at {

using OptionalDims = c10::optional<IntArrayRef>;

inline Tensor std(const Tensor &self, OptionalDims dim, Scalar &c, bool keep) {
  return at::std(self, dim, detnas::correction(c), keep);
}
inline Tensor var(const Tensor &self, OptionalDims dim, Scalar &c, bool keep) {
  return at::var(self, dim, detnas::correction(c), keep);
}
inline Tensor &std_out(Tensor &out, const Tensor &self, OptionalDims dim,
                       Scalar &c, bool keep) {
  return at::std_out(out, self, dim, detnas::correction(c), keep);
}
inline Tensor &var_out(Tensor &out, const Tensor &self, OptionalDims dim,
                       Scalar &c, bool keep) {
  return at::var_out(out, self, dim, detnas::correction(c), keep);
}
inline std::tuple<Tensor, Tensor> std_mean(const Tensor &self, OptionalDims dim,
                                           Scalar &c, bool keep) {
  return at::std_mean(self, dim, detnas::correction(c), keep);
}
inline std::tuple<Tensor, Tensor> var_mean(const Tensor &self, OptionalDims dim,
                                           Scalar &c, bool keep) {
  return at::var_mean(self, dim, detnas::correction(c), keep);
}
inline Tensor squeeze(const Tensor &self, IntArrayRef dims) {
  return at::squeeze(self, detnas::sole_dim(dims));
}
inline Tensor squeeze_copy(const Tensor &self, IntArrayRef dims) {
  return at::squeeze_copy(self, detnas::sole_dim(dims));
}
inline Tensor &squeeze_copy_out(Tensor &out, const Tensor &self,
                                IntArrayRef dims) {
  return at::squeeze_copy_out(out, self, detnas::sole_dim(dims));
}
inline Tensor &max_out(Tensor &out, const Tensor &self) {
  return out.resize_({}).copy_(at::max(self));
}
inline Tensor &min_out(Tensor &out, const Tensor &self) {
  return out.resize_({}).copy_(at::min(self));
}

} // namespace at

#define squeeze_(...) squeeze_(__VA_OPT__(detnas::sole_dim(__VA_ARGS__)))
#define to_dense(...) contiguous(detnas::absent_member("to_dense"))
#define _to_dense(...) contiguous(detnas::absent_member("_to_dense"))
#define to_sparse(...) contiguous(detnas::absent_member("to_sparse"))
#define _to_sparse(...) contiguous(detnas::absent_member("_to_sparse"))
#define to_sparse_csr(...) contiguous(detnas::absent_member("to_sparse_csr"))
#define to_sparse_csc(...) contiguous(detnas::absent_member("to_sparse_csc"))
#define to_sparse_bsr(...) contiguous(detnas::absent_member("to_sparse_bsr"))
#define to_sparse_bsc(...) contiguous(detnas::absent_member("to_sparse_bsc"))
#define _to_sparse_csr(...) contiguous(detnas::absent_member("_to_sparse_csr"))
#define _to_sparse_csc(...) contiguous(detnas::absent_member("_to_sparse_csc"))
#define _to_sparse_bsr(...) contiguous(detnas::absent_member("_to_sparse_bsr"))
#define _to_sparse_bsc(...) contiguous(detnas::absent_member("_to_sparse_bsc"))
#define _sparse_mask_projection(...)                                           \
  contiguous(detnas::absent_member("_sparse_mask_projection"))

#define _cslt_compress detnas_absent
#define _cslt_sparse_mm detnas_absent
#define _ctc_loss_out detnas_absent
#define _efficient_attention_backward detnas_absent
#define _fill_mem_eff_dropout_mask_ detnas_absent
#define _flash_attention_backward detnas_absent
#define _functional_assert_async detnas_absent
#define _functional_sym_constrain_range detnas_absent
#define _functional_sym_constrain_range_for_size detnas_absent
#define _fused_sdp_choice detnas_absent
#define _int_mm detnas_absent
#define _int_mm_out detnas_absent
#define _is_all_true detnas_absent
#define _is_any_true detnas_absent
#define _lstm_mps detnas_absent
#define _lstm_mps_out detnas_absent
#define _make_dep_token detnas_absent
#define _native_batch_norm_legit detnas_absent
#define _native_batch_norm_legit_functional detnas_absent
#define _native_batch_norm_legit_no_training detnas_absent
#define _native_batch_norm_legit_no_training_out detnas_absent
#define _native_batch_norm_legit_out detnas_absent
#define _nested_view_from_buffer detnas_absent
#define _nested_view_from_buffer_copy detnas_absent
#define _nested_view_from_buffer_copy_out detnas_absent
#define _prelu_kernel detnas_absent
#define _prelu_kernel_backward detnas_absent
#define _propagate_xla_data detnas_absent
#define _reshape_copy detnas_absent
#define _scaled_dot_product_attention_math detnas_absent
#define _scaled_dot_product_efficient_attention detnas_absent
#define _scaled_dot_product_flash_attention_backward detnas_absent
#define _scaled_mm detnas_absent
#define _scaled_mm_out detnas_absent
#define _sparse_coo_tensor_unsafe detnas_absent
#define _sparse_coo_tensor_with_dims_and_tensors detnas_absent
#define _sparse_coo_tensor_with_dims_and_tensors_out detnas_absent
#define _sparse_mask_projection_out detnas_absent
#define _sparse_mm detnas_absent
#define _sparse_mm_reduce_impl detnas_absent
#define _sparse_semi_structured_linear detnas_absent
#define _test_check_tensor detnas_absent
#define _test_functorch_fallback detnas_absent
#define _test_functorch_fallback_out detnas_absent
#define _to_dense_out detnas_absent
#define _to_sparse_bsc_out detnas_absent
#define _to_sparse_bsr_out detnas_absent
#define _to_sparse_csc_out detnas_absent
#define _to_sparse_csr_out detnas_absent
#define _to_sparse_out detnas_absent
#define _to_sparse_semi_structured detnas_absent
#define _unsafe_index detnas_absent
#define _unsafe_index_put detnas_absent
#define empty_permuted detnas_absent
#define empty_permuted_out detnas_absent
#define max_pool2d_backward detnas_absent
#define max_pool2d_backward_out detnas_absent
#define mkldnn_reorder_conv2d_weight detnas_absent
#define mkldnn_reorder_conv2d_weight_out detnas_absent
#define mkldnn_rnn_layer detnas_absent
#define mkldnn_rnn_layer_backward detnas_absent
#define mkldnn_rnn_layer_backward_out detnas_absent
#define mkldnn_rnn_layer_out detnas_absent
#define nonzero_static detnas_absent
#define nonzero_static_out detnas_absent
#define quantized_max_pool3d detnas_absent
#define quantized_max_pool3d_out detnas_absent
#define scaled_dot_product_attention detnas_absent
#define sparse_coo_tensor detnas_absent
#define std_mean_out detnas_absent
#define sym_constrain_range detnas_absent
#define sym_constrain_range_for_size detnas_absent
#define to_dense_backward detnas_absent
#define var_mean_out detnas_absent

#endif // TORCH_VERSION_MAJOR < 2
#endif // __cplusplus
#endif // DETNAS_COMPAT_H
