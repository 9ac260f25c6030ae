// How the host's values get to where they are computed with.
#ifndef DETNAS_SEND_H
#define DETNAS_SEND_H

#include <ATen/ATen.h>
#include <cstring>

// A copy of values on a device. To a GPU they go by way of memory that it can read by
// itself, which libtorch keeps for the next ones: from any other the driver copies them a
// piece at a time, several times as long, and the processor waits for it.
inline at::Tensor sent(const void *values, at::IntArrayRef dims, at::ScalarType type, at::Device to) {
  const bool far = !to.is_cpu();
  at::Tensor here = at::empty(dims, at::TensorOptions().dtype(type).pinned_memory(far));
  if (here.nbytes() > 0)
    std::memcpy(here.data_ptr(), values, here.nbytes());
  return far ? here.to(to, true) : here;
}

#endif
