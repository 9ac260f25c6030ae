// What the C++ files about groups share.
#ifndef DETNAS_GROUP_HPP
#define DETNAS_GROUP_HPP

#include <torch/version.h>

// The store is c10d's, and comes with every libtorch for Linux.
#if __has_include(<torch/csrc/distributed/c10d/TCPStore.hpp>)

// Gloo's headers are those of libgloo-dev, which belong to Debian's libtorch. Without them,
// and with an official libtorch, which comes without, ranks add up by NCCL, on GPUs alone.
#if TORCH_VERSION_MAJOR < 2 && __has_include(<gloo/algorithm.h>)
#define DETNAS_GLOO
#endif

#include "group_shared.h"
#include "group_wire.h"
#include "send.h"

#include <ATen/ATen.h>
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

namespace detnas {

struct Group {
  std::unique_ptr<Wire> wire; // null until it is opened
  std::shared_ptr<Failure> failure = std::make_shared<Failure>();

  // Nanoseconds spent in collective calls so far, from any thread: waiting for ranks
  // that come later, and sending.
  int64_t waited() const { return in_memory + (wire ? wire->waited.load() : 0); }

  // Puts the sums over all ranks, or the greatest, in place of values of the host. Those
  // that a GPU has computed with sums that were given up are not taken for numbers.
  void reduce(double *values, int64_t n, bool greatest) {
    failure->check();
    if (shared && n <= SharedSums::kMost)
      wait_in([&] { shared->reduce(values, n, greatest); });
    else
      through_wire(values, n, at::kDouble, greatest ? Wire::Op::kGreatest : Wire::Op::kSum);
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

  // Has sums of the host, small ones and those of gradients, go through memory that all
  // ranks share, where they have any: want says whether this rank's may be on the same
  // machine as the others.
  void share(int rank, int world, std::chrono::milliseconds patience, bool want) {
    auto memory = std::make_unique<SharedSums>(rank, world, patience);
    SharedSums::Name name;
    const Forgotten after{rank, name};
    if (rank == 0 && want)
      name = memory->create();
    through_wire(&name, sizeof name, at::kByte, Wire::Op::kFirst);
    const bool found = want && (rank == 0 ? name.path[0] != 0 : memory->find(name));
    if (found)
      memory->enter();
    if (everywhere(found) && everywhere(memory->sees()))
      shared = std::move(memory);
  }

private:
  // Forgotten has rank 0 take the memory's name away when all have it open, or when one of
  // them has died before that.
  struct Forgotten {
    const int rank;
    const SharedSums::Name &name;
    ~Forgotten() {
      if (rank == 0)
        SharedSums::forget(name);
    }
  };

  bool everywhere(bool here) {
    double no = here ? 0 : 1;
    through_wire(&no, 1, at::kDouble, Wire::Op::kGreatest);
    return no == 0;
  }

  // Has op's result in place of n values of the host.
  void through_wire(void *values, int64_t n, at::ScalarType type, Wire::Op op) {
    const at::Tensor t = sent(values, {n}, type, wire->device());
    wire->begin(t, op);
    wire->settle();
    std::memcpy(values, t.cpu().data_ptr(), t.nbytes());
  }

  // Calls f, which waits for the other ranks in memory, and counts how long that takes.
  template <class F> void wait_in(F f) {
    const auto began = std::chrono::steady_clock::now();
    f();
    in_memory += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  }

  std::atomic<int64_t> in_memory{0};
  std::unique_ptr<SharedSums> shared; // null: the wire does all
};

} // namespace detnas
#else
#define DETNAS_NO_GROUPS "processes cannot train together in this build of detnas: its libtorch came without the headers of c10d; build with Debian's libtorch (without LIBTORCH), or with that of a PyTorch that pip has installed"
#endif
#endif
