// Gloo's wire: c10d's ProcessGroupGloo, on CPUs.
#ifndef DETNAS_GROUP_GLOO_H
#define DETNAS_GROUP_GLOO_H

#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "group_wire.h"

#include <vector>

namespace detnas {

class Gloo : public Wire {
public:
  // address is the one under which the others reach this process.
  Gloo(const c10::intrusive_ptr<c10d::Store> &store, const char *address, int rank, int world, std::chrono::milliseconds patience) {
    auto options = c10d::ProcessGroupGloo::Options::create(patience);
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world, std::move(options));
  }

  at::Device device() const override { return at::kCPU; }

  void begin(const at::Tensor &t, Op op) override {
    std::vector<at::Tensor> tensors{t};
    if (op == Op::kFirst) {
      works_.push_back(group_->broadcast(tensors));
      return;
    }
    c10d::AllreduceOptions options;
    options.reduceOp = op == Op::kSum ? c10d::ReduceOp::SUM : c10d::ReduceOp::MAX;
    works_.push_back(group_->allreduce(tensors, options));
  }

  void settle() override {
    const auto began = std::chrono::steady_clock::now();
    const auto works = std::move(works_);
    works_.clear();
    for (const auto &work : works)
      work->wait();
    waited += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  }

private:
  using Work = decltype(std::declval<c10d::ProcessGroupGloo &>().barrier());

  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
  std::vector<Work> works_;
};

} // namespace detnas
#endif
