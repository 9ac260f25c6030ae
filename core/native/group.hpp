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

#include "group_shared.h"

#include <ATen/ATen.h>
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

namespace detnas {

struct Group {
  explicit Group(c10::intrusive_ptr<c10d::ProcessGroupGloo> g) : gloo(std::move(g)) {}

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

  // Puts the sums over all ranks, or the greatest, in place of values.
  void reduce(double *values, int64_t n, bool greatest) {
    wait_in([&] {
      if (shared && n <= SharedSums::kMost)
        shared->reduce(values, n, greatest);
      else
        reduce(at::from_blob(values, {n}, at::kDouble), greatest ? c10d::ReduceOp::MAX : c10d::ReduceOp::SUM)->wait();
    });
  }

  // Puts the sums over all ranks in place of tensors, contiguous floats on the CPU, and
  // reports whether it has: only ranks that share memory can.
  bool sum_shared(const std::vector<at::Tensor> &tensors) {
    if (!shared || !shared->takes_long())
      return false;
    std::vector<SharedSums::Span> spans;
    for (const at::Tensor &t : tensors)
      spans.push_back({t.data_ptr<float>(), t.numel()});
    wait_in([&] { shared->sum(spans); });
    return true;
  }

  void sum(std::vector<double> &values) { reduce(values.data(), static_cast<int64_t>(values.size()), false); }

  // Has small sums go through memory that all ranks share, where they have any: want
  // says whether this rank's may be on the same machine as the others.
  void share(int rank, int world, std::chrono::milliseconds patience, bool want) {
    auto memory = std::make_unique<SharedSums>(rank, world, patience);
    SharedSums::Name name;
    if (rank == 0 && want)
      name = memory->create();
    std::vector<at::Tensor> sent{at::from_blob(&name, {static_cast<int64_t>(sizeof name)}, at::kByte)};
    gloo->broadcast(sent)->wait();
    const bool found = want && (rank == 0 ? name.path[0] != 0 : memory->find(name));
    if (found)
      memory->enter();
    const bool all = everywhere(found);
    if (rank == 0)
      SharedSums::forget(name); // all have it open
    if (all && everywhere(memory->sees()))
      shared = std::move(memory);
  }

private:
  bool everywhere(bool here) {
    at::Tensor no = at::full({1}, here ? 0 : 1, at::kDouble);
    reduce(no, c10d::ReduceOp::MAX)->wait();
    return no.item<double>() == 0;
  }

  std::unique_ptr<SharedSums> shared; // null: Gloo does all
};

} // namespace detnas
#else
#define DETNAS_NO_GLOO "this build of detnas has no Gloo, by which processes train together: it was made without Debian's libtorch-dev and libgloo-dev"
#endif
#endif
