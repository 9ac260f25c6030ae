// Sums over ranks of one machine, through memory that they share. BN over ranks needs
// two of a few numbers for each layer, one after the other, and what Gloo takes for one,
// threads that wake each other at both ends of a connection, is longer than what a small
// layer computes. Gradients go through it in parts that stay in the processors' cache,
// where Linux would copy them twice for Gloo. Where a rank is on another machine,
// everything goes through the wire.
#ifndef DETNAS_GROUP_SHARED_H
#define DETNAS_GROUP_SHARED_H

#include "alive.h"

#include <ATen/ATen.h>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace detnas {

class SharedSums {
public:
  static constexpr int64_t kMost = 4096; // numbers of a small sum
  static constexpr int kRanks = 64;

  // Every rank reads what all others have written, so that a long sum by many ranks is
  // Gloo's, whose ranks have a part of it each.
  static constexpr int kRanksOfLong = 8;

  // Name is that of the file in which the memory is found, and a word in it that tells
  // it from another machine's of the same name.
  struct Name {
    char path[48] = {};
    uint64_t word = 0;
  };

  ~SharedSums() {
    if (memory_)
      munmap(memory_, bytes());
  }

  SharedSums(int rank, int world, std::chrono::milliseconds patience) : rank_(rank), world_(world), patience_(patience) {}
  SharedSums(const SharedSums &) = delete;
  SharedSums &operator=(const SharedSums &) = delete;

  // create makes the memory, for this user alone. Without any, the name is empty.
  Name create() {
    std::random_device draw;
    Name name;
    name.word = static_cast<uint64_t>(draw()) << 32 | draw();
    const std::string path = "/dev/shm/detnas-" + std::to_string(static_cast<uint64_t>(draw()) << 32 | draw());
    const int fd = world_ > kRanks ? -1 : ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
      return {};
    if (posix_fallocate(fd, 0, static_cast<off_t>(bytes())) != 0 || !map(fd)) {
      close(fd);
      unlink(path.c_str());
      return {};
    }
    close(fd);
    head()->word = name.word;
    std::strncpy(name.path, path.c_str(), sizeof name.path - 1);
    return name;
  }

  // find takes what rank 0 has created, and reports whether it is there.
  bool find(const Name &name) {
    const int fd = name.path[0] ? ::open(name.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
      return false;
    const bool whole = lseek(fd, 0, SEEK_END) == static_cast<off_t>(bytes()) && map(fd);
    close(fd);
    return whole && head()->word == name.word;
  }

  static void forget(const Name &name) {
    if (name.path[0])
      unlink(name.path);
  }

  // enter says who this rank is.
  void enter() {
    Rank &own = head()->ranks[rank_];
    own.pid = getpid();
    own.born = born(own.pid);
  }

  // sees reports whether this process can tell of every rank that it lives.
  bool sees() const {
    for (int r = 0; r < world_; r++)
      if (!lives(r))
        return false;
    return true;
  }

  // reduce puts the sums over all ranks, or the greatest, in place of n values, kMost at
  // most: the same bits on every rank.
  void reduce(double *values, int64_t n, bool greatest) {
    const uint64_t turn = next([&](char *slot) { std::memcpy(slot, values, sizeof(double) * n); });
    for (int r = 0; r < world_; r++) {
      const double *of = reinterpret_cast<const double *>(slot(turn, r));
      for (int64_t i = 0; i < n; i++)
        values[i] = r == 0 ? of[i] : greatest ? std::max(values[i], of[i]) : values[i] + of[i];
    }
  }

  // Some numbers that lie together.
  struct Span {
    float *at;
    int64_t n;
  };

  bool takes_long() const { return world_ <= kRanksOfLong; }

  // sum puts the sums over all ranks in place of the numbers of spans, which have the
  // same lengths on every rank: the same bits on every rank, the first rank's plus the
  // second's and so on.
  void sum(const std::vector<Span> &spans) {
    std::vector<Span> part;
    int64_t room = longest();
    for (const Span &s : spans)
      for (int64_t from = 0; from < s.n;) {
        const int64_t n = std::min(room, s.n - from);
        part.push_back({s.at + from, n});
        from += n;
        room -= n;
        if (room == 0) {
          sum_part(part);
          part.clear();
          room = longest();
        }
      }
    if (!part.empty())
      sum_part(part);
  }

private:
  struct Rank {
    alignas(64) std::atomic<uint64_t> turn; // of which its numbers are there
    pid_t pid;
    uint64_t born;
  };
  struct Head {
    uint64_t word;
    Rank ranks[kRanks];
  };

  // next hands the numbers of this rank's next turn to the others, which write puts into
  // a slot, and returns when those of all are there.
  template <class F> uint64_t next(F write) {
    const uint64_t turn = ++turn_;
    write(slot(turn, rank_));
    head()->ranks[rank_].turn.store(turn, std::memory_order_release);
    for (int r = 0; r < world_; r++)
      wait(r, turn);
    return turn;
  }

  void sum_part(const std::vector<Span> &part) {
    const uint64_t turn = next([&](char *slot) {
      for (const Span &s : part) {
        std::memcpy(slot, s.at, sizeof(float) * s.n);
        slot += sizeof(float) * s.n;
      }
    });
    int64_t from = 0;
    for (const Span &s : part) {
      const float *sum = reinterpret_cast<const float *>(slot(turn, 0)) + from;
      for (int r = 1; r < world_; r++, sum = s.at) {
        const float *of = reinterpret_cast<const float *>(slot(turn, r)) + from;
        for (int64_t i = 0; i < s.n; i++)
          s.at[i] = sum[i] + of[i];
      }
      from += s.n;
    }
  }

  // A slot's bytes: of all ranks' 4 MB at most, so that they fit into caches and into the
  // 64 MB that containers have of such memory.
  size_t slot_bytes() const {
    return takes_long() ? std::min<size_t>(512 << 10, (2 << 20) / world_ / 4096 * 4096) : sizeof(double) * kMost;
  }
  int64_t longest() const { return static_cast<int64_t>(slot_bytes() / sizeof(float)); }

  size_t bytes() const { return sizeof(Head) + 2 * world_ * slot_bytes(); }
  Head *head() const { return static_cast<Head *>(memory_); }

  // There are two slots to each rank, in turn: who writes into one again has seen that
  // all others are a turn further than when it was read.
  char *slot(uint64_t turn, int rank) const {
    return reinterpret_cast<char *>(head() + 1) + (turn % 2 * world_ + rank) * slot_bytes();
  }

  bool map(int fd) {
    void *p = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memory_ = p == MAP_FAILED ? nullptr : p;
    return memory_ != nullptr;
  }

  bool lives(int rank) const {
    const Rank &r = head()->ranks[rank];
    return r.pid > 0 && detnas::lives(r.pid, r.born);
  }

  // wait waits until a rank has come to its turn: at first on the processor, as the
  // ranks are seldom far apart, and asleep after that.
  void wait(int rank, uint64_t turn) const {
    using namespace std::chrono;
    const auto &at = head()->ranks[rank].turn;
    const auto there = [&] { return at.load(std::memory_order_acquire) >= turn; };
    for (int i = 0; i < 2000; i++) {
      if (there())
        return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    const auto began = steady_clock::now();
    auto looked = began;
    while (!there()) {
      const auto now = steady_clock::now();
      if (now - began < milliseconds(2)) {
        sched_yield();
        continue;
      }
      usleep(now - began < milliseconds(50) ? 50 : 500);
      if (now - looked < milliseconds(100))
        continue;
      looked = now;
      TORCH_CHECK(lives(rank) || there(), "ranks' memory: rank ", rank, " has ended");
      TORCH_CHECK(now - began < patience_, "ranks' memory: nothing has come of rank ", rank, " for ", patience_.count() / 1000, " s");
    }
  }

  const int rank_, world_;
  const std::chrono::milliseconds patience_;
  uint64_t turn_ = 0;
  void *memory_ = nullptr;
};

static_assert(std::atomic<uint64_t>::is_always_lock_free, "ranks share atomics");

} // namespace detnas
#endif
