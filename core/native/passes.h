// What a pass over memory reads and writes: a unit's source, its result and gradient,
// and the sums that are gathered on the way.
#ifndef DETNAS_PASSES_H
#define DETNAS_PASSES_H

#include "processor.h"
#include "units.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace units {
namespace {

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Buffer is memory that a thread keeps for the next pass; each use of one is over
// before the next begins.
struct Buffer {
  std::unique_ptr<float, decltype(&std::free)> data{nullptr, std::free};
  int64_t size = 0;

  float *get(int64_t n) {
    if (n > size) {
      data.reset();
      size = 0;
      void *p = nullptr;
      TORCH_CHECK(posix_memalign(&p, 64, sizeof(float) * n) == 0,
                  "can't allocate memory: you tried to allocate ", sizeof(float) * n, " bytes");
      data.reset(static_cast<float *>(p));
      size = n;
    }
    return data.get();
  }
};
thread_local Buffer buffers[4];

// each shares n pieces of work out, of so many pixels each: few are not worth waking a
// thread.
int64_t grain(int64_t pixels) { return std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, pixels)); }

template <typename F> void each(int64_t n, int64_t pixels, F f) {
  at::parallel_for(0, n, grain(pixels), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
      f(i);
  });
}

// Source is what a unit reads: maps, and the BN that they are still to go through.
struct Source {
  Maps maps;
  const float *norm; // as Kept has it; nullptr: none
  bool relu;

  float scale(int64_t c) const { return norm ? norm[2 * maps.count() + c] : 1; }
  float shift(int64_t c) const { return norm ? norm[3 * maps.count() + c] : 0; }
  Norm of(int64_t c) const { return {norm[c], scale(c), shift(c), relu}; }

  void read(float *y, int64_t n, int64_t c, int64_t from, int64_t count) const {
    const float *x = maps.at(n, c) + from;
    if (norm)
      K().activate(y, x, count, scale(c), shift(c), relu);
    else
      std::memcpy(y, x, sizeof(float) * count);
  }
};

// Moments of some pixels of a channel.
struct Moments {
  double mean = 0, m2 = 0, count = 0;

  void take(double m, double squares, double n) {
    const double d = m - mean, all = count + n;
    mean += d * n / all;
    m2 += squares + d * d * count * n / all;
    count = all;
  }
};

Moments moments_of(const Maps &x, const Shape &s, int64_t c) {
  Moments m;
  constexpr int64_t kMost = 4096; // floats that are summed in floats
  for (int64_t n = 0; n < s.runs(); n++)
    for (int64_t i = 0; i < s.run(); i += kMost) {
      const int64_t count = std::min(kMost, s.run() - i);
      double mean, m2;
      K().moments(x.at(n, c) + i, count, mean, m2);
      m.take(mean, m2, static_cast<double>(count));
    }
  return m;
}

// Sums of a unit's gradient, by channel: of g, and of g times the distance from the
// mean, each in parts that are added in their order.
struct Sums {
  std::vector<double> g, gx;
  int64_t channels;

  explicit Sums(int64_t parts, int64_t channels) : g(parts * channels), gx(parts * channels), channels(channels) {}
  void total(int64_t c, double &s1, double &s2) const {
    s1 = s2 = 0;
    for (size_t i = c; i < g.size(); i += channels) {
      s1 += g[i];
      s2 += gx[i];
    }
  }
};

// Result is where a unit's gradient comes from: g of BN and ReLU's result, and the
// convolution's result.
struct Result {
  Maps g, raw;
  std::vector<Slope> slopes;

  void read(float *y, int64_t n, int64_t c, int64_t from, int64_t count) const {
    K().slope(y, g.at(n, c) + from, raw.at(n, c) + from, count, slopes[c]);
  }
};

// Target is where the gradient of a unit's source goes to.
struct Target {
  Maps dx; // without data: nowhere
  bool accumulate;

  bool wanted() const { return dx.data != nullptr; }
  void write(const float *y, int64_t n, int64_t c, int64_t from, int64_t count) const {
    if (accumulate)
      K().add(dx.at(n, c) + from, y, count);
    else
      std::memcpy(dx.at(n, c) + from, y, sizeof(float) * count);
  }
};

} // namespace
} // namespace units
#endif
