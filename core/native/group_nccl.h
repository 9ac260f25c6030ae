// NCCL's wire, on GPUs.
//
// NCCL is called by itself, and not by c10d's ProcessGroupNCCL. What that class looks like
// in memory depends on the nccl.h that libtorch was built with, which no libtorch brings,
// and its headers want a dozen of CUDA's. NCCL's own functions are a C interface that is
// the same from 2.4 on, and libtorch for CUDA has it loaded: the names are looked up when a
// group opens. So this file needs neither's headers, and is compiled in every build. And
// where a rank dies, ProcessGroupNCCL ends the whole process, or makes the host wait for
// each sum; here the host waits where it reads, and a dead rank is an error.
#ifndef DETNAS_GROUP_NCCL_H
#define DETNAS_GROUP_NCCL_H

#include "group_nccl_calls.h"
#include "group_wire.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

namespace detnas {

class Nccl : public Wire {
public:
  // Joins the others, who meet at the store. local says that all are on this machine.
  Nccl(c10d::Store &store, at::Device device, int rank, int world, std::chrono::milliseconds patience, bool local,
       std::shared_ptr<Failure> failure)
      : nccl_(NcclCalls::found()), device_(device), patience_(patience), failure_(std::move(failure)) {
    if (local)
      setenv("NCCL_SOCKET_IFNAME", "lo", 0); // else it listens at the machine's first address
    // Sums in NVLink's switches have other bits from one call to the next (NCCL's issue 1497).
    // Those by rings and trees have not.
    setenv("NCCL_NVLS_ENABLE", "0", 0);
    // All connections are made now, and not by the first call that needs them: calls then
    // only put work on the device's list, and none waits within NCCL.
    setenv("NCCL_RUNTIME_CONNECT", "0", 0);
    join(meet(store, rank), rank, world);
    std::thread([this] { watch(); }).detach(); // groups live as long as the process
  }

  at::Device device() const override { return device_; }

  void begin(const at::Tensor &t, Op op) override {
    TORCH_CHECK(t.is_contiguous() && t.device() == device_, "NCCL: a tensor on ", t.device(), " for ", device_);
    if (t.numel() == 0)
      return;
    const c10::DeviceGuard guard(device_);
    const c10::Stream stream = c10::impl::VirtualGuardImpl(at::kCUDA).getStream(device_);
    TORCH_CHECK(stream.id() == 0, "NCCL: work of a stream of its own"); // detnas makes none
    until([&] { return under_way() < kAhead; });
    Call call = fresh();
    call.from.record(stream);
    {
      const std::lock_guard<std::timed_mutex> lock(calling_);
      failure_->check();
      const auto n = static_cast<size_t>(t.numel());
      void *at = t.data_ptr(), *first = nullptr; // the device's first stream
      if (op == Op::kFirst)
        nccl_.check(nccl_.broadcast(at, at, n, NcclCalls::type(t.scalar_type()), 0, comm_, first), "send", comm_);
      else
        nccl_.check(nccl_.all_reduce(at, at, n, NcclCalls::type(t.scalar_type()), op == Op::kSum ? kNcclSum : kNcclMax, comm_, first),
                    "add up", comm_);
    }
    call.to.record(stream);
    call.began = Clock::now();
    const std::lock_guard<std::mutex> lock(mutex_);
    calls_.push_back(std::move(call));
  }

  void settle() override {
    until([&] { return under_way() == 0; });
    const std::lock_guard<std::timed_mutex> lock(calling_);
    failure_->check(); // what was given up is done, too
    nccl_.check(nccl_.trouble(comm_), "add up", comm_);
  }

private:
  using Clock = std::chrono::steady_clock;

  // A call that was put on the device's list, between two events. It began when it was put
  // there, or when the one before it was done: the ranks' patience is that with each call.
  struct Call {
    c10::Event from{at::kCUDA, c10::EventFlag::BACKEND_DEFAULT}, to{at::kCUDA, c10::EventFlag::BACKEND_DEFAULT};
    Clock::time_point began;
  };

  // So many calls may be on the device's list. The list takes some 1,000 pieces of work, of
  // which BN has two dozen a call. When it is full the driver holds the host up, maybe with
  // a lock that the watch needs, and for ever where a rank has died.
  static constexpr size_t kAhead = 16;

  static constexpr std::chrono::milliseconds kLook{50};

  // meet has rank 0 make the word by which NCCL's ranks find each other, and the others read it.
  NcclId meet(c10d::Store &store, int rank) {
    const std::string key = "nccl";
    NcclId id{};
    if (rank == 0) {
      nccl_.check(nccl_.unique(&id), "begin", nullptr);
      const auto *from = reinterpret_cast<const uint8_t *>(id.bytes);
      store.set(key, std::vector<uint8_t>(from, from + sizeof id.bytes));
      return id;
    }
    until([&] { return store.check({key}); }, "rank 0 has not begun to connect");
    const std::vector<uint8_t> word = store.get(key);
    TORCH_CHECK(word.size() == sizeof id.bytes, "NCCL: rank 0 sends a word of ", word.size(), " bytes");
    std::memcpy(id.bytes, word.data(), word.size());
    return id;
  }

  // join connects the ranks. NCCL waits for those that do not come without end, and so on a
  // thread that is left behind then: the process ends.
  void join(const NcclId &id, int rank, int world) {
    struct Joining {
      std::atomic<bool> done{false};
      NcclComm comm = nullptr;
      int code = 0;
      std::string why;
    };
    auto joining = std::make_shared<Joining>();
    std::thread([joining, id, rank, world, nccl = nccl_, device = device_] {
      try {
        const c10::DeviceGuard guard(device);
        joining->code = nccl.init(&joining->comm, world, id, rank);
        joining->why = nccl.why(joining->code, nullptr);
      } catch (const std::exception &e) {
        joining->code = -1;
        joining->why = e.what();
      }
      joining->done = true;
    }).detach();
    until([&] { return joining->done.load(); }, "the ranks have not all connected");
    TORCH_CHECK(joining->code == 0, "NCCL cannot connect the ranks: ", joining->why,
                joining->why.find("Duplicate GPU") == std::string::npos ? "" : "; start as many processes on a machine as it has GPUs, with device = \"auto\"");
    comm_ = joining->comm;
  }

  // until waits for something, on the processor at first and asleep after that. What late
  // says is the error where the ranks' patience ends before; without it the watch sees to it.
  template <class F> void until(F there, const char *late = nullptr) {
    const auto began = Clock::now();
    while (!there()) {
      failure_->check();
      const auto since = Clock::now() - began;
      TORCH_CHECK(late == nullptr || since < patience_, "NCCL: ", late, " within ", patience_.count() / 1000, " s");
      if (late == nullptr && since < std::chrono::milliseconds(2))
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(std::chrono::microseconds(late == nullptr && since < kLook ? 50 : 1000));
    }
  }

  size_t under_way() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return left();
  }

  // left is how many calls the device has not done yet. It takes away those that it has, and
  // is called with mutex_ held.
  size_t left() {
    while (!calls_.empty() && calls_.front().to.query()) {
      waited += static_cast<int64_t>(1e6 * between(calls_.front().from, calls_.front().to, 0));
      spare_.push_back(std::move(calls_.front()));
      calls_.pop_front();
      if (!calls_.empty())
        calls_.front().began = Clock::now();
    }
    return calls_.size();
  }

  // Milliseconds of the device between two events, where libtorch tells them (from 2.5 on).
  // The first comes when all is done that was put on the list before the call.
  template <class E> static auto between(const E &from, const E &to, int) -> decltype(from.elapsedTime(to)) {
    return from.elapsedTime(to);
  }
  template <class E> static double between(const E &, const E &, long) { return 0; }

  Call fresh() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (spare_.empty())
      return {};
    Call call = std::move(spare_.back());
    spare_.pop_back();
    return call;
  }

  // watch sees to it that no call waits without end for a rank that has ended: what NCCL
  // notices, what takes longer than the ranks' patience, and what others say (Failure)
  // ends all calls. Only then does the device go on, and with it a host that waits for it.
  void watch() {
    const c10::DeviceGuard guard(device_); // a thread without one would have room taken on the first GPU
    while (!failure_->yes()) {
      std::this_thread::sleep_for(kLook);
      try {
        nccl_.check(nccl_.trouble(comm_), "reach another rank", comm_);
        const std::lock_guard<std::mutex> lock(mutex_);
        TORCH_CHECK(left() == 0 || Clock::now() - calls_.front().began < patience_,
                    "NCCL: nothing has come of another rank for ", patience_.count() / 1000, " s");
      } catch (const c10::Error &e) {
        failure_->set(e.what_without_backtrace());
      } catch (const std::exception &e) {
        failure_->set(std::string("NCCL: ") + e.what());
      }
    }
    const std::unique_lock<std::timed_mutex> lock(calling_, std::chrono::seconds(2)); // NCCL's own calls are short
    nccl_.abort(comm_);
  }

  const NcclCalls nccl_;
  const at::Device device_;
  const std::chrono::milliseconds patience_;
  const std::shared_ptr<Failure> failure_;
  NcclComm comm_ = nullptr;

  std::timed_mutex calling_; // held while NCCL is called with comm_
  std::mutex mutex_;         // guards the two lists
  std::deque<Call> calls_;   // on the device's list, from the first
  std::vector<Call> spare_;
};

} // namespace detnas
#endif
