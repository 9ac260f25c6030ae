// The loops of kernels.h for each set of instructions, and which of them this processor
// has.
#ifndef DETNAS_PROCESSOR_H
#define DETNAS_PROCESSOR_H

#include <cstdint>
#include <cstdlib>
#include <string>

namespace units {
namespace {

// Norm is BN of one channel as a function of x: x*scale + shift, and ReLU.
struct Norm {
  float mean, scale, shift;
  bool relu;
};

// Slope is the gradient of x as a function of x and of that of BN and ReLU's result,
// g: g*by + x*by_x + more, with no g where ReLU let nothing pass.
struct Slope {
  float scale, shift, by, by_x, more;
  bool relu;
};

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
namespace wide {
#define LANES 16
#define ROWS 8
#define VECS 3
#include "kernels.h"
#undef LANES
#undef ROWS
#undef VECS
} // namespace wide
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace middle {
#define LANES 8
#define ROWS 4
#define VECS 3
#include "kernels.h"
#undef LANES
#undef ROWS
#undef VECS
} // namespace middle
#pragma GCC pop_options
#endif
namespace plain {
#define LANES 4
#define ROWS 4
#define VECS 2
#include "kernels.h"
#undef LANES
#undef ROWS
#undef VECS
} // namespace plain

// Kernels are the loops for this processor.
struct Kernels {
  int lanes, rows, vecs;
  decltype(&plain::activate) activate;
  decltype(&plain::activate_by_two) activate_by_two;
  decltype(&plain::slope) slope;
  decltype(&plain::add) add;
  decltype(&plain::moments) moments;
  decltype(&plain::gather_sums) gather_sums;
  decltype(&plain::product) product;
  decltype(&plain::correlate) correlate;
  decltype(&plain::taps) taps;
  decltype(&plain::tap_slopes) tap_slopes;
  decltype(&plain::stencil) stencil;
  decltype(&plain::dot) dot;
};

#define KERNELS(ns, lanes, rows, vecs)                                                                       \
  Kernels {                                                                                                  \
    lanes, rows, vecs, ns::activate, ns::activate_by_two, ns::slope, ns::add, ns::moments, ns::gather_sums,  \
        ns::product, ns::correlate, ns::taps, ns::tap_slopes, ns::stencil, ns::dot                           \
  }

// choose goes by the processor, and by the variable that libtorch goes by as well.
Kernels choose() {
#if defined(__x86_64__)
  const char *said = std::getenv("ATEN_CPU_CAPABILITY");
  const std::string most = said ? said : "";
  if (most == "default")
    return KERNELS(plain, 4, 4, 2);
  if (most != "avx2" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return KERNELS(wide, 16, 8, 3);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return KERNELS(middle, 8, 4, 3);
#endif
  return KERNELS(plain, 4, 4, 2);
}

const Kernels &K() {
  static const Kernels k = choose();
  return k;
}

} // namespace
} // namespace units
#endif
