// By what tensors get to the other ranks of a group.
#ifndef DETNAS_GROUP_WIRE_H
#define DETNAS_GROUP_WIRE_H

#include <ATen/ATen.h>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>

namespace detnas {

// Failure is why a group's calls fail from now on. It is set once, from any thread.
class Failure {
public:
  void set(const std::string &why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!yes_)
      why_ = why;
    yes_ = true;
  }
  bool yes() const { return yes_; }
  void check() const {
    if (!yes_)
      return;
    const std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(false, why_);
  }

private:
  mutable std::mutex mutex_;
  std::atomic<bool> yes_{false};
  std::string why_;
};

// Every rank makes the same calls in the same order, with tensors of the same shapes.
// What a call makes has the same bits on all ranks.
class Wire {
public:
  enum class Op { kSum, kGreatest, kFirst }; // kFirst: rank 0's, for all

  virtual ~Wire() = default;

  // Where the tensors lie that it takes.
  virtual at::Device device() const = 0;

  // Begins to put what op makes of all ranks' tensors in place of a contiguous one. Work
  // of a GPU that is begun later finds it there; the host has to settle first.
  virtual void begin(const at::Tensor &t, Op op) = 0;

  // Returns when all that was begun is there, and throws where it will never be.
  virtual void settle() = 0;

  // Nanoseconds in which calls have waited for ranks that come later, and sent.
  std::atomic<int64_t> waited{0};
};

} // namespace detnas
#endif
