// What the C++ files about groups share.
#ifndef DETNAS_GROUP_HPP
#define DETNAS_GROUP_HPP

#include <torch/version.h>

// Gloo's headers are those of libgloo-dev, which belong to Debian's libtorch. Without
// them, and with an official libtorch, which comes without, there are no groups, and
// everything else is as it is.
#if TORCH_VERSION_MAJOR < 2 && __has_include(<gloo/algorithm.h>)
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <ATen/ATen.h>
#include <atomic>
#include <chrono>
#include <vector>

namespace detnas {

struct Group {
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;

  // Nanoseconds spent in collective calls so far, from any thread: waiting for ranks
  // that come later, and sending.
  std::atomic<int64_t> waited{0};

  // Calls f, which waits for the other ranks, and counts how long that takes.
  template <class F> void wait_in(F f) {
    const auto began = std::chrono::steady_clock::now();
    f();
    waited += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  }

  // Reduces a contiguous tensor on the CPU in place; what is returned is waited for.
  auto reduce(const at::Tensor &t, c10d::ReduceOp::RedOpType op) {
    std::vector<at::Tensor> tensors{t};
    c10d::AllreduceOptions options;
    options.reduceOp = op;
    return gloo->allreduce(tensors, options);
  }

  void sum(const at::Tensor &t) {
    wait_in([&] { reduce(t, c10d::ReduceOp::SUM)->wait(); });
  }

  void greatest(const at::Tensor &t) {
    wait_in([&] { reduce(t, c10d::ReduceOp::MAX)->wait(); });
  }

  void sum(std::vector<double> &values) {
    sum(at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble));
  }
};

} // namespace detnas
#else
#define DETNAS_NO_GLOO "this build of detnas has no Gloo, by which processes train together: it was made without Debian's libtorch-dev and libgloo-dev"
#endif
#endif
